"""What a scan goes over, by what checkpoint, in what pieces: fixed when it begins, and the same when it is taken up."""

from __future__ import annotations

import json
import secrets
from dataclasses import asdict, dataclass, field
from typing import Any

from unfake.errors import ScanError

SCHEMA = "unfake.scan/1"


@dataclass(frozen=True)
class Plan:
    """``asked``: the address that was given, without credentials; ``source``: the same with what was found in it, the
    column and commit of a dataset. ``checkpoint``: its `unfake.store.verdict_key`. ``size``: pictures of a part.

    ``total``: pictures of the source, None where that is not known. ``splits``: of a dataset's shards, the split and
    the number in it; empty where the shards are stretches of a list of files.
    """

    asked: str
    source: str
    checkpoint: str
    size: int
    total: int | None
    splits: tuple[tuple[str, int], ...] = ()
    id: str = field(default_factory=lambda: secrets.token_hex(16))

    def fits(self, asked: str, checkpoint: str) -> bool:
        """Whether this is a scan of that address by that checkpoint."""
        return (self.asked, self.checkpoint) == (asked, checkpoint)

    def to_json(self) -> str:
        """As it is kept."""
        return json.dumps({"schema": SCHEMA} | asdict(self), indent=1)

    @classmethod
    def from_json(cls, text: str | bytes) -> Plan:
        """A plan that was kept; raises ScanError."""
        try:
            found: dict[str, Any] = json.loads(text)
            if found.pop("schema") != SCHEMA:
                raise ScanError("The scan was begun by another version of UnFake: give another result.")
            return cls(**found | {"splits": tuple((split, index) for split, index in found["splits"])})
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ScanError("The note of what was scanned is damaged: give another result.") from error
