"""What stands in the page's head: its description, its preview, and its script."""

from __future__ import annotations

from html import escape
from pathlib import Path

SCRIPT = Path(__file__).with_name("page.js")
DESCRIPTION = "Find out whether a photo is AI-generated before you use it: search Unsplash, or bring your own picture."


def head(most_bytes: int) -> str:
    """HTML for the head of the page. ``most_bytes``: of a file that may be uploaded."""
    described = escape(DESCRIPTION)
    return (
        f'<meta name="description" content="{described}"><meta property="og:title" content="UnFake">'
        f'<meta property="og:description" content="{described}"><meta property="og:type" content="website">'
        f'<script data-limit="{most_bytes}">{SCRIPT.read_text(encoding="utf-8")}</script>'
    )
