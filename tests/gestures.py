"""What a visitor does on the page that Playwright has no call for."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page


def drop(page: Page, picture: Path) -> None:
    """Let go of one of the app's own samples over the field for pictures, as from a desktop."""
    transfer = page.evaluate_handle(
        """async ([address, name]) => {
            const bytes = await (await fetch(address)).arrayBuffer();
            const transfer = new DataTransfer();
            transfer.items.add(new File([bytes], name, {type: 'image/jpeg'}));
            return transfer;
        }""",
        [f"gradio_api/file={picture}", picture.name],
    )
    page.locator("#picture button").filter(has_text="Drop").dispatch_event("drop", {"dataTransfer": transfer})


def paste_stripes(page: Page) -> None:
    """Copy a PNG of 300 x 300 px, and press Ctrl+V."""
    page.evaluate(
        """async () => {
            const canvas = document.createElement('canvas'), brush = canvas.getContext('2d');
            canvas.width = canvas.height = 300;
            for (let x = 0; x < 300; x += 10) {
                brush.fillStyle = `hsl(${x}, 80%, 50%)`;
                brush.fillRect(x, 0, 10, 300);
            }
            const blob = await new Promise((done) => canvas.toBlob(done, 'image/png'));
            await navigator.clipboard.write([new ClipboardItem({'image/png': blob})]);
        }"""
    )
    page.keyboard.press("Control+V")
