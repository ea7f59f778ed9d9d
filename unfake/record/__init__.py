"""The record of a check, to be kept: JSON for programs, one page of HTML for people."""

from unfake.record.figures import at_web, figures
from unfake.record.record import SCHEMA, Record

__all__ = ["SCHEMA", "Record", "at_web", "figures"]
