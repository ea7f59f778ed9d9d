"""A history as a file that a spreadsheet opens, and runs nothing of."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable

from unfake.store.history import HistoryEntry
from unfake.store.text import storable

# OWASP, CSV Injection, https://owasp.org/www-community/attacks/CSV_Injection: a cell that begins with = + - @ (also
# full-width), tab, CR or LF may run as a formula, and so may what follows a separator inside a cell, because the
# spreadsheet may separate by another character than the file. NUL: OWASP ASVS 5.0, 1.2.10.
_FORMULA = re.compile("(?:^|[;,\t\r\n])(?=[\\s\0]*[=+\\-@\uff1d\uff0b\uff0d\uff20])|^(?=[\t\r\n\0])")
_COLUMNS = ("when_utc", "name", "label", "probability_of_fake", "action", "checkpoint", "sha256")


def history_csv(entries: Iterable[HistoryEntry]) -> str:
    """A history as CSV (RFC 4180, with a header), every cell quoted and no cell a formula to a spreadsheet.

    Source of the rule: OWASP, CSV Injection. Save it as ``utf-8-sig`` for Excel to read the names right.

    >>> from unfake.detector.calibration import Label
    >>> entry = HistoryEntry("2026-03-01T10:00:00+00:00", "ab", "=1+1", Label.LIKELY_REAL, 0.5, "net@1", "classified")
    >>> history_csv([entry]).splitlines()[1]
    '"2026-03-01T10:00:00+00:00","\\'=1+1","likely_real","0.5000","classified","net@1","ab"'
    """
    file = io.StringIO(newline="")
    writer = csv.writer(file, quoting=csv.QUOTE_ALL)
    writer.writerow(_COLUMNS)
    for entry in entries:
        probability = "" if entry.probability is None else f"{entry.probability:.4f}"
        cells = (entry.when, entry.name, entry.label, probability, entry.action, entry.checkpoint, entry.sha256)
        writer.writerow(map(spreadsheet_cell, cells))
    return file.getvalue()


def spreadsheet_cell(text: str) -> str:
    """Text that no spreadsheet runs as a formula, and that UTF-8 can hold.

    >>> spreadsheet_cell("=1+1")
    "'=1+1"
    """
    return _FORMULA.sub(lambda found: found.group() + "'", storable(text))
