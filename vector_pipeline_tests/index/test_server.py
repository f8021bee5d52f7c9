"""The server engine against servers that fail, and the choice between the engines."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import grpc  # type: ignore[import-untyped]
import pytest
from pydantic import SecretStr
from qdrant_client import grpc as messages
from qdrant_client.grpc.points_service_pb2_grpc import PointsServicer, add_PointsServicer_to_server

from vector_pipeline.index.base import CollectionMissing, IndexUnavailable, Query, VectorIndexError
from vector_pipeline.index.edge import EdgeIndex
from vector_pipeline.index.open import open_index
from vector_pipeline.index.server import ServerIndex, connect
from vector_pipeline.settings import IndexSettings
from vector_pipeline_tests.index.samples import DIMENSION, make_point, terms, vector
from vector_pipeline_tests.listening import closed_port

SECRET = "s3cret-key"
Answer = tuple[int, object]
Responder = Callable[[str, str, bytes], Answer]


@contextmanager
def http_server(respond: Responder) -> Iterator[str]:
    """A server on loopback that answers (method, path, body) with a status and JSON."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            status, content = respond(self.command, self.path, body)
            data = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_PUT = do_POST = do_DELETE = _answer

        def log_message(self, format: str, *args: object) -> None:
            """Keeps the test's output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def ok(result: object) -> Answer:
    return 200, {"result": result, "status": "ok", "time": 0.0}


def failed(status: int, message: str) -> Answer:
    return status, {"status": {"error": message}, "time": 0.0}


def index_at(url: str, *, attempts: int = 4) -> ServerIndex:
    settings = IndexSettings(url=url, prefer_grpc=False)
    return ServerIndex(connect(settings), url, attempts=attempts, pause=0.01)


def described(dimension: int) -> Answer:
    """The part of a collection's description that the client needs."""
    vectors = {"dense": {"size": dimension, "distance": "Cosine"}}
    params = {"vectors": vectors, "sparse_vectors": {"sparse": {"modifier": "idf"}}}
    hnsw = {"m": 16, "ef_construct": 100, "full_scan_threshold": 10000}
    optimizer = {"deleted_threshold": 0.2, "vacuum_min_vector_number": 1000, "default_segment_number": 0}
    config = {"params": params, "hnsw_config": hnsw, "optimizer_config": {**optimizer, "flush_interval_sec": 5}}
    return ok(
        {"status": "green", "optimizer_status": "ok", "segments_count": 1, "config": config, "payload_schema": {}}
    )


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_trouble_that_passes_is_not_noticed(status: int) -> None:
    answers = [failed(status, "busy"), failed(status, "busy"), ok({"collections": [{"name": "c"}]})]
    with http_server(lambda *_: answers.pop(0)) as url:
        assert index_at(url).collections() == ["c"]
    assert answers == []


def test_trouble_that_stays_is_told_after_the_last_attempt() -> None:
    calls: list[str] = []

    def respond(method: str, path: str, body: bytes) -> Answer:
        calls.append(path)
        return failed(503, "starting up")

    with http_server(respond) as url, pytest.raises(IndexUnavailable, match="HTTP 503: starting up") as caught:
        index_at(url, attempts=3).collections()
    assert len(calls) == 3
    assert url in caught.value.message


@pytest.mark.parametrize("retries", [0, 1])
def test_the_settings_say_how_often_a_call_is_tried(tmp_path: Path, retries: int) -> None:
    calls: list[str] = []

    def respond(method: str, path: str, body: bytes) -> Answer:
        calls.append(path)
        return failed(503, "starting up")

    with http_server(respond) as url:
        index = open_index(IndexSettings(url=url, prefer_grpc=False, max_retries=retries), tmp_path)
        with pytest.raises(IndexUnavailable, match=("in 1 attempt:", "in 2 attempts:")[retries]):
            index.collections()
    assert len(calls) == retries + 1


@pytest.mark.parametrize("prefer_grpc", [True, False])
def test_a_server_that_is_down_is_named(prefer_grpc: bool) -> None:
    with closed_port() as port:
        settings = IndexSettings(url=f"http://127.0.0.1:{port}", grpc_port=port, prefer_grpc=prefer_grpc)
        index = ServerIndex(connect(settings), settings.url, attempts=2, pause=0.01)
        with pytest.raises(IndexUnavailable, match=rf"127\.0\.0\.1:{port}.*check index\.url"):
            index.count("c")
        index.close()


