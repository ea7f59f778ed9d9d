"""Files and addresses of every kind, good and bad, through unfake.intake."""

from __future__ import annotations

import hashlib
import io
import ipaddress
import random
import re
import shutil
import socket
import ssl
import struct
import subprocess
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from tests.decoding.files import described, profile_of
from tests.servers.pictures import PAGE, PictureServer
from unfake.errors import (
    AddressError,
    AddressRefused,
    AddressUnreachable,
    BrokenPicture,
    EmptyPicture,
    PictureError,
    PictureTooLarge,
    UnfakeError,
    UnsupportedPicture,
)
from unfake.intake import Limits, Picture, Source, from_bytes, from_path, from_url

UPLOAD = Source("upload", "photo")
FORMATS = {  # Pillow's name: the name that is shown
    "JPEG": "JPEG",
    "MPO": "JPEG",
    "PNG": "PNG",
    "WEBP": "WebP",
    "GIF": "GIF",
    "TIFF": "TIFF",
    "BMP": "BMP",
    "HEIF": "HEIC",
    "AVIF": "AVIF",
}
BROKEN = "The picture file is damaged or incomplete, and cannot be opened."
UNSUPPORTED = "That is not a picture of a type that can be read: JPEG, PNG, WebP, GIF, TIFF, BMP, HEIC and AVIF."
WEB_PAGE = "That address leads to a web page, not to a picture; open the picture itself and copy its address."
NOT_PUBLIC = "That address does not lead to the public internet, so it is not opened."
NOT_HTTP = "The address of a picture has to begin with http:// or https://."
NOT_VALID = "That is not a valid web address."
BROKE_OFF = "The connection to that server could not be made, or broke off."


def saved(image: Image.Image, name: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, name, **options)
    return file.getvalue()


def pixel(data: bytes, x: int = 0, y: int = 0) -> list[int]:
    return [int(value) for value in from_bytes(data, UPLOAD).pixels[y, x]]


def cornered(width: int = 96, height: int = 64) -> Image.Image:
    """Grey with a red top left corner: shows which way up it is."""
    image = Image.new("RGB", (width, height), (120, 120, 120))
    image.paste((255, 0, 0), (0, 0, 32, 32))
    return image


def is_red(colour: list[int]) -> bool:
    return colour[0] > 225 and max(colour[1:]) < 30


# --- what comes out of a good file ----------------------------------------------------------------


@pytest.mark.parametrize("name", FORMATS)
def test_each_format_is_read(name: str) -> None:
    data = saved(cornered(), name)

    picture = from_bytes(data, UPLOAD)

    assert picture.format == FORMATS[name]
    assert (picture.width, picture.height) == (96, 64)
    assert picture.pixels.shape == (64, 96, 3)
    assert picture.pixels.dtype == np.uint8
    assert is_red(picture.pixels[5, 5].tolist())
    assert abs(picture.pixels[60, 90].astype(int) - 120).max() <= 4
    assert picture.sha256 == hashlib.sha256(data).hexdigest()
    assert picture.bytes == len(data)
    assert picture.source == UPLOAD


def test_pixels_cannot_be_changed_by_whoever_looks_at_them() -> None:
    picture = from_bytes(saved(cornered(), "PNG"), UPLOAD)

    with pytest.raises(ValueError, match="read-only"):
        picture.pixels[0, 0] = 0


@pytest.mark.parametrize("name", ["PNG", "GIF", "WEBP", "AVIF"])
def test_of_an_animation_the_first_frame_counts(name: str) -> None:
    frames = [Image.new("RGB", (32, 32), colour) for colour in ("red", "lime", "blue")]

    data = saved(frames[0], name, save_all=True, append_images=frames[1:], duration=100)

    assert is_red(pixel(data))
    assert from_bytes(data, UPLOAD).animated
    assert not from_bytes(saved(frames[0], name), UPLOAD).animated


def test_a_gif_that_breaks_off_after_its_first_frame_is_read() -> None:
    frames = [Image.new("RGB", (32, 32), colour) for colour in ("red", "lime")]
    data = saved(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=100)

    for length in range(len(data) - 24, len(data)):
        assert is_red(pixel(data[:length]))


