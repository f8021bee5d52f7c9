"""The part of a Qdrant server that backups need, as its published API describes it: snapshots, aliases, counts."""

from __future__ import annotations

import email
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

KEY = "s3cret-key"


@dataclass
class SnapshotServer:
    """A server whose collections are the bytes of their snapshots, all with `points` points."""

    collections: dict[str, bytes] = field(default_factory=dict)
    snapshots: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    remote_shards: list[Any] = field(default_factory=list)
    aliases: dict[str, str] = field(default_factory=dict)
    points: int = 7
    damage: bool = False
    checksum: bool = True

    def answer(self, method: str, target: str, headers: Any, body: bytes) -> tuple[int, bytes | dict[str, Any]]:
        path, query = urlsplit(target).path, parse_qs(urlsplit(target).query)
        self.asked.append(f"{method} {path}")
        if headers.get("api-key") != KEY:
            return 403, {"status": {"error": "Forbidden"}}
        match method, path.strip("/").split("/"):
            case "GET", [""]:
                return 200, {"title": "qdrant - vector search engine", "version": "1.99.1"}
            case "GET", ["collections"]:
                return 200, _ok({"collections": [{"name": name} for name in self.collections]})
            case "GET", ["collections", _, "cluster"]:
                shards = {"peer_id": 1, "shard_count": 1, "local_shards": [], "shard_transfers": []}
                return 200, _ok({**shards, "remote_shards": self.remote_shards})
            case "GET", ["aliases"]:
                found = [{"alias_name": alias, "collection_name": name} for alias, name in self.aliases.items()]
                return 200, _ok({"aliases": found})
            case "POST", ["collections", "aliases"]:
                for action in json.loads(body)["actions"]:
                    if made := action.get("create_alias"):
                        self.aliases[made["alias_name"]] = made["collection_name"]
                return 200, _ok(True)
            case "POST", ["collections", _, "points", "count"]:
                return 200, _ok({"count": self.points})
            case "POST", ["collections", name, "snapshots"]:
                assert query["wait"] == ["true"]
                content = self.collections[name]
                self.snapshots[f"{name}-1.snapshot"] = content
                digest = hashlib.sha256(content).hexdigest() if self.checksum else None
                return 200, _ok({"name": f"{name}-1.snapshot", "size": len(content), "checksum": digest})
            case "GET", ["collections", _, "snapshots", snapshot]:
                return 200, self.snapshots[snapshot][:-1] if self.damage else self.snapshots[snapshot]
            case "DELETE", ["collections", _, "snapshots", snapshot]:
                del self.snapshots[snapshot]
                return 200, _ok(True)
            case "POST", ["collections", name, "snapshots", "upload"]:
                assert query == {"wait": ["true"], "priority": ["snapshot"]}
                form = email.message_from_bytes(b"Content-Type: " + headers["content-type"].encode() + b"\n\n" + body)
                (part,) = form.get_payload()  # type: ignore[misc]
                self.collections[name] = part.get_payload(decode=True)  # type: ignore[union-attr,assignment]
                return 200, _ok(True)
        return 404, {"status": {"error": "Not found"}}

    @contextmanager
    def running(self) -> Iterator[str]:
        """The server on loopback; its URL."""
        answer = self.answer

        class Handler(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                status, content = answer(self.command, self.path, self.headers, body)
                data = content if isinstance(content, bytes) else json.dumps(content).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json" if isinstance(content, dict) else "application/tar")
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_PUT = do_POST = do_DELETE = _answer

            def log_message(self, format: str, *args: object) -> None:
                """Keeps the test's output clean."""

        http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{http.server_port}"
        finally:
            http.shutdown()
            thread.join()
            http.server_close()


def _ok(result: Any) -> dict[str, Any]:
    return {"result": result, "status": "ok", "time": 0.0}
