"""What ``python -m train.corpus`` does."""

from __future__ import annotations

import argparse
from pathlib import Path

from train.checkpoint.remote import check_names
from train.corpus.build import build, rewrite_card
from train.corpus.config import load_config
from train.corpus.push import push
from train.corpus.toy import make_toy
from train.errors import ConfigError


def _build(args: argparse.Namespace) -> None:
    config = load_config(args.config)
    out = args.out or config.output
    if out is None:
        raise ConfigError("where to build is not said: give --out FOLDER, or 'output' in the configuration")
    if args.push:
        check_names(args.push)  # now, and not after hours
    elif args.private:
        raise ConfigError("--private is for a dataset on the Hub: it needs --push OWNER/NAME")
    build(config, out, args.workers)
    if args.push:
        push(out, args.push, private=args.private, really=True)


def _toy(args: argparse.Namespace) -> None:
    config = make_toy(args.folder, args.pictures, args.size)
    print(f"made {config}: next, python -m train.corpus build {config} --out FOLDER")


def _card(args: argparse.Namespace) -> None:
    rewrite_card(args.folder)


def _push(args: argparse.Namespace) -> None:
    push(args.folder, args.repository, private=args.private, really=args.push)


def _workers(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 256:
        raise ValueError
    return number


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m train.corpus", description="Build a corpus of labelled pictures.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    making = commands.add_parser("build", help="build what a configuration describes, or go on with it")
    making.add_argument("config", type=Path)
    making.add_argument("--out", type=Path, help="folder for the corpus and for what the sources bring")
    making.add_argument("--workers", type=_workers, default=2, help="processes that open pictures (default: 2)")
    making.add_argument("--push", metavar="OWNER/NAME", help="upload the corpus to this dataset on the Hub")
    making.add_argument("--private", action="store_true", help="make the dataset private if it has to be created")
    making.set_defaults(run=_build)

    toy = commands.add_parser("toy", help="make a small corpus of made-up pictures, and a configuration for it")
    toy.add_argument("folder", type=Path)
    toy.add_argument("--pictures", type=int, default=240, help="of both labels together (default: 240)")
    toy.add_argument("--size", type=int, default=96, help="px (default: 96)")
    toy.set_defaults(run=_toy)

    card = commands.add_parser("card", help="write the data card of a corpus again")
    card.add_argument("folder", type=Path)
    card.set_defaults(run=_card)

    pushing = commands.add_parser("push", help="say what would be uploaded to the Hub, or upload it")
    pushing.add_argument("folder", type=Path)
    pushing.add_argument("repository", metavar="OWNER/NAME")
    pushing.add_argument("--private", action="store_true", help="make the dataset private if it has to be created")
    pushing.add_argument("--push", action="store_true", help="do it")
    pushing.set_defaults(run=_push)

    args = parser.parse_args()
    args.run(args)
