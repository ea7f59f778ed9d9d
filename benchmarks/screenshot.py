"""The picture at the top of the README: ``python -m benchmarks.screenshot`` (needs Chromium)."""

from __future__ import annotations

import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.conftest import CHROMIUM_FLAGS, ROOT, find_chromium, running_app

SAMPLE = "golden-light"


def main() -> None:
    """Classify a sample through Details, as a visitor would, and save what the page shows."""
    with (
        tempfile.TemporaryDirectory() as cache,
        running_app(Path(cache), UNFAKE_MODEL="unfake-clip") as address,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=CHROMIUM_FLAGS)
        page = browser.new_page(
            viewport={"width": 1280, "height": 1200}, device_scale_factor=1.5, reduced_motion="reduce"
        )
        page.goto(f"{address}/?tab=classify")
        page.locator("#picture input[type=file]").set_input_files(ROOT / "unfake/catalog/samples" / f"{SAMPLE}.jpg")
        page.locator(".uf-verdict img.uf-heat").wait_for()
        page.wait_for_function("document.querySelector('.uf-verdict img.uf-picture')?.complete")
        page.wait_for_function("document.activeElement.closest('.uf-verdict')")  # it has been scrolled to
        page.evaluate("window.scrollTo(0, 0)")
        page.screenshot(path=ROOT / "docs" / "screenshot.png")
        browser.close()


if __name__ == "__main__":
    main()
