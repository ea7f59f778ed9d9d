"""UnFake without a screen: ``python -m unfake classify PATH…`` and ``python -m unfake scan SOURCE --out FILE``.

Exit status of both: 0 if all pictures are real or inconclusive, 1 if some are likely AI or say that they are, 2 if some
could not be read, or nothing could be done at all; 130 after Ctrl-C.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TextIO

from unfake.errors import ended, status

if __name__ == "__main__":
    sys.excepthook = ended  # before the imports that take seconds

from unfake.judgement import AI, Ground
from unfake.report import percent
from unfake.scan import run as scans
from unfake.services import Answer, Services
from unfake.settings import Settings

ALL_REAL, SOME_AI, SOME_UNREAD = 0, 1, 2

EXIT_STATUS = f"Exit status: {' '.join(__doc__.split('Exit status of both: ')[1].split())}"

Row = Callable[[Answer], None]


def main(arguments: Sequence[str] | None = None, out: TextIO | None = None) -> int:
    """Run the command; gives the exit status."""
    out = out or sys.stdout
    parser = argparse.ArgumentParser(prog="python -m unfake", description=__doc__, allow_abbrev=False)
    commands = parser.add_subparsers(required=True, dest="command", metavar="COMMAND")
    classify = commands.add_parser(
        "classify",
        help="say of pictures whether they are AI-generated",
        description="Each PATH is a picture, a folder, or a ZIP file; with --report it is one picture, whose record is "
        "written.",
        epilog=EXIT_STATUS,
    )
    classify.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="picture, folder or ZIP file")
    form = classify.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="one JSON object a line: name, report, error")
    form.add_argument("--csv", action="store_true", help="a table with a header")
    classify.add_argument(
        "--report", type=Path, metavar="FILE", help="write the record of one picture there: a page, or JSON for *.json"
    )
    scan = commands.add_parser(
        "scan",
        help="the same for a whole folder, dataset or bucket, into a Parquet file; goes on after a stop",
        description="SOURCE is a folder, an address for fsspec (s3://bucket/pictures, gs://…, hf://…), or a dataset of "
        "the Hugging Face Hub or in a folder: hf:OWNER/NAME[?config=…&split=…&column=…&revision=…]. What is done is "
        "kept in a folder beside the result until all is there.",
        epilog=EXIT_STATUS,
    )
    scan.add_argument("source", metavar="SOURCE")
    scan.add_argument("--out", type=Path, required=True, metavar="FILE", help="the result, say results.parquet")
    scan.add_argument(
        "--engine", choices=scans.ENGINES, default=scans.ENGINES[0], help="this machine (default), or a Ray cluster"
    )
    scan.add_argument(
        "--part",
        type=_pictures,
        default=scans.PART,
        metavar="N",
        help=f"pictures kept at a time, {scans.PART} by default",
    )
    asked = parser.parse_args(arguments)
    if asked.command == "scan":
        return status(lambda: _scan(asked.source, asked.out, asked.engine, asked.part), failed=SOME_UNREAD)
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


def _scan(source: str, out: Path, engine: str, size: int) -> int:
    found = scans.scan(source, out, Settings.from_env(dotenv=Path(".env")), sys.stderr, engine=engine, size=size)
    counts = ", ".join(f"{count:,} {label}" for label, count in sorted(found.labels.items()))
    sys.stderr.write(f"{found.rows:,} pictures in {out.name}: {counts or 'no verdict'}, {found.unread:,} unread\n")
    if found.unread or not found.rows:
        return SOME_UNREAD
    return SOME_AI if AI & found.labels.keys() else ALL_REAL


def _pictures(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError
    return number


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
