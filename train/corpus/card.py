"""The data card: ``README.md`` of a corpus, made from its ``summary.json``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from huggingface_hub import DatasetCardData

from train.corpus.dedupe.near import DETAIL_RATIO
from train.corpus.index import LABELS
from train.corpus.shards import write_text
from train.corpus.split import SPLITS
from train.corpus.summary import LEFT_OUT, UNREADABLE, read_summary
from train.errors import CorpusError

CARD = "README.md"
_SHOWN = 40  # categories
_WHY = {"unreadable": "unreadable", "exact": "exact copy", "near": "near duplicate", "conflict": "in conflict"}


def write_card(out: Path) -> None:
    """Write the card of the corpus in ``out``. Raises CorpusError where there is no summary to make it from."""
    summary = read_summary(out)
    if not summary:
        raise CorpusError(f"{out} holds no finished corpus: build it with python -m train.corpus build")
    write_text(out / CARD, card(summary))


def card(summary: dict[str, Any]) -> str:
    """Front matter for the Hub, and text."""
    total = sum(_count(source, label, split) for source in summary["sources"] for label in LABELS for split in SPLITS)
    data = DatasetCardData(
        pretty_name=summary["name"],
        license="other",
        task_categories=["image-classification"],
        size_categories=[_size(total)],
        tags=["deepfake-detection", "ai-generated-images", "real-or-fake"],
    )
    parts = [
        f"---\n{data.to_yaml()}\n---\n\n# {summary['name']}\n",
        f"{total:,} pictures, each labelled **real** (a photo) or **fake** (generated, or changed, by AI).\n",
        _columns(summary),
        _splits(summary),
        _files(summary),
        _left_out(summary),
        _licences(summary),
        _categories(summary),
    ]
    return "\n".join(parts)


def _size(total: int) -> str:
    """The Hub's name for this many rows."""
    steps = [(1_000, "1K"), (10_000, "10K"), (100_000, "100K"), (1_000_000, "1M"), (10_000_000, "10M")]
    below = "n"
    for limit, name in steps:
        if total < limit:
            return f"n<{name}" if below == "n" else f"{below}<n<{name}"
        below = name
    return "10M<n<100M"


def _count(source: dict[str, Any], label: str, what: str) -> int:
    return int(source["labels"].get(label, {}).get(what, 0))


