from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import SAMPLES
from unfake.detector.views import Box, Pixels
from unfake.errors import FacesFailed
from unfake.evidence import faces
from unfake.evidence.faces import LEAST_FACE, MOST_FACES, FaceDetector, Found, decode, read_faces, surroundings
from unfake.intake import from_path
from unfake.services import Services
from unfake.settings import Settings

# Where the face is, by eye: a point between the eyes and the mouth, as fractions of width and height.
PORTRAITS = {
    "astronaut": (0.44, 0.24),
    "naval-officer": (0.48, 0.38),
    "black-turtleneck": (0.53, 0.42),
    "smiling-woman": (0.44, 0.44),
    "curls-at-the-harbour": (0.51, 0.51),
}


def png(pixels: Pixels) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def holds(box: Box, x: float, y: float) -> bool:
    return box[0] < x < box[2] and box[1] < y < box[3]


@pytest.fixture(scope="module")
def detector() -> FaceDetector:
    return FaceDetector()


@pytest.fixture(scope="module")
def services(toy: Path, tmp_path_factory: pytest.TempPathFactory) -> Services:
    return Services(Settings(model=str(toy), device="cpu", cache=tmp_path_factory.mktemp("cache")))


@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize("name", PORTRAITS)
def test_a_portrait_has_one_face_in_its_place_however_it_is_turned(
    detector: FaceDetector, name: str, turns: int
) -> None:
    found = detector.find(np.rot90(from_path(SAMPLES / f"{name}.jpg").pixels, turns))
    assert len(found) == 1
    x, y = PORTRAITS[name]
    for _ in range(turns):
        x, y = y, 1 - x
    assert holds(found[0].box, x, y)
    assert (found[0].box[2] - found[0].box[0]) * (found[0].box[3] - found[0].box[1]) < 0.4


@pytest.mark.parametrize("angle", [-30, 20])
def test_a_tilted_portrait_has_a_face(detector: FaceDetector, angle: int) -> None:
    with Image.open(SAMPLES / "naval-officer.jpg") as image:
        tilted = np.asarray(image.convert("RGB").rotate(angle, expand=True))
    assert len(detector.find(tilted)) == 1


@pytest.mark.parametrize(
    "name", ["pagoda", "espresso", "ginger-cat", "mountain-path", "wine-and-drum", "cat-on-throne"]
)
def test_a_picture_without_people_has_no_face(detector: FaceDetector, name: str) -> None:
    assert detector.find(from_path(SAMPLES / f"{name}.jpg").pixels) == ()


def test_several_faces_are_found_the_largest_first(detector: FaceDetector) -> None:
    canvas = np.full((700, 1200, 3), 127, np.uint8)
    canvas[50:650, 20:532] = from_path(SAMPLES / "naval-officer.jpg").pixels
    canvas[100:612, 600:1112] = from_path(SAMPLES / "astronaut.jpg").pixels
    first, second = detector.find(canvas)
    assert holds(first.box, (20 + 0.48 * 512) / 1200, (50 + 0.38 * 600) / 700)
    assert holds(second.box, (600 + 0.44 * 512) / 1200, (100 + 0.24 * 512) / 700)


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 3000, 3), (3000, 1, 3)])
def test_any_size_can_be_searched(detector: FaceDetector, shape: tuple[int, int, int]) -> None:
    assert detector.find(np.zeros(shape, np.uint8)) == ()


def test_boxes_are_decoded_and_doubles_are_dropped() -> None:
    heat, scale, offset = np.zeros((8, 8)), np.zeros((2, 8, 8)), np.zeros((2, 8, 8))
    heat[2, 3], heat[2, 4], heat[6, 6] = 0.9, 0.8, 0.4
    scale[:, 2, 3:5] = np.log([[2.0], [4.0]])
    offset[:, 2, 3] = 0.25, 0.5
    single = np.float32
    (face,) = decode(heat.astype(single), scale.astype(single), offset.astype(single), (32, 64))
    # centre at (3 + 0.5 + 0.5, 2 + 0.25 + 0.5) cells of 4 px, 4 cells wide and 2 high
    assert face.box == pytest.approx((8 / 32, 7 / 64, 24 / 32, 15 / 64))
    assert face.score == pytest.approx(0.9)


