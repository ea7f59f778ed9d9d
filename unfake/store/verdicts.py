"""What was said of a picture by one checkpoint on one runtime: one row each, with nothing that says who asked."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import time
from dataclasses import dataclass

from unfake.detector.calibration import Label
from unfake.detector.checkpoint import Checkpoint
from unfake.detector.detector import Detection, Verdict
from unfake.evidence.heatmap import Heatmap
from unfake.evidence.regions import Region
from unfake.store.transaction import transaction

PIPELINE = 5
"""Raise it when the way from a picture to its verdict changes in this code: older verdicts are then made anew."""

_LONGEST_DETECTION = 2**16  # characters of JSON; a heat map beyond (a strip of a panorama) is cheaper made anew

Key = tuple[str, str, str]
"""sha256 of the picture, `verdict_key` of the checkpoint, name of the runtime."""


def verdict_key(checkpoint: Checkpoint) -> str:
    """What to keep verdicts of a checkpoint under: its id, and a digest of its configuration.

    The id names the weights only; other thresholds, calibration or views on the same weights give another verdict.
    """
    config = json.dumps(checkpoint.config.to_json(), sort_keys=True)
    return f"{checkpoint.id}+{hashlib.sha256(config.encode()).hexdigest()[:12]}"


@dataclass
class VerdictRows:
    """The table ``verdicts``, of at most ``rows``. Every method raises sqlite3.Error."""

    rows: int

    def put(self, connection: sqlite3.Connection, key: Key, detection: Detection) -> None:
        """Keep one, over one under the same key; those not asked for the longest go where there are too many."""
        text = _write(detection)
        if len(text) > _LONGEST_DETECTION:
            return
        with transaction(connection):
            connection.execute("INSERT OR REPLACE INTO verdicts VALUES (?, ?, ?, ?, ?)", (*key, text, time.time_ns()))
            connection.execute(
                "DELETE FROM verdicts WHERE rowid IN "
                "(SELECT rowid FROM verdicts ORDER BY used DESC, rowid DESC LIMIT -1 OFFSET ?)",
                (self.rows,),
            )

    def get(self, connection: sqlite3.Connection, key: Key) -> Detection | None:
        """The one under a key; None where there is none that is of this pipeline and can be understood."""
        row = connection.execute(
            "SELECT detection FROM verdicts WHERE (sha256, checkpoint, runtime) = (?, ?, ?)", key
        ).fetchone()
        return None if row is None else _parse(row[0])

    def touch(self, connection: sqlite3.Connection, key: Key) -> None:
        """Note that one was asked for."""
        connection.execute(
            "UPDATE verdicts SET used = ? WHERE (sha256, checkpoint, runtime) = (?, ?, ?)", (time.time_ns(), *key)
        )


def _write(detection: Detection) -> str:
    verdict, heatmap = detection.verdict, detection.heatmap
    data = {
        "pipeline": PIPELINE,
        "label": verdict.label.value,
        "probability": verdict.probability,
        "reason": verdict.reason,
        "views": detection.views,
        "heatmap": heatmap.to_json() if heatmap else None,
        "regions": [[region.box, region.probability] for region in detection.regions],
        "portrait": detection.portrait,
    }
    return json.dumps(data, separators=(",", ":"))


def _parse(text: str) -> Detection | None:
    try:
        data = json.loads(text)
        if data["pipeline"] != PIPELINE:
            return None
        found = data["heatmap"]
        heatmap = found and Heatmap(found["rows"], found["columns"], tuple(tuple(row) for row in found["values"]))
        verdict = Verdict(Label(data["label"]), data["probability"], data["reason"])
        regions = tuple(Region(tuple(box), probability) for box, probability in data["regions"])
        return Detection(verdict, data["views"], heatmap, regions, data["portrait"])
    except (ValueError, KeyError, TypeError):
        return None