def _table(head: list[str], rows: list[list[str]], text: int = 1) -> str:
    """Markdown; all but the first ``text`` columns are numbers."""
    lines = [head, ["---"] * text + ["---:"] * (len(head) - text), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _plain(text: str) -> str:
    """Text of a source, made safe for a table cell."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def _columns(summary: dict[str, Any]) -> str:
    how = summary["reencode"]
    if how is None:
        bytes_ = "The bytes of every file are as its source gave them."
    else:
        side = f"shrunk to {how['long_side']} px on the long side, " if how["long_side"] else ""
        bytes_ = (
            f"Every picture of both labels was turned upright, {side}and written as a JPEG of quality {how['quality']}."
        )
    return f"""## Columns

`image`, `label` (0 real, 1 fake), `source`, `category`, `group`, `sha256`, `credit`, `licence`. {bytes_} `sha256` is
that of the file before anything was done to it. Rows stand in the order of the sources: shuffle before training.
Pictures of one `group` belong together (a photo and the fakes made from it, frames, copies): never split a group.
"""


def _splits(summary: dict[str, Any]) -> str:
    rows = []
    for source in summary["sources"]:
        for label in source["labels"]:
            counts = [_count(source, label, split) for split in SPLITS]
            rows.append([source["name"], source["kind"], label, *(f"{n:,}" for n in (*counts, sum(counts)))])
    for label in LABELS:
        counts = [sum(_count(source, label, split) for source in summary["sources"]) for split in SPLITS]
        rows.append(["**all**", "", f"**{label}**", *(f"{n:,}" for n in (*counts, sum(counts)))])
    groups, tied = summary["groups"], summary["groups"] - summary["bundles"]
    shares = "/".join(f"{100 * share:g}" for share in summary["shares"].values())
    return f"""## Sources, labels and splits

{_table(["source", "kind", "label", *SPLITS, "all"], rows, 3)}
The splits are {shares} of each source and label, drawn by group with the seed {summary["seed"]}. Of {groups:,} groups
{tied:,} share copies or near duplicates with another one, and lie in the same split as it.
"""


def _files(summary: dict[str, Any]) -> str:
    rows = [
        [
            each["label"],
            each["format"],
            f"{each['pictures']:,}",
            f"{each['width']:.0f} × {each['height']:.0f}",
            f"{each['bytes'] / 1024:,.0f}",
            "" if each["jpeg_quality"] is None else f"{each['jpeg_quality']:.0f}",
        ]
        for each in summary["formats"]
    ]
    table = _table(["label", "format", "pictures", "mean size, px", "mean KB", "mean JPEG quality"], rows, 2)
    return f"## What the files alone tell\n\n{table}\n{_verdict(summary)}"


def _verdict(summary: dict[str, Any]) -> str:
    before, after = summary["header_auc"], summary["header_auc_written"]
    measure = (
        "a random forest that sees only width, height, aspect, format, JPEG quality, bits per pixel and whether there"
        " is EXIF, predicted out of fold by group"
    )
    if before is None:
        return f"There are too few groups to measure how well files alone tell the label ({measure}).\n"
    lines = [f"Header-only AUC of the original files: **{before:.3f}** ({measure})."]
    if after is not None:
        lines.append(f"Of the files as they were written here: **{after:.3f}**.")
    lines.append(
        "0.5 means that files say nothing about the label. Near 1 means that files alone tell it: a network trained on"
        " them as they are can score as high without looking at a picture, so give both labels the same resizing,"
        " cropping and JPEG compression first, and do not trust a score that was measured on such files."
    )
    return "\n".join(lines) + "\n"


def _left_out(summary: dict[str, Any]) -> str:
    rows = [
        [source["name"], label, *(f"{_count(source, label, what):,}" for what in _WHY)]
        for source in summary["sources"]
        for label in source["labels"]
        if any(_count(source, label, what) for what in _WHY)
    ]
    table = _table(["source", "label", *_WHY.values()], rows, 2) if rows else "Nothing.\n"
    distance = summary["near_distance"]
    near = (
        "Near duplicates were not looked for."
        if distance is None
        else f"Near duplicates are at most {distance} of 64 bits of a perceptual hash and"
        f" {DETAIL_RATIO * distance} of 256 bits of a difference hash apart; of those the first stays."
    )
    return f"""## What was left out

{table}
{near} A file with both labels is in conflict, and so are near duplicates with both labels that are not of one group:
one of the labels is probably wrong, so all of them are left out. `{LEFT_OUT}` and `{UNREADABLE}`, beside this file
where the corpus was built, name each picture.
"""


def _licences(summary: dict[str, Any]) -> str:
    rows = [
        [source["name"], _plain(each["licence"]) or "not stated", f"{each['pictures']:,}", f"{each['credits']:,}"]
        for source in summary["sources"]
        for each in source["licences"]
    ]
    return f"""## Licences and credits

{_table(["source", "licence", "pictures", "different credits"], rows, 2)}
Each picture's credit and licence stand in its row. They are what its source states; a licence on a collection often
does not cover what is in it, and says nothing about the people who are shown.
"""


def _categories(summary: dict[str, Any]) -> str:
    found = summary["categories"]
    rows = [[_plain(each["category"]) or "(none)", f"{each['real']:,}", f"{each['fake']:,}"] for each in found[:_SHOWN]]
    table = _table(["category", *LABELS], rows)
    more = f"\nThe {_SHOWN} largest; there are more.\n" if len(found) > _SHOWN else ""
    return f"## Categories\n\n{table}{more}"
