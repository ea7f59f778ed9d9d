"""Right pixels, or a refusal that says why."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from tests.decoding.files import big_tiff, bmp, described, png_with, profile_of, saved, tiff
from unfake.decoding.codec import DAMAGED, Decoded, Needed, TooHeavy, decode
from unfake.errors import BrokenPicture, PictureTooLarge, UnsupportedPicture

MOST = 100_000_000
NEEDED = Needed(64, 32)


def first(data: bytes) -> list[int]:
    return [int(value) for value in np.asarray(decode(data, MOST).image)[0, 0]]


def ramp(width: int, height: int, mode: str = "RGB") -> Image.Image:
    """A smooth picture, dark at the left and bright at the right."""
    grey = np.tile(np.linspace(0, 255, width), (height, 1)).astype(np.uint8)
    return Image.fromarray(grey).convert(mode)


def swapped_profile() -> bytes:
    """sRGB with the primaries of red and green exchanged."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return profile.replace(b"rXYZ", b"????").replace(b"gXYZ", b"rXYZ").replace(b"????", b"gXYZ")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (bmp(b"\x04\x11\0\0\0\1", (4, 1), 4, 2), "This kind of BMP cannot be read (4-bit run-length compression)"),
        (bmp(bytes(16), (2, 2), 24, 4), "This kind of BMP cannot be read (compression (4))"),
        (tiff(32, 3, 2, bytes(192)), "This kind of TIFF cannot be read (floating-point colours of 32 bits)"),
        (tiff(16, 1, 8, bytes(96)), "This kind of TIFF cannot be read (Lab of 16 bits)"),
        (tiff(64, 3, 1, bytes(128), samples=1), "(floating-point colours of 64 bits)"),
        (tiff(16, 3, 1, bytes(32), samples=1), "(floating-point colours of 16 bits)"),
        (tiff(8, 2, 1, bytes(16), samples=1), "(signed colours of 8 bits)"),
        (tiff(16, 2, 2, bytes(96)), "(signed colours of 16 bits)"),
        (tiff(8, 1, 9, bytes(48)), "(ICC Lab of 8 bits)"),
        (tiff(8, 1, 2, bytes(80), samples=5), "(colours of 8 bits in 5 channels)"),
        (tiff(1, 1, 4, bytes(4), samples=1), "(transparency mask of 1 bit)"),
        (big_tiff(">"), "This kind of TIFF cannot be read (big-endian BigTIFF)"),
        (bmp(bytes(16), (2, 2), 64, 0), "This kind of BMP cannot be read (pixel depth (64))"),
        (bmp(bytes(8), (8, 8), 1, 3), "This kind of BMP cannot be read (layout of the colour bits)"),
        (png_with(b"zTXt", b"a\0\0" + zlib.compress(bytes(17 * 2**20))), "a text or colour profile of more than 16 MB"),
        (png_with(b"zTXt", b"a\0\0" + zlib.compress(bytes(15 * 2**20)), 5), "texts of more than 64 MB together"),
    ],
)
def test_a_good_file_that_is_not_read_is_not_called_damaged(data: bytes, reason: str) -> None:
    with pytest.raises(UnsupportedPicture) as caught:
        decode(data, MOST)
    assert reason in str(caught.value)
    assert str(caught.value).endswith(" the file may be in order. Save it as PNG or JPEG.")


def test_a_palette_without_colours_is_damaged() -> None:
    with pytest.raises(BrokenPicture):
        decode(tiff(8, 1, 3, bytes(16), samples=1), MOST)


def test_tiff_of_floats_and_of_64_bit_addresses() -> None:
    half = np.full(16, 0.5, "<f4").tobytes()
    assert first(tiff(32, 3, 1, half, samples=1)) == [128, 128, 128]
    assert first(tiff(8, 1, 8, bytes([128, 0, 0]) * 16)) == pytest.approx([119, 119, 119], abs=2)  # L* 50
    assert first(big_tiff("<")) == [200, 30, 60]


def test_a_truncated_file_of_such_a_kind_is_called_damaged() -> None:
    whole = tiff(32, 3, 2, bytes(192))
    short = whole.replace(struct.pack("<HHII", 279, 4, 1, 192), struct.pack("<HHII", 279, 4, 1, 5000))

    with pytest.raises(BrokenPicture) as caught:
        decode(short, MOST)
    assert str(caught.value) == DAMAGED


@pytest.mark.parametrize("kind", [b"zTXt", b"iTXt", b"iCCP"])
def test_png_with_megabytes_of_text_or_profile(kind: bytes) -> None:
    packed = zlib.compress(b"x" * 3 * 2**20)
    content = b"a\0\1\0\0\0" + packed if kind == b"iTXt" else b"a\0\0" + packed

    assert first(png_with(kind, content)) == [255, 0, 0]


