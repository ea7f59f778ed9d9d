"""UnFake without a screen: ``python -m unfake classify PATH… [--json|--csv] [--report FILE]``.

Each PATH is a picture, a folder, or a ZIP file; with --report it is one picture, whose record is written. Exit
status: 0 if all pictures are real or inconclusive, 1 if some are likely AI or say that they are, 2 if some could not be
read, or nothing could be done at all; 130 after Ctrl-C.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TextIO

from unfake.errors import status
from unfake.judgement import AI, Ground
from unfake.report import percent
from unfake.services import Answer, Services
from unfake.settings import Settings

ALL_REAL, SOME_AI, SOME_UNREAD = 0, 1, 2

Row = Callable[[Answer], None]


def main(arguments: Sequence[str] | None = None, out: TextIO | None = None) -> int:
    """Run the command; gives the exit status."""
    out = out or sys.stdout
    parser = argparse.ArgumentParser(prog="python -m unfake", description=__doc__, allow_abbrev=False)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    classify = commands.add_parser("classify", help="say of pictures whether they are AI-generated")
    classify.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="picture, folder or ZIP file")
    form = classify.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="one JSON object a line: name, report, error")
    form.add_argument("--csv", action="store_true", help="a table with a header")
    classify.add_argument(
        "--report", type=Path, metavar="FILE", help="write the record of one picture there: a page, or JSON for *.json"
    )
    asked = parser.parse_args(arguments)
    if asked.report and len(asked.paths) != 1:
        parser.error("--report takes one picture")
    row = _json_row(out) if asked.json else _csv_row(out) if asked.csv else _text_row(out)
    return status(lambda: _classify(asked.paths, asked.report, row), failed=SOME_UNREAD)


def _classify(paths: Sequence[Path], record: Path | None, row: Row) -> int:
    services = Services(Settings.from_env(dotenv=Path(".env")))
    if services.checkpoint.notice:
        sys.stderr.write(f"{services.checkpoint.notice}\n")
    if record:
        return _status([_recorded(services, paths[0], record)], row)
    return _status(services.classify_batch(paths), row)


def _recorded(services: Services, picture: Path, out: Path) -> Answer:
    """Classify one picture and write its record to ``out``; raises UnfakeError and OSError."""
    found = services.classify_file(picture)
    record = services.record(found)
    text = json.dumps(record.to_json(), indent=2) if out.suffix.lower() == ".json" else record.to_html()
    out.write_text(text, encoding="utf-8")
    return Answer(str(picture), found.report, None)


def _status(answers: Iterable[Answer], row: Row) -> int:
    """Write each answer as it comes; gives the exit status of all."""
    status, count = ALL_REAL, 0
    for answer in answers:
        row(answer)
        count += 1
        if answer.report is None:
            status = SOME_UNREAD
        elif answer.report.label in AI:
            status = max(status, SOME_AI)
    if not count:
        sys.stderr.write("There is no picture there.\n")
        return SOME_UNREAD
    return status


def _text_row(out: TextIO) -> Row:
    def row(answer: Answer) -> None:
        report = answer.report
        if report is None:
            out.write(f"{_line(answer.name)}: {answer.error}\n")
        else:
            speaker = f", {report.checkpoint}" if report.ground is Ground.PIXELS else ""
            number = "" if report.probability is None else f", {percent(report.probability)} AI"
            out.write(f"{_line(answer.name)}: {report.headline} ({report.ground.value}{speaker}{number})\n")
            if report.warning:
                out.write(f"  {_line(report.warning)}\n")
        out.flush()

    return row


def _json_row(out: TextIO) -> Row:
    def row(answer: Answer) -> None:
        report = answer.report and answer.report.to_json()
        out.write(json.dumps({"name": answer.name, "report": report, "error": answer.error}) + "\n")
        out.flush()

    return row


def _csv_row(out: TextIO) -> Row:
    writer = csv.writer(out, quoting=csv.QUOTE_ALL)
    writer.writerow(Answer.COLUMNS)

    def row(answer: Answer) -> None:
        writer.writerow(answer.cells())
        out.flush()

    return row


def _line(text: str) -> str:
    """Text on one line that every terminal and file can hold."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


if __name__ == "__main__":
    sys.exit(main())
