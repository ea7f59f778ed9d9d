"""Packages that only a scan needs."""

from __future__ import annotations

from importlib.util import find_spec

from unfake.errors import ScanError


def need(*packages: str) -> None:
    """Raise ScanError with what to install where one of the packages is not there."""
    missing = [name for name in packages if find_spec(name) is None]
    if missing:
        raise ScanError(f"This scan needs {' and '.join(missing)}: pip install -r requirements-scan.txt")
