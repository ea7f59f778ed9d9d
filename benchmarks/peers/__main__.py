"""Measure a peer, or put what was measured side by side.

::

    python -m benchmarks.peers sahu65 --python peers/bin/python --pool POOL --out sahu65.csv --most 60
    python -m benchmarks.peers table unfake.csv sahu65.csv prnu.csv
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.peers import PEERS
from benchmarks.peers.measure import SOURCES, PeerFailed, measure
from benchmarks.peers.table import table
from train.deliveries import DELIVERIES
from train.measure.predictions import Prediction, choose, load, save
from train.pool import read_pool


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in PEERS:
        peer = commands.add_parser(name, help=f"measure {name}")
        peer.add_argument("--pool", type=Path, required=True)
        peer.add_argument("--out", type=Path, required=True, help="the CSV to write, or to go on with")
        peer.add_argument("--python", type=Path, default=Path(sys.executable), help="interpreter that has the peer")
        peer.add_argument("--sources", nargs="+", default=SOURCES)
        peer.add_argument("--deliveries", nargs="+", choices=tuple(DELIVERIES), default=("web", "hard"))
        peer.add_argument("--most", type=int, default=60, help="pictures a source and label, at most")
        peer.add_argument("--processes", type=int, default=1)
        peer.add_argument("--seed", type=int, default=0)
        if name == "unfake":
            peer.add_argument("--checkpoint", type=Path, help="folder; the bundled one if left out")
    tables = commands.add_parser("table", help="print tables of predictions, a column a file")
    tables.add_argument("predictions", type=Path, nargs="+")
    args = parser.parse_args()
    if args.command == "table":
        print(table(args.predictions))
        return
    rows = choose((r for r in read_pool(args.pool) if r.source in args.sources), args.most, args.seed)
    own = [str(args.checkpoint.resolve())] if getattr(args, "checkpoint", None) else []

    def keep(predictions: list[Prediction]) -> None:
        beside = args.out.with_suffix(".tmp")
        save(predictions, beside)
        beside.replace(args.out)

    known = load(args.out) if args.out.is_file() else []
    try:
        measured = measure(args.command, rows, args.deliveries, args.python, own, args.processes, known, keep)
    except PeerFailed as error:
        sys.exit(f"error: {error}")
    keep(measured.predictions)
    missing = ", ".join(f"{count} at {delivery}" for delivery, count in measured.without.items()) or "none"
    print(
        f"{args.command}: {len(measured.predictions)} predictions on {len(rows)} pictures, "
        f"median {1000 * measured.seconds:.0f} ms; without a score: {missing}"
    )


if __name__ == "__main__":
    main()