def test_a_refused_key_is_told_at_once_and_not_shown() -> None:
    calls: list[str] = []

    def respond(method: str, path: str, body: bytes) -> Answer:
        calls.append(path)
        return failed(403, "forbidden")

    with http_server(respond) as url:
        settings = IndexSettings(url=url, api_key=SecretStr(SECRET), prefer_grpc=False)
        with pytest.warns(UserWarning, match="insecure connection"):
            index = ServerIndex(connect(settings), url, pause=0.01)
        with pytest.raises(VectorIndexError, match=r"refuses access.*index\.api_key") as caught:
            index.collections()
    assert len(calls) == 1
    assert SECRET not in str(caught.value)


def test_a_missing_collection_is_told_in_the_servers_words() -> None:
    message = "Collection `c` doesn't exist!"
    with http_server(lambda *_: failed(404, message)) as url, pytest.raises(CollectionMissing, match=message):
        index_at(url).count("c")


def test_an_answer_that_is_not_qdrants_is_refused() -> None:
    with http_server(lambda *_: (200, {"hello": "world"})) as url, pytest.raises(VectorIndexError) as caught:
        index_at(url).search("c", Query(vector(1), None))
    assert not isinstance(caught.value, IndexUnavailable)


def test_large_writes_are_split_by_size_and_number() -> None:
    bodies: list[bytes] = []

    def respond(method: str, path: str, body: bytes) -> Answer:
        if method == "GET":
            return described(DIMENSION)
        assert "wait=true" in path
        bodies.append(body)
        return ok({"operation_id": 1, "status": "completed"})

    with http_server(respond) as url:
        index = index_at(url)
        index.upsert("c", [make_point(n, text="€" * 3_000_000) for n in range(4)])
        assert [len(json.loads(body)["points"]) for body in bodies] == [1, 1, 1, 1]
        assert max(map(len, bodies)) < 32_000_000
        bodies.clear()
        index.upsert("c", [make_point(n) for n in range(2_500)])
        assert [len(json.loads(body)["points"]) for body in bodies] == [1000, 1000, 500]
        with pytest.raises(VectorIndexError, match="more than a server accepts"):
            index.upsert("c", [make_point(1, text="x" * 31_000_000)])


def test_a_hybrid_search_is_one_request_with_the_filter_in_both_parts() -> None:
    requests: list[dict[str, object]] = []

    def respond(method: str, path: str, body: bytes) -> Answer:
        requests.append(json.loads(body))
        return ok({"points": []})

    with http_server(respond) as url:
        query = Query(vector(1), terms(3), limit=30, must={"tags": ["x", "y"]}, weights=(1.0, 2.5))
        assert index_at(url).search("live", query) == []
    [sent] = requests
    condition = {"must": [{"key": "tags", "match": {"any": ["x", "y"]}}]}
    dense, sparse = sent["prefetch"]  # type: ignore[misc]
    assert (dense["using"], sparse["using"]) == ("dense", "sparse")
    assert dense["filter"] == sparse["filter"] == condition
    assert dense["limit"] == sparse["limit"] == 120
    assert sent["query"] == {"rrf": {"k": 2, "weights": [1.0, 2.5]}}
    assert sent["limit"] == 30


def test_without_a_url_the_points_stay_in_a_folder(tmp_path: Path) -> None:
    index = open_index(IndexSettings(), tmp_path)
    assert isinstance(index, EdgeIndex)
    assert index.location == str(tmp_path / "qdrant")
    elsewhere = open_index(IndexSettings(path=tmp_path / "elsewhere"), tmp_path)
    assert elsewhere.location == str(tmp_path / "elsewhere")
    assert list(tmp_path.iterdir()) == []


