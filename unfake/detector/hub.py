"""Checkpoints on the Hugging Face Hub, through the cache of huggingface_hub."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Literal, TypeVar

from unfake.detector.checkpoint import Checkpoint, read_config, read_folder, verify
from unfake.detector.config import CARD, CONFIG, METRICS, PLOTS, CheckpointConfig
from unfake.errors import CheckpointCorrupt, CheckpointError, CheckpointNotFound, CheckpointUnreachable

if TYPE_CHECKING:
    from huggingface_hub import HfApi
    from huggingface_hub.file_download import HfFileMetadata

HUB_TIMEOUT = 12.0

T = TypeVar("T")

_COMMIT = re.compile(r"[0-9a-f]{40}")


def _within(seconds: float, call: Callable[[], T]) -> T:
    """What ``call`` returns or raises; CheckpointUnreachable when that takes longer than ``seconds``.

    An HTTP timeout bounds neither the look-up of a name nor a connection tried over several addresses. The
    thread cannot be stopped: it is left to end by itself, and its outcome is dropped.
    """
    outcome: Future[T] = Future()

    def work() -> None:
        try:
            outcome.set_result(call())
        except BaseException as error:
            outcome.set_exception(error)

    Thread(target=work, name="unfake-hub", daemon=True).start()
    try:
        return outcome.result(timeout=seconds)
    except TimeoutError:
        raise CheckpointUnreachable(f"The Hub did not answer within {seconds:g} seconds.") from None


def _hub_error(error: Exception, repository: str, revision: str, name: str) -> CheckpointError:
    """The same in this program's words. What the library says is left out: it may quote a header."""
    from huggingface_hub import errors as hub  # noqa: PLC0415

    where = f"{repository} at revision {revision}"
    answers: tuple[tuple[type[Exception], str], ...] = (
        (
            hub.GatedRepoError,
            f"The Hub repository {repository} is gated, and access to it has not been granted.",
        ),
        (hub.DisabledRepoError, f"The Hub repository {repository} is disabled."),
        (hub.RepositoryNotFoundError, f"There is no repository {repository} on the Hub, or it is private."),
        (hub.HFValidationError, f"There is no repository {repository} on the Hub, or it is private."),
        (hub.RevisionNotFoundError, f"There is no revision {revision} of {repository} on the Hub."),
        (hub.RemoteEntryNotFoundError, f"There is no {name} in {where} on the Hub."),
    )
    for kind, message in answers:
        if isinstance(error, kind):
            return CheckpointNotFound(message)
    if isinstance(error, hub.HfHubHTTPError):
        status = error.response.status_code
        # The Hub answers 401 for a repository that does not exist as well, to those who send no token.
        if status in (401, 403):
            return CheckpointNotFound(f"There is no repository {repository} on the Hub that this app has access to.")
        return CheckpointUnreachable(f"The Hub answered with status {status} for {name} of {repository}.")
    kind_name = type(error).__name__
    if isinstance(error, OSError) and not isinstance(error, ConnectionError | hub.LocalEntryNotFoundError):
        return CheckpointUnreachable(f"The file {name} of {where} could not be downloaded whole ({kind_name}).")
    return CheckpointUnreachable(f"The connection to the Hub failed for {name} of {repository} ({kind_name}).")


