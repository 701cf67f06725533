"""A small Hugging Face Hub that keeps real bytes: what `huggingface_hub` and `datasets` ask of one, for datasets.

Everything is on disk under one folder, and a commit is one rename, so that a killed client and a server that was
started again see the same state. It checks what the real one checks: tokens and their rights, the SHA-256 and size of
each large object, that a commit's parent is the newest commit (412), that a large file was uploaded before it is
committed.

    with Hub(folder) as hub: ...          # in a thread; hub.url, hub.commits("user/name"), hub.file("user/name", path)
    python -m tests.hub_server FOLDER PORT # on its own
"""

import base64
import hashlib
import json
import re
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

TOKENS = {"hf_writer": "write", "hf_reader": "read"}
USER = "user"
LARGE = (".parquet", ".arrow", ".safetensors", ".bin", ".gz")
EMPTY_REPO = {".gitattributes": b"*.parquet filter=lfs diff=lfs merge=lfs -text\n"}


class Refused(Exception):
    """An answer that is not a success."""

    def __init__(self, status: int, message: str, code: str | None = None, **more: Any) -> None:
        super().__init__(message)
        self.status, self.message, self.code, self.more = status, message, code, more


class Repositories:
    """Repositories on disk: each has objects by SHA-256, commits as JSON, and the newest one's name in `head`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lock = threading.Lock()

    def create(self, repo: str) -> None:
        with self.lock:
            if (self._at(repo) / "head").exists():
                raise Refused(409, "You already created this dataset repo")
            self._write_commit(
                repo, None, "initial commit", {p: self._small(repo, data) for p, data in EMPTY_REPO.items()}
            )

    def head(self, repo: str) -> str:
        try:
            return (self._at(repo) / "head").read_text()
        except FileNotFoundError:
            # The real Hub does not tell a missing repository from a private one.
            raise Refused(401, "Repository not found", "RepoNotFound") from None

    def commit_at(self, repo: str, revision: str) -> dict[str, Any]:
        newest = self.head(repo)
        path = self._at(repo) / "commits" / f"{newest if revision == 'main' else revision}.json"
        if not re.fullmatch(r"[0-9a-f]{40}\.json", path.name) or not path.exists():
            raise Refused(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        found: dict[str, Any] = json.loads(path.read_text())
        return found

    def commits(self, repo: str) -> list[dict[str, Any]]:
        """The commits from the newest back to the first."""
        found = [self.commit_at(repo, "main")]
        while found[-1]["parent"]:
            found.append(self.commit_at(repo, found[-1]["parent"]))
        return found

    def entry(self, repo: str, revision: str, path: str) -> dict[str, Any]:
        try:
            entry: dict[str, Any] = self.commit_at(repo, revision)["tree"][path]
        except KeyError:
            raise Refused(404, "Entry not found", "EntryNotFound") from None
        return entry

    def content(self, repo: str, entry: dict[str, Any]) -> bytes:
        return self._object(repo, entry["sha256"]).read_bytes()

    def has_object(self, repo: str, oid: str, size: int) -> bool:
        path = self._object(repo, oid)
        return path.exists() and path.stat().st_size == size

    def put_object(self, repo: str, oid: str, data: bytes) -> None:
        if hashlib.sha256(data).hexdigest() != oid:
            raise Refused(400, "The object does not have the SHA-256 that names it")
        self._write(self._object(repo, oid), data)

    def commit(self, repo: str, revision: str, lines: list[dict[str, Any]]) -> str:
        """Apply the operations of a commit in one step."""
        with self.lock:
            newest = self.head(repo)
            if revision != "main":
                raise Refused(404, f"Invalid rev id: {revision}", "RevisionNotFound")
            header, operations = lines[0]["value"], lines[1:]
            if header.get("parentCommit", newest) != newest:
                raise Refused(412, "A commit has happened since. Please refresh and try again.")
            tree = dict(self.commit_at(repo, newest)["tree"])
            for operation in operations:
                self._apply(repo, tree, operation["key"], operation["value"])
            return self._write_commit(repo, newest, header["summary"], tree, header.get("description", ""))

    def _apply(self, repo: str, tree: dict[str, Any], key: str, value: dict[str, Any]) -> None:
        path = value["path"]
        if key == "file":
            tree[path] = self._small(repo, base64.b64decode(value["content"]))
        elif key == "lfsFile":
            if value["algo"] != "sha256" or not self.has_object(repo, value["oid"], value["size"]):
                raise Refused(400, f"{path}: the object was not uploaded")
            tree[path] = {"sha256": value["oid"], "size": value["size"], "lfs": True}
        elif key == "deletedFile":
            if path not in tree:
                raise Refused(404, "A file with this name doesn't exist", "EntryNotFound")
            del tree[path]
        else:
            raise Refused(400, f"unknown operation {key}")

    def _small(self, repo: str, data: bytes) -> dict[str, Any]:
        sha256 = hashlib.sha256(data).hexdigest()
        self._write(self._object(repo, sha256), data)
        return {"sha256": sha256, "size": len(data), "lfs": False, "oid": git_hash(data)}

    def _write_commit(
        self, repo: str, parent: str | None, title: str, tree: dict[str, Any], description: str = ""
    ) -> str:
        facts = {"parent": parent, "title": title, "description": description, "tree": tree}
        oid = hashlib.sha1(json.dumps(facts, sort_keys=True).encode()).hexdigest()
        at = self._at(repo)
        self._write(at / "commits" / f"{oid}.json", json.dumps({"oid": oid, **facts}).encode())
        self._write(at / "head", oid.encode())
        return oid

    def _object(self, repo: str, oid: str) -> Path:
        return self._at(repo) / "objects" / oid

    def _at(self, repo: str) -> Path:
        return self.folder / "repositories" / repo

    @staticmethod
    def _write(path: Path, data: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{path.name}.{threading.get_ident()}")
        part.write_bytes(data)
        part.replace(path)


def git_hash(data: bytes) -> str:
    """The name that git gives to a file's bytes."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def pointer(entry: dict[str, Any]) -> bytes:
    """What git keeps in place of a large file."""
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{entry['sha256']}\nsize {entry['size']}\n".encode()


