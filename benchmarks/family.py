"""Memory of a process and all that it started (Linux: Pss, which counts what they share once)."""

from __future__ import annotations

import os
import threading
from pathlib import Path


def family(pid: int) -> list[int]:
    """The process and its descendants."""
    found = [pid]
    for each in found:
        for task in Path(f"/proc/{each}/task").glob("*/children"):
            try:
                found += map(int, task.read_text().split())
            except OSError:
                continue
    return found


def memory(pid: int) -> float:
    """MB of all together."""
    total = 0
    for each in family(pid):
        try:
            lines = Path(f"/proc/{each}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total / 1024


class Watch(threading.Thread):
    """Notes the peak until it is stopped. ``seconds``: between two looks; ``pid``: this process unless given."""

    def __init__(self, seconds: float = 0.02, pid: int | None = None) -> None:
        super().__init__(daemon=True)
        self.peak, self._over = 0.0, threading.Event()
        self._seconds, self._pid = seconds, pid or os.getpid()
        self.start()

    def run(self) -> None:
        """Look again and again."""
        while not self._over.wait(self._seconds):
            self.peak = max(self.peak, memory(self._pid))

    def stop(self) -> float:
        """The peak in MB."""
        self._over.set()
        self.join()
        return self.peak
