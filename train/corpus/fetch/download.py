"""Bring many files over http(s), several at a time, so that a run that was stopped goes on where it was.

What is to be brought stands in a `Journal`: each item's plan has the ``address`` and the ``file`` (relative to the
folder). A file gets its name only when it is whole, so that one that is there need not be asked for again.
"""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

from tqdm import tqdm

from train.corpus.fetch.fetcher import Fetcher, Pace, Result, Stopped
from train.corpus.fetch.journal import Item, Journal
from train.errors import SourceError

MOST_IN_A_ROW = 10  # failures before it is the server and not the pictures

log = logging.getLogger(__name__)


def download(
    journal: Journal, folder: Path, *, workers: int, per_second: float, retries: int, backoff: float = 1.0
) -> None:
    """Bring what the journal has to do into ``folder``, with ``workers`` threads and ``per_second`` requests at most.

    Pictures that are gone (404, 410) are left out, those that fail are tried again in the next runs.

    Raises:
        SourceError: the connection was lost, or the server does not want this. What has come stays.
    """
    lost = [item.key for item in journal.items("done") if not (folder / item.plan["file"]).is_file()]
    for key in lost:
        journal.settle(key, "waiting")
    counts = journal.counts()
    done, total = counts.get("done", 0), sum(counts.values()) - counts.get("left_out", 0)
    fetcher = Fetcher(folder, Pace(per_second), retries=retries, backoff=backoff)
    in_a_row, stop = 0, ""
    with (
        tqdm(total=total, initial=done, unit="picture", disable=None) as bar,
        closing(_results(fetcher, _missing(journal, folder, bar), workers)) as results,
    ):
        for result in results:
            if result.bytes:
                journal.settle(result.item.key, "done", bytes=result.bytes)
                in_a_row = 0
            elif result.reason:
                journal.settle(result.item.key, "left_out" if result.gone else "failed", reason=result.reason)
                in_a_row = 0 if result.gone else in_a_row + 1
            bar.update(bool(result.bytes))
            stop = stop or result.stop
            if in_a_row >= MOST_IN_A_ROW and not stop:
                host = urlsplit(result.item.plan["address"]).hostname
                stop = f"{host} gave none of the last {in_a_row} pictures (the last: {result.reason})"
            if stop:
                fetcher.stopped.set()
    counts = journal.counts()
    if stop:
        so_far = f"{counts.get('done', 0):,} of {total:,} pictures"
        raise SourceError(f"{stop} after {so_far}: run the same command again, it goes on from there")
    if counts.get("failed", 0):
        reason = next(journal.items("failed")).outcome["reason"]
        log.warning("%d pictures could not be had (one of them: %s): run again to retry them", counts["failed"], reason)


def _missing(journal: Journal, folder: Path, bar: tqdm[None]) -> Iterator[Item]:
    """What has to be asked for. A file whose arrival a killed run had no time to note is noted now."""
    for item in journal.to_do():
        path = folder / item.plan["file"]
        if path.is_file():
            journal.settle(item.key, "done", bytes=path.stat().st_size)
            bar.update()
        else:
            yield item


def _results(fetcher: Fetcher, items: Iterator[Item], workers: int) -> Generator[Result, None, None]:
    """What became of the items, as they come. Once ``fetcher.stopped`` is set, only of those that are under way."""
    running: set[Future[Result]] = set()
    with ThreadPoolExecutor(workers, thread_name_prefix="download") as pool:
        try:
            while True:
                # A few more than there are threads, so that none has to wait for the journal.
                while len(running) < 2 * workers and not fetcher.stopped.is_set():
                    item = next(items, None)
                    if item is None:
                        break
                    running.add(pool.submit(fetcher.bring, item))
                if not running:
                    return
                ended, running = wait(running, return_when=FIRST_COMPLETED)
                for future in ended:
                    if not isinstance(future.exception(), Stopped):
                        yield future.result()
        finally:
            fetcher.stopped.set()
            wait(running)
            fetcher.close()
