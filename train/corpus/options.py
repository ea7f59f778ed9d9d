"""The options of one source, read key by key: each checked, none unknown, none forgotten."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from train.errors import ConfigError
from train.meant import did_you_mean


class Options:
    """The ``options`` of ``where`` (as in ``source "faces"``), each read once.

    A key that has a default may be absent or null. Every method raises ConfigError with the key and what it has to be.
    """

    def __init__(self, where: str, options: dict[str, Any]) -> None:
        self._where, self._left = where, dict(options)
        self._known: list[str] = []

    def wrong(self, key: str, expected: str) -> ConfigError:
        """The error for a key whose value is not as expected."""
        return ConfigError(f"{self._where}: '{key}' has to be {expected}")

    def take(self, key: str, default: Any = ...) -> Any:
        """Whatever stands there, unchecked."""
        self._known.append(key)
        value = self._left.pop(key, None)
        if value is not None:
            return value
        if default is ...:
            raise ConfigError(f"{self._where}: '{key}' is missing")
        return default

    def text(self, key: str, default: Any = ..., *, choices: Collection[str] = ()) -> str:
        """A text, one of ``choices`` where there are any."""
        value = self.take(key, default)
        if not isinstance(value, str) or (choices and value not in choices):
            raise self.wrong(key, f"one of {', '.join(choices)}" if choices else "a text")
        return value

    def integer(self, key: str, default: Any = ..., *, least: int = 0, most: int = 2**53) -> int:
        """A whole number from ``least`` to ``most``."""
        value = self.take(key, default)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise self.wrong(key, f"a whole number {_between(least, most, 2**53)}")
        return value

    def number(self, key: str, default: Any = ..., *, least: float, most: float) -> float:
        """A number from ``least`` to ``most``."""
        value = self.take(key, default)
        if not isinstance(value, int | float) or isinstance(value, bool) or not least <= value <= most:
            raise self.wrong(key, f"a number {_between(least, most, float('inf'))}")
        return float(value)

    def numbers(self, key: str, default: list[float], *, least: float, most: float) -> tuple[float, ...]:
        """A list of numbers from ``least`` to ``most``, not empty."""
        values = self.take(key, default)
        valid = isinstance(values, list) and all(
            isinstance(v, int | float) and not isinstance(v, bool) and least <= v <= most for v in values
        )
        if not valid or not values:
            raise self.wrong(key, f"a list of numbers {_between(least, most, float('inf'))}")
        return tuple(float(v) for v in values)

    def texts(self, key: str, default: list[str]) -> list[str]:
        """A list of texts, perhaps an empty one."""
        value = self.take(key, default)
        if value != [] and not _is_texts(value):
            raise self.wrong(key, "a list of texts")
        return list(value)

    def path(self, key: str, base: Path) -> Path:
        """A path, taken from ``base`` where it is relative."""
        return base / Path(self.text(key)).expanduser()

    def lists(self, key: str) -> dict[str, list[str]]:
        """An object of lists of texts, none of them empty."""
        value = self.take(key)
        if not isinstance(value, dict) or not value or not all(_is_texts(texts) for texts in value.values()):
            raise self.wrong(key, "an object in which every name has a list of texts")
        return value

    def done(self) -> None:
        """Raise ConfigError if there is a key that nobody has read."""
        if self._left:
            first = min(self._left)
            raise ConfigError(f"{self._where}: unknown key {first!r}: {did_you_mean(first, self._known)}")


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(text, str) and text.strip() for text in value)


def _between(least: float, most: float, endless: float) -> str:
    return f"of {least:,} or more" if most == endless else f"from {least:,} to {most:,}"