class _Hub:
    """One repository on the Hub and what the cache of huggingface_hub holds of it."""

    def __init__(self, api: HfApi, repository: str, cache_dir: Path | None, timeout: float) -> None:
        self.api = api
        self.repository = repository
        self.cache_dir = cache_dir
        self.timeout = timeout

    @contextmanager
    def _translated(self, revision: str, name: str) -> Iterator[None]:
        try:
            yield
        except CheckpointError:
            raise
        except Exception as error:  # whatever the network, the disk, the server's answer and hf_xet come up with
            # `from None`: a traceback in a log would show the messages that _hub_error leaves out.
            raise _hub_error(error, self.repository, revision, name) from None

    def _metadata(self, name: str, revision: str) -> HfFileMetadata:
        from huggingface_hub import hf_hub_url  # noqa: PLC0415

        url = hf_hub_url(self.repository, name, revision=revision, endpoint=self.api.endpoint)
        return self.api.get_hf_file_metadata(url=url, timeout=self.timeout)

    def _download(self, name: str, revision: str, *, force: bool = False) -> Path:
        path = self.api.hf_hub_download(
            self.repository,
            name,
            revision=revision,
            cache_dir=self.cache_dir,
            etag_timeout=self.timeout,
            force_download=force,
        )
        return Path(path)

    def contact(self, revision: str) -> str:
        """The commit that ``revision`` stands for now. It and its config.json are in the cache afterwards."""
        with self._translated(revision, CONFIG):
            commit = self._metadata(CONFIG, revision).commit_hash
            if commit is None or not _COMMIT.fullmatch(commit):
                raise CheckpointUnreachable(f"The server that was asked for {self.repository} is not a Hub.")
            # By name, not by commit: this is how the library remembers what the name stood for.
            self._download(CONFIG, revision)
            return commit

    def remembered(self, revision: str) -> str | None:
        """The commit that ``revision`` stood for when the Hub was last asked, as the cache has it."""
        from huggingface_hub.errors import RevisionResolutionError  # noqa: PLC0415

        with suppress(RevisionResolutionError, OSError):
            found = self.api.resolve_revision(
                self.repository, revision=revision, cache_dir=self.cache_dir, local_files_only=True
            )
            return found.resolved
        return None

    def cached(self, name: str, commit: str) -> Path | None:
        """A file in the cache, by commit."""
        from huggingface_hub import try_to_load_from_cache  # noqa: PLC0415

        with self._translated(commit, name):
            found = try_to_load_from_cache(self.repository, name, cache_dir=self.cache_dir, revision=commit)
        return Path(found) if isinstance(found, str) else None

    def complete(self, commit: str) -> bool:
        """Whether the cache holds a readable config.json of that commit and every file that it lists."""
        path = self.cached(CONFIG, commit)
        if path is None:
            return False
        try:
            names = read_config(path.parent).files
        except CheckpointError:
            return False
        return all(self.cached(name, commit) for name in names)

    def fetch(self, name: str, commit: str, *, force: bool = False) -> Path:
        """A file from the cache or, if it is not there or with ``force``, from the Hub."""
        path = None if force else self.cached(name, commit)
        if path is not None:
            return path
        with self._translated(commit, name):
            # hf_hub_download alone tries for minutes when the Hub has stopped answering. This asks once.
            self._metadata(name, commit)
            return self._download(name, commit, force=force)

    def fetch_all(self, commit: str) -> Path:
        """Folder of a commit. config.json comes first: one that cannot be run costs no large download."""
        folder = self.fetch(CONFIG, commit).parent
        listed = read_config(folder).files
        for name in listed:
            self.fetch(name, commit)
        for name in {METRICS, CARD} - listed.keys():
            with suppress(CheckpointError):  # neither is needed for a verdict
                self.fetch(name, commit)
        with suppress(OSError, CheckpointError):
            card = (folder / CARD).read_text(encoding="utf-8", errors="replace")
            for name in PLOTS:
                if name in card:
                    self.fetch(name, commit)
        return folder

    def repair(self, commit: str) -> None:
        """Download config.json again, and each listed file whose cached copy has another sha256."""
        folder = self.fetch(CONFIG, commit, force=True).parent
        for name, expected in read_config(folder).files.items():
            try:
                verify(folder, name, expected)
            except CheckpointError:
                self.fetch(name, commit, force=True)

    def locate(self, asked: str) -> tuple[str, Literal["cache", "hub", "memory"]]:
        """The commit to load, and where it is known from.

        ``cache``: ``asked`` is a full commit sha, and all of it is here. ``hub``: the Hub said so now.
        ``memory``: the Hub is not available, and this is what it said last, all of it here. Raises
        CheckpointNotFound and CheckpointUnreachable.
        """
        pinned = _COMMIT.fullmatch(asked) is not None
        if pinned and self.complete(asked):
            return asked, "cache"
        try:
            return _within(self.timeout, lambda: self.contact(asked)), "hub"
        except CheckpointUnreachable:
            commit = self.remembered(asked)
            if commit is None or not self.complete(commit):
                raise
            return commit, "memory"

    def load(self, commit: str, known: Literal["cache", "hub", "memory"]) -> tuple[Path, CheckpointConfig]:
        """Folder and configuration of a commit, verified; what is damaged is downloaded again once."""
        try:
            folder = self.fetch_all(commit) if known == "hub" else self.fetch(CONFIG, commit).parent
            return folder, read_folder(folder)
        except CheckpointCorrupt as damage:
            if known == "memory":
                raise
            try:
                self.repair(commit)
                folder = self.fetch_all(commit)
            except CheckpointUnreachable:
                raise damage from None
            return folder, read_folder(folder)


def load_hub(
    repository: str,
    revision: str | None = None,
    *,
    token: str | None = None,
    timeout: float = HUB_TIMEOUT,
    endpoint: str | None = None,
    cache_dir: Path | None = None,
) -> Checkpoint:
    """Checkpoint of a Hub repository, through the cache of huggingface_hub.

    ``revision``: branch, tag or commit; by default ``main``. ``token``: None leaves it to huggingface_hub
    (``HF_TOKEN``, then its log-in). ``timeout``: seconds for the Hub to give the commit and config.json in,
    and for each first answer after that; within a running download ``HF_HUB_DOWNLOAD_TIMEOUT`` holds.
    ``endpoint``, ``cache_dir``: None for huggingface_hub's own (``HF_ENDPOINT``, ``HF_HOME``).

    A full commit sha that is in the cache is loaded without asking the Hub. Any other revision is asked for;
    when the Hub is not available, the cached copy of what it last stood for is used, and ``notice`` says so.
    A file with another sha256 than listed is downloaded again once.

    Raises CheckpointNotFound (repository, revision or file, or no access), CheckpointUnreachable,
    CheckpointCorrupt and CheckpointMismatch.
    """
    from huggingface_hub import HfApi  # noqa: PLC0415

    api = HfApi(endpoint=endpoint, token=token or None, library_name="unfake")
    hub = _Hub(api, repository, cache_dir, timeout)
    commit, known = hub.locate(revision or "main")
    folder, config = hub.load(commit, known)
    notice = None
    if known == "memory":
        notice = (
            f"The Hub is not available, so {repository} is used as it was last downloaded "
            f"(commit {commit[:12]}); a newer version may exist."
        )
    return Checkpoint(folder, config, "hub", repository, commit, notice)
