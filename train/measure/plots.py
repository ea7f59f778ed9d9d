"""Figures of a training and of measurements, as PNG or SVG by the path's ending.

Narrow, with large type, so that a phone shows them whole and legible. Blue and red are Paul Tol's "vibrant" ones,
which people with colour-blindness tell apart (Tol, Colour Schemes, SRON/EPS/TN/09-002, 2021); curves differ in their
dashes as well. Files are the same from run to run: no date, no random ids. Text stays text in an SVG.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import roc_curve

from train.fit.history import Epoch
from train.measure.metrics import Reliability, auc

BLUE, RED, GREY = "#0077BB", "#CC3311", "#6B6B6B"
_COLOURS = (BLUE, RED, "#009988", "#EE7733", "#33BBEE", "#EE3377")
_DASHES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)))
_WIDTH = 4.8  # inches: at 72 points an inch, about as many points as a phone is wide
_DPI = 160
_CURVE_POINTS = 400  # an ROC curve has a corner a picture; more than this the eye does not see

STYLE: Any = {
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 12,
    "figure.constrained_layout.use": True,
    "figure.constrained_layout.h_pad": 0.08,
    "figure.constrained_layout.w_pad": 0.08,
    "font.size": 11,
    "grid.alpha": 0.3,
    "legend.frameon": False,
    "savefig.facecolor": "white",
    "svg.fonttype": "none",
    "svg.hashsalt": "unfake",
    "text.parse_math": False,  # a "$" in a name is a "$"
}


@contextmanager
def figure(path: Path, width: float, height: float) -> Iterator[Figure]:
    """A figure of so many inches, written to ``path`` at the end of the block."""
    with mpl.rc_context(STYLE):
        made = Figure(figsize=(width, height))
        yield made
        if path.suffix == ".svg":
            made.savefig(path, format="svg", metadata={"Date": None, "Creator": None})
        else:
            made.savefig(path, dpi=_DPI, metadata={"Software": None})


def training_results(history: Sequence[Epoch], path: Path) -> None:
    """Loss and accuracy by epoch: training blue, validation red; the epoch with the lowest validation loss marked."""
    epochs = [e.epoch for e in history]
    with figure(path, _WIDTH, 6.0) as made:
        losses, accuracies = made.subplots(2, 1, sharex=True)
        for axes, title, pairs in (
            (losses, "Loss", [(e.train_loss, e.validation_loss) for e in history]),
            (accuracies, "Accuracy", [(e.train_accuracy, e.validation_accuracy) for e in history]),
        ):
            axes.set_title(title, loc="left")
            axes.plot(epochs, [p[0] for p in pairs], color=BLUE, marker="o", markersize=4, label="train")
            axes.plot(epochs, [p[1] for p in pairs], color=RED, marker="s", markersize=4, ls="--", label="validation")
        if history:
            best = min(history, key=lambda e: e.validation_loss)
            for axes in (losses, accuracies):
                axes.axvline(best.epoch, color=GREY, lw=1, ls=":")
            losses.annotate(
                f"best: epoch {best.epoch}",
                (best.epoch, 1), xycoords=("data", "axes fraction"), xytext=(0, 4), textcoords="offset points",
                ha="right" if best.epoch == epochs[-1] else "center", color=GREY,
            )  # fmt: skip
        accuracies.set_ylim(-0.02, 1.02)
        accuracies.set_xlabel("epoch")
        accuracies.xaxis.set_major_locator(MaxNLocator(integer=True))
        losses.legend()


def confusion(matrix: ArrayLike, path: Path) -> None:
    """Numbers ``[2, 2]`` of pictures: rows the true label, columns what it was called, real before fake."""
    counts = np.asarray(matrix)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    texts = np.array([f"{n:,}\n{s:.0%}" for n, s in zip(counts.flat, shares.flat, strict=True)]).reshape(2, 2)
    with figure(path, _WIDTH, 3.6) as made:
        axes = made.subplots()
        sns.heatmap(
            shares, annot=texts, fmt="", cmap="Blues", vmin=0, vmax=1, cbar=False, square=True, linewidths=2,
            xticklabels=["real", "fake"], yticklabels=["real", "fake"], annot_kws={"size": 14}, ax=axes,
        )  # fmt: skip
        axes.grid(False)
        axes.set(xlabel="called", ylabel="is")


def _thin(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if len(x) <= _CURVE_POINTS:
        return x, y
    kept = np.unique(np.linspace(0, len(x) - 1, _CURVE_POINTS).round().astype(int))
    return x[kept], y[kept]


def roc(curves: Mapping[str, tuple[ArrayLike, ArrayLike]], path: Path) -> None:
    """ROC curves by name, each of labels ``[N]`` (1 is fake) and scores ``[N]`` (higher is more fake).

    Raises ValueError for a curve with one label only, which has none.
    """
    with figure(path, _WIDTH, 4.6) as made:
        axes = made.subplots()
        axes.plot([0, 1], [0, 1], color=GREY, lw=1, ls=":", label="a coin toss")
        for number, (name, (labels, scores)) in enumerate(curves.items()):
            truth, values = np.asarray(labels, dtype=bool), np.asarray(scores)
            if truth.all() or not truth.any():
                raise ValueError(f"the curve {name} needs pictures of both labels")
            x, y, _ = roc_curve(truth, values)
            style: dict[str, Any] = {"color": _COLOURS[number % len(_COLOURS)], "ls": _DASHES[number % len(_DASHES)]}
            axes.plot(*_thin(x, y), label=f"{name}: AUC {auc(truth, values):.3f}", **style)
        axes.set(xlabel="share of real called fake", ylabel="share of fake called fake", aspect="equal")
        axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
        axes.legend(loc="lower right", fontsize=10)


def reliability(labels: ArrayLike, probabilities: ArrayLike, path: Path, bins: int = 10) -> None:
    """How often pictures of each predicted probability are fake, and how many pictures each bin holds.

    ``labels`` ``[N]``, ``probabilities`` of fake ``[N]``, ``bins`` of equal width. Shares and ECE are those of
    `metrics.Reliability`: as if there were as many fakes as reals.
    """
    found = Reliability.of(np.asarray(labels, dtype=bool), np.asarray(probabilities, dtype=float), bins)
    filled = found.count > 0
    mean_p, share = found.probability[filled] / found.weight[filled], found.fake[filled] / found.weight[filled]
    with figure(path, _WIDTH, 6.0) as made:
        upper, lower = made.subplots(2, 1, sharex=True, height_ratios=(2.4, 1))
        upper.plot([0, 1], [0, 1], color=GREY, lw=1, ls=":", label="perfect")
        upper.plot(mean_p, share, color=BLUE, marker="o", label=f"measured, ECE {found.error:.3f}")
        upper.set(ylabel="share that is fake,\nlabels weighed alike", ylim=(-0.02, 1.02), xlim=(-0.02, 1.02))
        upper.legend(loc="upper left")
        centres = (np.arange(bins) + 0.5) / bins
        bars = lower.bar(centres, found.count, width=0.9 / bins, color=BLUE)
        lower.bar_label(bars, labels=[f"{c:,}" for c in found.count], fontsize=9, padding=1)
        lower.set(xlabel="predicted probability of fake", ylabel="pictures")
        lower.yaxis.set_major_locator(MaxNLocator(4, integer=True))
        lower.margins(y=0.2)


def source_bars(
    values: Mapping[str, tuple[float, float, float]], path: Path, title: str, target: float | None = None
) -> None:
    """A bar a source, the highest on top: (value, low, high) of a share in [0, 1], with its interval.

    ``target``: where to draw a line. Sources whose value is NaN are left out.
    """
    kept = sorted(
        ((name, v) for name, v in values.items() if not np.isnan(v[0])), key=lambda item: (item[1][0], item[0])
    )
    with figure(path, _WIDTH, 1.2 + 0.34 * max(len(kept), 1)) as made:
        axes: Axes = made.subplots()
        places = np.arange(len(kept))
        middle = np.array([v[0] for _, v in kept])
        reach = np.array([(max(v - low, 0.0), max(high - v, 0.0)) for _, (v, low, high) in kept]).reshape(-1, 2).T
        axes.barh(places, middle, xerr=reach, color=BLUE, error_kw={"ecolor": "#333333", "elinewidth": 2}, height=0.7)
        axes.set_yticks(places, [name if len(name) <= 28 else f"{name[:27]}…" for name, _ in kept])
        for place, value in zip(places, middle, strict=True):
            axes.annotate(f"{value:.2f}", (1.03, place), va="center", size=10)
        if target is not None:
            axes.axvline(target, color=RED, ls="--", lw=1.5, label=f"target {target:g}")
            made.legend(loc="outside lower right", fontsize=10)
        axes.set_xlim(0, 1.16)
        axes.set_xticks(np.linspace(0, 1, 6))
        axes.grid(False, axis="y")
        axes.tick_params(axis="y", length=0)
        axes.set_title(title, loc="left")
