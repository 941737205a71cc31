"""The part of the Hugging Face Hub's HTTP interface that huggingface-hub uses for data sets, on loopback, in memory."""

import base64
import hashlib
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlparse


class Hub:
    """Repositories with their commits; each commit is all files, by path."""

    def __init__(self):
        self.commits: dict[str, list[tuple[str, dict[str, bytes]]]] = {}
        self.tags: dict[str, dict[str, str]] = {}
        self.private: dict[str, bool] = {}
        self.requests: list[str] = []
        self.agents: set[str] = set()
        self.refuse = 0  # HTTP status with which every request ends

    def find(self, repository, revision):
        """(oid, files) of a revision, or None."""
        oid = self.tags.get(repository, {}).get(revision, revision)
        commits = self.commits.get(repository, [])
        return next((c for c in reversed(commits) if oid in (c[0], "main")), None)


def _files(commit):
    return [
        {"type": "file", "path": path, "oid": hashlib.sha1(content).hexdigest(), "size": len(content)}
        for path, content in commit[1].items()
    ]


class _Handler(BaseHTTPRequestHandler):
    hub: Hub

    def log_message(self, *_):
        pass

    def _answer(self, status, body=b"", **headers):
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Length": len(body), **headers}.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _any(self):
        hub, path = self.hub, unquote(urlparse(self.path).path)
        hub.requests.append(f"{self.command} {path}")
        hub.agents.add(self.headers.get("User-Agent", ""))
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if hub.refuse:
            return self._answer(
                hub.refuse, {"error": "refused"}, X_Error_Message="Invalid username or password."
            )
        if path == "/api/repos/create":
            asked = json.loads(body)
            name = f"{asked.get('organization') or 'lab'}/{asked['name']}"
            if name in hub.commits:
                return self._answer(409, {"url": f"{self._root()}/datasets/{name}"})
            empty = (hashlib.sha1(name.encode()).hexdigest(), {})
            hub.commits[name], hub.tags[name] = [empty], {}
            hub.private[name] = bool(asked.get("private")) or asked.get("visibility") == "private"
            return self._answer(200, {"url": f"{self._root()}/datasets/{name}"})
        kind, _, rest = path.removeprefix("/api").lstrip("/").partition("/")
        parts = rest.split("/")
        name, words = "/".join(parts[:2]), parts[2:]
        if kind != "datasets" or name not in hub.commits:
            return self._answer(404, {"error": "Repository not found"}, X_Error_Code="RepoNotFound")
        if not path.startswith("/api/"):
            return self._file(name, words)
        return self._repository(name, words, body)

    def _file(self, name, words):
        commit = self.hub.find(name, words[1])
        content = commit and commit[1].get("/".join(words[2:]))
        if content is None:
            return self._answer(404, {"error": "Entry not found"}, X_Error_Code="EntryNotFound")
        etag = f'"{hashlib.sha1(content).hexdigest()}"'
        return self._answer(200, content, ETag=etag, X_Repo_Commit=commit[0], Accept_Ranges="bytes")

    def _repository(self, name, words, body):
        hub = self.hub
        word, revision = words[0] if words else "", words[1] if len(words) > 1 else "main"
        if word == "refs":
            tags = [
                {"name": t, "ref": f"refs/tags/{t}", "targetCommit": c} for t, c in hub.tags[name].items()
            ]
            main = {"name": "main", "ref": "refs/heads/main", "targetCommit": hub.commits[name][-1][0]}
            return self._answer(200, {"branches": [main], "converts": [], "tags": tags, "pullRequests": []})
        if word == "tag" and self.command == "DELETE":
            del hub.tags[name][revision]
            return self._answer(200, {})
        if word == "tag":
            hub.tags[name][json.loads(body)["tag"]] = hub.find(name, revision)[0]
            return self._answer(200, {})
        commit = hub.find(name, revision)
        if commit is None:
            return self._answer(404, {"error": "Revision not found"}, X_Error_Code="RevisionNotFound")
        if word == "preupload":
            files = [
                {"path": f["path"], "uploadMode": "regular", "shouldIgnore": False}
                for f in json.loads(body)["files"]
            ]
            return self._answer(200, {"files": files})
        if word == "commit":
            files = dict(commit[1])
            for line in map(json.loads, body.splitlines()):
                if line["key"] == "file":
                    files[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
            oid = hashlib.sha1(repr(sorted(files.items())).encode() + commit[0].encode()).hexdigest()
            hub.commits[name].append((oid, files))
            url = f"{self._root()}/datasets/{name}/commit/{oid}"
            return self._answer(200, {"success": True, "commitOid": oid, "commitUrl": url})
        if word == "tree":
            return self._answer(200, _files(commit))
        siblings = [{"rfilename": path} for path in commit[1]]
        return self._answer(
            200, {"id": name, "sha": commit[0], "siblings": siblings, "tags": [], "private": False}
        )

    def _root(self):
        return f"http://127.0.0.1:{self.server.server_port}"

    do_GET = do_HEAD = do_POST = do_DELETE = do_PUT = _any


@contextmanager
def hub_stand_in():
    """(hub, its address) while it serves."""
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub, f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
