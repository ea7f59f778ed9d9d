from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from PIL import Image, JpegImagePlugin

from tests.train.corpus.made import encoded, image
from train.measure.headers import FEATURES, Header, header_auc, jpeg_quality


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_the_quality_of_a_jpeg_is_found(mode: str) -> None:
    picture = image(0, 16).convert(mode)
    found = [Header.of(encoded(picture, quality=quality)).jpeg_quality for quality in range(1, 101)]
    assert found == list(range(1, 101))


def test_tables_of_another_encoder_get_the_nearest_quality() -> None:
    with Image.open(BytesIO(encoded(image(0), quality=70))) as opened:
        assert isinstance(opened, JpegImagePlugin.JpegImageFile)
        tables = {number: [max(1, value + number) for value in table] for number, table in opened.quantization.items()}
    assert abs((jpeg_quality(tables) or 0) - 70) <= 2
    assert jpeg_quality({}) is None


def test_the_header_of_a_picture() -> None:
    exif = Image.Exif()
    exif[0x010F] = "a camera"
    content = encoded(image(0).resize((60, 30)), quality=80, exif=exif)
    found = dict(zip(FEATURES, Header.of(content).vector().tolist(), strict=True))
    assert found == {
        "width": 60,
        "height": 30,
        "aspect": 2,
        "bits_per_pixel": 8 * len(content) / 1800,
        "jpeg_quality": 80,
        "exif": 1,
        "JPEG": 1,
        "PNG": 0,
        "WEBP": 0,
        "other": 0,
    }


@pytest.mark.parametrize(("kind", "feature"), [("PNG", "PNG"), ("WEBP", "WEBP"), ("BMP", "other"), ("GIF", "other")])
def test_other_formats_have_no_jpeg_quality(kind: str, feature: str) -> None:
    found = dict(zip(FEATURES, Header.of(encoded(image(0), kind)).vector().tolist(), strict=True))
    assert found[feature] == 1
    assert found["jpeg_quality"] == -1
    assert found["exif"] == 0


def noise(rows: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(rows, len(FEATURES)))


def test_files_that_tell_the_label_are_found_out() -> None:
    fake = np.arange(200) % 2 == 1
    vectors = noise(200)
    assert 0.35 < (header_auc(vectors, fake, np.arange(200)) or 0) < 0.65
    vectors[fake, 0] += 10
    assert (header_auc(vectors, fake, np.arange(200)) or 0) > 0.99


def test_what_groups_have_in_common_does_not_count() -> None:
    # given groups that each have a width of their own and one label
    groups = np.repeat(np.arange(20), 10)
    vectors, fake = np.zeros((200, len(FEATURES))), groups % 2 == 1
    vectors[:, 0] = groups * 100.0
    # then a width that was seen in training says nothing, because it is never seen again
    by_group, by_picture = header_auc(vectors, fake, groups), header_auc(vectors, fake, np.arange(200))
    assert by_group is not None
    assert by_group < 0.75
    assert (by_picture or 0) > 0.99


def test_many_pictures_are_sampled_and_too_few_groups_are_not_measured() -> None:
    fake = np.arange(400) % 2 == 1
    vectors = noise(400)
    vectors[fake, 3] += 10
    assert (header_auc(vectors, fake, np.arange(400), most=100) or 0) > 0.99
    assert header_auc(vectors, fake, np.arange(400) % 4) is None
    assert header_auc(vectors[:1], fake[:1], [0]) is None
