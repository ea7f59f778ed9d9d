"""A run as one HTML page that needs nothing else: ``python -m train.fit report RUN`` writes ``RUN/report.html``.

It reads ``config.json``, ``metrics.csv`` and, once the training has ended, ``scores.json`` and ``predictions.csv``.
"""

from __future__ import annotations

import argparse
import base64
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from scipy.stats import binomtest

from train.errors import RunError, read_object
from train.fit import history, scores
from train.fit.scores import Predictions, Scores
from train.measure import plots

TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Image:
    """A plot for the page: a data address, and what it shows in words."""

    data: str
    alt: str


def drawn(plot: Callable[..., None], *args: Any, alt: str) -> Image:
    """What one of `measure.plots` draws, as an SVG within an address. An image runs no script and loads nothing."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "plot.svg"
        plot(*args, path)
        return Image("data:image/svg+xml;base64," + base64.b64encode(path.read_bytes()).decode(), alt)


def interval(correct: int, pictures: int) -> tuple[float, float, float]:
    """A share with its 95 % interval: Wilson's score interval, which stays within [0, 1] and holds for few pictures."""
    found = binomtest(correct, pictures).proportion_ci(0.95, method="wilson")
    return correct / pictures, float(found.low), float(found.high)


def _accuracy(s: Scores) -> tuple[float, float, float]:
    return interval(s.confusion[0][0] + s.confusion[1][1], s.pictures)


def _split(name: str, figures: Mapping[str, Any], predictions: Predictions) -> dict[str, Any]:
    """What the page shows of one split."""
    overall = Scores.from_json(figures["overall"])
    sources = {source: Scores.from_json(s) for source, s in figures["sources"].items()}
    labels, probabilities = predictions.labels, predictions.probabilities
    (tn, fp), (fn, tp) = overall.confusion

    def bars(path: Path) -> None:
        plots.source_bars({s: _accuracy(each) for s, each in sources.items()}, path, "Accuracy by source")

    curve = {name: (labels, probabilities)}
    return {
        "name": name,
        "overall": overall,
        "sources": sources,
        "confusion": drawn(
            plots.confusion,
            overall.confusion,
            alt=f"{tn} real called real, {fp} real called fake, {fn} fake called real, {tp} fake called fake",
        ),
        "bars": drawn(bars, alt=f"Accuracy of {len(sources)} sources; the table above has the numbers"),
        "roc": None if overall.auc is None else drawn(plots.roc, curve, alt=f"ROC curve, AUC {overall.auc:.3f}"),
        "reliability": drawn(
            lambda path: plots.reliability(labels, probabilities, path),
            alt=f"Reliability diagram of {overall.pictures} pictures; they are fake in {np.mean(labels):.0%} of cases",
        ),
    }


def _flat(data: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Keys and values for the table of the configuration, ``augment.flip`` and the like."""
    for key, value in data.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value if isinstance(value, str) else json.dumps(value)


def report(run: Path) -> str:
    """The page for a run's folder. Raises RunError where it is none, or what it holds does not belong together."""
    config, epochs = read_object(run / "config.json"), history.load(run / "metrics.csv")
    figures: dict[str, Any] = {"threshold": None, "splits": {}}
    predictions: dict[str, Predictions] = {}
    if (run / "scores.json").is_file():
        figures = read_object(run / "scores.json")
        predictions = {p.split: p for p in scores.load(run / "predictions.csv")}
    best = min(epochs, key=lambda e: e.validation_loss) if epochs else None
    page = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    ).get_template("report.html")
    try:
        return page.render(
            config=config,
            corpus=config["corpus"],
            keys=list(_flat({k: v for k, v in config.items() if k != "corpus"})),
            history=epochs,
            best=best,
            curves=drawn(
                plots.training_results,
                epochs,
                alt=f"Loss and accuracy of {len(epochs)} epochs; the table has the numbers",
            ),
            threshold=figures["threshold"],
            splits=[_split(name, each, predictions[name]) for name, each in figures["splits"].items()],
        )
    except (KeyError, TypeError) as error:
        raise RunError(
            f"the files in {run} do not belong together ({error}): end the training, then try again"
        ) from error


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0] if __doc__ else None)
    parser.add_argument("run", type=Path, help="folder that train.fit has written")
    parser.add_argument("--out", type=Path, help="HTML file to write; report.html in the run's folder without")
    args = parser.parse_args()
    out = args.out or args.run / "report.html"
    out.write_text(report(args.run), encoding="utf-8")
    print(out)
