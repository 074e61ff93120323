"""A read-only Hub on localhost: enough for `load_dataset`, `from_pretrained`, `snapshot_download`.

with hub(folder) as url:        # folder/datasets/org/name/..., folder/models/org/name/...
python(code, url, home)     # in a process of its own, which reads HF_ENDPOINT at import
"""

import hashlib
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

REPOSITORY = r"(?P<repository>[^/]+/[^/]+)"
INFO = re.compile(rf"/api/(?P<kind>models|datasets)/{REPOSITORY}(/revision/.+)?")
TREE = re.compile(rf"/api/(?P<kind>models|datasets)/{REPOSITORY}/tree/[^/]+/?(?P<path>.*)")
PATHS = re.compile(rf"/api/(?P<kind>models|datasets)/{REPOSITORY}/paths-info/[^/]+")
FILE = re.compile(rf"/((?P<kind>datasets)/)?{REPOSITORY}/resolve/[^/]+/(?P<path>.+)")
DATE = "2026-01-01T00:00:00.000Z"


def digest(content: bytes) -> str:
    """Return what stands for a git object id."""
    return hashlib.sha1(content, usedforsecurity=False).hexdigest()


class Answers(BaseHTTPRequestHandler):
    """What the Hub's file API says about the folders under ``server.root``."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        """Say nothing."""

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        path = unquote(urlsplit(self.path).path)
        for pattern, answer in ((FILE, self.file), (TREE, self.tree), (INFO, self.info)):
            if found := pattern.fullmatch(path):
                folder = self.folder(found)
                if not folder.is_dir():
                    return self.missing("RepoNotFound")
                return answer(folder, found)
        return self.missing("EntryNotFound")

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        found = PATHS.fullmatch(unquote(urlsplit(self.path).path))
        if not found:
            return self.missing("EntryNotFound")
        asked = json.loads(body) if body.startswith("{") else parse_qs(body)
        folder = self.folder(found)
        there = [folder / path for path in asked.get("paths", []) if (folder / path).exists()]
        return self.send([self.entry(folder, path) for path in there])

    def folder(self, found: re.Match) -> Path:
        return self.server.root / (found["kind"] or "models") / found["repository"]

    def commit(self, folder: Path) -> str:
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        return digest(b"".join(path.read_bytes() for path in files))

    def entry(self, folder: Path, path: Path) -> dict:
        name = path.relative_to(folder).as_posix()
        if path.is_dir():
            return {"type": "directory", "path": name, "oid": digest(name.encode()), "size": 0}
        content = path.read_bytes()
        return {"type": "file", "path": name, "oid": digest(content), "size": len(content)}

    def info(self, folder: Path, found: re.Match):
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        names = [{"rfilename": path.relative_to(folder).as_posix()} for path in files]
        flags = dict.fromkeys(("private", "gated", "disabled"), False)
        who = {"_id": "0", "id": found["repository"], "modelId": found["repository"], "tags": []}
        dates = {"lastModified": DATE, "createdAt": DATE, "downloads": 0, "likes": 0}
        self.send({**who, **flags, **dates, "sha": self.commit(folder), "siblings": names})

    def tree(self, folder: Path, found: re.Match):
        start = folder / found["path"]
        if not start.is_dir():
            return self.missing("EntryNotFound")
        deep = "recursive=true" in self.path.lower()
        paths = sorted(start.rglob("*") if deep else start.iterdir())
        return self.send([self.entry(folder, path) for path in paths])

    def file(self, folder: Path, found: re.Match):
        path, commit = folder / found["path"], {"X-Repo-Commit": self.commit(folder)}
        if not path.is_file():
            return self.missing("EntryNotFound", commit)
        content = path.read_bytes()
        headers = {**commit, "ETag": f'"{digest(content)}"', "Accept-Ranges": "bytes"}
        if asked := re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or ""):
            first, last = int(asked[1]), int(asked[2] or len(content) - 1)
            headers["Content-Range"] = f"bytes {first}-{last}/{len(content)}"
            return self.send(content[first : last + 1], headers, code=206)
        return self.send(content, headers)

    def missing(self, what: str, headers: dict | None = None):
        self.send({"error": what}, {"X-Error-Code": what, **(headers or {})}, code=404)

    def send(self, body: object, headers: dict | None = None, code: int = 200):
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(code)
        for name, value in {**(headers or {}), "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


@contextmanager
def hub(root: Path) -> Iterator[str]:
    """Serve a folder and give its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    server.root = root
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def python(code: str, endpoint: str, home: Path, **variables: str) -> str:
    """Run code in a process whose Hub is `endpoint`; return what it prints.

    Args:
        code: Python statements.
        endpoint: For ``HF_ENDPOINT``.
        home: For ``HF_HOME``: where the libraries keep what they load.
        variables: Further environment variables.
    """
    dropped = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE", "HF_TOKEN")
    kept = {name: value for name, value in os.environ.items() if name not in dropped}
    mine = {"HF_ENDPOINT": endpoint, "HF_HOME": str(home), "HF_HUB_DISABLE_XET": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=kept | mine | {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"} | variables,
        capture_output=True,
        text=True,
        timeout=120,
        cwd=Path(__file__).parents[1],
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
