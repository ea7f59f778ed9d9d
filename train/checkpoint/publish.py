"""Upload a checkpoint folder to the Hugging Face Hub.

``python -m train.checkpoint publish owner/name --checkpoint FOLDER`` says what an upload would do and uploads nothing;
``--upload`` does it, in one commit. What is there already is compared (`compare`), and a better checkpoint,
or one that cannot be compared, is overwritten with ``--force`` only. The token is the one of huggingface_hub
(``HF_TOKEN``, or ``hf auth login``); it is neither taken as an option nor shown.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi

from train.checkpoint.compare import headline, reason_to_keep
from train.checkpoint.remote import Remote, check_names, check_token, hub_errors, look
from train.errors import PublishError
from unfake.detector.checkpoint import Checkpoint, load_folder
from unfake.detector.config import CARD, CONFIG, METRICS, ONNX, PLOTS
from unfake.errors import CheckpointError

# What the card's figures and plots come from, and what `train.measure.check` reads.
EVIDENCE = ("predictions.csv", "fingerprint.csv")


@dataclass(frozen=True)
class Package:
    """A checkpoint that is fit to be published: ``files`` by name in the repository, and what is left at home."""

    checkpoint: Checkpoint
    metrics: dict[str, Any]
    files: dict[str, Path]
    left_out: tuple[str, ...]

    @classmethod
    def of(cls, folder: Path) -> Package:
        """Verify a folder; PublishError for one that is damaged, or not measured, calibrated and described."""
        try:
            checkpoint = load_folder(folder)
            metrics = checkpoint.metrics()
        except CheckpointError as error:
            message = str(error).removesuffix(".")
            raise PublishError(f"{message[:1].lower()}{message[1:]}") from error
        config, name = checkpoint.config, folder.name
        weights = metrics.get("weights")
        if METRICS not in config.files or not isinstance(weights, dict) or weights.get(ONNX) != config.files[ONNX]:
            raise PublishError(f"{name} has no {METRICS} of these weights: run python -m train.measure calibrate first")
        if (
            config.thresholds.likely_real == 0 and config.thresholds.likely_fake == 1
        ):  # as train.checkpoint.export writes them
            raise PublishError(f"{name} is not calibrated: run python -m train.measure calibrate first")
        if config.files[ONNX][:12] not in checkpoint.card():
            raise PublishError(f"{name} has no {CARD} of these weights: run python -m train.measure card first")
        optional = [each for each in (*PLOTS, *EVIDENCE) if (folder / each).is_file()]
        files = {each: folder / each for each in sorted({CONFIG, CARD, *config.files, *optional})}
        others = (p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
        return cls(checkpoint, metrics, files, tuple(sorted(set(others) - files.keys())))


def obsolete(package: Package, remote: Remote) -> list[str]:
    """Files of the checkpoint there that this one does not have: they go in the same commit.

    Only what a checkpoint consists of. Anything else that lies there (``.gitattributes``, a licence, notes) stays.
    """
    if remote.config is None:
        return []
    theirs = {CONFIG, METRICS, CARD, *remote.config.files, *PLOTS, *EVIDENCE}
    return sorted((theirs & remote.files) - package.files.keys())


def refusal(package: Package, remote: Remote, tag: str | None, private: bool) -> tuple[str | None, str | None]:
    """Why not to upload: a clause that ``--force`` overrules, and one that it does not; None where there is none."""
    final = None
    same = remote.config is not None and remote.config.files[ONNX] == package.checkpoint.config.files[ONNX]
    if private and remote.revision is not None and not remote.private:
        final = "it is public, and --private makes new repositories private only"
    elif tag in remote.tags and not (same and remote.tags[tag] == remote.revision):
        final = f"the tag {tag} is there already: choose another"
    if remote.foreign:
        return f"its {CONFIG} is not that of a checkpoint of this program", final
    if remote.config is None or same:
        return None, final
    return reason_to_keep(remote.metrics, package.metrics), final


def upload(api: HfApi, repository: str, package: Package, remote: Remote, private: bool = False) -> str:
    """Put the package into the repository, in one commit on top of ``remote.revision``; gives the commit's sha.

    A repository that is missing is created first. Raises PublishError, among others where somebody else committed
    since ``remote`` was looked at; until the commit, nothing that others see has changed.
    """
    with hub_errors(repository):
        if remote.revision is None:
            api.create_repo(repository, private=private or None)
            remote = look(api, repository)
            if remote.revision is None or CONFIG in remote.files:
                raise PublishError(f"{repository} was made by somebody else just now: run the same command again")
        operations: list[CommitOperationAdd | CommitOperationDelete] = [
            CommitOperationDelete(name, is_folder=False) for name in obsolete(package, remote)
        ]
        operations += [CommitOperationAdd(name, path) for name, path in package.files.items()]
        sent = package.files[CONFIG].read_bytes()
        done = api.create_commit(
            repository,
            operations,
            commit_message=f"Checkpoint {package.checkpoint.id}",
            parent_commit=remote.revision,
        )
        with TemporaryDirectory() as cache:
            there = Path(api.hf_hub_download(repository, CONFIG, revision=done.oid, cache_dir=cache)).read_bytes()
    if there != sent:
        raise PublishError(f"the {CONFIG} that {repository} has at {done.oid[:12]} is not the one that was sent")
    return str(done.oid)


def add_tag(api: HfApi, repository: str, tag: str, commit: str, tags: dict[str, str]) -> None:
    """Tag the commit; raises PublishError. A tag that is there for this commit already is fine."""
    if tags.get(tag) == commit:
        return
    if tag in tags:
        raise PublishError(
            f"the upload is done, but the tag {tag} stays at {tags[tag][:12]}: choose another for {commit}"
        )
    with hub_errors(repository):
        api.create_tag(repository, tag=tag, revision=commit)


def _shown(figure: float | None) -> str:
    return "unknown" if figure is None else f"{figure:.3f}"


def describe(package: Package) -> str:
    """The package, for people: a line a file with its size in bytes."""
    sizes = {name: path.stat().st_size for name, path in package.files.items()}
    lines = [f"{package.checkpoint.id}: {len(sizes)} files, {sum(sizes.values()) / 1e6:.1f} MB, headline AUC (web) "]
    lines[0] += _shown(headline(package.metrics))
    lines += [f"{size:>13,}  {name}" for name, size in sizes.items()]
    if package.left_out:
        lines.append(f"Left at home, because no checkpoint has them: {', '.join(package.left_out)}")
    return "\n".join(lines)


def describe_target(package: Package, remote: Remote, repository: str, private: bool) -> str:
    """The repository, for people, and what an upload would do to it."""
    if remote.revision is None:
        kind = "private" if private else "public"
        return f"{repository}: there is none, or none to be seen; it would be created as a {kind} one"
    kind = "private" if remote.private else "public"
    lines = [f"{repository}: {kind}, at revision {remote.revision[:12]}, with {remote.name}"]
    if remote.config:
        lines[0] += f", headline AUC (web) {_shown(headline(remote.metrics))}"
    gone, kept = obsolete(package, remote), sorted(remote.files - package.files.keys())
    for label, names in (("Deleted there", gone), ("Left alone there", [name for name in kept if name not in gone])):
        if names:
            lines.append(f"{label}: {', '.join(names)}")
    return "\n".join(lines)


def publish(
    repository: str,
    folder: Path,
    *,
    really: bool = False,
    force: bool = False,
    private: bool = False,
    tag: str | None = None,
    api: HfApi | None = None,
) -> str | None:
    """Say what uploading ``folder`` would do, and with ``really`` do it; gives the commit's sha, or None.

    Raises PublishError. A dry run goes on without the Hub: then it says that it could not ask.
    """
    api = api or HfApi(library_name="unfake")
    check_names(repository, tag)
    package = Package.of(folder)
    print(describe(package))
    if really:
        check_token(api, repository)
    try:
        remote = look(api, repository)
    except PublishError as error:
        if really:
            raise
        print(f"Dry run: nothing was uploaded, and what is there is not known: {error}")
        return None
    print(describe_target(package, remote, repository, private))
    doubt, final = refusal(package, remote, tag, private)
    if final:
        raise PublishError(f"{repository} is left as it is: {final}")
    if doubt and not force:
        raise PublishError(f"{repository} is left as it is: {doubt}; --force overwrites it all the same")
    if doubt:
        print(f"--force overwrites it, although {doubt}")
    if not really:
        print("Dry run: nothing was uploaded; --upload does it")
        return None
    commit = upload(api, repository, package, remote, private)
    host = urlsplit(api.endpoint).hostname
    if commit == remote.revision:
        print(f"{repository} on {host} has all of it already, at {commit}")
    else:
        print(f"Uploaded to {repository} on {host}: commit {commit}, checked")
    if tag:
        add_tag(api, repository, tag, commit, remote.tags)
        print(f"Tagged {tag}")
    return commit


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("repository", help="owner/name on the Hub")
    parser.add_argument("--checkpoint", type=Path, required=True, help="folder with config.json, weights and card")
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--dry-run", action="store_true", help="say what would be done (the default)")
    mode.add_argument("--upload", action="store_true", help="do it")
    parser.add_argument("--private", action="store_true", help="if the repository has to be created")
    parser.add_argument("--tag", help="a name for the commit, such as v1")
    parser.add_argument("--force", action="store_true", help="overwrite what is better or cannot be compared")
    args = parser.parse_args()
    publish(
        args.repository,
        args.checkpoint,
        really=args.upload,
        force=args.force,
        private=args.private,
        tag=args.tag,
    )
