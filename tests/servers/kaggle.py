"""As much of Kaggle on loopback as kagglehub asks for when it downloads a dataset.

kagglehub knows few addresses (kagglesdk.kaggle_env), so this is a proxy: with ``KAGGLE_API_ENVIRONMENT=LOCALHOST`` and
``http_proxy`` set, as in `Kaggle.environment`, what it sends to http://localhost and to the storage arrives here.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Self
from urllib.parse import urlsplit

API = "localhost"
STORAGE = "storage.example"  # datasets come from another host, by a signed address


@dataclass(frozen=True)
class Asked:
    """One request: the host and path, the header that holds a credential, and the range of bytes."""

    host: str
    path: str
    authorization: str
    range: str


@dataclass
class Dataset:
    """Versions of a dataset, each a zip archive; ``private``: only for who has `Kaggle.token`."""

    versions: list[bytes]
    private: bool = False


@dataclass
class Faults:
    """``cut``: downloads that break off half-way. ``damage``: archives of wrong bytes, ``hashed``: whose hash
    tells so. ``status``: of all answers of the API.
    """

    cut: int = 0
    damage: bool = False
    hashed: bool = True
    status: int = 0
    asked: list[Asked] = field(default_factory=list)


def archive(files: Mapping[str, bytes]) -> bytes:
    """A zip archive."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        for name, content in files.items():
            packed.writestr(name, content)
    return out.getvalue()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    kaggle: Kaggle

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that go away during an answer are part of the tests."""


class Kaggle:
    """The server, a context manager. ``datasets`` by owner/name; ``faults.asked`` grows with the requests."""

    token = "KGAT_0123456789abcdef"  # noqa: S105 - of nobody

    def __init__(self) -> None:
        self.datasets: dict[str, Dataset] = {}
        self.faults = Faults()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.kaggle = self
        self._thread = Thread(target=self._server.serve_forever, args=(0.02,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def environment(self, home: str) -> dict[str, str]:
        """What makes kagglehub come here, and look for credentials in an empty folder."""
        proxy = f"http://127.0.0.1:{self._server.server_address[1]}"
        names = {"http_proxy": proxy, "HTTP_PROXY": proxy, "no_proxy": "", "NO_PROXY": ""}
        return names | {"KAGGLE_API_ENVIRONMENT": "LOCALHOST", "KAGGLE_CONFIG_DIR": home, "HOME": home}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        kaggle, parts = self.server.kaggle, self._note()
        asked: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        name = f"{asked['ownerSlug']}/{asked['datasetSlug']}"
        dataset = kaggle.datasets.get(name)
        known = self.headers.get("Authorization") == f"Bearer {kaggle.token}"
        if kaggle.faults.status:
            self._json(kaggle.faults.status, {"code": kaggle.faults.status, "message": "No"})
        elif "Authorization" in self.headers and not known:
            self._json(401, {"code": 401, "message": "Unauthenticated"})
        elif dataset is None:
            self._json(404, {"code": 404, "message": "Not found"})
        elif dataset.private and not known:
            self._json(403, {"code": 403, "message": "Permission denied"})
        elif parts.endswith("/GetDataset"):
            self._json(200, {"ref": name, "currentVersionNumber": len(dataset.versions)})
        else:
            version = asked["datasetVersionNumber"]
            self.send_response(302)
            self.send_header("Location", f"http://{STORAGE}/{name}/{version}.zip?signature=secret-of-the-address")
            self.send_header("Content-Length", "0")
            self.end_headers()

    def do_GET(self) -> None:
        faults = self.server.kaggle.faults
        owner, name, version = self._note().strip("/").removesuffix(".zip").split("/")
        content = self.server.kaggle.datasets[f"{owner}/{name}"].versions[int(version) - 1]
        digest = base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()
        start = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").removesuffix("-"))
        body = b"?" * len(content) if faults.damage else content
        self.send_response(206 if start else 200)
        self.send_header("Content-Type", "application/zip")
        self.send_header("Content-Length", str(len(content) - start))
        self.send_header("Accept-Ranges", "bytes")
        if faults.hashed:
            self.send_header("X-Goog-Hash", f"crc32c=n03x6A==,md5={digest}")
        self.end_headers()
        end = len(content)
        if faults.cut:
            faults.cut, end, self.close_connection = faults.cut - 1, (start + len(content)) // 2, True
        with suppress(OSError):
            self.wfile.write(body[start:end])

    def _note(self) -> str:
        """Keep the request; gives its path. A proxy is asked for whole addresses."""
        parts = urlsplit(self.path)
        credential, part = self.headers.get("Authorization", ""), self.headers.get("Range", "")
        self.server.kaggle.faults.asked.append(Asked(parts.hostname or "", parts.path, credential, part))
        return parts.path

    def _json(self, status: int, content: dict[str, Any]) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name it has in the base class
        """Nothing on the screen."""
