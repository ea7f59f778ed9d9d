"""What a scan adds to the bare classifications: ``python -m benchmarks.scan``.

Thirty results of the local Unsplash (no network delay) are scanned as the Gallery does it, fetching included, and
compared with the sum of classifying the same bytes one after the other. The store of verdicts is left out of both,
since the local Unsplash shows some pictures twice.
"""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.servers.unsplash import KEY, Unsplash
from unfake import intake
from unfake.detector.detector import Detection
from unfake.intake import Source
from unfake.services import Services, load_detector
from unfake.settings import Settings
from unfake.store import VerdictStore

RESULTS, ROUNDS = 30, 5


class ForgetfulStore(VerdictStore):
    """Knows no verdict, so that each is made anew."""

    def get(self, sha256: str, checkpoint_id: str, runtime: str) -> Detection | None:
        """Nothing."""
        return None


def main() -> None:
    """Print the two times and their ratio, the median of several rounds."""
    with Unsplash(limit=5000) as unsplash, TemporaryDirectory() as cache:
        settings = Settings(unsplash_key=KEY, unsplash_url=unsplash.url, cache=Path(cache), device="cpu")
        detector = load_detector(settings)
        services = Services(settings, lambda _: detector)
        services.store = ForgetfulStore(None)
        photos = services.search("photo", per_page=RESULTS).photos
        files = [services.catalog.read(photo) for photo in photos]

        def bare() -> float:
            started = time.perf_counter()
            for data in files:
                detector.detect(intake.from_bytes(data, Source("unsplash", "x")).pixels)
            return time.perf_counter() - started

        def scan() -> float:
            started = time.perf_counter()
            assert all(check.report for check in services.scan(photos))  # noqa: S101 - a broken scan is no figure
            return time.perf_counter() - started

        bare()
        pairs = [(bare(), scan()) for _ in range(ROUNDS)]
    ratio = statistics.median(s / b for b, s in pairs)
    print(
        f"{len(photos)} results, median of {ROUNDS} rounds: bare {statistics.median(b for b, _ in pairs):.2f} s, ",
        end="",
    )
    print(f"scan {statistics.median(s for _, s in pairs):.2f} s, ratio {ratio:.2f}")


if __name__ == "__main__":
    main()
