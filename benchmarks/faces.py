"""Do faces help the verdict? ``nice python -m benchmarks.faces POOL RUNS``.

RUNS holds, for each fold of ``train/configs/families.json``, ``FOLD/checkpoint``: a network that never saw the fold's
sources. The pictures are those that the protocol measures, at *web*: 40 of a source and label, or fewer. Of them count
those in which there is an upright face that is large enough to be read. Printed is the AUC of several scores, pooled
within each fold, as the mean over the folds, and by how much it is above that of the picture's own margin; both with
95 % intervals of a bootstrap over pictures (`train.measure.metrics`).
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from train.bundled.making import folded
from train.bundled.recipe import Recipe
from train.deliveries import DELIVERIES
from train.families import grouped
from train.measure.metrics import Judged, auc, mean_auc, mean_auc_gain
from train.measure.protocol import Protocol
from train.pool import Row, read_pool
from unfake.detector.checkpoint import load_folder
from unfake.detector.detector import Detector, obstacle
from unfake.detector.views import Pixels
from unfake.evidence.faces import LEAST_FACE, FaceDetector, read_faces

CONFIGS = Path(__file__).parent.parent / "train" / "configs"


@dataclass(frozen=True)
class Portrait:
    """A picture with faces: its own margin (fake logit minus real logit), and those of the squares around the faces."""

    fake: bool
    picture: float
    faces: tuple[float, ...]


def _weighed(share: float) -> Callable[[Portrait], float]:
    return lambda seen: (1 - share) * seen.picture + share * float(np.mean(seen.faces))


SCORES: Mapping[str, Callable[[Portrait], float]] = {
    "the picture alone": lambda seen: seen.picture,
    "the mean face alone": _weighed(1.0),
    "mean of picture and mean face": _weighed(0.5),
    "three parts picture, one part mean face": _weighed(0.25),
    "the highest of picture and faces": lambda seen: max(seen.picture, *seen.faces),
}


def portrait(row: Row, detector: Detector, finder: FaceDetector) -> Portrait | None:
    """What is read off a picture at *web*; None where it can't be judged, or has no face that is large enough."""
    pixels = np.asarray(DELIVERIES["web"](row.open()))
    if obstacle(pixels) is not None:
        return None
    size = (pixels.shape[1], pixels.shape[0])

    def margin(crop: Pixels) -> float | None:
        return None if obstacle(crop) else detector.read(crop).margin

    read = read_faces(finder.find(pixels, turned=False), pixels, size, margin)
    faces = tuple(face.probability for face in read if face.probability is not None)
    return Portrait(row.label == "fake", detector.read(pixels).margin, faces) if faces else None


def judged(seen: Sequence[Portrait], score: Callable[[Portrait], float]) -> Judged:
    """The pictures with a score in place of a probability: only its order counts for an AUC."""
    fake = np.array([each.fake for each in seen])
    return Judged(fake, np.array([score(each) for each in seen]), np.full(len(seen), ""))


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pool", type=Path)
    parser.add_argument("runs", type=Path)
    parser.add_argument("--most", type=int, help="pictures of a source and label (default: as the protocol)")
    parser.add_argument("--journal", type=Path, required=True, help="file of what was measured; a later run goes on")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="stop measuring after so many")
    asked = parser.parse_args()
    until = time.monotonic() + 60 * asked.minutes
    recipe = Recipe.load(CONFIGS / "clip.json")
    if asked.most:
        recipe = recipe.model_copy(update={"measured": asked.most})
    protocol = Protocol.load(CONFIGS / recipe.protocol)
    rows, finder = grouped(read_pool(asked.pool)), FaceDetector()
    folds = protocol.folds.items()
    tasks = [(name, row) for name, sources in folds for row, *_ in folded(rows, sources, protocol, recipe)]
    random.Random(protocol.seed).shuffle(tasks)  # noqa: S311 - so that any first part is a sample of all
    detectors = {name: Detector.load(load_folder(asked.runs / name / "checkpoint"), "cpu", "f32") for name, _ in folds}
    journal = Journal(asked.journal)
    for name, row in tqdm(tasks, mininterval=20):
        if time.monotonic() > until:
            break
        if str(row.path) in journal.known:
            continue
        try:
            journal.add(name, row.path, portrait(row, detectors[name], finder))
        except (OSError, ValueError, SyntaxError) as error:
            print(f"left out: {row.path}: {error}", flush=True)
    print(f"{len(journal.known)} of {len(tasks)} pictures measured")
    seen = journal.seen()
    for name, group in seen.items():
        real, fake = (sum(each.fake is label for each in group) for label in (False, True))
        print(f"{name}: {real} real and {fake} fake with a face of {LEAST_FACE} px")
    report(seen)


class Journal:
    """What was measured, a line of JSON for each picture, in a file that a later run goes on with."""

    def __init__(self, file: Path) -> None:
        self.file = file
        lines = file.read_text().splitlines() if file.is_file() else []
        self.known: dict[str, tuple[str, Portrait | None]] = {}
        for line in lines:
            fold, path, found = json.loads(line)
            self.known[path] = (fold, found and Portrait(found["fake"], found["picture"], tuple(found["faces"])))

    def add(self, fold: str, path: Path, found: Portrait | None) -> None:
        """Keep one picture's."""
        self.known[str(path)] = (fold, found)
        with self.file.open("a") as out:
            print(json.dumps([fold, str(path), found and asdict(found)]), file=out)

    def seen(self) -> dict[str, list[Portrait]]:
        """The pictures with faces, by fold."""
        by_fold: dict[str, list[Portrait]] = defaultdict(list)
        for fold, found in self.known.values():
            if found:
                by_fold[fold].append(found)
        return by_fold


def report(seen: Mapping[str, Sequence[Portrait]]) -> None:
    """Print a line for each score: the mean AUC, its gain on the first, and the AUC of each fold."""
    folds = {name: group for name, group in seen.items() if len({each.fake for each in group}) > 1}
    first = [judged(group, SCORES["the picture alone"]) for group in folds.values()]
    print(f"| score | mean AUC | gain | {' | '.join(folds)} |\n|---|{'--:|' * (2 + len(folds))}")
    for name, score in SCORES.items():
        groups = [judged(group, score) for group in folds.values()]
        value, low, high = mean_auc(groups)
        more, least, most = mean_auc_gain(groups, first)
        each = " | ".join(f"{auc(group.fake, group.probability):.3f}" for group in groups)
        print(
            f"| {name} | {value:.3f} ({low:.3f} to {high:.3f}) | {more:+.3f} ({least:+.3f} to {most:+.3f}) | {each} |"
        )


if __name__ == "__main__":
    main()
