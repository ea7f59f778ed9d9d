"""Many pictures at once on the page: a table that grows, and the same as files."""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from unfake.services import Answer, Services
from unfake.ui import grid, overlay
from unfake.ui.template import message, render
from unfake.web.limits import UPLOAD_FILES

REDRAW = 0.5  # seconds between two drawings of the table
THUMBNAIL = 72  # px on the long side
CHOOSE = ("#picture", "Choose a picture")  # the field for files, which page.js opens
MOST = UPLOAD_FILES  # pictures of one batch on the page; the command line takes more


def answers(services: Services, paths: Sequence[Path], names: Sequence[str], visitor: str) -> Iterator[str]:
    """The table so far, again and again; the last one is whole. ``names``: what the files are called by their owner."""
    found: list[Answer] = []
    drawn = time.monotonic()
    for answer in services.classify_batch(paths, visitor, names):
        if len(found) == MOST:
            yield table(found, f"The page stops after {MOST} pictures; the command line goes on.", finished=True)
            return
        found.append(answer)
        if time.monotonic() - drawn > REDRAW:
            drawn = time.monotonic()
            yield table(found, "", finished=False)
    if not found:
        yield message("No picture there", "That ZIP file holds no picture of a known kind.", CHOOSE, error=True)
        return
    (first, *others) = found
    if first.error and not others:
        yield message("Not classified", f"{PurePosixPath(first.name).name}: {first.error}", CHOOSE, error=True)
        return
    yield table(found, "", finished=True)


def table(found: Sequence[Answer], note: str, *, finished: bool) -> str:
    """The answers as a table that can be sorted, with CSV and JSON once it is whole."""
    files = []
    if finished:
        rows = [{"name": a.name, "report": a.report and a.report.to_json(), "error": a.error} for a in found]
        files = [
            ("CSV", "text/csv", "unfake.csv", "\ufeff" + _csv(found)),
            ("JSON", "application/json", "unfake.json", json.dumps(rows, indent=1)),
        ]
    counts = grid.counted(answer.report.label if answer.report else None for answer in found)
    thumbnails = [
        overlay.preview(answer.thumbnail, THUMBNAIL) if answer.thumbnail is not None else None for answer in found
    ]
    return render(
        "batch",
        answers=found,
        thumbnails=thumbnails,
        summary=". ".join(filter(None, (counts.replace("could not be fetched", "could not be read"), note))),
        files=files,
        finished=finished,
    )


def _csv(found: Sequence[Answer]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL)
    writer.writerow(Answer.COLUMNS)
    writer.writerows(answer.cells() for answer in found)
    return out.getvalue()
