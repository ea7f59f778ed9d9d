"""What the first page says of itself to those that run no script."""

from __future__ import annotations

import io
from html.parser import HTMLParser
from urllib.parse import urlsplit

import pytest
import requests
from PIL import Image


class Page(HTMLParser):
    """``meta`` of a page by name, each with all its values, its title, and where it loads scripts and styles from."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.meta: dict[str, list[str]] = {}
        self.loads: list[str] = []
        self.title, self._open = "", ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self._open = tag
        if tag == "meta":
            self.meta.setdefault(given.get("property") or given.get("name") or "", []).append(given.get("content", ""))
        elif tag in ("script", "link", "img", "iframe"):
            self.loads.append(given.get("src") or given.get("href") or "")

    def handle_data(self, data: str) -> None:
        if self._open == "title":
            self.title += data.strip()


@pytest.mark.parametrize("path", ["", "/", "/?photo=pagoda"])
def test_a_link_to_the_app_has_a_preview_of_our_own(app_url: str, path: str) -> None:
    answer = requests.get(app_url + path, timeout=30)
    page = Page(answer.text)
    assert page.title == "UnFake"
    assert [name for name, values in page.meta.items() if len(values) > 1] == []  # no second one by Gradio
    assert page.meta["og:title"] == ["UnFake: is this picture real?"]
    assert page.meta["og:description"] == page.meta["description"]
    assert "AI-generated" in page.meta["og:description"][0]
    assert page.meta["og:url"] == [f"{app_url}/"]
    address = page.meta["og:image"][0]
    assert address.startswith(f"{app_url}/")
    picture = requests.get(address, timeout=30)
    assert picture.headers["Content-Type"] == "image/png"
    assert len(picture.content) < 100_000
    with Image.open(io.BytesIO(picture.content)) as image:
        said = page.meta["og:image:width"] + page.meta["og:image:height"]
        assert [str(side) for side in image.size] == said
    assert "gradio" not in "".join(value.lower() for values in page.meta.values() for value in values)
    # the page itself loads nothing from anywhere else
    assert [place for place in page.loads if urlsplit(place).netloc] == []


def test_behind_a_proxy_the_preview_stands_at_the_address_that_visitors_see(app_url: str) -> None:
    headers = {"X-Forwarded-Host": "owner-unfake.hf.space", "X-Forwarded-Proto": "https"}
    page = Page(requests.get(app_url, headers=headers, timeout=30).text)
    assert page.meta["og:image"] == ["https://owner-unfake.hf.space/preview.png"]
    # and what a stranger puts there breaks out of nothing
    headers["X-Forwarded-Host"] = 'a"><script>alert(1)</script>'
    assert "<script>alert" not in requests.get(app_url, headers=headers, timeout=30).text
