"""Entry of the Space: settings, services, screens, launch."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path

from unfake import errors

sys.excepthook = errors.ended  # before the imports that take seconds

from unfake.catalog.samples import SAMPLES_FOLDER  # noqa: E402
from unfake.services import Services  # noqa: E402
from unfake.settings import Settings  # noqa: E402

settings = Settings.from_env(dotenv=Path(__file__).with_name(".env"))
services = Services(settings)
for said in filter(None, (services.catalog_notice, *services.notices)):
    sys.stderr.write(f"{said}\n")  # for the owner: visitors can do nothing about it
os.environ["GRADIO_TEMP_DIR"] = str(services.uploads)  # Gradio makes folders in it while it is imported

from starlette.middleware import Middleware  # noqa: E402

from unfake.ui.blocks import build  # noqa: E402
from unfake.ui.head import Head  # noqa: E402
from unfake.ui.mistakes import HANDLERS, SESSIONS  # noqa: E402
from unfake.ui.theme import ICON, STYLE, theme  # noqa: E402
from unfake.web.attachments import Attachments  # noqa: E402
from unfake.web.headers import Headers  # noqa: E402
from unfake.web.limits import Limits  # noqa: E402
from unfake.web.tools import Tools  # noqa: E402

demo = build(services)

if __name__ == "__main__":
    demo.queue(default_concurrency_limit=4).launch(
        theme=theme,
        css_paths=STYLE,
        favicon_path=ICON,
        footer_links=["api"],
        allowed_paths=[str(SAMPLES_FOLDER)],
        max_file_size=settings.limits.bytes,
        auth=settings.auth,
        app_kwargs={
            "middleware": [
                Middleware(Headers),
                Middleware(Head, most_bytes=settings.limits.bytes),
                Middleware(Limits, file_bytes=settings.limits.bytes),
                Middleware(Attachments, folder=services.downloads),
                Middleware(Tools),
            ],
            "exception_handlers": HANDLERS,
        },
        mcp_server=settings.auth is None and find_spec("mcp") is not None,  # it knows no log-in
        enable_monitoring=False,
        state_session_capacity=SESSIONS,
        _frontend=False,  # or Gradio ends the app where its own first page takes over three seconds
        ssr_mode=False,
    )
