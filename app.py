"""Entry of the Space: settings, services, screens, launch."""

from __future__ import annotations

from pathlib import Path

from unfake.catalog.samples import SAMPLES_FOLDER
from unfake.services import Services
from unfake.settings import Settings
from unfake.ui.blocks import build
from unfake.ui.theme import STYLE, theme

settings = Settings.from_env(dotenv=Path(__file__).with_name(".env"))
services = Services(settings)
demo = build(services)

if __name__ == "__main__":
    demo.queue(default_concurrency_limit=4).launch(
        theme=theme,
        css_paths=STYLE,
        allowed_paths=[str(SAMPLES_FOLDER)],
        max_file_size=settings.limits.bytes,
        ssr_mode=False,
    )
