"""Photos out of a small Unsplash Dataset, written as the real one is, from a server that resizes like imgix."""

from __future__ import annotations

import csv
import shutil
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.servers import imgix
from tests.servers.files import FileServer
from train.corpus.source import Picture
from train.corpus.sources.unsplash import UnsplashSource, rendition
from train.errors import ConfigError, SourceError

KEYWORDS = (
    "photo_id",
    "keyword",
    "ai_service_1_confidence",
    "ai_service_2_confidence",
    "suggested_by_user",
    "user_suggestion_source",
    "suggested_by_ai_service_3",
    "confirmed_by_ai_service_3",
)
PHOTOS = [
    "photo_id",
    "photo_url",
    "photo_image_url",
    "photo_submitted_at",
    "photo_featured",
    "photo_width",
    "photo_height",
    "photo_aspect_ratio",
    "photo_description",
    "photographer_username",
    "photographer_first_name",
    "photographer_last_name",
    "exif_camera_make",
    "exif_camera_model",
    "exif_iso",
    "exif_aperture_value",
    "exif_focal_length",
    "exif_exposure_time",
    "photo_location_name",
    "photo_location_latitude",
    "photo_location_longitude",
    "photo_location_country",
    "photo_location_city",
    "stats_views",
    "stats_downloads",
    "ai_description",
    "ai_primary_landmark_name",
    "ai_primary_landmark_latitude",
    "ai_primary_landmark_longitude",
    "ai_primary_landmark_confidence",
    "blur_hash",
]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FileServer]:
    """One original of 1600 by 1200 px behind every address."""
    original = tmp_path / "original.bmp"
    Image.fromarray(np.random.default_rng(1).integers(0, 256, (12, 16, 3), dtype=np.uint8)).resize((1600, 1200)).save(
        original
    )
    with FileServer(lambda _, query: imgix.render(original, query)[0]) as running:
        yield running


def photo(server: FileServer | None, photo_id: str, **columns: str) -> dict[str, str]:
    """A row of photos.tsv, quoted or empty where the real ones are."""
    return dict.fromkeys(PHOTOS, "") | {
        "photo_id": photo_id,
        "photo_url": f"https://unsplash.com/photos/{photo_id}",
        "photo_image_url": f"{server.url if server else 'http://127.0.0.1:9'}/photo-{photo_id}",
        "photo_submitted_at": "2019-05-14 01:22:33.44",
        "photo_description": 'a\tmultiline\n"quoted" description',
        "photographer_username": "ana",
        "photographer_first_name": "Ana",
        "photographer_last_name": "Órla",
        **columns,
    }


def keyword(photo_id: str, word: str, first: str = "", second: str = "", user: str = "f") -> dict[str, str]:
    return dict(zip(KEYWORDS, (photo_id, word, first, second, user, "", "f", "f"), strict=True))


def write(folder: Path, table: str, rows: list[dict[str, str]]) -> None:
    folder.mkdir(exist_ok=True)
    with (folder / table).open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter="\t", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def make(tmp_path: Path, **options: Any) -> UnsplashSource:
    usual = {
        "folder": "dataset",
        "edition": "lite",
        "categories": {"food": ["food", "Fruit Salad"], "street": ["street"]},
        "requests_per_second": 50,
    }
    return UnsplashSource.from_config("un", usual | options, tmp_path)


def prepared(source: UnsplashSource, tmp_path: Path) -> dict[str, Picture]:
    source.prepare(tmp_path / "out", iter(()))
    found = {picture.key: picture for picture in source.pictures(tmp_path / "out")}
    assert list(found) == [picture.key for picture in source.pictures(tmp_path / "out")]
    return found


def test_photos_come_with_their_category_credit_and_licence(server: FileServer, tmp_path: Path) -> None:
    # given a dataset of two parts each, one of them named as release 1.4.0 did
    data = tmp_path / "dataset"
    write(data, "photos.tsv000", [photo(server, "aaa"), photo(server, "-b_B", photographer_username="bo")])
    write(data, "photos.csv001", [photo(server, "ccc"), photo(server, "ddd"), photo(server, "eee")])
    write(
        data,
        "keywords.tsv000",
        [
            keyword("aaa", "FOOD", first="93.5"),
            keyword("aaa", "street", first="99"),  # food comes first in the configuration
            keyword("-b_B", "fruit  salad", second="61"),
            keyword("ccc", "street", first="12", second="30.5"),  # nobody is sure
            keyword("ccc", "street food", first="99"),  # another phrase
        ],
    )
    write(data, "keywords.tsv001", [keyword("ddd", "Street", user="t"), keyword("ggg", "food", first="99")])
    # when
    found = prepared(make(tmp_path), tmp_path)
    # then
    assert {key: picture.category for key, picture in found.items()} == {
        "aaa": "food",
        "-b_B": "food",
        "ddd": "street",
    }
    picture = found["aaa"]
    assert picture.credit == "Photo by Ana Órla on Unsplash, https://unsplash.com/photos/aaa"
    assert picture.licence.startswith("Unsplash Dataset Terms, Lite")
    assert (picture.label, picture.source) == ("real", "un")
    assert picture.group == found["ddd"].group != found["-b_B"].group
    # and as renditions of the width asked for
    with Image.open(found["ddd"].content) as image:
        assert (image.format, image.size) == ("JPEG", (1080, 810))
    assert server.queries["/photo-ddd"] == {"w": "1080", "fm": "jpg", "q": "85", "fit": "max"}
    assert sorted(server.asked) == ["/photo--b_B", "/photo-aaa", "/photo-ddd"]


