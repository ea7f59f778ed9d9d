"""The app as strangers run it: ``python app.py`` in a process of its own, on loopback."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import pytest
from filelock import FileLock
from playwright.sync_api import Browser, Page, expect, sync_playwright

ROOT = Path(__file__).parent.parent
SAMPLES = ROOT / "unfake" / "catalog" / "samples"

Theme = Literal["light", "dark"]


CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--use-fake-device-for-media-stream",  # a camera that shows a test picture
    "--use-fake-ui-for-media-stream",
]


def find_chromium() -> str | None:
    """Path of an installed Chromium."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Import nothing of ``tests/train`` for a run that leaves it out."""
    left_out = "not train" in str(config.option.markexpr)
    return True if left_out and collection_path == ROOT / "tests" / "train" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give ``browser`` to tests that ask for one, and ``train`` to those of ``train/``."""
    for item in items:
        if "browser" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.browser)
        if item.path.is_relative_to(ROOT / "tests" / "train"):
            item.add_marker(pytest.mark.train)


@contextmanager
def running_app(cache: Path, *, command: Sequence[str] = ("app.py",), **settings: str) -> Iterator[str]:
    """``python app.py`` with these settings, until the block ends; gives its address.

    ``command``: what else Python is to run, which in its turn runs the app.
    """
    port = free_port()
    theirs = ("UNFAKE_", "UNSPLASH_", "HF_", "SPACE_", "GRADIO_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(theirs)}
    environment |= {
        "GRADIO_SERVER_NAME": "127.0.0.1",
        "GRADIO_SERVER_PORT": str(port),
        "PYTHONUNBUFFERED": "1",
        "UNFAKE_CACHE": str(cache),
        "HF_HUB_OFFLINE": "1",
    }
    log = cache / "app.log"
    with log.open("w") as said:
        process = subprocess.Popen(
            [sys.executable, *command],
            cwd=ROOT,
            env=environment | settings,
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
        )
    assert process.stdout is not None
    try:
        if not any("Running on local URL" in line for line in process.stdout):
            pytest.fail("the app did not start:\n" + log.read_text())
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=20)
        process.stdout.close()
    ours = str(ROOT / "unfake")
    assert ours not in log.read_text(), log.read_text()  # no error of ours got past its sentence


@pytest.fixture(scope="session")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkpoint of `tests.efficientnet`, made once for all workers of a run."""
    from tests import efficientnet  # noqa: PLC0415 - torch, which most tests need not wait for

    base = tmp_path_factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder = base / efficientnet.NAME
    with FileLock(base / "toy.lock"):
        if not folder.is_dir():
            made = efficientnet.make(tmp_path_factory.mktemp("toy"), sorted(SAMPLES.glob("*.jpg"))[:4])
            made.rename(folder)
    return folder


@pytest.fixture(scope="session")
def app_url(toy: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a running app with no key, no network and a cache of its own; the toy speaks, since it is fast."""
    with running_app(tmp_path_factory.mktemp("cache"), UNFAKE_MODEL=str(toy)) as address:
        yield address


@pytest.fixture
def command_settings(toy: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """What a command of the app finds in the environment: the toy, and nothing of this machine's own."""
    monkeypatch.setenv("UNFAKE_MODEL", str(toy))
    monkeypatch.setenv("UNFAKE_DEVICE", "cpu")
    monkeypatch.setenv("UNFAKE_STORE", "memory")
    monkeypatch.setenv("UNFAKE_CACHE", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.delenv("UNSPLASH_ACCESS_KEY", raising=False)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Headless Chromium; where there is none the tests skip, unless UNFAKE_REQUIRE_BROWSER is 1."""
    chromium = find_chromium()
    if chromium is None:
        missing = "no Chromium on this machine (Debian: apt-get install chromium)"
        if os.environ.get("UNFAKE_REQUIRE_BROWSER") == "1":
            pytest.fail(missing)
        pytest.skip(missing)
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_FLAGS)
        yield found
        found.close()


SETTLED = """
() => !document.querySelector('.pending, .translucent')
  && document.getAnimations().every((each) => each.playState !== 'running')
  && [...document.images].every((each) => each.complete || each.loading === 'lazy')
"""


def settled(page: Page) -> None:
    """Wait until nothing on the page is on its way or fades any more."""
    page.wait_for_function(SETTLED)


@contextmanager
def opened(
    browser: Browser, address: str, width: int, height: int, *allowed: str, theme: Theme = "light", still: bool = False
) -> Iterator[Page]:
    """The page at ``address``, in a browser that reaches nothing but it and what begins with ``allowed``.

    ``theme`` and ``still`` (nothing moves) are what the visitor's system asks for, from the first request on.
    """
    context = browser.new_context(
        viewport={"width": width, "height": height},
        accept_downloads=True,
        color_scheme=theme,
        reduced_motion="reduce" if still else "no-preference",
    )
    context.grant_permissions(["camera", "clipboard-read", "clipboard-write"], origin=address)
    within = (address, "data:", "blob:", *allowed)
    context.route(lambda url: not url.startswith(within), lambda route: route.abort())
    page = context.new_page()
    page.set_default_timeout(60_000)
    expect.set_options(timeout=30_000)
    page.goto(address)
    expect(page.locator("#home h2")).to_be_focused()  # what the address names has been shown
    yield page
    context.close()
