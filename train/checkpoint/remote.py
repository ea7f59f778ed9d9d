"""A model repository on the Hugging Face Hub: what is in it, and this program's words for what goes wrong there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from huggingface_hub import HfApi, get_token
from huggingface_hub import errors as hub
from huggingface_hub.utils._validators import validate_repo_id

from train.errors import PublishError
from unfake.detector.checkpoint import Checkpoint, read_config, verify
from unfake.detector.config import CARD, CONFIG, METRICS, ONNX, CheckpointConfig
from unfake.errors import CheckpointError

TIMEOUT = 30.0

_TAG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True)
class Remote:
    """What is in the repository now. ``revision`` is None where there is no repository (or none to be seen).

    ``config``: None where there is no ``config.json``, or one that is not a checkpoint's (``foreign``).
    """

    revision: str | None = None
    private: bool = False
    files: frozenset[str] = frozenset()
    tags: dict[str, str] = field(default_factory=dict)
    config: CheckpointConfig | None = None
    metrics: dict[str, Any] = field(default_factory=dict)

    @property
    def foreign(self) -> bool:
        """Whether the repository holds something that this program did not put there and cannot compare."""
        return CONFIG in self.files and self.config is None

    @property
    def name(self) -> str:
        """The checkpoint's name and weights."""
        return f"{self.config.name}@{self.config.files[ONNX][:12]}" if self.config else "no checkpoint"


def _owner(repository: str) -> str:
    return repository.partition("/")[0]


def _statuses(error: BaseException) -> Iterator[int]:
    """HTTP statuses in an error and in those that it came from: the library wraps some."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, hub.HfHubHTTPError):
            yield seen.response.status_code
        seen = seen.__cause__ or seen.__context__


@contextmanager
def hub_errors(repository: str) -> Iterator[None]:
    """Whatever huggingface_hub raises, as a PublishError. Its own words are left out: they may quote a header."""
    try:
        yield
    except PublishError:
        raise
    except Exception as error:
        owner = _owner(repository)
        status = next(_statuses(error), None)
        if isinstance(error, hub.GatedRepoError):
            message = f"{repository} is gated, and this token has no access to it"
        elif isinstance(error, hub.DisabledRepoError):
            message = f"{repository} is disabled on the Hub"
        elif isinstance(error, ValueError) and f"metadata in {CARD}" in str(error):
            message = (
                f"the Hub does not accept the metadata at the top of {CARD}: mend it with python -m train.measure card"
            )
        elif status == 401:
            message = "the Hub does not accept the token: make a new one, and log in with hf auth login"
        elif status == 403:
            message = f"the token may not write to {repository}: it needs write permission for {owner}"
        elif status == 404:
            message = f"{repository}, or what was asked of it, is not on the Hub any more: look, and try again"
        elif status in (409, 412):
            message = f"{repository} has changed since it was compared: run the same command again"
        elif status is not None:
            message = f"the Hub answered with status {status} for {repository}: run the same command again later"
        else:
            kind = type(error.__cause__ or error).__name__
            message = f"the exchange with the Hub on {repository} failed ({kind}): run the same command again"
        raise PublishError(message) from None


def check_names(repository: str, tag: str | None = None) -> None:
    """Raise PublishError unless the repository is ``owner/name`` as the Hub has them, and the tag is a plain name."""
    try:
        validate_repo_id(repository)
        valid = repository.count("/") == 1
    except hub.HFValidationError:
        valid = False
    if not valid:
        raise PublishError(f"{repository!r} is no repository: that is owner/name, of letters, digits, dots, - and _")
    if tag is not None and not _TAG.fullmatch(tag):
        raise PublishError(f"{tag!r} is no tag: that is a name such as v1, of letters, digits, dots, - and _")


def check_token(api: HfApi, repository: str) -> None:
    """Raise PublishError where there is no token, or one that the Hub refuses or lets only read."""
    if get_token() is None:
        raise PublishError("there is no token: set HF_TOKEN, or log in with hf auth login")
    with hub_errors(repository):
        access = api.whoami().get("auth", {}).get("accessToken", {})
    if access.get("role") == "read":
        raise PublishError(f"the token may only read: make one with write permission for {_owner(repository)}")


def look(api: HfApi, repository: str) -> Remote:
    """What is in the repository now; raises PublishError."""
    with hub_errors(repository), TemporaryDirectory() as cache:
        try:
            info = api.model_info(repository, timeout=TIMEOUT)
        except hub.GatedRepoError:
            raise
        except hub.RepositoryNotFoundError:
            return Remote()
        except hub.HfHubHTTPError as error:
            # The Hub says 401 of a repository that does not exist to those who send no token.
            if error.response.status_code == 401 and get_token() is None:
                return Remote()
            raise
        files = frozenset(each.rfilename for each in info.siblings or ())
        tags = {each.name: each.target_commit for each in api.list_repo_refs(repository).tags}
        bare = Remote(info.sha, bool(info.private), files, tags)
        if CONFIG not in files:
            return bare
        for name in files & {CONFIG, METRICS}:
            path = api.hf_hub_download(repository, name, revision=info.sha, cache_dir=cache)
        folder = Path(path).parent
        try:
            config = read_config(folder)
        except CheckpointError:
            return bare
        try:
            verify(folder, METRICS, config.files.get(METRICS, ""))
            metrics = Checkpoint(folder, config, "hub", repository, str(info.sha)).metrics()
        except CheckpointError:
            metrics = {}
        return Remote(info.sha, bool(info.private), files, tags, config, metrics)
