"""The Hub on this machine, with what `datasets` asks for: a dataset streamed, and a dataset uploaded.

::

    with DatasetHub() as hub:
        hub.commit("alice/faces", {"data/train-00000-of-00001.parquet": content})
        ...                                    # HF_ENDPOINT=hub.url in another process: it is read at import
        assert hub.asked("train-00000-of-00001.parquet") == 1
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from http import HTTPStatus
from pathlib import PurePosixPath
from typing import ClassVar
from urllib.parse import parse_qs, urlsplit

from tests.servers.hub import Handler, Repository, git_sha, sha256
from tests.servers.hub_writing import REPOSITORY, WritableHub, WritingHandler

DATASET = rf"/api/datasets/{REPOSITORY}"
REVISION = r"(?P<revision>[^/]+)"
LFS = (".parquet",)


class DatasetHub(WritableHub):
    """As `WritableHub`; its repositories are datasets as well as models."""

    def _handler(self) -> type[Handler]:
        return DatasetHandler

    def asked(self, file: str) -> int:
        """How often bytes of a file were asked for."""
        return sum(each.method == "GET" and each.file == file for each in self.requests)


class DatasetHandler(WritingHandler):
    """The routes of datasets lead where those of models do, but for what models are never asked."""

    def _create(self) -> None:
        """A dataset that is there already is a conflict whose answer says where it is."""
        wish = self._sent()
        owner = wish["organization"] or (self.user.name if self.user else "")
        name = f"{owner}/{wish['name']}"
        if not self._allowed(owner):
            return
        there = name in self.hub.repositories
        if not there:
            private = wish.get("visibility") == "private"
            self.hub.repositories[name] = Repository(private=private, readers={self.token or ""})
            self.hub.commit(name, {".gitattributes": b"*.parquet filter=lfs diff=lfs merge=lfs -text\n"})
        body = json.dumps({"url": f"{self.hub.url}/datasets/{name}", "name": name}).encode()
        status = HTTPStatus.CONFLICT if there else HTTPStatus.OK
        self._send(status, body, {"Content-Type": "application/json"})

    def _tree(self, repository: str, revision: str, folder: str = "") -> None:
        found = self._repository(repository)
        commit = found and self._commit(found, revision)
        if not found or not commit:
            return
        recursive = parse_qs(urlsplit(self.path).query).get("recursive", ["false"])[0].lower() in {"true", "1"}
        below = f"{folder}/" if folder else ""
        entries = _entries(found.commits[commit])
        inside = [each for each in entries if str(each["path"]).startswith(below)]
        if folder and not inside:
            self._missing(commit)
            return
        self._json([each for each in inside if recursive or "/" not in str(each["path"])[len(below) :]])

    def _paths(self, repository: str, revision: str) -> None:
        asked = parse_qs(self._body().decode()).get("paths", [])
        found = self._repository(repository)
        commit = found and self._commit(found, revision)
        if found and commit:
            self._json([each for each in _entries(found.commits[commit]) if each["path"] in asked])

    def _missing(self, commit: str) -> None:
        headers = {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": commit}
        self._send(HTTPStatus.NOT_FOUND, b"", headers)

    def _resolve(self, repository: str, revision: str, file: str) -> None:
        found = self._repository(repository)
        commit = found and self._commit(found, revision)
        if not found or not commit:
            return
        content = found.commits[commit].get(file)
        if content is None:
            self._missing(commit)
        elif file.endswith(LFS):
            linked = {"X-Linked-Etag": f'"{sha256(content)}"', "X-Linked-Size": str(len(content))}
            location = f"{self.hub.cdn_url}/{repository}/{commit}/{file}?signature=0"
            self._send(HTTPStatus.FOUND, b"", linked | {"X-Repo-Commit": commit, "Location": location})
        else:
            self._content(file, content, {"X-Repo-Commit": commit, "ETag": f'"{git_sha(content)}"'})

    def _content(self, file: str, content: bytes, headers: Mapping[str, str]) -> None:
        """As for models, and pieces from the middle: a Parquet file is read from its end."""
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        if asked is None:
            super()._content(file, content, headers)
            return
        start, end = int(asked[1]), min(int(asked[2]) + 1, len(content))
        place = {"Content-Range": f"bytes {start}-{end - 1}/{len(content)}", "Accept-Ranges": "bytes"}
        self._send(HTTPStatus.PARTIAL_CONTENT, content[start:end], {**headers, **place})

    def _mode(self, path: str, there: Mapping[str, bytes]) -> dict[str, object]:
        mode = super()._mode(path, there)
        if path.endswith(LFS):
            mode["uploadMode"] = "lfs"
            if path in there:
                mode["oid"] = sha256(there[path])
        return mode

    ROUTES: ClassVar[tuple[tuple[str, str, Callable[..., None]], ...]] = (
        ("POST", r"/api/repos/create", _create),
        ("GET", DATASET, WritingHandler._info),
        ("GET", rf"{DATASET}/revision/{REVISION}", WritingHandler._info),
        ("GET", rf"{DATASET}/tree/{REVISION}", _tree),
        ("GET", rf"{DATASET}/tree/{REVISION}/(?P<folder>.+)", _tree),
        ("POST", rf"{DATASET}/paths-info/{REVISION}", _paths),
        ("GET", rf"/datasets/{REPOSITORY}/resolve/{REVISION}/(?P<file>.+)", _resolve),
        ("POST", rf"{DATASET}/preupload/{REVISION}", WritingHandler._preupload),
        ("POST", rf"/datasets/{REPOSITORY}\.git/info/lfs/objects/batch", WritingHandler._batch),
        ("POST", rf"{DATASET}/commit/{REVISION}", WritingHandler._commit_files),
        ("GET", rf"{DATASET}/refs", WritingHandler._refs),
        *WritingHandler.ROUTES,
    )


def _entries(files: Mapping[str, bytes]) -> list[dict[str, object]]:
    """Files, and the folders that they lie in, as the Hub lists them."""
    folders = {parent.as_posix() for name in files for parent in PurePosixPath(name).parents} - {"."}
    found: list[dict[str, object]] = [
        {"type": "directory", "path": name, "size": 0, "oid": git_sha(name.encode())} for name in sorted(folders)
    ]
    for name, content in files.items():
        entry: dict[str, object] = {"type": "file", "path": name, "size": len(content), "oid": git_sha(content)}
        if name.endswith(LFS):
            entry["lfs"] = {"oid": sha256(content), "size": len(content), "pointerSize": 134}
        found.append(entry)
    return found
