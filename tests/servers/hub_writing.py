"""The Hub on this machine, with what huggingface_hub asks for when it uploads: creating, LFS, commits, tags.

::

    with WritableHub() as hub:
        hub.users["hf_abc"] = User("alice")
        ...                                    # HfApi(endpoint=hub.url, token="hf_abc").create_commit(...)
        assert hub.repositories["alice/model"].refs["main"]

Large files come by LFS, in one piece or in several, as the real Hub takes them from clients without Xet.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

from tests.servers.hub import LARGE, Faults, Handler, Hub, Repository, git_sha, sha256

REPOSITORY = r"(?P<repository>[^/]+/[^/]+)"


@dataclass(frozen=True)
class User:
    """Whose token it is. ``role``: ``write`` or ``read``, as the Hub calls them."""

    name: str
    role: str = "write"


@dataclass
class WritingFaults(Faults):
    """Further switches. ``cut_uploads``: how many uploads of a file break off half-way.

    ``dropped``: kinds of request that are hung up on before anything is done; ``unanswered``: after it is done.
    The kinds are the names of the methods below. ``before``: called when a request of that kind has come.
    """

    cut_uploads: int = 0
    dropped: set[str] = field(default_factory=set)
    unanswered: set[str] = field(default_factory=set)
    before: dict[str, Callable[[], object]] = field(default_factory=dict)


class WritableHub(Hub):
    """``users`` by token; ``objects``: large files that have been uploaded, by sha256, whether committed or not.

    ``part_size``: files over that many bytes come in parts; None for one piece each. ``bodies``: JSON that was sent,
    with the path that it was sent to.
    """

    def __init__(self) -> None:
        super().__init__()
        self.faults: WritingFaults = WritingFaults()
        self.users: dict[str, User] = {}
        self.objects: dict[str, bytes] = {}
        self.parts: dict[tuple[str, int], bytes] = {}
        self.part_size: int | None = None
        self.bodies: list[tuple[str, Any]] = []

    def _handler(self) -> type[Handler]:
        return WritingHandler

    def content(self, repository: str, revision: str = "main") -> dict[str, bytes]:
        """Files of a revision, by name."""
        found = self.repositories[repository]
        return dict(found.commits[found.refs[revision]])


class _Away(ConnectionError):
    """The connection is closed without an answer."""


class WritingHandler(Handler):
    """Reading as before, and writing for those whose token allows it."""

    _silent = False

    @property
    def hub(self) -> WritableHub:
        hub = self.server.hub
        assert isinstance(hub, WritableHub)
        return hub

    @property
    def user(self) -> User | None:
        return self.hub.users.get(self.token or "")

    do_POST = do_PUT = Handler.do_GET  # noqa: N815 - http.server calls them by these names

    def _answer(self, answer: Callable[..., None], parts: Mapping[str, str]) -> None:
        kind, faults = answer.__name__, self.hub.faults
        if kind in faults.before:
            faults.before[kind]()
        if kind in faults.dropped:
            raise _Away
        self._silent = kind in faults.unanswered
        super()._answer(answer, parts)

    def _send(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        if self._silent:
            raise _Away
        super()._send(status, body, headers)

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers["Content-Length"]))

    def _sent(self) -> Any:
        value = json.loads(self._body())
        with self.hub.lock:
            self.hub.bodies.append((urlsplit(self.path).path, value))
        return value

    def _allowed(self, owner: str) -> bool:
        """Whether the token may write for ``owner``; if not, the refusal has been sent."""
        if self.user is None:
            self._refuse(HTTPStatus.UNAUTHORIZED, "Invalid credentials in Authorization header")
        elif self.user.role != "write" or self.user.name != owner:
            self._refuse(HTTPStatus.FORBIDDEN, f"Forbidden: you have no right to write for {owner}")
        else:
            return True
        return False

    def _writable(self, name: str) -> Repository | None:
        found = self._repository(name)
        return found if found and self._allowed(name.partition("/")[0]) else None

    def _whoami(self) -> None:
        if self.user is None:
            self._refuse(HTTPStatus.UNAUTHORIZED, "Invalid username or password.")
        else:
            token = {"displayName": "test", "role": self.user.role}
            self._json({"type": "user", "name": self.user.name, "auth": {"accessToken": token}})

    def _create(self) -> None:
        wish = self._sent()
        owner = wish["organization"] or (self.user.name if self.user else "")
        name = f"{owner}/{wish['name']}"
        if not self._allowed(owner):
            return
        if name in self.hub.repositories:
            self._refuse(HTTPStatus.CONFLICT, "You already created this model repo")
            return
        private = wish.get("visibility") == "private"
        self.hub.repositories[name] = Repository(private=private, readers={self.token or ""})
        self.hub.commit(name, {".gitattributes": b"*.onnx filter=lfs diff=lfs merge=lfs -text\n"})
        self._json({"url": f"{self.hub.url}/{name}", "name": name})

    def _validate(self) -> None:
        content = self._sent()["content"]
        if content.startswith("---\nlicense: ["):  # a list that is never closed, in place of a YAML parser
            errors = [{"message": "unexpected end of the stream within a flow collection"}]
            body = json.dumps({"errors": errors, "warnings": []}).encode()
            self._send(HTTPStatus.BAD_REQUEST, body, {"Content-Type": "application/json"})
        else:
            self._json({"errors": [], "warnings": []})

    def _preupload(self, repository: str, revision: str) -> None:
        asked = self._sent()["files"]
        found = self._writable(repository)
        commit = found and self._commit(found, revision)
        if found and commit:
            self._json({"files": [self._mode(file["path"], found.commits[commit]) for file in asked]})

    def _mode(self, path: str, there: Mapping[str, bytes]) -> dict[str, object]:
        large = path.endswith(LARGE)
        mode: dict[str, object] = {"path": path, "uploadMode": "lfs" if large else "regular", "shouldIgnore": False}
        if path in there:
            mode["oid"] = (sha256 if large else git_sha)(there[path])
        return mode

    def _batch(self, repository: str) -> None:
        asked = self._sent()["objects"]
        if self._writable(repository):
            self._json({"transfer": "basic", "objects": [self._instructions(repository, each) for each in asked]})

    def _instructions(self, repository: str, asked: dict[str, Any]) -> dict[str, Any]:
        oid, size, step = asked["oid"], asked["size"], self.hub.part_size
        if oid in self.hub.objects:
            return {"oid": oid, "size": size}
        where = f"{self.hub.cdn_url}/lfs/{oid}"
        upload: dict[str, Any] = {"href": f"{where}?signature=0"}
        if step is not None and size > step:
            count = -(-size // step)
            parts = {str(number): f"{where}?signature=0&part={number}" for number in range(1, count + 1)}
            upload = {"href": f"{self.hub.url}/api/complete_multipart", "header": {"chunk_size": str(step), **parts}}
        verify = {"href": f"{self.hub.url}/{repository}.git/info/lfs/objects/verify"}
        return {"oid": oid, "size": size, "actions": {"upload": upload, "verify": verify}}

    def _put(self, oid: str) -> None:
        query = parse_qs(urlsplit(self.path).query)
        if not self.server.cdn or query.get("signature") != ["0"]:
            self._refuse(HTTPStatus.FORBIDDEN, "no signature")
            return
        if self.hub.faults.cut_uploads > 0:
            self.hub.faults.cut_uploads -= 1
            self.rfile.read(int(self.headers["Content-Length"]) // 2)
            raise _Away
        content = self._body()
        if "part" in query:
            self.hub.parts[oid, int(query["part"][0])] = content
        elif sha256(content) != oid:
            self._refuse(HTTPStatus.BAD_REQUEST, "the content does not have this sha256")
            return
        else:
            self.hub.objects[oid] = content
        self._send(HTTPStatus.OK, b"", {"ETag": f'"{sha256(content)}"'})

    def _complete(self) -> None:
        wish = self._sent()
        oid, numbers = wish["oid"], [part["partNumber"] for part in wish["parts"]]
        content = b"".join(self.hub.parts.pop((oid, number)) for number in numbers)
        if sha256(content) != oid:
            self._refuse(HTTPStatus.BAD_REQUEST, "the parts do not have this sha256")
            return
        self.hub.objects[oid] = content
        self._json({"success": True})

    def _verify(self, repository: str) -> None:
        asked = self._sent()
        if not self._writable(repository):
            return
        if len(self.hub.objects.get(asked["oid"], b"")) == asked["size"]:
            self._json({})
        else:
            self._refuse(HTTPStatus.NOT_FOUND, "no such object")

    def _commit_files(self, repository: str, revision: str) -> None:
        lines = [json.loads(line) for line in self._body().splitlines()]
        with self.hub.lock:
            self.hub.bodies.append((urlsplit(self.path).path, lines))
        found = self._writable(repository)
        parent = found and self._commit(found, revision)
        if not found or not parent:
            return
        header = lines[0]["value"]
        if header.get("parentCommit", parent) != parent:
            self._refuse(HTTPStatus.PRECONDITION_FAILED, "A commit has happened since. Please refresh and try again.")
            return
        files = dict(found.commits[parent])
        for line in lines[1:]:
            value = line["value"]
            match line["key"]:
                case "file":
                    files[value["path"]] = base64.b64decode(value["content"])
                case "lfsFile" if value["oid"] in self.hub.objects:
                    files[value["path"]] = self.hub.objects[value["oid"]]
                case "deletedFile" if value["path"] in files:
                    del files[value["path"]]
                case kind:
                    self._refuse(HTTPStatus.BAD_REQUEST, f"{kind} {value['path']} cannot be done")
                    return
        commit = self.hub.commit(repository, files, branch=revision)
        self._json({"success": True, "commitOid": commit, "commitUrl": f"{self.hub.url}/{repository}/commit/{commit}"})

    def _refs(self, repository: str) -> None:
        found = self._repository(repository)
        if found:
            known = [(name, f"refs/{'heads' if name == 'main' else 'tags'}/{name}") for name in found.refs]
            refs = [{"name": name, "ref": ref, "targetCommit": found.refs[name]} for name, ref in known]
            branches = [ref for ref in refs if ref["name"] == "main"]
            self._json({"branches": branches, "converts": [], "tags": [ref for ref in refs if ref not in branches]})

    def _tag(self, repository: str, revision: str) -> None:
        name = self._sent()["tag"]
        found = self._writable(repository)
        commit = found and self._commit(found, revision)
        if not found or not commit:
            return
        if name in found.refs:
            self._refuse(HTTPStatus.CONFLICT, "Tag already exists")
        else:
            found.refs[name] = commit
            self._json({})

    ROUTES: ClassVar[tuple[tuple[str, str, Callable[..., None]], ...]] = (
        *Handler.ROUTES,
        ("GET", r"/api/whoami-v2", _whoami),
        ("POST", r"/api/repos/create", _create),
        ("POST", r"/api/validate-yaml", _validate),
        ("POST", rf"/api/models/{REPOSITORY}/preupload/(?P<revision>[^/]+)", _preupload),
        ("POST", rf"/{REPOSITORY}\.git/info/lfs/objects/batch", _batch),
        ("PUT", r"/lfs/(?P<oid>[0-9a-f]{64})", _put),
        ("POST", r"/api/complete_multipart", _complete),
        ("POST", rf"/{REPOSITORY}\.git/info/lfs/objects/verify", _verify),
        ("POST", rf"/api/models/{REPOSITORY}/commit/(?P<revision>[^/]+)", _commit_files),
        ("GET", rf"/api/models/{REPOSITORY}/refs", _refs),
        ("POST", rf"/api/models/{REPOSITORY}/tag/(?P<revision>[^/]+)", _tag),
    )
