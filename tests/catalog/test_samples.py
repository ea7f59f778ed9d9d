"""The bundled samples: what is on disk is what the manifest says, and the catalog over it behaves."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any, cast

import pytest
from PIL import Image, JpegImagePlugin

from unfake.catalog.photo import Catalog, Photo, Photographer, Urls, check_search
from unfake.catalog.samples import SAMPLES_FOLDER, SampleCatalog
from unfake.errors import CatalogError, PhotoNotFound

NOTICE = Path(__file__).parents[2] / "NOTICE"
ENTRIES: list[dict[str, Any]] = json.loads((SAMPLES_FOLDER / "manifest.json").read_text(encoding="utf-8"))
REDISTRIBUTABLE = {"MIT", "CC0-1.0", "CC-BY-2.0", "CC-BY-4.0", "Public domain"}

each_entry = pytest.mark.parametrize("entry", ENTRIES, ids=[entry["id"] for entry in ENTRIES])


@pytest.fixture(scope="module")
def catalog() -> SampleCatalog:
    return SampleCatalog()


def ids(catalog: SampleCatalog, query: str, **filters: Any) -> set[str]:
    return {photo.id for photo in catalog.search(query, per_page=30, **filters).photos}


# The pictures


@each_entry
def test_picture_is_as_the_manifest_says(entry: dict[str, Any]) -> None:
    with Image.open(SAMPLES_FOLDER / entry["file"]) as picture:
        picture.load()
        assert picture.size == (entry["width"], entry["height"])
        assert picture.mode == "RGB"


@each_entry
def test_picture_carries_no_metadata(entry: dict[str, Any]) -> None:
    with Image.open(SAMPLES_FOLDER / entry["file"]) as picture:
        assert not picture.getexif()
        assert set(picture.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}


@each_entry
def test_picture_is_small_enough_to_bundle(entry: dict[str, Any]) -> None:
    assert max(entry["width"], entry["height"]) <= 1280
    assert (SAMPLES_FOLDER / entry["file"]).stat().st_size <= 300_000


@each_entry
def test_colour_is_the_average_of_the_picture(entry: dict[str, Any]) -> None:
    with Image.open(SAMPLES_FOLDER / entry["file"]) as picture:
        average = cast("tuple[int, int, int]", picture.resize((1, 1), Image.Resampling.BOX).getpixel((0, 0)))
    written = bytes.fromhex(entry["colour"].removeprefix("#"))
    assert all(abs(a - b) <= 2 for a, b in zip(average, written, strict=True))


def test_file_format_does_not_tell_the_truth() -> None:
    """Given pictures of both truths, when only the encoding is looked at, then they are all the same."""
    encodings: dict[str, set[str]] = {"real": set(), "ai_generated": set()}
    for entry in ENTRIES:
        with Image.open(SAMPLES_FOLDER / entry["file"]) as picture:
            assert isinstance(picture, JpegImagePlugin.JpegImageFile)
            encoding = (picture.format, picture.quantization, JpegImagePlugin.get_sampling(picture))
            encodings[entry["truth"]].add(repr((*encoding, picture.info.get("progressive"))))
    assert encodings["real"] == encodings["ai_generated"]
    assert len(encodings["real"]) == 1


def test_shape_does_not_tell_the_truth(catalog: SampleCatalog) -> None:
    shapes = {(photo.truth, photo.orientation) for photo in catalog.search("", per_page=30).photos}
    assert len(shapes) == 6


def test_there_are_enough_of_both_truths() -> None:
    truths = [entry["truth"] for entry in ENTRIES]
    assert truths.count("real") >= 8
    assert truths.count("ai_generated") >= 8
    assert truths.count("real") + truths.count("ai_generated") == len(ENTRIES)


def test_only_generated_pictures_name_a_generator() -> None:
    for entry in ENTRIES:
        assert (entry["origin"]["generator"] is not None) == (entry["truth"] == "ai_generated"), entry["id"]


def test_folder_holds_the_manifest_and_its_pictures_and_nothing_else() -> None:
    names = [entry["file"] for entry in ENTRIES]
    assert len(set(names)) == len(names)
    assert {path.name for path in SAMPLES_FOLDER.iterdir()} == {"manifest.json", *names}


@each_entry
def test_licence_allows_redistribution(entry: dict[str, Any]) -> None:
    assert entry["origin"]["licence"] in REDISTRIBUTABLE
    assert entry["origin"]["author"]


@each_entry
def test_notice_names_the_picture_and_where_it_comes_from(entry: dict[str, Any]) -> None:
    notice = NOTICE.read_text(encoding="utf-8")
    assert entry["origin"]["package"] in notice
    assert entry["file"] in notice
    assert entry["origin"]["author"] in notice


# Search


def test_follows_the_protocol(catalog: SampleCatalog) -> None:
    as_protocol: Catalog = catalog
    assert as_protocol.name == "samples"


@pytest.mark.parametrize("query", ["", "   ", "the", "!?"])
def test_a_query_without_words_gives_everything(catalog: SampleCatalog, query: str) -> None:
    assert ids(catalog, query) == {entry["id"] for entry in ENTRIES}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("cat", {"cat-on-throne", "ginger-cat"}),
        ("CATS", {"cat-on-throne", "ginger-cat"}),
        ("a cat on an armchair", {"cat-on-throne"}),
        ("puppies", {"autumn-puppy", "dogs-at-a-window"}),
        ("spectacles", {"hiker", "naval-officer"}),
        ("elderly woman glasses", {"naval-officer"}),
        ("kid", {"child-with-teddies"}),
        ("mounta", {"mountain-path", "hiker"}),
        ("ladybug", {"rose-and-ladybird"}),
        ("café", {"espresso"}),
        ("smile", {"astronaut", "child-with-teddies", "smiling-woman"}),
    ],
)
def test_search_finds(catalog: SampleCatalog, query: str, expected: set[str]) -> None:
    assert ids(catalog, query) == expected


def test_all_words_must_fit(catalog: SampleCatalog) -> None:
    assert ids(catalog, "cat mountain") == set()


def test_no_result_is_an_empty_page(catalog: SampleCatalog) -> None:
    page = catalog.search("submarine")
    assert (page.photos, page.total, page.total_pages, page.page) == ((), 0, 0, 1)
    assert page.query == "submarine"


@pytest.mark.parametrize(
    "query", ["real", "ai", "generated", "ai_generated", "fake", "diffusion", "flux", "nasa", "comfy", "MIT"]
)
def test_search_does_not_match_the_truth(catalog: SampleCatalog, query: str) -> None:
    assert ids(catalog, query) == set()


def test_pages_hold_every_photo_once_and_in_order(catalog: SampleCatalog) -> None:
    pages = [catalog.search("", page, per_page=7) for page in (1, 2, 3)]
    assert [photo.id for page in pages for photo in page.photos] == [entry["id"] for entry in ENTRIES]
    assert {(page.total, page.total_pages) for page in pages} == {(len(ENTRIES), 3)}


def test_a_page_past_the_end_is_empty(catalog: SampleCatalog) -> None:
    page = catalog.search("cat", 9)
    assert page.photos == ()
    assert (page.page, page.total, page.total_pages) == (9, 2, 1)


def test_orientation_keeps_the_shape_and_loses_nobody(catalog: SampleCatalog) -> None:
    wide = ids(catalog, "", orientation="landscape")
    tall = ids(catalog, "", orientation="portrait")
    square = ids(catalog, "", orientation="squarish")
    assert "mountain-path" in wide
    assert "dogs-at-a-window" in tall
    assert "astronaut" in square
    assert len(wide) + len(tall) + len(square) == len(wide | tall | square) == len(ENTRIES)


def test_colour_filter(catalog: SampleCatalog) -> None:
    assert ids(catalog, "", colour="black_and_white") == {"cameraman"}
    assert "cat-on-throne" in ids(catalog, "", colour="black")


def test_order_by_is_accepted(catalog: SampleCatalog) -> None:
    assert ids(catalog, "cat", order_by="latest") == ids(catalog, "cat")


@pytest.mark.parametrize(
    ("page", "per_page", "filters", "sentence"),
    [
        (0, 12, {}, "page 1"),
        (1, 0, {}, "1 to 30"),
        (1, 31, {}, "1 to 30"),
        (1, 12, {"orientation": "round"}, "landscape, portrait, squarish"),
        (1, 12, {"colour": "beige"}, "black_and_white"),
        (1, 12, {"order_by": "oldest"}, "relevant"),
    ],
)
def test_what_does_not_exist_is_refused(
    catalog: SampleCatalog, page: int, per_page: int, filters: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(CatalogError, match=sentence):
        catalog.search("cat", page, per_page, **filters)
    with pytest.raises(CatalogError, match=sentence):
        check_search(page, per_page, **filters)


# One photo


@each_entry
def test_photo_by_id_is_read_from_its_file(catalog: SampleCatalog, entry: dict[str, Any]) -> None:
    photo = catalog.photo(entry["id"])
    assert photo.truth == entry["truth"]
    assert catalog.path(photo) == SAMPLES_FOLDER / entry["file"]
    assert catalog.read(photo) == catalog.download(photo) == (SAMPLES_FOLDER / entry["file"]).read_bytes()


@pytest.mark.parametrize(
    "photo_id",
    ["", "nobody", "../samples", "ginger-cat.jpg", "../samples/ginger-cat", "/etc/passwd", "ginger-cat\0"],
)
def test_an_unknown_id_is_not_found_and_not_repeated(catalog: SampleCatalog, photo_id: str) -> None:
    with pytest.raises(PhotoNotFound, match=r"^There is no sample picture by that id\.$"):
        catalog.photo(photo_id)


def test_an_altered_photo_leads_to_no_other_file(catalog: SampleCatalog) -> None:
    """Given a photo whose addresses point elsewhere, when it is read, then only its id counts."""
    altered = dataclasses.replace(catalog.photo("ginger-cat"), urls=Urls(*["/etc/passwd"] * 4))
    assert catalog.path(altered) == SAMPLES_FOLDER / "ginger-cat.jpg"
    with pytest.raises(PhotoNotFound):
        catalog.read(dataclasses.replace(altered, id="../../settings"))


# JSON


def test_json_keeps_the_secret_until_it_is_revealed(catalog: SampleCatalog) -> None:
    page = catalog.search("", per_page=30)
    hidden = json.dumps(page.to_json(), ensure_ascii=False)
    for entry in ENTRIES:
        origin = entry["origin"]
        tells = (entry["truth"], origin["generator"], origin["author"], origin["package"], origin["licence"])
        assert not [tell for tell in tells if tell and f'"{tell}' in hidden]
    revealed = page.to_json(reveal=True)
    assert [photo["truth"] for photo in revealed["photos"]] == [entry["truth"] for entry in ENTRIES]
    assert revealed["photos"][0]["photographer"]["name"] == ENTRIES[0]["origin"]["author"]
    assert set(page.to_json()["photos"][0]) == set(revealed["photos"][0])


def test_json_of_an_unsplash_photo_always_has_its_credit() -> None:
    photo = Photo(
        id="Dwu85P9SOIk",
        width=2448,
        height=3264,
        photographer=Photographer("Jeff Sheldon", "ugmonk", "https://unsplash.com/@ugmonk"),
        urls=Urls("f", "r", "s", "t"),
        catalog="unsplash",
        licence="Unsplash License",
        tags=("desk",),
    )
    data = json.loads(json.dumps(photo.to_json()))
    assert data["photographer"]["name"] == "Jeff Sheldon"
    assert data["tags"] == ["desk"]
    assert (data["orientation"], data["title"], data["truth"]) == ("portrait", "Untitled photo", None)


# A broken installation


@pytest.mark.parametrize("text", [None, "{", "[{}]", '["x"]', "5"])
def test_a_manifest_that_cannot_be_used_is_a_catalog_error(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "manifest.json").write_text(text, encoding="utf-8")
    with pytest.raises(CatalogError, match="cannot be read"):
        SampleCatalog(tmp_path)


def test_a_manifest_cannot_lead_out_of_its_folder(tmp_path: Path) -> None:
    entry = ENTRIES[0] | {"file": "../secret.jpg"}
    (tmp_path / "manifest.json").write_text(json.dumps([entry]), encoding="utf-8")
    with pytest.raises(CatalogError):
        SampleCatalog(tmp_path)


def test_a_missing_picture_is_a_catalog_error(tmp_path: Path) -> None:
    shutil.copy(SAMPLES_FOLDER / "manifest.json", tmp_path)
    catalog = SampleCatalog(tmp_path)
    with pytest.raises(CatalogError, match="ginger-cat"):
        catalog.read(catalog.photo("ginger-cat"))
