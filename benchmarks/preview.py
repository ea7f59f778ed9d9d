"""The picture that chats show beside a link to the app: ``python -m benchmarks.preview`` (needs Chromium).

Our own icon and words, 1200 by 630 px as Open Graph readers like it, in the 64 colours that keep it small.
"""

from __future__ import annotations

import io

from PIL import Image
from playwright.sync_api import sync_playwright

from tests.conftest import CHROMIUM_FLAGS, find_chromium
from unfake.ui.head import PREVIEW
from unfake.ui.theme import ICON

SIZE = 1200, 630
PAGE = """<!doctype html><style>
body { margin: 0; width: 1200px; height: 630px; background: #f8fafc; color: #1e293b; display: flex; align-items: center;
  gap: 4.5rem; padding: 0 5.5rem; box-sizing: border-box; font-family: "Inter", "Segoe UI", "DejaVu Sans", sans-serif; }
svg { width: 15rem; height: 15rem; flex: none; }
h1 { font-size: 5.6rem; letter-spacing: -0.03em; margin: 0; }
p { font-size: 2.7rem; line-height: 1.3; margin: 1rem 0 0; color: #475569; }
</style>%s<div><h1>UnFake</h1><p>Is this picture real?<br>Know before you use it.</p></div>"""


def main() -> None:
    """Draw it."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=CHROMIUM_FLAGS)
        page = browser.new_page(viewport={"width": SIZE[0], "height": SIZE[1]})
        page.set_content(PAGE % ICON.read_text(encoding="utf-8"))
        drawn = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
        browser.close()
    drawn.quantize(64).save(PREVIEW, optimize=True)


if __name__ == "__main__":
    main()