@pytest.mark.parametrize("box", [(0.4, 0.4, 0.6, 0.6), (0.0, 0.0, 0.2, 0.1), (0.9, 0.2, 1.0, 1.0), (0, 0, 1, 1)])
def test_the_surroundings_are_in_the_picture_and_hold_the_face(box: Box) -> None:
    width, height = 300, 200
    left, top, right, bottom = surroundings(box, (width, height))
    assert 0 <= left <= box[0] < box[2] <= right + 1e-9 <= 1 + 1e-6
    assert 0 <= top <= box[1] < box[3] <= bottom + 1e-9 <= 1 + 1e-6
    side = 2 * max((box[2] - box[0]) * width, (box[3] - box[1]) * height)
    assert (right - left) * width == pytest.approx(min(side, width))
    assert (bottom - top) * height == pytest.approx(min(side, height))


def test_a_face_is_read_with_its_surroundings_and_a_small_one_is_named() -> None:
    pixels = np.zeros((400, 400, 3), np.uint8)
    pixels[100:300, 100:300] = 255
    seen: list[Pixels] = []

    def read(crop: Pixels) -> float:
        seen.append(crop)
        return 0.25

    large, small = Found((0.375, 0.375, 0.625, 0.625), 0.9), Found((0.0, 0.0, 0.1, 0.15), 0.8)
    one, other = read_faces([large, small], pixels, (400, 400), read)
    assert (one.probability, one.reason, one.pixels) == (0.25, None, 100)
    assert [crop.shape for crop in seen] == [(200, 200, 3)]
    assert (seen[0] == 255).all()
    assert (other.probability, other.pixels) == (None, 40)
    assert other.reason is not None
    assert f"under {LEAST_FACE} px" in other.reason
    # of a picture that was reduced, the face counts at its own size
    assert read_faces([small], pixels, (800, 800), read)[0].pixels == 80


def test_a_crowd_is_read_up_to_a_bound() -> None:
    crowd = [Found((0.0, 0.0, 0.5, 0.5), 0.9)] * (MOST_FACES + 3)
    read = read_faces(crowd, np.zeros((400, 400, 3), np.uint8), (400, 400), lambda _: 0.5)
    assert [face.probability for face in read] == [0.5] * MOST_FACES + [None] * 3
    assert read[-1].reason is not None
    assert str(MOST_FACES) in read[-1].reason


def test_the_faces_of_a_file(services: Services) -> None:
    found = services.faces((SAMPLES / "naval-officer.jpg").read_bytes())
    (face,) = found.found
    assert face.probability is not None
    assert 0 < face.probability < 1
    assert face.pixels > LEAST_FACE
    given = found.to_json()
    assert given["schema"] == "unfake.faces/1"
    assert given["faces"][0].keys() == {"box", "probability", "score", "pixels", "around", "reason"}
    # and the same person far away in a large picture
    far = np.full((1500, 2000, 3), 90, np.uint8)
    with Image.open(SAMPLES / "naval-officer.jpg") as image:
        far[600:750, 800:928] = np.asarray(image.convert("RGB").resize((128, 150)))
    (distant,) = services.faces(png(far)).found
    assert distant.pixels < LEAST_FACE
    assert distant.probability is None


def test_a_face_detector_that_does_not_load_costs_no_verdict(
    services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "model.onnx"
    broken.write_bytes(b"no network")
    with pytest.raises(FacesFailed, match="did not load"):
        FaceDetector(broken)

    def fail() -> FaceDetector:
        return FaceDetector(broken)

    monkeypatch.setattr(faces, "shared", fail)
    with pytest.raises(FacesFailed):
        services.faces((SAMPLES / "naval-officer.jpg").read_bytes())
    assert services.classify_file(SAMPLES / "naval-officer.jpg").report.probability is not None
