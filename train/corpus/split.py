"""Training, validation and test: by groups, in the same shares of every source and label, and the same again tomorrow.

Each bundle (pictures whose groups are tied) belongs to the label and source of its first picture. The bundles of one
label and source are put in an order by a hash of the seed and of their name, and the order is cut where the shares
say: a bundle goes where the middle of its pictures falls. So:

- No group and no pair of near duplicates is split.
- Of each label and source, the shares are right to half a bundle at each cut: five pictures of their own already
  reach all of 70/15/15. Pictures in a bundle that another source began (fakes made from photos) follow it, and come
  out at the shares by chance: of a thousand such pictures, 150 are meant for the test, give or take 11.
- The same pictures and seed give the same split, on every machine.
- A source added behind the others moves none of their pictures, unless its pictures tie two of their groups together
  or prove a label wrong. Pictures added to a source move only those next to the cuts, in proportion.

scikit-learn's StratifiedGroupKFold gives no such promise: it deals out all groups at once, by their sizes, so one
more source moves pictures everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from train.corpus.dedupe.hashes import small_hash

SPLITS = ("train", "validation", "test")


def split(
    tied: NDArray[np.int64],
    strata: NDArray[np.int64],
    names: NDArray[np.int64],
    shares: Sequence[float],
    seed: int,
) -> NDArray[np.int8]:
    """The number of the split, int8 ``[N]``, of N pictures in the order of the configuration.

    ``tied`` ``[N]``: the same number for the pictures of one bundle. ``strata`` ``[N]``: the same for one label and
    source. ``names`` ``[N]``: a number that stays the same from build to build, of each picture's group; the first
    picture's names the bundle. ``shares``: of each split, adding up to 1.
    """
    _, first, bundle = np.unique(tied, return_index=True, return_inverse=True)
    own = strata == strata[first][bundle]  # not those that another source, or label, put in
    weights = np.bincount(bundle, weights=own, minlength=len(first))
    chance = np.array([small_hash(f"{seed}/{name}") for name in names[first].tolist()], dtype=np.int64)
    cuts = np.cumsum(shares)[:-1]
    place = np.empty(len(first), dtype=np.int8)
    for stratum in np.unique(strata[first]):
        members = np.nonzero(strata[first] == stratum)[0]
        members = members[np.lexsort((members, chance[members]))]
        ends = np.cumsum(weights[members])
        middles = (ends - weights[members] / 2) / ends[-1]
        place[members] = np.searchsorted(cuts, middles, side="right")
    found: NDArray[np.int8] = place[bundle]
    return found