def test_lab_tiff() -> None:
    red = Image.new("RGB", (8, 8), (200, 30, 60))
    lab = ImageCms.profileToProfile(
        red, ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
    )
    assert lab is not None

    assert first(saved(lab, "TIFF")) == pytest.approx([200, 30, 60], abs=2)


def test_the_darkest_colour_of_a_profile_becomes_black() -> None:
    # given a profile (ICC.1:2001-04, lut8Type) whose darkest colour, (0, 0, 0), has a lightness of 20 of 100
    matrix = struct.pack(">9i", *(0x10000 * one for one in (1, 0, 0, 0, 1, 0, 0, 0, 1)))
    corners = [sum(map(int, f"{corner:03b}")) / 3 for corner in range(8)]
    grid = b"".join(bytes([round(51 + 204 * bright), 128, 128]) for bright in corners)
    table = struct.pack(">4s4x4B", b"mft1", 3, 3, 2, 0) + matrix + bytes(range(256)) * 3 + grid + bytes(range(256)) * 3
    profile = profile_of(b"RGB ", b"Lab ", b"scnr", described({b"A2B0": table, b"A2B1": table}))
    # then black point compensation (Adobe, 2006; ISO 18619:2015) spreads the rest down to black, and white stays white
    for colour in ((0, 0, 0), (255, 255, 255)):
        data = saved(Image.new("RGB", (8, 8), colour), "PNG", icc_profile=profile)
        assert first(data) == pytest.approx(colour, abs=2)


def test_bmp_with_alpha_and_profile() -> None:
    red, clear = b"\0\0\xff\xff", b"\0\0\xff\0"

    assert first(bmp(red * 4, (2, 2), 32, 3)) == [255, 0, 0]
    assert first(bmp(red * 2 + clear + red, (2, 2), 32, 3)) == [255, 255, 255]  # rows from the bottom
    assert first(bmp(clear * 4, (2, 2), 32, 3)) == [255, 0, 0]  # alpha that no program has filled in
    assert first(bmp(clear * 4, (2, 2), 32, 0)) == [255, 0, 0]  # a byte without a meaning
    assert first(bmp(red * 4, (2, 2), 32, 3, swapped_profile())) == pytest.approx([0, 255, 0], abs=2)


@pytest.mark.parametrize(
    ("size", "factor"), [((255, 255), 1), ((256, 256), 2), ((6000, 127), 1), ((400, 1200), 6), ((1200, 100), 1)]
)
def test_a_picture_stays_at_least_twice_as_large_as_needed(size: tuple[int, int], factor: int) -> None:
    assert NEEDED.reduction(size) == factor


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP", "AVIF", "HEIF"])
def test_a_reduced_picture_looks_the_same_and_tells_its_own_size(name: str) -> None:
    whole = ramp(517, 389)
    data = saved(whole, name)

    found = decode(data, MOST, NEEDED)

    assert found.size == (517, 389)
    assert 128 <= found.image.width < 517 // 2
    expected = whole.resize(found.image.size, Image.Resampling.BOX)
    assert np.abs(np.asarray(found.image).astype(int) - np.asarray(expected)).mean() < 3


def test_a_reduced_picture_on_its_side() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6

    found = decode(saved(ramp(512, 256), "JPEG", exif=exif.tobytes()), MOST, NEEDED)

    assert found.size == (256, 512)
    assert found.image.size == (64, 128)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "1", "I;16", "CMYK"])
def test_pictures_of_every_mode_are_reduced(mode: str) -> None:
    grey = np.full((256, 256), 40_000, np.uint16)
    image = Image.fromarray(grey) if mode == "I;16" else Image.new("RGB", (256, 256), "white").convert(mode)

    def middle(found: Decoded) -> int:
        return int(np.asarray(found.image)[-1, -1, 0])

    data = saved(image, "TIFF" if mode == "CMYK" else "PNG")
    assert decode(data, MOST, NEEDED).image.size == (128, 128)
    assert middle(decode(data, MOST, NEEDED)) == middle(decode(data, MOST))


@pytest.mark.parametrize("options", [{}, {"lossless": True}, {"exif": b"Exif\0\0"}])
def test_webp_is_measured_before_its_reader_takes_memory(options: dict[str, object]) -> None:
    data = saved(ramp(300, 200), "WEBP", **options)

    with pytest.raises(PictureTooLarge):
        decode(data, 300 * 200 - 1)
    with pytest.raises(TooHeavy) as caught:
        decode(data, MOST, memory=1_000_000)
    assert caught.value.bytes == 300 * 200 * 20


@pytest.mark.parametrize("name", ["PNG", "AVIF", "HEIF", "TIFF"])
def test_more_memory_than_was_granted(name: str) -> None:
    with pytest.raises(TooHeavy):
        decode(saved(ramp(600, 600), name), MOST, memory=2_000_000)
