"""The record of a check, to be kept: JSON for programs, one page of HTML for people."""

from unfake.record.figures import figures
from unfake.record.record import SCHEMA, Record

__all__ = ["SCHEMA", "Record", "figures"]
