"""The labelled pool, decoded once into one file and read from there ever after."""

from __future__ import annotations

import json
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from train.pool import Row, shrunk
from train.reuse import listed, made_from
from unfake.detector.views import Pixels, ViewRule


def _decode(task: tuple[Row, ViewRule]) -> Pixels | None:
    row, rule = task
    try:
        image = row.open()
    except (OSError, ValueError, SyntaxError) as error:
        print(f"left out: {row.path}: {error}", flush=True)
        return None
    return shrunk(image, rule.long_side)


class PixelStore:
    """Decoded pictures, shrunk as the view rule says, end to end in one memory-mapped file."""

    def __init__(self, folder: Path) -> None:
        """Open a store that `build` has written."""
        self.entries: list[dict[str, object]] = json.loads((folder / "entries.json").read_text())
        self._bytes: NDArray[np.uint8] = np.memmap(folder / "pixels.bin", dtype=np.uint8, mode="r")

    def __getitem__(self, index: int) -> Pixels:
        """Pixels uint8 ``[H, W, 3]`` of entry ``index``."""
        entry = self.entries[index]
        start, height, width = int(entry["start"]), int(entry["height"]), int(entry["width"])  # type: ignore[call-overload]
        return self._bytes[start : start + height * width * 3].reshape(height, width, 3)

    @classmethod
    def build(cls, rows: list[Row], rule: ViewRule, folder: Path, workers: int = 2) -> PixelStore:
        """Decode ``rows`` into ``folder``, or open what is there; raises RunError if other rows or views made that."""
        made_from(folder, {"pictures": listed(rows), "views": rule.to_json()})
        done = folder / "done"
        if done.is_file():
            return cls(folder)
        entries, start = [], 0
        with (folder / "pixels.bin").open("wb") as out, ProcessPoolExecutor(workers) as pool:
            for row, pixels in zip(rows, pool.map(_decode, ((r, rule) for r in rows), chunksize=8), strict=True):
                if pixels is None:
                    continue
                out.write(pixels.tobytes())
                height, width = pixels.shape[:2]
                entries.append(
                    {
                        "source": row.source,
                        "label": row.label,
                        "name": row.name,
                        "start": start,
                        "height": height,
                        "width": width,
                    }
                )
                start += pixels.size
        (folder / "entries.json").write_text(json.dumps(entries))
        done.touch()
        return cls(folder)