def tree_entry(path: str, entry: dict[str, Any]) -> dict[str, Any]:
    """A file as `/tree/` and `/paths-info/` tell it."""
    told = {"type": "file", "path": path, "size": entry["size"], "oid": entry.get("oid")}
    if entry["lfs"]:
        small = pointer(entry)
        told |= {
            "oid": git_hash(small),
            "lfs": {"oid": entry["sha256"], "size": entry["size"], "pointerSize": len(small)},
        }
    return told


class Handler(BaseHTTPRequestHandler):
    """The calls, one method each; `ROUTES` says which address leads where."""

    protocol_version = "HTTP/1.1"
    wbufsize = 65536  # an answer leaves in one piece; in two, the client's delayed acknowledgement costs 40 ms
    server: "Server"

    def log_message(self, *_: Any) -> None:
        """Keep quiet."""

    def do_GET(self) -> None:
        self._route()

    do_HEAD = do_POST = do_PUT = do_GET  # noqa: N815 - the names that http.server calls

    def _route(self) -> None:
        split = urlsplit(self.path)
        self.query = parse_qs(split.query)
        body = self._body()
        self.server.requests.append((self.command, split.path))
        try:
            for intercept in list(self.server.intercepts):
                intercept(self.command, split.path)
            for method, pattern, name in ROUTES:
                found = re.fullmatch(pattern, split.path)
                if found and self.command in method.split():
                    getattr(self, name)(body, *(unquote(part) for part in found.groups() if part is not None))
                    return
            raise Refused(404, f"{self.command} {split.path} is not known here")
        except Refused as refusal:
            headers = {"X-Error-Message": refusal.message}
            if refusal.code:
                headers["X-Error-Code"] = refusal.code
            self._json({"error": refusal.message, **refusal.more}, refusal.status, headers)
        except ConnectionAbortedError:
            self.close_connection = True
            self.connection.close()

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            parts = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _json(self, value: Any, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self._send(json.dumps(value).encode(), status, {"Content-Type": "application/json", **(headers or {})})

    def _send(self, data: bytes, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def _rights(self) -> str | None:
        given = self.headers.get("Authorization", "").removeprefix("Bearer ").strip()
        if not given:
            return None
        if given not in TOKENS:
            raise Refused(401, "Invalid credentials in Authorization header")
        return TOKENS[given]

    def _require_write(self, repo: str) -> None:
        rights = self._rights()
        if rights is None:
            raise Refused(401, "Invalid username or password.")
        if rights != "write" or repo.split("/")[0] != USER:
            raise Refused(403, "You don't have the required permissions to write to this repository")

    def whoami(self, _: bytes) -> None:
        if self._rights() is None:
            raise Refused(401, "Invalid username or password.")
        self._json({"type": "user", "name": USER, "auth": {"accessToken": {"role": self._rights()}}})

    def create(self, body: bytes) -> None:
        asked = json.loads(body)
        repo = f"{asked.get('organization') or USER}/{asked['name']}"
        self._require_write(repo)
        url = f"{self.server.url}/datasets/{repo}"
        try:
            self.server.repositories.create(repo)
        except Refused as refusal:
            refusal.more["url"] = url
            raise
        self._json({"url": url, "name": repo})

    def validate_yaml(self, body: bytes) -> None:
        import yaml

        content = json.loads(body)["content"]
        matter = re.match(r"---\n(.*?)\n---\n", content, re.DOTALL)
        if not matter:
            self._json({"errors": [], "warnings": [{"message": "empty or missing yaml metadata in repo card"}]})
            return
        try:
            yaml.safe_load(matter.group(1))
        except yaml.YAMLError as error:
            self._json({"errors": [{"message": str(error)}], "warnings": []}, 400)
            return
        self._json({"errors": [], "warnings": []})

    def preupload(self, body: bytes, repo: str, revision: str) -> None:
        self._require_write(repo)
        tree = self.server.repositories.commit_at(repo, revision)["tree"]
        ignored = self._gitignore(repo, tree)
        files = []
        for file in json.loads(body)["files"]:
            large = file["path"].endswith(LARGE) or file["size"] > 10_000_000
            there = tree.get(file["path"])
            oid = there and (there["sha256"] if there["lfs"] else there["oid"])
            files.append(
                {
                    "path": file["path"],
                    "uploadMode": "lfs" if large else "regular",
                    "shouldIgnore": file["path"] in ignored,
                    "oid": oid,
                }
            )
        self._json({"files": files})

    def _gitignore(self, repo: str, tree: dict[str, Any]) -> list[str]:
        entry = tree.get(".gitignore")
        return self.server.repositories.content(repo, entry).decode().split() if entry else []

    def lfs_batch(self, body: bytes, repo: str) -> None:
        self._require_write(repo)
        objects = []
        for wanted in json.loads(body)["objects"]:
            told = dict(wanted)
            if not self.server.repositories.has_object(repo, wanted["oid"], wanted["size"]):
                base = f"{self.server.url}/lfs/{repo}/{wanted['oid']}"
                told["actions"] = {
                    "upload": {"href": base, "header": {}},
                    "verify": {"href": f"{base}/verify", "header": {}},
                }
            objects.append(told)
        self._json({"transfer": "basic", "objects": objects})

    def lfs_put(self, body: bytes, repo: str, oid: str) -> None:
        self.server.repositories.put_object(repo, oid, body)
        self._send(b"", 200, {})

    def lfs_verify(self, body: bytes, repo: str, oid: str) -> None:
        if not self.server.repositories.has_object(repo, oid, json.loads(body)["size"]):
            raise Refused(404, "The object is not there")
        self._json({"message": "Your push to the LFS server has been verified"})

    def commit(self, body: bytes, repo: str, revision: str) -> None:
        self._require_write(repo)
        lines = [json.loads(line) for line in body.splitlines() if line.strip()]
        oid = self.server.repositories.commit(repo, revision, lines)
        url = f"{self.server.url}/datasets/{repo}/commit/{oid}"
        self._json({"success": True, "commitOid": oid, "commitUrl": url, "hookOutput": ""})

    def info(self, _: bytes, repo: str, revision: str = "main") -> None:
        self._rights()
        commit = self.server.repositories.commit_at(repo, revision)
        siblings = [{"rfilename": path} for path in sorted(commit["tree"])]
        told = {"id": repo, "author": repo.split("/")[0], "sha": commit["oid"], "siblings": siblings, "tags": []}
        self._json(told | {"private": False, "gated": False, "disabled": False, "downloads": 0, "likes": 0})

    def tree(self, _: bytes, repo: str, revision: str, under: str = "") -> None:
        files = self.server.repositories.commit_at(repo, revision)["tree"]
        prefix = f"{under}/" if under else ""
        here = {path: entry for path, entry in files.items() if path.startswith(prefix)}
        if not here:
            raise Refused(404, f"{under} does not exist", "EntryNotFound")
        deep = self.query.get("recursive", ["false"])[0].lower() in ("true", "1")
        folders = {"/".join(path.split("/")[:i]) for path in here for i in range(1, path.count("/") + 1)}
        told = [tree_entry(path, entry) for path, entry in here.items()]
        told += [{"type": "directory", "path": path, "oid": "0" * 40, "size": 0} for path in folders]
        told = [one for one in told if one["path"].startswith(prefix)]
        if not deep:
            told = [one for one in told if "/" not in one["path"].removeprefix(prefix)]
        self._json(sorted(told, key=lambda one: one["path"]))

    def paths_info(self, body: bytes, repo: str, revision: str) -> None:
        if "json" in self.headers.get("Content-Type", ""):
            paths = json.loads(body)["paths"]
        else:
            paths = parse_qs(body.decode())["paths"]
        files = self.server.repositories.commit_at(repo, revision)["tree"]
        told = [tree_entry(path, files[path]) for path in paths if path in files]
        folders = [path for path in paths if any(name.startswith(f"{path}/") for name in files)]
        self._json([*told, *({"type": "directory", "path": path, "oid": "0" * 40} for path in folders)])

    def resolve(self, _: bytes, repo: str, revision: str, path: str) -> None:
        self._rights()
        repositories = self.server.repositories
        commit = repositories.commit_at(repo, revision)
        entry = repositories.entry(repo, revision, path)
        data, etag = repositories.content(repo, entry), entry["sha256"] if entry["lfs"] else entry["oid"]
        headers = {"X-Repo-Commit": commit["oid"], "ETag": f'"{etag}"', "Accept-Ranges": "bytes"}
        if entry["lfs"]:
            headers |= {"X-Linked-Etag": f'"{etag}"', "X-Linked-Size": str(entry["size"])}
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if not wanted:
            self._send(data, 200, headers)
            return
        first, last = int(wanted[1]), min(int(wanted[2] or len(data) - 1), len(data) - 1)
        if first >= len(data):
            raise Refused(416, "Range not satisfiable")
        headers["Content-Range"] = f"bytes {first}-{last}/{len(data)}"
        self._send(data[first : last + 1], 206, headers)


REPO = r"([^/]+/[^/]+)"
ROUTES = (
    ("GET", r"/api/whoami-v2", "whoami"),
    ("POST", r"/api/repos/create", "create"),
    ("POST", r"/api/validate-yaml", "validate_yaml"),
    ("POST", rf"/api/datasets/{REPO}/preupload/([^/]+)", "preupload"),
    ("POST", rf"/datasets/{REPO}\.git/info/lfs/objects/batch", "lfs_batch"),
    ("PUT", rf"/lfs/{REPO}/([0-9a-f]{{64}})", "lfs_put"),
    ("POST", rf"/lfs/{REPO}/([0-9a-f]{{64}})/verify", "lfs_verify"),
    ("POST", rf"/api/datasets/{REPO}/commit/([^/]+)", "commit"),
    ("GET HEAD", rf"/api/datasets/{REPO}", "info"),
    ("GET HEAD", rf"/api/datasets/{REPO}/revision/([^/]+)", "info"),
    ("GET", rf"/api/datasets/{REPO}/tree/([^/]+)(?:/(.+))?", "tree"),
    ("POST", rf"/api/datasets/{REPO}/paths-info/([^/]+)", "paths_info"),
    ("GET HEAD", rf"/datasets/{REPO}/resolve/([^/]+)/(.+)", "resolve"),
)


class Server(ThreadingHTTPServer):
    """The listening part."""

    daemon_threads = True

    def __init__(self, folder: Path, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.repositories = Repositories(folder)
        self.requests: list[tuple[str, str]] = []
        self.intercepts: list[Callable[[str, str], None]] = []

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that was killed; of anything else, what the server of Python says."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Hub:
    """The server in a thread of this process.

    `intercepts` are called with each request's method and path before it is answered; one that raises `Refused` answers
    it, one that raises `ConnectionAbortedError` breaks the connection off.
    """

    def __init__(self, folder: Path, port: int = 0) -> None:
        self.server = Server(folder, port)
        self.url = self.server.url
        self.requests, self.intercepts = self.server.requests, self.server.intercepts
        self._thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def __enter__(self) -> "Hub":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()

    def commits(self, repo: str) -> list[dict[str, Any]]:
        """The commits of a repository, the newest first."""
        return self.server.repositories.commits(repo)

    def paths(self, repo: str) -> list[str]:
        """The files at the newest commit."""
        return sorted(self.server.repositories.commit_at(repo, "main")["tree"])

    def file(self, repo: str, path: str) -> bytes:
        """A file's bytes at the newest commit."""
        return self.server.repositories.content(repo, self.server.repositories.entry(repo, "main", path))

    def push(self, repo: str, path: str, content: bytes, title: str = "by another") -> str:
        """Commit a file as another person would."""
        value = {"path": path, "content": base64.b64encode(content).decode()}
        lines = [{"key": "header", "value": {"summary": title}}, {"key": "file", "value": value}]
        return self.server.repositories.commit(repo, "main", lines)


if __name__ == "__main__":
    Server(Path(sys.argv[1]), int(sys.argv[2])).serve_forever()
