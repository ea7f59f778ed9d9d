"""Verdicts by picture, and what each visitor has checked: one SQLite file, shared by all workers.

What is kept: a verdict under the sha256 of the picture, with no pixels, no file name and no address; and the history
of a visitor, which has the name that they gave, under a sha256 of their key, for a number of days.
"""

from unfake.store.history import Action, HistoryEntry
from unfake.store.spreadsheet import history_csv, spreadsheet_cell
from unfake.store.store import VerdictStore
from unfake.store.verdicts import verdict_key

__all__ = ["Action", "HistoryEntry", "VerdictStore", "history_csv", "spreadsheet_cell", "verdict_key"]
