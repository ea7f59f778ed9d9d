"""The page in a frame of a page from elsewhere, as a Space shows it, in a browser that blocks third-party storage."""

from __future__ import annotations

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
import requests
from playwright.sync_api import Browser, Frame, Page, expect

from tests.conftest import CHROMIUM_FLAGS, SAMPLES, find_chromium

STORAGE = "() => { try { localStorage.setItem('probe', '1'); return 'kept'; } catch (error) { return error.name; } }"


@pytest.fixture(scope="module")
def space(app_url: str) -> Iterator[str]:
    """Address of a page, under another name and port than the app's, that shows the app in a frame."""

    class Outer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(f'<!doctype html><iframe src="{app_url}" width="1000" height="800"></iframe>'.encode())

        def log_message(self, *_: object) -> None:  # the request log of a test is noise
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Outer) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://localhost:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.fixture
def blocking(browser: Browser) -> Iterator[Browser]:
    flags = [*CHROMIUM_FLAGS, "--test-third-party-cookie-phaseout"]
    found = browser.browser_type.launch(executable_path=find_chromium(), args=flags)
    yield found
    found.close()


def framed(page: Page, address: str) -> Frame:
    """The app's frame on that page, once it shows Home."""
    page.goto(address)
    frame = page.frames[1]
    # Whoever wrote elsewhere keeps the focus: a frame takes it from nobody, so the heading is waited for by sight.
    expect(frame.locator("#home h2")).to_be_visible(timeout=60_000)
    expect(frame.locator("#trust p").first).to_be_visible(timeout=60_000)
    return frame


def test_the_page_works_in_a_frame_of_a_page_from_elsewhere(blocking: Browser, space: str, app_url: str) -> None:
    page = blocking.new_page(viewport={"width": 1100, "height": 900})
    mistakes: list[str] = []
    page.on("pageerror", lambda error: mistakes.append(str(error)))
    # the browser keeps something for the app's own page, and nothing for the app in a frame of another's
    page.goto(f"{app_url}/gradio_api/startup-events")
    assert page.evaluate(STORAGE) == "kept"
    for _ in range(3):  # it opens every time
        frame = framed(page, space)
        assert frame.evaluate(STORAGE) == "SecurityError"
    # and all of it works
    frame.get_by_role("link", name="Check my own picture").click()
    frame.locator("#picture input[type=file]").set_input_files(SAMPLES / "espresso.jpg")
    expect(frame.locator("#verdict .uf-verdict")).to_be_visible(timeout=60_000)
    frame.get_by_role("tab", name="History").click()
    expect(frame.locator("#history td", has_text="espresso.jpg")).to_be_visible()
    expect(frame.locator("#history")).to_contain_text("Your browser keeps nothing for this page")
    expect(frame.locator("#history img")).to_have_count(0)
    # what an address names is a place in the frame as well
    frame.get_by_role("tab", name="Search").click()
    frame.locator("#suggestions a", has_text="landscape").click()
    expect(frame.locator("#gallery .uf-tile").first).to_be_visible()
    assert mistakes == []


def test_no_header_forbids_a_frame(app_url: str) -> None:
    headers = requests.get(app_url, timeout=30).headers
    assert "X-Frame-Options" not in headers
    assert "frame-ancestors" not in headers["Content-Security-Policy"]
    assert headers.get("Cross-Origin-Resource-Policy", "cross-origin") == "cross-origin"