def test_a_url_in_the_settings_or_the_environment_means_a_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    def respond(method: str, path: str, body: bytes) -> Answer:
        seen.append(path)
        return ok({"collections": []})

    with http_server(respond) as url:
        monkeypatch.setenv("QDRANT_URL", url)
        index = open_index(IndexSettings(prefer_grpc=False), tmp_path)
        assert index.collections() == []
        assert index.location == url
        index.close()
        monkeypatch.setenv("QDRANT_URL", "http://127.0.0.1:1")
        index = open_index(IndexSettings(url=url, prefer_grpc=False), tmp_path)
        assert index.collections() == []
        index.close()
    assert seen == ["/collections", "/collections"]


def test_a_key_from_the_environment_reaches_the_server_and_no_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QDRANT_API_KEY", SECRET)
    settings = IndexSettings(url=f"http://user:{SECRET}@127.0.0.1:1/?token={SECRET}", prefer_grpc=False)
    with pytest.warns(UserWarning, match="insecure connection"):
        index = open_index(settings, tmp_path)
    assert index.location == "http://127.0.0.1:1/"
    assert SECRET not in repr(index.location)


@pytest.mark.parametrize("url", ["ftp://host", "http://host:port"])
def test_a_url_that_is_none_is_refused(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QDRANT_URL", url)
    with pytest.raises(VectorIndexError, match="is no address of a Qdrant server"):
        open_index(IndexSettings(), tmp_path)


class FakePoints(PointsServicer):  # type: ignore[misc]
    """Qdrant's gRPC interface: aborts as often as `codes` says, then answers; keeps the requests."""

    def __init__(self, *codes: grpc.StatusCode) -> None:
        self.codes = list(codes)
        self.requests: list[Any] = []

    def _received(self, request: Any, context: Any) -> None:
        self.requests.append(request)
        if self.codes:
            context.abort(self.codes.pop(0), "no luck")

    def Count(self, request: Any, context: Any) -> Any:
        self._received(request, context)
        return messages.CountResponse(result=messages.CountResult(count=7))

    def Query(self, request: Any, context: Any) -> Any:
        self._received(request, context)
        return messages.QueryResponse()


@contextmanager
def grpc_server(points: FakePoints) -> Iterator[ServerIndex]:
    server = grpc.server(ThreadPoolExecutor(2))
    add_PointsServicer_to_server(points, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    settings = IndexSettings(url="http://127.0.0.1:1", grpc_port=port)
    index = ServerIndex(connect(settings), settings.url, attempts=3, pause=0.01)
    try:
        yield index
    finally:
        index.close()
        server.stop(0).wait()


def test_trouble_that_passes_is_not_noticed_over_grpc() -> None:
    points = FakePoints(grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED)
    with grpc_server(points) as index:
        assert index.count("c") == 7
    assert len(points.requests) == 3


@pytest.mark.parametrize(
    ("code", "error", "calls"),
    [
        (grpc.StatusCode.UNAVAILABLE, IndexUnavailable, 3),
        (grpc.StatusCode.DEADLINE_EXCEEDED, IndexUnavailable, 3),
        (grpc.StatusCode.NOT_FOUND, CollectionMissing, 1),
        (grpc.StatusCode.UNAUTHENTICATED, VectorIndexError, 1),
        (grpc.StatusCode.INVALID_ARGUMENT, VectorIndexError, 1),
    ],
)
def test_every_refusal_over_grpc_is_an_error_of_ours(
    code: grpc.StatusCode, error: type[VectorIndexError], calls: int
) -> None:
    points = FakePoints(code, code, code)
    with grpc_server(points) as index, pytest.raises(VectorIndexError, match=f"{code.name}: no luck") as caught:
        index.count("c")
    assert type(caught.value) is error
    assert len(points.requests) == calls


def test_a_hybrid_search_over_grpc_carries_weights_and_filters() -> None:
    points = FakePoints()
    with grpc_server(points) as index:
        index.search("live", Query(vector(1), terms(3), must={"tags": ["x", "y"]}, weights=(1.0, 2.5)))
    [sent] = points.requests
    assert (sent.query.rrf.k, list(sent.query.rrf.weights)) == (2, [1.0, 2.5])
    assert [part.using for part in sent.prefetch] == ["dense", "sparse"]
    for part in sent.prefetch:
        [condition] = part.filter.must
        assert list(condition.field.match.keywords.strings) == ["x", "y"]
