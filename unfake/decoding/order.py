"""What the app asks the decoding process for."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from unfake.decoding.codec import Needed

_FORM = struct.Struct("<qqqqdd?")


@dataclass(frozen=True)
class Order:
    """Decode at most ``most_pixels`` in ``memory`` bytes, ``processor`` seconds of computing and ``seconds`` in all.

    ``slow``: at a lower priority than other processes.
    """

    most_pixels: int
    needed: Needed | None
    memory: int
    processor: float
    seconds: float
    slow: bool

    SIZE = _FORM.size

    def pack(self) -> bytes:
        """``SIZE`` bytes."""
        sides = (self.needed.long_side, self.needed.short_side) if self.needed else (0, 0)
        return _FORM.pack(self.most_pixels, *sides, self.memory, self.processor, self.seconds, self.slow)

    @classmethod
    def unpack(cls, data: bytes) -> Order:
        """The order that was packed."""
        most_pixels, long_side, short_side, memory, processor, seconds, slow = _FORM.unpack(data)
        needed = Needed(long_side, short_side) if long_side else None
        return cls(most_pixels, needed, memory, processor, seconds, slow)
