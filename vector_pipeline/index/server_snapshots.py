"""Snapshots of a server's collections as files here: made, fetched and taken back by Qdrant's published HTTP API.

Not through the client: it holds whole answers in memory and waits no longer for a snapshot than for a search.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

from vector_pipeline.index.base import SNAPSHOT_FILE, VectorIndexError
from vector_pipeline.index.server_calls import ServerCalls

_PIECE = 1 << 20
_CONNECT_SECONDS = 30.0
_LONGEST_SECONDS = 3600.0
"""Longest wait for a snapshot to be made or taken back: a server answers when it is done."""


class ServerSnapshots:
    """Snapshots of the server at `host` (the address of its HTTP interface). Raises VectorIndexError."""

    def __init__(self, host: str, api_key: str, location: str) -> None:
        self._host = host.rstrip("/")
        self._headers = {"api-key": api_key} if api_key else {}
        # A snapshot begun twice would be made twice: one attempt, and a backup is made again as a whole.
        self._call = ServerCalls(location, attempts=1, pause=0.0)

    def version(self) -> str:
        """The server's version."""
        return str(self._asked(lambda http: _json(http.get(self._host)).get("version", "")))

    def save(self, collection: str, folder: Path) -> None:
        """Has a snapshot made, fetches it into a folder that must not exist, and removes it from the server."""

        def work(http: httpx.Client) -> None:
            self._refuse_cluster(http, collection)
            made = _json(http.post(self._url(collection, "snapshots"), params={"wait": "true"}))["result"]
            place = self._url(collection, "snapshots", made["name"])
            try:
                folder.mkdir(mode=0o700, parents=True)
                digest = _fetch(http, place, folder / SNAPSHOT_FILE)
            finally:
                with suppress(httpx.HTTPError):
                    # One that stays behind costs the server disk space, and nothing else.
                    http.delete(place)
            if made.get("checksum") and made["checksum"] != digest:
                raise VectorIndexError(
                    f"collection {collection}: the snapshot arrived damaged", hint="make the backup again"
                )

        self._asked(work)

    def load(self, collection: str, folder: Path) -> None:
        """Makes the collection what the snapshot in a folder says; created where it does not exist."""

        def work(http: httpx.Client) -> None:
            with open(folder / SNAPSHOT_FILE, "rb") as file:
                _json(
                    http.post(
                        self._url(collection, "snapshots", "upload"),
                        params={"wait": "true", "priority": "snapshot"},
                        files={"snapshot": (SNAPSHOT_FILE, file, "application/octet-stream")},
                    )
                )

        self._asked(work)

    def _refuse_cluster(self, http: httpx.Client, collection: str) -> None:
        shards = _json(http.get(self._url(collection, "cluster")))["result"].get("remote_shards")
        if shards:
            raise VectorIndexError(
                f"collection {collection} is spread over several Qdrant nodes, a snapshot holds one node's part",
                hint="back the nodes up with Qdrant's own means, or the state alone with --state-only",
            )

    def _url(self, collection: str, *parts: str) -> str:
        return "/".join([self._host, "collections", *(quote(part, safe="") for part in (collection, *parts))])

    def _asked(self, work: Callable[[httpx.Client], Any]) -> Any:
        def call() -> Any:
            timeout = httpx.Timeout(_LONGEST_SECONDS, connect=_CONNECT_SECONDS)
            try:
                with httpx.Client(headers=self._headers, timeout=timeout) as http:
                    return work(http)
            except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
                raise ResponseHandlingException(error) from error

        return self._call(call)


def _json(answer: httpx.Response) -> dict[str, Any]:
    """What the server says, as JSON. Raises UnexpectedResponse where it refuses."""
    if not answer.is_success:
        raise UnexpectedResponse.for_response(answer)
    found = answer.json()
    if not isinstance(found, dict):
        raise TypeError("the answer is not one of Qdrant's")
    return found


def _fetch(http: httpx.Client, url: str, target: Path) -> str:
    """Writes what a URL gives to a file; its SHA-256."""
    digest = hashlib.sha256()
    with http.stream("GET", url) as answer, open(target, "xb") as file:
        if not answer.is_success:
            answer.read()
            raise UnexpectedResponse.for_response(answer)
        for piece in answer.iter_bytes(_PIECE):
            digest.update(piece)
            file.write(piece)
    return digest.hexdigest()
