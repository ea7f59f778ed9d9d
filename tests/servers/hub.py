"""A Hub on this machine: what huggingface_hub asks for when it reads a model, and the Hub's ways to fail.

::

    with Hub() as hub:
        commit = hub.commit("someone/model", {"config.json": b"{}"}, tag="v1")
        ...                                    # endpoint=hub.url
        assert hub.requests[-1].path.endswith("/config.json")
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread
from typing import ClassVar, Self
from urllib.parse import parse_qs, unquote, urlsplit

LARGE = (".onnx", ".safetensors")
ABBREVIATED = 7


@dataclass(frozen=True)
class Request:
    """One request as it arrived; header names in lower case. ``cdn``: it came to the host of large files."""

    method: str
    path: str
    headers: Mapping[str, str]
    cdn: bool

    @property
    def file(self) -> str:
        """Name of the file that was asked for, or nothing."""
        return self.path.rsplit("/", 1)[-1] if self.cdn or "/resolve/" in self.path else ""


@dataclass
class Repository:
    """Files by commit, and the commits that branches and tags stand for.

    ``readers``: the tokens that may read it when it is private or gated.
    """

    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)
    private: bool = False
    gated: bool = False
    readers: set[str] = field(default_factory=set)

    def find(self, revision: str) -> str | None:
        """Commit that a branch, tag, commit sha or its beginning stands for."""
        if revision in self.refs:
            return self.refs[revision]
        if len(revision) < ABBREVIATED:
            return None
        return next((commit for commit in self.commits if commit.startswith(revision)), None)


@dataclass
class Faults:
    """Switches. ``corrupt``: files whose bytes are wrong. ``cut``: files sent short, and how many times.

    ``status``: answer with that status by file name, or to everything under the name ``*``. ``mute``: take
    requests and never answer. ``hang_up``: close the connection without an answer. ``foreign``: a web server
    that is not a Hub, and says 200 to everything.
    """

    corrupt: set[str] = field(default_factory=set)
    cut: dict[str, int] = field(default_factory=dict)
    status: dict[str, int] = field(default_factory=dict)
    mute: bool = False
    hang_up: bool = False
    foreign: bool = False


class _Server(ThreadingHTTPServer):
    # Stopping waits for running answers, so that nothing of a test outlives it.
    daemon_threads = False
    block_on_close = True
    hub: Hub
    cdn: bool

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that go away during an answer are part of the tests; anything else is a bug here."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class Hub:
    """The server, a context manager. ``url`` is the endpoint; ``requests`` grows as they come.

    As on the real Hub, large files are redirected to another origin (the CDN), and a repository that does not
    exist is 401 for a request without a token and 404 for one with a token.
    """

    def __init__(self) -> None:
        self.repositories: dict[str, Repository] = {}
        self.requests: list[Request] = []
        self.faults = Faults()
        self.lock = Lock()
        self.stopping = Event()
        self._servers = [self._server(cdn=False), self._server(cdn=True)]
        self.url, self.cdn_url = (f"http://127.0.0.1:{server.server_address[1]}" for server in self._servers)

    def _server(self, *, cdn: bool) -> _Server:
        server = _Server(("127.0.0.1", 0), self._handler())
        server.hub, server.cdn = self, cdn
        return server

    def _handler(self) -> type[Handler]:
        return Handler

    def __enter__(self) -> Self:
        self._threads = [Thread(target=server.serve_forever, args=(0.02,)) for server in self._servers]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """From now on connections are refused. Stopping twice is fine."""
        if self.stopping.is_set():
            return
        self.stopping.set()
        for server, thread in zip(self._servers, self._threads, strict=True):
            server.shutdown()
            server.server_close()
            thread.join()

    def commit(
        self, repository: str, files: Mapping[str, bytes], *, branch: str = "main", tag: str | None = None
    ) -> str:
        """Put a commit of just ``files`` on a branch, creating the repository if need be; gives its sha."""
        target = self.repositories.setdefault(repository, Repository())
        digest = hashlib.sha1(f"{repository} {branch} {len(target.commits)}".encode(), usedforsecurity=False)
        commit = digest.hexdigest()
        target.commits[commit] = dict(files)
        target.refs[branch] = commit
        if tag:
            target.refs[tag] = commit
        return commit

    def sent(self) -> list[str]:
        """Names of the files whose bytes were asked for, in order."""
        return [each.file for each in self.requests if each.method == "GET" and each.file]


class Handler(BaseHTTPRequestHandler):
    """HTTP/1.0, one request a connection: a stopped server is gone for pooled connections as well."""

    server: _Server

    @property
    def hub(self) -> Hub:
        return self.server.hub

    @property
    def token(self) -> str | None:
        kind, _, token = self.headers.get("Authorization", "").partition(" ")
        return token if kind == "Bearer" else None

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """The request log is ``Hub.requests``."""

    def do_HEAD(self) -> None:
        self._handle()

    def do_GET(self) -> None:
        self._handle()

    def _handle(self) -> None:
        path = unquote(urlsplit(self.path).path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, path, headers, self.server.cdn)
        with self.hub.lock:
            self.hub.requests.append(request)
        if not self._fail(request):
            self._route(path)

    def _fail(self, request: Request) -> bool:
        faults = self.hub.faults
        if faults.mute:
            self.hub.stopping.wait()
        if faults.mute or faults.hang_up:
            return True
        if faults.foreign:
            self._send(HTTPStatus.OK, b"<html>welcome</html>", {"Content-Type": "text/html"})
            return True
        status = faults.status.get(request.file, faults.status.get("*"))
        if status:
            self._refuse(status, "the server is out of order")
        return status is not None

    def _route(self, path: str) -> None:
        # The revision is quoted in one piece, slashes and all, so the raw path decides where it ends.
        raw = urlsplit(self.path).path
        for method, pattern, answer in self.ROUTES:
            found = re.fullmatch(pattern, raw)
            if method == self.command.replace("HEAD", "GET") and found:
                self._answer(answer, {name: unquote(value) for name, value in found.groupdict().items()})
                return
        self._refuse(HTTPStatus.NOT_FOUND, f"nothing at {path}")

    def _answer(self, answer: Callable[..., None], parts: Mapping[str, str]) -> None:
        answer(self, **parts)

    def _send(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _refuse(self, status: int, message: str, code: str = "") -> None:
        headers = {"X-Error-Message": message, "Content-Type": "application/json"}
        self._send(
            status,
            json.dumps({"error": message}).encode(),
            headers | ({"X-Error-Code": code} if code else {}),
        )

    def _repository(self, name: str) -> Repository | None:
        """The repository, or None after the Hub's answer to those who may not see it."""
        found = self.hub.repositories.get(name)
        if found is None or (found.private and self.token not in found.readers):
            if self.token is None:
                self._refuse(HTTPStatus.UNAUTHORIZED, "Invalid username or password.")
            else:
                self._refuse(HTTPStatus.NOT_FOUND, "Repository not found", "RepoNotFound")
            return None
        if found.gated and self.token not in found.readers:
            status = HTTPStatus.UNAUTHORIZED if self.token is None else HTTPStatus.FORBIDDEN
            self._refuse(status, f"Access to model {name} is restricted.", "GatedRepo")
            return None
        return found

    def _commit(self, repository: Repository, revision: str) -> str | None:
        commit = repository.find(revision)
        if commit is None:
            self._refuse(HTTPStatus.NOT_FOUND, f"Invalid rev id: {revision}", "RevisionNotFound")
        return commit

    def _info(self, repository: str, revision: str = "main") -> None:
        found = self._repository(repository)
        commit = found and self._commit(found, revision)
        if found and commit:
            siblings = [{"rfilename": name} for name in found.commits[commit]]
            info = {
                "_id": commit[:24],
                "id": repository,
                "modelId": repository,
                "sha": commit,
                "siblings": siblings,
            }
            self._json(info | {"private": found.private, "gated": found.gated and "auto", "tags": []})

    def _tree(self, repository: str, revision: str) -> None:
        found = self._repository(repository)
        commit = found and self._commit(found, revision)
        if found and commit:
            self._json([_entry(name, content) for name, content in found.commits[commit].items()])

    def _json(self, value: object) -> None:
        self._send(HTTPStatus.OK, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def _harnesses(self) -> None:
        self._json({"standardEnvVars": [], "harnesses": {}})

    def _resolve(self, repository: str, revision: str, file: str) -> None:
        found = self._repository(repository)
        commit = found and self._commit(found, revision)
        if not found or not commit:
            return
        content = found.commits[commit].get(file)
        if content is None:
            self.send_response(HTTPStatus.NOT_FOUND)
            for name, value in {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": commit}.items():
                self.send_header(name, value)
            self.end_headers()
        elif file.endswith(LARGE):
            linked = {"X-Linked-Etag": f'"{sha256(content)}"', "X-Linked-Size": str(len(content))}
            location = f"{self.hub.cdn_url}/{repository}/{commit}/{file}?signature=0"
            self._send(HTTPStatus.FOUND, b"", linked | {"X-Repo-Commit": commit, "Location": location})
        else:
            self._content(file, content, {"X-Repo-Commit": commit, "ETag": f'"{git_sha(content)}"'})

    def _from_cdn(self, repository: str, commit: str, file: str) -> None:
        signed = parse_qs(urlsplit(self.path).query).get("signature") == ["0"]
        if not self.server.cdn or not signed:
            self._refuse(HTTPStatus.FORBIDDEN, "no signature")
            return
        content = self.hub.repositories[repository].commits[commit][file]
        self._content(file, content, {"ETag": f'"{sha256(content)}"'})

    def _content(self, file: str, content: bytes, headers: Mapping[str, str]) -> None:
        faults = self.hub.faults
        if file in faults.corrupt:
            content = bytes(byte ^ 0xFF for byte in content)
        status, headers = HTTPStatus.OK, {"Accept-Ranges": "bytes", **headers}
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if asked and int(asked[1]) < len(content):
            start = int(asked[1])
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
            status, content = HTTPStatus.PARTIAL_CONTENT, content[start:]
        if self.command == "GET" and faults.cut.get(file, 0) > 0:
            faults.cut[file] -= 1
            headers["Content-Length"] = str(len(content))
            content = content[: len(content) // 2]
        self._send(status, content, headers)

    # Reading only: what writes is in hub_writing.py.
    ROUTES: ClassVar[tuple[tuple[str, str, Callable[..., None]], ...]] = (
        ("GET", r"/api/agent-harnesses", _harnesses),
        ("GET", r"/api/models/(?P<repository>[^/]+/[^/]+)", _info),
        ("GET", r"/api/models/(?P<repository>[^/]+/[^/]+)/revision/(?P<revision>[^/]+)", _info),
        ("GET", r"/api/models/(?P<repository>[^/]+/[^/]+)/tree/(?P<revision>[^/]+)", _tree),
        ("GET", r"/(?P<repository>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<file>.+)", _resolve),
        ("GET", r"/(?P<repository>[^/]+/[^/]+)/(?P<commit>[0-9a-f]{40})/(?P<file>.+)", _from_cdn),
    )


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def git_sha(content: bytes) -> str:
    """Name of a git blob, which is the Hub's ETag of a file outside LFS."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def _entry(name: str, content: bytes) -> dict[str, object]:
    entry: dict[str, object] = {"type": "file", "path": name, "size": len(content), "oid": git_sha(content)}
    if name.endswith(LARGE):
        entry["lfs"] = {"oid": sha256(content), "size": len(content), "pointerSize": 134}
    return entry
