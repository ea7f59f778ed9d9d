"""Where in the picture the network sees signs of generation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unfake.detector.calibration import Calibration
from unfake.detector.views import Box


@dataclass(frozen=True)
class Heatmap:
    """A grid over the picture, row by row from the top left.

    Each value lies in [0, 1]: the calibrated sigmoid of the class activation map at that place (0.5 speaks for
    neither side), or None where no view looked. The values say where, not how sure: the probability is the verdict's.
    """

    rows: int
    columns: int
    values: tuple[tuple[float | None, ...], ...]

    def to_json(self) -> dict[str, Any]:
        """As it stands in a report."""
        return {"rows": self.rows, "columns": self.columns, "values": [list(row) for row in self.values]}


def assemble(maps: NDArray[np.float32], boxes: Sequence[Box], calibration: Calibration) -> Heatmap | None:
    """Lay the views' class activation maps ``[N, 2, r, c]`` over the picture; where views overlap, their mean.

    The mean of the maps over a view is that view's logit (Zhou et al., CVPR 2016), so the grid shows the very sum
    that the verdict is made of. None for a network that gives one value for a whole view: a grid of those would show
    where the views lie, and nothing else.
    """
    margins = maps[:, 1] - maps[:, 0]
    cell_rows, cell_columns = margins.shape[1:]
    if cell_rows == cell_columns == 1:
        return None
    left, top, right, bottom = boxes[0]
    rows = max(1, round(cell_rows / (bottom - top)))
    columns = max(1, round(cell_columns / (right - left)))
    total, count = np.zeros((rows, columns)), np.zeros((rows, columns))
    x, y = (np.arange(columns) + 0.5) / columns, (np.arange(rows) + 0.5) / rows
    for margin, (left, top, right, bottom) in zip(margins, boxes, strict=True):
        inside_x, inside_y = (left <= x) & (x < right), (top <= y) & (y < bottom)
        at_x = ((x[inside_x] - left) / (right - left) * cell_columns).astype(int)
        at_y = ((y[inside_y] - top) / (bottom - top) * cell_rows).astype(int)
        place = np.ix_(inside_y, inside_x)
        total[place] += margin[np.ix_(at_y, at_x)]
        count[place] += 1
    return Heatmap(
        rows,
        columns,
        tuple(
            tuple(
                round(calibration.probability(float(total[r, c] / count[r, c])), 3) if count[r, c] else None
                for c in range(columns)
            )
            for r in range(rows)
        ),
    )
