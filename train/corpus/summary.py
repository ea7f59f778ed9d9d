"""What there is to tell about a corpus: ``summary.json``, and two tables of what was left out."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Image, concatenate_datasets, load_from_disk
from numpy.typing import NDArray

from train.corpus.config import CorpusConfig
from train.corpus.dedupe.duplicates import Reason
from train.corpus.index import FACTS, LABELS, Index
from train.corpus.shards import write_text, writing_text
from train.corpus.split import SPLITS
from train.errors import CorpusError
from train.measure.headers import FEATURES, Header, header_auc

SUMMARY, LEFT_OUT, UNREADABLE = "summary.json", "left_out.csv", "unreadable.csv"
_KEPT = f"{FACTS} JOIN fate a ON a.position = l.position WHERE a.reason = {int(Reason.KEPT)}"
_MOST_CATEGORIES = 200
_MEASURED = 10_000  # pictures whose headers are read back after re-encoding


def write_unreadable(index: Index, out: Path) -> None:
    """``unreadable.csv``: source, key, reason."""
    rows = index.rows(
        f"SELECT l.source, l.key, f.problem FROM {FACTS} WHERE f.problem != '' ORDER BY l.position"  # noqa: S608
    )
    _write_csv(out / UNREADABLE, ("source", "key", "reason"), rows)


def write_left_out(index: Index, out: Path) -> None:
    """``left_out.csv``: source, key, label, reason, and the picture that it is a copy of or in conflict with."""
    query = (
        "SELECT l.source, l.key, l.label, a.reason, twin.source, twin.key FROM fate a"
        " JOIN listing l ON l.position = a.position LEFT JOIN listing twin ON twin.position = a.twin"
        " WHERE a.reason != ? ORDER BY a.position"
    )
    rows = (
        (source, key, LABELS[label], Reason(reason).name.lower(), *twin)
        for source, key, label, reason, *twin in index.rows(query, int(Reason.KEPT))
    )
    _write_csv(out / LEFT_OUT, ("source", "key", "label", "reason", "other_source", "other_key"), rows)


def _write_csv(path: Path, columns: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> None:
    with writing_text(path) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)


def check_sources(config: CorpusConfig, index: Index, out: Path) -> None:
    """Raise CorpusError for a source of which no picture can be read."""
    readable = dict(index.rows(f"SELECT l.source, sum(f.problem = '') FROM {FACTS} GROUP BY l.source"))  # noqa: S608  # type: ignore[arg-type]
    for source in config.sources:
        if not readable.get(source.name):
            raise CorpusError(f'no picture of the source "{source.name}" can be read: {out / UNREADABLE} says why')


def summarise(config: CorpusConfig, index: Index, out: Path, fingerprint: str) -> dict[str, Any]:
    """Counts by source, label, split and category, what was left out, licences, and the header-only AUC."""
    summary: dict[str, Any] = {
        "name": config.name,
        "fingerprint": fingerprint,
        "seed": config.seed,
        "shares": dict(zip(SPLITS, config.shares, strict=True)),
        "near_distance": config.near_distance,
        "reencode": vars(config.reencoding) if config.reencoding else None,
        "sources": _sources(config, index),
        "categories": _categories(index),
        "formats": _formats(index),
    }
    groups, bundles = next(index.rows(f"SELECT count(DISTINCT l.grp), count(DISTINCT a.tied) FROM {_KEPT}"))  # noqa: S608
    summary |= {"groups": groups, "bundles": bundles}
    before = read_summary(out)
    if before.get("fingerprint") == fingerprint and "header_auc" in before:
        return summary | {key: before[key] for key in ("header_auc", "header_auc_written")}
    return summary | _measure(config, index, out)


def _sources(config: CorpusConfig, index: Index) -> list[dict[str, Any]]:
    counts: dict[str, Counter[tuple[int, str]]] = {source.name: Counter() for source in config.sources}
    names = [reason.name.lower() for reason in Reason]
    query = (
        "SELECT l.source, l.label, a.reason, a.split, count(*) FROM listing l"
        " LEFT JOIN fate a ON a.position = l.position GROUP BY 1, 2, 3, 4"
    )
    for source, label, reason, split, count in index.rows(query):
        if reason is None:
            counts[source][label, "unreadable"] += count
        else:
            counts[source][label, SPLITS[split] if reason == Reason.KEPT else names[reason]] += count
    licences: dict[str, list[dict[str, Any]]] = {source.name: [] for source in config.sources}
    query = f"SELECT l.source, l.licence, count(*), count(DISTINCT l.credit) - max(l.credit = '') FROM {_KEPT}"  # noqa: S608
    for source, licence, count, people in index.rows(f"{query} GROUP BY 1, 2 ORDER BY 1, 3 DESC, 2"):
        licences[source].append({"licence": licence, "pictures": count, "credits": people})
    return [
        {
            "name": source.name,
            "kind": source.kind,
            "licences": licences[source.name],
            "labels": {
                label: {what: counts[source.name][number, what] for what in (*SPLITS, "unreadable", *names[1:])}
                for number, label in enumerate(LABELS)
                if any(counts[source.name][number, what] for what in (*SPLITS, "unreadable", *names[1:]))
            },
        }
        for source in config.sources
    ]


def _categories(index: Index) -> list[dict[str, Any]]:
    """The categories with the most pictures, each with its counts by label."""
    query = (
        f"SELECT l.category, sum(l.label = 0), sum(l.label = 1) FROM {_KEPT}"  # noqa: S608
        f" GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT {_MOST_CATEGORIES}"
    )
    return [{"category": name, "real": real, "fake": fake} for name, real, fake in index.rows(query)]


def _formats(index: Index) -> list[dict[str, Any]]:
    """Formats by label, with the mean size in px and bytes."""
    query = (
        "SELECT l.label, f.format, count(*), round(avg(f.width)), round(avg(f.height)), round(avg(f.bytes)),"  # noqa: S608
        f" round(avg(f.quality)) FROM {_KEPT} GROUP BY 1, 2 ORDER BY 1, 3 DESC, 2"
    )
    names = ("label", "format", "pictures", "width", "height", "bytes", "jpeg_quality")
    rows = (dict(zip(names, row, strict=True)) for row in index.rows(query))
    return [row | {"label": LABELS[row["label"]]} for row in rows]


def _measure(config: CorpusConfig, index: Index, out: Path) -> dict[str, float | None]:
    """The AUC by headers of the original files, and of what was written where that is something else."""
    (count,) = next(index.rows(f"SELECT count(*) FROM {_KEPT}"))  # noqa: S608
    vectors, fake, groups = (
        np.empty((count, len(FEATURES))),
        np.empty(count, dtype=bool),
        np.empty(count, dtype=np.int64),
    )
    columns = "l.label, a.tied, f.width, f.height, f.format, f.bytes, f.quality, f.exif"
    for row, (label, tied, *header) in enumerate(index.rows(f"SELECT {columns} FROM {_KEPT} ORDER BY l.position")):  # noqa: S608
        vectors[row], fake[row], groups[row] = Header(*header).vector(), bool(label), tied
    found = {"header_auc": _rounded(header_auc(vectors, fake, groups)), "header_auc_written": None}
    if config.reencoding is not None:
        found["header_auc_written"] = _rounded(header_auc(*written_headers(out, _MEASURED)))
    return found


def written_headers(corpus: Path, most: int) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.int64]]:
    """Header vectors ``[N, 10]``, whether fake ``[N]``, and groups ``[N]`` of ``most`` pictures of a built corpus."""
    rows = concatenate_datasets(list(load_from_disk(str(corpus)).values())).cast_column("image", Image(decode=False))
    index = np.sort(np.random.default_rng(0).permutation(len(rows))[:most])
    chosen = rows.select(index)
    vectors = np.array([Header.of(row["image"]["bytes"]).vector() for row in chosen])
    _, groups = np.unique(np.array(chosen["group"][:]), return_inverse=True)
    return vectors, np.array(chosen["label"][:], dtype=bool), groups


def _rounded(auc: float | None) -> float | None:
    return None if auc is None else round(auc, 3)


def write_summary(summary: dict[str, Any], out: Path) -> None:
    """Write ``summary.json``."""
    write_text(out / SUMMARY, json.dumps(summary, indent=2, ensure_ascii=False) + "\n")


def read_summary(out: Path) -> dict[str, Any]:
    """What `write_summary` wrote, or nothing where it is not there or damaged."""
    try:
        found = json.loads((out / SUMMARY).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