def test_of_a_picture_with_several_parts_the_first_counts() -> None:
    second = Image.new("RGB", (96, 64), "blue")

    data = saved(cornered(), "MPO", save_all=True, append_images=[second])

    assert from_bytes(data, UPLOAD).format == "JPEG"
    assert not from_bytes(data, UPLOAD).animated
    assert is_red(pixel(data, 5, 5))


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF"])
@pytest.mark.parametrize(
    ("orientation", "corner"),
    [
        (1, "top left"),
        (2, "top right"),
        (3, "bottom right"),
        (4, "bottom left"),
        (5, "top left"),
        (6, "top right"),
        (7, "bottom right"),
        (8, "bottom left"),
    ],
)
def test_exif_orientation_is_honoured(name: str, orientation: int, corner: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = saved(cornered(), name, exif=exif.tobytes())

    picture = from_bytes(data, UPLOAD)

    assert (picture.width, picture.height) == ((96, 64) if orientation < 5 else (64, 96))
    corners = {
        f"{vertical} {horizontal}": is_red(picture.pixels[y, x].tolist())
        for vertical, y in (("top", 5), ("bottom", -6))
        for horizontal, x in (("left", 5), ("right", -6))
    }
    assert [name for name, red in corners.items() if red] == [corner]


def test_damaged_exif_does_not_spoil_the_picture() -> None:
    data = saved(cornered(), "PNG", exif=b"Exif\x00\x00II*\x00\xff\xff\xff\x7f")

    assert is_red(pixel(data, 5, 5))


@pytest.mark.parametrize("name", ["PNG", "WEBP", "TIFF", "AVIF", "HEIF"])
def test_alpha_is_laid_on_white(name: str) -> None:
    image = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
    image.paste((0, 0, 255, 255), (0, 0, 32, 64))

    data = saved(image, name, **({"lossless": True} if name == "WEBP" else {}))

    assert pixel(data, 63, 0) == [255, 255, 255]
    assert pixel(data, 0, 0) == pytest.approx([0, 0, 255], abs=3)


def test_half_transparent_black_on_white_is_grey() -> None:
    data = saved(Image.new("RGBA", (8, 8), (0, 0, 0, 128)), "PNG")

    assert pixel(data) == [127, 127, 127]


def test_greyscale_with_alpha() -> None:
    image = Image.new("LA", (2, 1), (90, 255))
    image.putpixel((1, 0), (90, 0))

    data = saved(image, "PNG")

    assert (pixel(data, 0), pixel(data, 1)) == ([90] * 3, [255] * 3)


@pytest.mark.parametrize("transparency", [1, bytes([255, 0])])
def test_palette_with_transparency(transparency: int | bytes) -> None:
    image = Image.new("P", (2, 1), 0)
    image.putpalette([200, 100, 50, 0, 0, 0])
    image.putpixel((1, 0), 1)

    data = saved(image, "PNG", transparency=transparency)

    assert (pixel(data, 0), pixel(data, 1)) == ([200, 100, 50], [255, 255, 255])


@pytest.mark.parametrize(("mode", "grey", "colour"), [("L", 7, 7), ("RGB", (1, 2, 3), (1, 2, 3))])
def test_one_colour_marked_as_transparent(mode: str, grey: int, colour: int | tuple[int, ...]) -> None:
    image = Image.new(mode, (2, 1), grey)
    image.putpixel((1, 0), 99 if mode == "L" else (99, 99, 99))

    data = saved(image, "PNG", transparency=colour)

    assert (pixel(data, 0), pixel(data, 1)) == ([255] * 3, [99] * 3)


def test_plain_greyscale_and_one_bit() -> None:
    assert pixel(saved(Image.new("L", (4, 4), 77), "PNG")) == [77, 77, 77]
    assert pixel(saved(Image.new("1", (4, 4), 1), "PNG")) == [255, 255, 255]


@pytest.mark.parametrize("name", ["PNG", "TIFF"])
def test_16_bit_grey_is_scaled_and_not_clipped(name: str) -> None:
    values = np.array([[0, 256, 0x8000, 0xC000, 0xFFFF]], np.uint16)

    data = saved(Image.fromarray(values), name)

    assert [pixel(data, x)[0] for x in range(5)] == [0, 1, 128, 191, 255]


def test_16_bit_grey_in_big_endian_order() -> None:
    data = saved(Image.frombytes("I;16B", (2, 1), b"\x80\x00\xff\xff"), "TIFF")

    assert [pixel(data, x)[0] for x in range(2)] == [128, 255]


def test_16_bit_grey_where_white_is_zero() -> None:
    data = saved(Image.fromarray(np.array([[0, 0xFFFF]], np.uint16)), "TIFF", tiffinfo={262: 0})

    assert [pixel(data, x)[0] for x in range(2)] == [255, 0]


def test_16_bit_grey_with_one_transparent_value() -> None:
    data = saved(Image.fromarray(np.array([[0, 0x8000, 0xFFFF]], np.uint16)), "PNG")
    marked = with_chunk(data, b"tRNS", struct.pack(">H", 0x8000))

    assert [pixel(marked, x)[0] for x in range(3)] == [0, 255, 255]


@pytest.mark.parametrize(
    ("values", "dtype", "expected"),
    [
        ([0, 100, 255], np.int32, [0, 100, 255]),
        ([0, 0x8000, 0xFFFF], np.int32, [0, 128, 255]),
        ([0, 500_000, 1_000_000], np.int32, [0, 128, 255]),
        ([-100, 0, 100], np.int32, [0, 128, 255]),
        ([0.0, 0.5, 1.0], np.float32, [0, 128, 255]),
        ([0.0, 2.0, 4.0], np.float32, [0, 128, 255]),
        ([-1.0, 0.0, 1.0], np.float32, [0, 128, 255]),
        ([0.0, np.nan, np.inf], np.float32, [0, 0, 255]),
        ([0.0, 1e38, 3e38], np.float32, [0, 85, 255]),
        ([5, 5, 5], np.int32, [5, 5, 5]),
        ([0, 0, 0], np.float32, [0, 0, 0]),
    ],
)
def test_32_bit_grey_is_scaled_to_what_it_spans(
    values: list[float], dtype: type[np.generic], expected: list[int]
) -> None:
    data = saved(Image.fromarray(np.array([values], dtype)), "TIFF")

    assert [pixel(data, x)[0] for x in range(3)] == expected


def test_16_bit_colour() -> None:
    rows = b"\x00" + struct.pack(">6H", 0xFFFF, 0x8080, 0, 0, 0x4040, 0xFFFF)

    data = png(2, 1, rows, depth=16, kind=2)

    assert (pixel(data, 0), pixel(data, 1)) == ([255, 128, 0], [0, 64, 255])


def test_cmyk_jpeg_as_adobe_writes_it_inverted() -> None:
    data = saved(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG", quality=100)

    assert b"Adobe" in data
    assert is_red(pixel(data, 8, 8))


def test_cmyk_tiff_is_not_inverted() -> None:
    assert is_red(pixel(saved(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "TIFF")))


# --- colour profiles ------------------------------------------------------------------------------


def srgb_profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def test_colours_are_converted_from_the_embedded_profile() -> None:
    # given sRGB with the primaries of red and green exchanged
    profile = srgb_profile().replace(b"rXYZ", b"????").replace(b"gXYZ", b"rXYZ").replace(b"????", b"gXYZ")
    red = Image.new("RGB", (8, 8), (255, 0, 0))

    assert pixel(saved(red, "PNG")) == [255, 0, 0]
    assert pixel(saved(red, "PNG", icc_profile=profile)) == pytest.approx([0, 255, 0], abs=2)
    assert pixel(saved(red, "JPEG", quality=100, icc_profile=profile)) == pytest.approx([0, 255, 0], abs=4)


def test_a_profile_applies_below_transparency_and_to_a_palette() -> None:
    profile = srgb_profile().replace(b"rXYZ", b"????").replace(b"gXYZ", b"rXYZ").replace(b"????", b"gXYZ")
    half = Image.new("RGBA", (8, 8), (255, 0, 0, 128))
    palette = Image.new("P", (8, 8), 0)
    palette.putpalette([255, 0, 0])

    assert pixel(saved(half, "PNG", icc_profile=profile)) == pytest.approx([127, 255, 127], abs=2)
    assert pixel(saved(palette, "PNG", icc_profile=profile)) == pytest.approx([0, 255, 0], abs=2)


def test_srgb_profile_changes_nothing() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)

    picture = from_bytes(saved(Image.fromarray(noise), "PNG", icc_profile=srgb_profile()), UPLOAD)

    assert np.array_equal(picture.pixels, noise)


def test_greyscale_profile() -> None:
    linear = described({b"kTRC": struct.pack(">4s4xI", b"curv", 0)})
    profile = profile_of(b"GRAY", b"XYZ ", b"mntr", linear)

    data = saved(Image.new("L", (8, 8), 128), "PNG", icc_profile=profile)

    assert pixel(data) == pytest.approx([188, 188, 188], abs=1)  # half of the light, in sRGB's curve


def test_cmyk_profile() -> None:
    # given a profile in which every mixture of inks is the same middle grey: L* = 50 % of 100, a* = b* = 0
    ramp, grid = bytes(range(256)), bytes([128, 128, 128]) * 2**4
    matrix = struct.pack(">9i", *(0x10000 * one for one in (1, 0, 0, 0, 1, 0, 0, 0, 1)))
    table = struct.pack(">4s4x4B", b"mft1", 4, 3, 2, 0) + matrix + ramp * 4 + grid + ramp * 3
    profile = profile_of(b"CMYK", b"Lab ", b"prtr", described({b"A2B0": table, b"A2B1": table}))
    red = Image.new("CMYK", (8, 8), (0, 255, 255, 0))

    assert is_red(pixel(saved(red, "TIFF")))
    grey = pixel(saved(red, "TIFF", icc_profile=profile))
    assert max(grey) - min(grey) <= 2
    assert 100 < grey[0] < 140


@pytest.mark.parametrize("profile", [b"not a profile", srgb_profile()[:300], bytes(4000)])
def test_a_broken_profile_is_ignored(profile: bytes) -> None:
    data = saved(cornered(), "PNG", icc_profile=profile)

    assert pixel(data, 5, 5) == [255, 0, 0]


def test_a_profile_of_another_colour_model_is_ignored() -> None:
    data = saved(Image.new("L", (8, 8), 77), "PNG", icc_profile=srgb_profile())

    assert pixel(data) == [77, 77, 77]


# --- what is wrong with a bad file ----------------------------------------------------------------


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(width: int, height: int, rows: bytes, depth: int = 8, kind: int = 0) -> bytes:
    """A PNG file with any header and any content, fitting or not."""
    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def with_chunk(data: bytes, kind: bytes, content: bytes) -> bytes:
    place = data.index(b"IDAT") - 4
    return data[:place] + chunk(kind, content) + data[place:]


def test_no_bytes() -> None:
    with pytest.raises(EmptyPicture) as caught:
        from_bytes(b"", UPLOAD)
    assert str(caught.value) == "The file is empty."


@pytest.mark.parametrize(
    ("limit", "text"), [(2 * 2**20, "2 MB"), (int(1.5 * 2**20), "1.5 MB"), (2048, "2 KB"), (900, "900 bytes")]
)
def test_too_many_bytes(limit: int, text: str) -> None:
    with pytest.raises(PictureTooLarge) as caught:
        from_bytes(bytes(limit + 1), UPLOAD, Limits(bytes=limit))
    assert str(caught.value) == f"The file is too large: the limit is {text}."


def test_exactly_as_many_bytes_and_pixels_as_allowed() -> None:
    data = saved(cornered(), "PNG")

    assert from_bytes(data, UPLOAD, Limits(bytes=len(data), pixels=96 * 64)).width == 96


@pytest.mark.parametrize("name", FORMATS)
def test_too_many_pixels(name: str) -> None:
    data = saved(cornered(), name)

    with pytest.raises(PictureTooLarge) as caught:
        from_bytes(data, UPLOAD, Limits(pixels=96 * 64 - 1))
    assert str(caught.value) == "The picture is too large: the limit is 6,143 pixels."


@pytest.mark.parametrize("side", [10_001, 12_000, 20_000, 2**31 - 1])
def test_pixels_are_counted_before_they_are_decoded(side: int) -> None:
    # given a header that promises far more than the few bytes that follow
    bomb = png(side, side, b"\0" * 1000)

    with pytest.raises(PictureTooLarge) as caught:
        from_bytes(bomb, UPLOAD)
    assert str(caught.value) == "The picture is too large: the limit is 100 megapixels."


def test_the_limit_that_is_given_counts_before_decoding() -> None:
    bomb = png(2_000, 2_000, b"\0" * 1000)

    with pytest.raises(PictureTooLarge) as caught:
        from_bytes(bomb, UPLOAD, Limits(pixels=2_500_000))
    assert str(caught.value) == "The picture is too large: the limit is 2.5 megapixels."


def test_pillows_own_lower_warning_does_not_get_in_the_way() -> None:
    # given 90.25 megapixels: allowed here, more than Pillow's default; without content, to stay quick
    with pytest.raises(BrokenPicture):
        from_bytes(png(9_500, 9_500, b"\0" * 1000), UPLOAD)


@pytest.mark.parametrize(
    "data",
    [
        b"hello, this is text",
        b"\0",
        b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n",
        b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>',
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        b"\0\0\0\x18ftypisom\0\0\2\0isomiso2" + bytes(64),
        b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(64),
        b"P6 1 1 255 abc",
        b"PK\3\4" + bytes(64),
        PAGE,
    ],
)
def test_other_types_are_refused(data: bytes) -> None:
    with pytest.raises(UnsupportedPicture) as caught:
        from_bytes(data, UPLOAD)
    assert str(caught.value) == UNSUPPORTED


def test_a_format_that_pillow_reads_but_unfake_does_not() -> None:
    with pytest.raises(UnsupportedPicture):
        from_bytes(saved(cornered(), "PPM"), UPLOAD)
    with pytest.raises(UnsupportedPicture):
        from_bytes(saved(cornered(), "EPS"), UPLOAD)


def noise() -> Image.Image:
    return Image.fromarray(np.random.default_rng(2).integers(0, 256, (48, 64, 3), dtype=np.uint8))


@pytest.mark.parametrize("name", [name for name in FORMATS if name != "MPO"])
@pytest.mark.parametrize("part", [0.02, 0.5, 0.9])
def test_truncated(name: str, part: float) -> None:
    data = saved(noise(), name)

    with pytest.raises(BrokenPicture) as caught:
        from_bytes(data[: max(16, int(len(data) * part))], UPLOAD)
    assert str(caught.value) == BROKEN


def test_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load", load)

    with pytest.raises(PictureTooLarge, match=r"^The picture needs more memory than there is to open it\.$"):
        from_bytes(saved(cornered(), "PNG"), UPLOAD)


# Pillow warns about some damage that it can live with; in use, that is a line in the log.
@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@pytest.mark.parametrize("name", FORMATS)
def test_damaged_files_give_a_picture_or_a_clear_error(name: str) -> None:
    rng = random.Random(f"damage to {name}")  # noqa: S311 - repeatable, not secret
    whole = saved(noise(), name)
    for _ in range(24):
        data = bytearray(whole[: rng.randrange(1, len(whole) + 1)] if rng.random() < 0.3 else whole)
        for _ in range(rng.choice([1, 3, 20])):
            reach = len(data) if rng.random() < 0.5 else min(64, len(data))  # half of the hits in the header
            data[rng.randrange(reach)] = rng.randrange(256)
        try:
            picture = from_bytes(bytes(data), UPLOAD)
        except UnfakeError as error:
            assert str(error) in (BROKEN, UNSUPPORTED) or re.search("too large|This kind of", str(error))
        else:
            assert picture.pixels.ndim == 3


# --- paths ----------------------------------------------------------------------------------------


def test_path(tmp_path: Path) -> None:
    file = tmp_path / "holiday.jpg"
    file.write_bytes(saved(cornered(), "JPEG"))

    picture = from_path(file)

    assert picture.source == Source("upload", "holiday.jpg")
    assert picture.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    assert from_path(str(file), Source("sample", "1")).source == Source("sample", "1")


def test_path_to_a_large_file_is_refused_before_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "large.tif"
    file.write_bytes(bytes(5000))

    def opened(*_: object, **__: object) -> None:
        raise AssertionError("it was opened")

    monkeypatch.setattr(Path, "open", opened)

    with pytest.raises(PictureTooLarge, match=r"^The file is too large: the limit is 4 KB\.$"):
        from_path(file, limits=Limits(bytes=4096))


@pytest.mark.parametrize("name", ["missing.jpg", ".", "nul\0.jpg"])
def test_path_that_cannot_be_read(tmp_path: Path, name: str) -> None:
    with pytest.raises(PictureError) as caught:
        from_path(tmp_path / name)
    assert str(tmp_path) not in str(caught.value)
    assert str(caught.value).endswith(".")


# --- addresses ------------------------------------------------------------------------------------


@pytest.fixture
def server() -> Iterator[PictureServer]:
    with PictureServer() as running:
        yield running


def test_address(server: PictureServer) -> None:
    picture = from_url(server.url("/photo.jpg?w=10"), public_only=False)

    assert picture.sha256 == hashlib.sha256(server.photo).hexdigest()
    assert picture.source == Source("url", server.url("/photo.jpg?w=10"))
    assert server.headers[0]["Host"] == f"127.0.0.1:{server.port}"
    assert server.headers[0]["Accept-Encoding"] == "identity"
    assert "webp" not in server.headers[0]["Accept"]


def test_credentials_and_fragment_are_neither_sent_nor_kept(server: PictureServer) -> None:
    address = f"http://me:secret@127.0.0.1:{server.port}/photo.jpg#part"

    picture = from_url(address, public_only=False)

    assert picture.source.name == server.url("/photo.jpg")
    assert server.paths == ["/photo.jpg"]
    assert "Authorization" not in server.headers[0]


@pytest.mark.parametrize(
    ("typed", "asked"),
    [
        ("  {}/photo.jpg\n", "/photo.jpg"),
        ("{}/my photo.jpg", "/my%20photo.jpg"),
        ("{}/my%20photo.jpg", "/my%20photo.jpg"),
        ("{}/größe.jpg?q=ü", "/gr%C3%B6%C3%9Fe.jpg?q=%C3%BC"),
        ("{}", "/"),
    ],
)
def test_address_is_put_right(server: PictureServer, typed: str, asked: str) -> None:
    from_url(typed.format(server.url("")), public_only=False)

    assert server.paths == [asked]


def test_environment_proxies_are_not_used(server: PictureServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    assert from_url(server.url("/photo.jpg"), public_only=False).format == "JPEG"


def test_redirects_are_followed(server: PictureServer) -> None:
    picture = from_url(server.url("/hop/5"), public_only=False)

    assert picture.source.name == server.url("/hop/5")
    assert server.paths == [f"/hop/{left}" for left in (5, 4, 3, 2, 1, 0)]


def test_redirect_to_an_address_that_is_not_ascii(server: PictureServer) -> None:
    from_url(server.url("/to/%2Fgr%C3%B6%C3%9Fe%20neu.jpg"), public_only=False)

    assert server.paths[-1] == "/gr%C3%B6%C3%9Fe%20neu.jpg"


def test_content_type_is_not_believed(server: PictureServer) -> None:
    assert from_url(server.url("/jpeg.html"), public_only=False).format == "JPEG"


def test_chunks(server: PictureServer) -> None:
    picture = from_url(server.url("/chunked"), public_only=False)

    assert picture.bytes == len(server.photo)


SMALL = Limits(bytes=100_000, seconds=30)


@pytest.mark.parametrize(
    ("path", "error", "text"),
    [
        ("/hop/6", AddressUnreachable, "That address redirects more than 5 times."),
        ("/to/file%3A%2F%2F%2Fetc%2Fpasswd", AddressRefused, NOT_HTTP),
        ("/to/ftp%3A%2F%2Fexample.org%2Fa.jpg", AddressRefused, NOT_HTTP),
        ("/to/http%3A%2F%2F%5Bx", AddressRefused, NOT_VALID),
        ("/nowhere", AddressUnreachable, "The server answered 302 (Found) instead of a picture."),
        ("/status/404", AddressUnreachable, "The server answered 404 (Not Found) instead of a picture."),
        ("/status/401", AddressUnreachable, "The server answered 401 (Unauthorized) instead of a picture."),
        (
            "/status/500",
            AddressUnreachable,
            "The server answered 500 (Internal Server Error) instead of a picture.",
        ),
        ("/page", UnsupportedPicture, WEB_PAGE),
        ("/page.jpg", UnsupportedPicture, WEB_PAGE),
        ("/endless", PictureTooLarge, "The file is too large: the limit is 97.66 KB."),
        ("/huge", PictureTooLarge, "The file is too large: the limit is 97.66 KB."),
        ("/cut", AddressUnreachable, "The connection broke off before the whole picture had arrived."),
    ],
)
def test_answers_that_are_no_picture(server: PictureServer, path: str, error: type[UnfakeError], text: str) -> None:
    with pytest.raises(error) as caught:
        from_url(server.url(path), SMALL, public_only=False)
    assert str(caught.value) == text


@pytest.mark.parametrize("path", ["/drip", "/drip-head", "/silent"])
def test_a_slow_server_is_cut_off(server: PictureServer, path: str) -> None:
    started = time.monotonic()

    with pytest.raises(AddressUnreachable) as caught:
        from_url(server.url(path), Limits(seconds=0.5), public_only=False)

    assert str(caught.value) == "The server did not send the picture within 0.5 seconds."
    assert time.monotonic() - started < 10  # they drip for twice as long


def test_nobody_listens() -> None:
    with socket.socket() as taken:  # bound and not listening: nobody else can have the port
        taken.bind(("127.0.0.1", 0))

        with pytest.raises(AddressUnreachable) as caught:
            from_url(f"http://127.0.0.1:{taken.getsockname()[1]}/a.jpg", public_only=False)
    assert str(caught.value) == BROKE_OFF


@pytest.mark.parametrize(
    ("address", "text"),
    [
        ("", NOT_HTTP),
        ("photo.jpg", NOT_HTTP),
        ("file:///etc/passwd", NOT_HTTP),
        ("ftp://example.org/a.jpg", NOT_HTTP),
        ("gopher://example.org/", NOT_HTTP),
        ("data:image/png;base64,AAAA", NOT_HTTP),
        ("javascript:alert(1)", NOT_HTTP),
        ("//example.org/a.jpg", NOT_HTTP),
        ("http:example.org", NOT_HTTP),
        ("http://", "That web address has no server name in it."),
        ("http:///a.jpg", "That web address has no server name in it."),
        ("http://[::1/a.jpg", NOT_VALID),
        ("http://example.org:99999/a.jpg", NOT_VALID),
        ("http://example.org/a\r\nHost: evil", NOT_VALID),
        ("http://exa\tmple.org/", NOT_VALID),
        ("http://example.org/" + "a" * 9000, NOT_VALID),
    ],
)
def test_addresses_that_make_no_sense(address: str, text: str) -> None:
    with pytest.raises(AddressRefused) as caught:
        from_url(address)
    assert str(caught.value) == text


# --- addresses that reach for the local network ---------------------------------------------------

PUBLIC = "93.184.216.34"
OTHER_PUBLIC = "2606:2800:220:1:248:1893:25c8:1946"


class Internet:
    """Names and public addresses of the test's choosing; nothing else can be reached."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.names: dict[str, list[list[str]]] = {}
        self.ports: dict[str, int] = {}
        self.asked: list[str] = []
        self.dialled: list[tuple[str, int]] = []
        self._resolve, self._connect = socket.getaddrinfo, socket.create_connection
        monkeypatch.setattr(socket, "getaddrinfo", self.getaddrinfo)
        monkeypatch.setattr(socket, "create_connection", self.create_connection)

    def add(self, name: str, *answers: list[str]) -> None:
        """A name; its last answer is repeated."""
        self.names[name] = list(answers)

    def getaddrinfo(self, host: str, port: int, *_: object, **__: object) -> list[object]:
        if host not in self.names:
            return [*self._resolve(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)]
        self.asked.append(host)
        answers = self.names[host]
        found = answers.pop(0) if len(answers) > 1 else answers[0]
        family = {4: socket.AF_INET, 6: socket.AF_INET6}
        return [(family[ipaddress.ip_address(one).version], socket.SOCK_STREAM, 6, "", (one, port)) for one in found]

    def create_connection(self, address: tuple[str, int], timeout: float) -> socket.socket:
        self.dialled.append(address)
        if address[0] not in self.ports:
            raise ConnectionRefusedError
        return self._connect(("127.0.0.1", self.ports[address[0]]), timeout)


@pytest.fixture
def internet(monkeypatch: pytest.MonkeyPatch) -> Internet:
    return Internet(monkeypatch)


def test_public_name(server: PictureServer, internet: Internet) -> None:
    internet.add("photos.example", [PUBLIC])
    internet.ports[PUBLIC] = server.port

    picture = from_url("http://Photos.Example:443/a.jpg")

    assert picture.source.name == "http://photos.example:443/a.jpg"
    assert internet.dialled == [(PUBLIC, 443)]
    assert server.headers[0]["Host"] == "photos.example:443"


def test_international_name(server: PictureServer, internet: Internet) -> None:
    internet.add("xn--bcher-kva.example", [PUBLIC])
    internet.ports[PUBLIC] = server.port

    from_url("http://Bücher.example/a.jpg")

    assert server.headers[0]["Host"] == "xn--bcher-kva.example"


def test_next_address_where_the_first_does_not_answer(server: PictureServer, internet: Internet) -> None:
    internet.add("photos.example", [OTHER_PUBLIC, PUBLIC])
    internet.ports[PUBLIC] = server.port

    assert from_url("http://photos.example/a.jpg").format == "JPEG"
    assert internet.dialled == [(OTHER_PUBLIC, 80), (PUBLIC, 80)]


@pytest.mark.parametrize(
    "answer",
    [
        ["127.0.0.1"],
        ["10.1.2.3"],
        ["192.168.0.10"],
        ["169.254.169.254"],
        ["::1"],
        ["fd12::1"],
        ["::ffff:10.0.0.1"],
        [PUBLIC, "127.0.0.1"],
        ["10.0.0.1", PUBLIC],
    ],
)
def test_name_that_resolves_to_a_private_address(internet: Internet, answer: list[str]) -> None:
    internet.add("inside.example", answer)

    with pytest.raises(AddressRefused) as caught:
        from_url("http://inside.example/a.jpg")

    assert str(caught.value) == NOT_PUBLIC
    assert internet.dialled == []


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.0.0.1:80",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0x7f.0.0.1",
        "017700000001",
        "0177.0.0.1",
        "0",
        "0.0.0.0",  # noqa: S104 - an address to refuse
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.169.254",
        "198.18.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "user:word@127.0.0.1",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[64:ff9b:1::7f00:1]",
        "[2002:7f00:1::]",
        "[2001:0:4136:e378:8000:63bf:80ff:fffe]",
        "[fe80::1]",
        "[fe80::1%25lo]",
        "[fec0::1]",
        "[fd00:ec2::254]",
        "[ff02::1]",
        "[2001:db8::1]",
    ],
)
def test_private_addresses_in_every_spelling(internet: Internet, host: str) -> None:
    with pytest.raises(AddressRefused) as caught:
        from_url(f"http://{host}/latest/meta-data/")

    assert str(caught.value) == NOT_PUBLIC
    assert internet.dialled == []


@pytest.mark.parametrize(
    "address", ["http://photos.example:8080/a.jpg", "https://photos.example:22/", f"http://{PUBLIC}:0/"]
)
def test_ports_that_are_not_the_web_s(internet: Internet, address: str) -> None:
    internet.add("photos.example", [PUBLIC])

    with pytest.raises(AddressRefused) as caught:
        from_url(address)

    assert str(caught.value) == "Only the usual ports of web servers are opened, 80 and 443."
    assert (internet.asked, internet.dialled) == ([], [])


def test_redirect_to_another_port(server: PictureServer, internet: Internet) -> None:
    internet.add("photos.example", [PUBLIC])
    internet.ports[PUBLIC] = server.port

    with pytest.raises(AddressRefused, match="80 and 443"):
        from_url("http://photos.example/to/http%3A%2F%2Fphotos.example%3A6379%2F")

    assert internet.dialled == [(PUBLIC, 80)]


@pytest.mark.parametrize(
    "target",
    [
        "http%3A%2F%2F127.0.0.1%2Fadmin",
        "http%3A%2F%2F169.254.169.254%2Flatest%2Fmeta-data%2F",
        "%2F%2F127.0.0.1%2Fadmin",
        "http%3A%2F%2F[%3A%3A1]%2F",
        "http%3A%2F%2Finside.example%2F",
    ],
)
def test_redirect_to_a_private_address(server: PictureServer, internet: Internet, target: str) -> None:
    internet.add("photos.example", [PUBLIC])
    internet.add("inside.example", ["10.0.0.1"])
    internet.ports[PUBLIC] = server.port

    with pytest.raises(AddressRefused) as caught:
        from_url(f"http://photos.example/to/{target}")

    assert str(caught.value) == NOT_PUBLIC
    assert internet.dialled == [(PUBLIC, 80)]


def test_a_second_answer_of_the_resolver_does_not_count(server: PictureServer, internet: Internet) -> None:
    # given a name that is public when it is checked and private when it is asked again
    internet.add("rebind.example", [PUBLIC], ["127.0.0.1"])
    internet.ports[PUBLIC] = server.port

    assert from_url("http://rebind.example/a.jpg").format == "JPEG"

    assert internet.asked == ["rebind.example"]
    assert internet.dialled == [(PUBLIC, 80)]


def test_each_redirect_is_resolved_and_checked_again(server: PictureServer, internet: Internet) -> None:
    internet.add("rebind.example", [PUBLIC], ["127.0.0.1"])
    internet.ports[PUBLIC] = server.port

    with pytest.raises(AddressRefused):
        from_url("http://rebind.example/hop/1")

    assert internet.dialled == [(PUBLIC, 80)]


def test_no_such_name(internet: Internet) -> None:
    with pytest.raises(AddressUnreachable) as caught:
        from_url("http://no-such-name.example/a.jpg")
    assert str(caught.value) == "There is no server by the name in that address."


def test_a_resolver_that_hangs_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    done = threading.Event()

    def hang(*_: object, **__: object) -> list[object]:
        done.wait(60)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    try:
        with pytest.raises(AddressUnreachable, match=r"within 0\.3 seconds\.$"):
            from_url("http://slow.example/a.jpg", Limits(seconds=0.3))
    finally:
        done.set()


# --- https ----------------------------------------------------------------------------------------


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[tuple[PictureServer, Path, list[str]]]:
    """A server with a certificate for photos.example, the certificate, and the names it was asked for."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("needs the openssl command to make a certificate")
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    command = f"req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=test -keyout {key} -out {certificate}"
    names = ["-addext", "subjectAltName=DNS:photos.example"]
    subprocess.run([openssl, *command.split(), *names], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    asked: list[str] = []

    def note(_: ssl.SSLObject, name: str, __: ssl.SSLContext) -> None:
        asked.append(name)

    context.sni_callback = note
    with PictureServer(context) as running:
        yield running, certificate, asked


Secure = tuple[PictureServer, Path, list[str]]


@pytest.fixture
def trusted(secure: Secure, monkeypatch: pytest.MonkeyPatch) -> Secure:
    monkeypatch.setenv("SSL_CERT_FILE", str(secure[1]))
    return secure


def test_https_asks_for_the_name_at_the_checked_address(trusted: Secure, internet: Internet) -> None:
    server, _, asked = trusted
    internet.add("photos.example", [PUBLIC])
    internet.ports[PUBLIC] = server.port

    picture = from_url("https://photos.example/a.jpg")

    assert picture.sha256 == hashlib.sha256(server.photo).hexdigest()
    assert internet.dialled == [(PUBLIC, 443)]
    assert asked == ["photos.example"]
    assert server.headers[0]["Host"] == "photos.example"


def test_https_refuses_a_certificate_for_another_name(trusted: Secure, internet: Internet) -> None:
    internet.add("other.example", [PUBLIC])
    internet.ports[PUBLIC] = trusted[0].port

    with pytest.raises(AddressUnreachable) as caught:
        from_url("https://other.example/a.jpg")
    assert str(caught.value) == ("The security certificate of that server is not valid for its name, or not trusted.")
    assert trusted[0].paths == []


def test_https_refuses_a_certificate_that_nobody_vouches_for(secure: Secure, internet: Internet) -> None:
    internet.add("photos.example", [PUBLIC])
    internet.ports[PUBLIC] = secure[0].port

    with pytest.raises(AddressUnreachable, match="certificate"):
        from_url("https://photos.example/a.jpg")


def test_https_is_cut_off_too(trusted: Secure, internet: Internet) -> None:
    internet.add("photos.example", [PUBLIC])
    internet.ports[PUBLIC] = trusted[0].port

    with pytest.raises(AddressUnreachable, match=r"within 1 seconds?\.$"):
        from_url("https://photos.example/drip", Limits(seconds=1))


def test_plain_http_behind_https(server: PictureServer, internet: Internet) -> None:
    internet.add("photos.example", [PUBLIC])
    internet.ports[PUBLIC] = server.port

    with pytest.raises(AddressUnreachable) as caught:
        from_url("https://photos.example/a.jpg", Limits(seconds=5))
    assert str(caught.value) == BROKE_OFF


# --- all together ---------------------------------------------------------------------------------


@pytest.mark.parametrize("call", [lambda: from_url("nonsense"), lambda: from_url("http://127.0.0.1")])
def test_address_errors_share_a_base(call: Callable[[], Picture]) -> None:
    with pytest.raises(AddressError):
        call()


def test_pictures_in_threads_do_not_disturb_each_other() -> None:
    files = [saved(cornered(), name) for name in FORMATS if name != "MPO"]
    wrong: list[object] = []

    def work(data: bytes) -> None:
        for _ in range(5):
            try:
                if not is_red(pixel(data, 5, 5)):
                    wrong.append("colour")
            except Exception as error:
                wrong.append(error)

    threads = [threading.Thread(target=work, args=(data,)) for data in files]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []
