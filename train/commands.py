"""The commands of ``train``, and how ``python -m train.WING COMMAND`` comes to run one."""

from __future__ import annotations

import sys
from importlib import import_module

from train.errors import command

TRAIN = "CONFIG"  # stands for the command that a wing runs when none is named
COMMANDS: dict[str, dict[str, str]] = {
    "corpus": {
        "toy": "make a small corpus of made-up pictures, and a configuration for it",
        "build": "build what a configuration describes, or go on with it",
        "card": "write the data card of a corpus again",
        "push": "say what would be uploaded to the Hub, or upload it",
    },
    "fit": {
        TRAIN: "train the large network on a corpus",
        "augment": "show what training does to pictures",
        "report": "a run as one HTML page",
        "evaluate": "measure, calibrate and describe a checkpoint on a corpus's held-out splits",
    },
    "bundled": {
        TRAIN: "all of unfake-clip: a head on a CLIP tower, from the pool to the checkpoint",
    },
    "measure": {
        "calibrate": "calibration, thresholds and figures from predictions",
        "card": "model card and plots from a checkpoint's metrics",
        "check": "whether a checkpoint's figures are its own",
    },
    "checkpoint": {
        "export": "a trained network as a checkpoint that the app loads",
        "convert": "an older file of weights as a run that can be exported",
        "publish": "a checkpoint to the Hub; a dry run unless told otherwise",
    },
}


def listing(wing: str | None = None) -> str:
    """One line for each command of ``train``, or of one wing."""
    lines = [
        (f"python -m train.{name} {each}", what)
        for name, commands in COMMANDS.items()
        if wing in (None, name)
        for each, what in commands.items()
    ]
    width = max(len(start) for start, _ in lines)
    return "\n".join(f"{start:{width}}  {what}" for start, what in lines)


def run(wing: str, otherwise: str = "") -> None:
    """Run what the command line names, and leave it the rest of the words.

    ``otherwise``: the wing's module that takes the words as they are where the first is no command.
    """
    name, words = (sys.argv[1] if len(sys.argv) > 1 else ""), sys.argv[2:]
    if name in COMMANDS[wing]:
        module, sys.argv = name, [f"python -m train.{wing} {name}", *words]
    elif name and otherwise:
        module, sys.argv[0] = otherwise, f"python -m train.{wing}"
    else:
        print(listing(wing))
        sys.exit(0 if name in {"", "-h", "--help"} else 2)
    start(f"train.{wing}.{module}")


def start(module: str) -> None:
    """Run the ``main`` of a module; what goes wrong, while it is imported too, ends in one sentence."""
    command(lambda: import_module(module).main())
