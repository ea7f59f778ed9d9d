"""Sources in, one `datasets.DatasetDict` out. A build that was stopped, killed or failed goes on where it was.

::

    prepare     each source brings what is not on this machine yet, into its own folder     collect.py
    list        what the sources have now, in order                                         collect.py
    scan        each picture opened once: hashes, header, does it decode                    collect.py
    decide      exact and near duplicates out, groups tied, splits drawn                    decide.py
    write       shard by shard                                                              write.py
    describe    what was left out and why, and the data card                                summary.py, card.py

What takes long (bringing, opening, writing) is kept picture by picture and shard by shard in ``work/``, each under what
it was made from; the rest takes seconds and is done anew. So a change of the configuration costs what depends on it.
"""

from __future__ import annotations

from pathlib import Path

from train.corpus.card import write_card
from train.corpus.collect import Place, list_pictures, prepare, scan
from train.corpus.config import CorpusConfig
from train.corpus.decide import decide
from train.corpus.index import Index
from train.corpus.shards import DONE
from train.corpus.summary import check_sources, summarise, write_left_out, write_summary, write_unreadable
from train.corpus.write import write
from train.errors import CorpusError

WORK = "work"


def build(config: CorpusConfig, out: Path, workers: int = 2) -> None:
    """Build the corpus in ``out``; ``datasets.load_from_disk`` loads it from there.

    Raises ConfigError, SourceError, CorpusError, and OSError (ENOSPC) where the disk is full.
    """
    places = [Place(each.open(), out / WORK / "sources" / each.name) for each in config.sources]
    if out.exists() and not (out / WORK).is_dir() and (not out.is_dir() or any(out.iterdir())):
        raise CorpusError(f"{out} holds something else already: name an empty folder, or one that a build began in")
    with Index(out / WORK / "index.sqlite") as index:
        prepare(places)
        list_pictures(places, index, workers)
        scan(index, workers)
        write_unreadable(index, out)
        check_sources(config, index, out)
        try:
            decide(config, index)
        finally:  # where it ends in an error, the table tells why
            write_left_out(index, out)
        fingerprint = write(config, index, places, out, workers)
        write_summary(summarise(config, index, out, fingerprint), out)
    write_card(out)
    print(f"done: datasets.load_from_disk({str(out)!r})")


def rewrite_card(out: Path) -> None:
    """Write the card of a finished corpus again. Raises CorpusError where there is none."""
    if not (out / DONE).is_file():
        raise CorpusError(f"{out} holds no finished corpus: build it with python -m train.corpus build")
    write_card(out)