def test_the_second_run_needs_no_network_and_does_not_read_the_tables(server: FileServer, tmp_path: Path) -> None:
    data = tmp_path / "dataset"
    write(data, "photos.tsv000", [photo(server, "aaa")])
    write(data, "keywords.tsv000", [keyword("aaa", "food", first="93.5")])
    before = prepared(make(tmp_path), tmp_path)
    server.stop()
    assert prepared(make(tmp_path), tmp_path) == before
    # not even when they have been deleted to make room
    shutil.rmtree(data)
    assert prepared(make(tmp_path), tmp_path) == before
    with pytest.raises(SourceError, match=r"dataset has no keywords\.tsv000"):
        prepared(make(tmp_path, width=640), tmp_path)


def test_another_width_is_another_file_and_other_photos_keep_theirs(server: FileServer, tmp_path: Path) -> None:
    data = tmp_path / "dataset"
    write(data, "photos.tsv000", [photo(server, "aaa"), photo(server, "bbb")])
    write(data, "keywords.tsv000", [keyword("aaa", "food", first="90"), keyword("bbb", "street", first="90")])
    prepared(make(tmp_path, categories={"food": ["food"]}), tmp_path)
    # when there is one category more, only its photo is asked for
    assert set(prepared(make(tmp_path), tmp_path)) == {"aaa", "bbb"}
    assert server.asked == {"/photo-aaa": 1, "/photo-bbb": 1}
    # and when the width is another, both are
    with Image.open(prepared(make(tmp_path, width=640), tmp_path)["aaa"].content) as image:
        assert image.size == (640, 480)
    assert server.asked == {"/photo-aaa": 2, "/photo-bbb": 2}


def test_late_photos_and_those_of_no_known_day_are_left_out_when_asked(server: FileServer, tmp_path: Path) -> None:
    data = tmp_path / "dataset"
    days = {"old": "2021-12-31 23:59:59", "new": "2022-01-01 00:00:00", "iso": "2020-03-01T10:00:00Z", "none": ""}
    write(data, "photos.tsv000", [photo(server, name, photo_submitted_at=day) for name, day in days.items()])
    write(data, "keywords.tsv000", [keyword(name, "food", first="90") for name in days])
    assert set(prepared(make(tmp_path), tmp_path)) == set(days)
    assert set(prepared(make(tmp_path, submitted_before="2022-01-01"), tmp_path)) == {"old", "iso"}


def test_renders_and_generated_pictures_are_left_out_by_their_keywords(server: FileServer, tmp_path: Path) -> None:
    data = tmp_path / "dataset"
    write(data, "photos.tsv000", [photo(server, name) for name in ("aaa", "bbb", "ccc", "ddd")])
    words = [
        *(keyword(name, "food", first="90") for name in ("aaa", "bbb", "ccc", "ddd")),
        keyword("aaa", "3D Render", second="70"),
        keyword("bbb", "midjourney", user="t"),
        keyword("ccc", "render", first="20"),  # nobody is sure
        keyword("ddd", "illustration", first="95"),
    ]
    write(data, "keywords.tsv000", words[::-1])
    assert set(prepared(make(tmp_path), tmp_path)) == {"ccc"}
    assert set(prepared(make(tmp_path, exclude=["Midjourney"]), tmp_path)) == {"aaa", "ccc", "ddd"}
    assert set(prepared(make(tmp_path, exclude=[]), tmp_path)) == {"aaa", "bbb", "ccc", "ddd"}


def test_the_choice_is_by_chance_the_same_each_time_and_fair_to_photographers(
    server: FileServer, tmp_path: Path
) -> None:
    # given a photographer with 60 photos, and 20 with one each
    data = tmp_path / "dataset"
    people = ["busy"] * 60 + [f"other{number}" for number in range(20)]
    rows = [photo(server, f"p{n:02}", photographer_username=who) for n, who in enumerate(people)]
    write(data, "photos.tsv000", rows)
    write(data, "keywords.tsv000", [keyword(row["photo_id"], "food", first="90") for row in rows])
    # when at most four of each are taken
    found = prepared(make(tmp_path, most_per_photographer=4, most_per_category=12), tmp_path)
    # then
    groups = [picture.group for picture in found.values()]
    assert len(found) == 12
    assert groups.count("unsplash/@busy") <= 4
    assert list(found) != sorted(found)
    # and a dataset in another order gives the same photos
    write(data, "photos.tsv000", rows[::-1])
    again = make(tmp_path, most_per_photographer=4, most_per_category=12)
    assert list(prepared(again, tmp_path)) == list(found)


