"""Files that are slow, heavy or hostile, in the processes that open them."""

from __future__ import annotations

import gc
import os
import select
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.decoding.files import gif_with_comments, saved
from unfake.decoding.codec import DAMAGED, Needed
from unfake.decoding.pool import TOO_HEAVY, TOO_SLOW, Lane, Pool, open_here
from unfake.errors import BrokenPicture, PictureTooLarge, PictureTooSlow, UnsupportedPicture

MOST = 100_000_000
MB = 2**20
SLOW_FILE = gif_with_comments(400_000)


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    """With more wall time than in use, since a test may run beside others."""
    found = Pool(Lane(256 * MB, 1.0, 60.0), Lane(896 * MB, 1.0, 60.0))
    yield found
    found.close()


def noise(width: int = 64, height: int = 48) -> Image.Image:
    return Image.fromarray(np.random.default_rng(2).integers(0, 256, (height, width, 3), dtype=np.uint8))


@pytest.mark.parametrize("name", ["JPEG", "MPO", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF", "HEIF"])
def test_the_same_pixels_as_without_it(pool: Pool, name: str) -> None:
    data = saved(noise(), name)

    found, expected = pool.open(data, MOST), open_here(data, MOST)

    assert np.array_equal(found.pixels, expected.pixels)
    assert (found.format, found.size) == (expected.format, expected.size)
    assert not found.pixels.flags.writeable


def test_reduced_where_fewer_pixels_are_needed(pool: Pool) -> None:
    found = pool.open(saved(noise(600, 400), "JPEG"), MOST, Needed(100, 50))

    assert found.pixels.shape == (200, 300, 3)
    assert found.size == (600, 400)


def test_errors_come_back_as_they_are(pool: Pool) -> None:
    data = saved(noise(), "PNG")

    with pytest.raises(BrokenPicture) as caught:
        pool.open(data[:200], MOST)
    assert str(caught.value) == DAMAGED
    with pytest.raises(UnsupportedPicture):
        pool.open(b"hello, this is text", MOST)
    with pytest.raises(PictureTooLarge):
        pool.open(data, 100)


@pytest.mark.slow
def test_a_slow_file_ends_with_a_sentence(pool: Pool) -> None:
    with pytest.raises(PictureTooSlow) as caught:
        pool.open(SLOW_FILE, MOST)
    assert str(caught.value) == TOO_SLOW


@pytest.mark.slow
def test_slow_files_do_not_hold_up_others(pool: Pool) -> None:
    ended: list[str] = []

    def attack() -> None:
        with pytest.raises(PictureTooSlow):
            pool.open(SLOW_FILE, MOST)
        ended.append("attack")

    def visit() -> None:
        pool.open(saved(noise(), "JPEG"), MOST)
        ended.append("visitor")

    threads = [threading.Thread(target=target) for target in (attack, attack, attack, attack, visit)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert ended[0] == "visitor"
    assert len(ended) == 5


def test_a_file_that_needs_too_much_memory(pool: Pool) -> None:
    # given 100 megapixels in a few bytes, of which the reader would keep five copies
    head = b"VP8X" + (10).to_bytes(4, "little") + bytes(4) + (9_999).to_bytes(3, "little") * 2
    body = b"WEBP" + head + bytes(20)

    with pytest.raises(PictureTooLarge) as caught:
        pool.open(b"RIFF" + len(body).to_bytes(4, "little") + body, MOST)
    assert str(caught.value) == TOO_HEAVY


def test_what_is_too_heavy_for_the_first_lane_goes_on_to_the_second(pool: Pool) -> None:
    narrow = Pool(Lane(1 * MB, 1.0, 60.0), pool.slow)
    try:
        assert narrow.open(saved(noise(800, 800), "PNG"), MOST).pixels.shape == (800, 800, 3)
    finally:
        narrow.close()


def test_pixels_count_until_nobody_holds_them(pool: Pool) -> None:
    gc.collect()
    before = pool.kept.in_use
    found = pool.open(saved(noise(), "PNG"), MOST)
    view = found.pixels[1:]
    del found

    assert pool.kept.in_use == before + 64 * 48
    del view
    assert pool.kept.in_use == before


def test_it_goes_on_after_its_process_was_killed() -> None:
    pool = Pool()
    try:
        pool.open(saved(noise(), "PNG"), MOST)
        assert pool.process is not None
        pool.process.kill()
        pool.process.wait()
        assert pool.open(saved(noise(), "PNG"), MOST).size == (64, 48)
    finally:
        pool.close()


CHILD = """
import sys
from unfake.decoding.pool import shared
shared().warm()
print(shared().process.pid, flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks into /proc")
def test_its_process_ends_with_the_app() -> None:
    with subprocess.Popen([sys.executable, "-c", CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as app:
        assert app.stdout is not None
        pid = int(app.stdout.readline())
        ended = os.pidfd_open(pid)
        app.kill()
        app.wait()
    try:
        gone = select.select([ended], [], [], 60)[0]
    finally:
        os.close(ended)
    assert gone


def test_its_process_imports_neither_the_app_nor_the_network() -> None:
    code = "import sys, unfake.decoding.child; print(' '.join(sys.modules))"
    modules = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()

    assert "numpy" in modules
    assert not {"gradio", "openvino", "torch", "requests", "urllib3", "unfake.fetch"} & set(modules)


PROBE = """
import os, socket
from unfake.decoding import child
from unfake.decoding.order import Order
child._confine(Order(1, None, 2**28, 1.0, 60.0, True), child._data())
for attempt in (socket.socket, lambda: open("/etc/hostname"), lambda: bytearray(2**30)):
    try:
        attempt()
        print("done")
    except (OSError, MemoryError) as error:
        print(type(error).__name__)
"""


def test_a_confined_process_reaches_no_network_no_file_and_no_more_memory() -> None:
    said = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=True).stdout

    assert said.split() == ["OSError", "OSError", "MemoryError"]