def test_a_photo_without_a_photographer_is_a_group_of_its_own(server: FileServer, tmp_path: Path) -> None:
    data = tmp_path / "dataset"
    nobody = {"photographer_username": "", "photographer_first_name": "", "photographer_last_name": ""}
    write(data, "photos.tsv000", [photo(server, "aaa", **nobody), photo(server, "bbb", **nobody)])
    write(data, "keywords.tsv000", [keyword("aaa", "food", first="90"), keyword("bbb", "food", first="90")])
    found = prepared(make(tmp_path), tmp_path)
    assert found["aaa"].group != found["bbb"].group
    assert "an unnamed photographer" in found["aaa"].credit


def test_memory_does_not_grow_with_the_tables(tmp_path: Path) -> None:
    """20 000 matching photos: as a dict their ids alone would take 1.5 MB."""
    data = tmp_path / "dataset"
    rows = (keyword(f"id{n}", "food", first="90") for n in range(20_000))
    write(data, "keywords.tsv000", list(rows))
    write(data, "photos.tsv000", [photo(None, f"id{n}", photo_description="x" * 200) for n in range(20_000)])
    source = make(tmp_path, most_per_category=1, retries=0)
    tracemalloc.start()
    with pytest.raises(SourceError, match=r"connection to 127\.0\.0\.1 was lost after 0 of 1 pictures"):
        source.prepare(tmp_path / "out", iter(()))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000
    assert not (tmp_path / "out" / "choosing.sqlite").exists()


def test_what_is_wrong_with_the_dataset_is_said(
    server: FileServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = tmp_path / "dataset"
    with pytest.raises(SourceError, match=r"dataset has no keywords\.tsv000: it has to be the unpacked Unsplash"):
        prepared(make(tmp_path), tmp_path)
    write(data, "keywords.tsv000", [keyword("aaa", "dog", first="90")])
    write(data, "photos.tsv000", [{"photo_id": "aaa", "photo_url": "x"}])
    with pytest.raises(SourceError, match=r"photos\.tsv000 has no column photo_image_url"):
        prepared(make(tmp_path), tmp_path)
    write(data, "photos.tsv000", [photo(server, "aaa")])
    with pytest.raises(SourceError, match=r'source "un": no photo in .* has any of the keywords'):
        prepared(make(tmp_path), tmp_path)
    # and rows that are cut short are counted, not trusted
    with (data / "keywords.tsv000").open("a") as file:
        file.write("aaa\tfood\n")
        file.write("\t".join(keyword("aaa", "food", first="90").values()) + "\n")
    assert set(prepared(make(tmp_path), tmp_path)) == {"aaa"}
    assert "keywords: 1 rows are not as long as the header" in caplog.text
    assert "no photo found for the category street" in caplog.text
    with pytest.raises(SourceError, match="have not been prepared"):
        list(make(tmp_path).pictures(tmp_path / "elsewhere"))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"edition": None}, "'edition' is missing"),
        ({"edition": "api"}, "'edition' has to be one of lite, full"),
        ({"folder": 3}, "'folder' has to be a text"),
        ({"categories": {}}, "'categories' has to be an object in which every name has a list of texts"),
        ({"categories": {"food": []}}, "'categories' has to be"),
        ({"categories": {"food": [" "]}}, "'categories' has to be"),
        ({"min_confidence": 101}, "'min_confidence' has to be a number from 0 to 100"),
        ({"exclude": "ai"}, "'exclude' has to be a list of texts"),
        ({"workers": True}, "'workers' has to be a whole number from 1 to 32"),
        ({"most_per_category": 0}, "'most_per_category' has to be a whole number of 1 or more"),
        ({"submitted_before": "last year"}, "'submitted_before' has to be a day as in 2022-01-01"),
        ({"key": "x"}, "unknown key 'key'"),
    ],
)
def test_a_wrong_configuration_is_said(tmp_path: Path, options: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        make(tmp_path, **options)
    assert str(caught.value).startswith(f'source "un": {said}')


def test_an_address_keeps_what_it_has() -> None:
    assert rendition("https://images.unsplash.com/photo-1?ixid=a%2Fb&w=9", 640) == (
        "https://images.unsplash.com/photo-1?ixid=a%2Fb&w=640&fm=jpg&q=85&fit=max"
    )
