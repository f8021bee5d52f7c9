"""When a site is busy: what is tried again, how long is waited, and what the next question finds."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from vector_pipeline.sources.public_docs.answers import SiteSilent
from vector_pipeline_tests.sources.public_docs.clients import client_of
from vector_pipeline_tests.sources.public_docs.raw_server import RawServer, Request, reply


class Sulking:
    """Answers the first requests so, and all others well."""

    def __init__(self, *first: list[bytes | None]) -> None:
        self._first = list(first)

    def __call__(self, _: Request) -> Iterable[bytes | None]:
        return self._first.pop(0) if self._first else reply(b"well")


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 520])
def test_a_busy_site_is_asked_again(status: int) -> None:
    busy = reply(b"busy", f"{status} Busy")
    with RawServer(Sulking(busy, busy)) as server, client_of(server.url, max_retries=2) as client:
        assert client.get(server.url).body == b"well"
        assert len(server.requests) == 3


def test_tries_come_to_an_end_and_the_last_answer_is_told() -> None:
    with RawServer(lambda _: reply(b"", "503 Busy")) as server, client_of(server.url, max_retries=2) as client:
        with pytest.raises(SiteSilent) as told:
            client.get(f"{server.url}/page")
        assert len(server.requests) == 3
    assert told.value.reason == "it answers 503"
    assert "/page: it answers 503; the next run tries again" in str(told.value)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
def test_a_refusal_is_an_answer_and_not_asked_again(status: int) -> None:
    with RawServer(lambda _: reply(b"no", f"{status} No")) as server, client_of(server.url, max_retries=2) as client:
        assert client.get(server.url).status == status
        assert len(server.requests) == 1


@pytest.mark.parametrize("first", [[None], [b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx", None]])
def test_a_broken_connection_is_tried_again(first: list[bytes | None]) -> None:
    with RawServer(Sulking(first)) as server, client_of(server.url, max_retries=1) as client:
        assert client.get(server.url).body == b"well"


def test_a_time_out_is_tried_again() -> None:
    def answer(_: Request) -> Iterable[bytes | None]:
        if len(server.requests) == 1:
            server.pause(60)
        return reply(b"well")

    with RawServer(answer) as server, client_of(server.url, max_retries=9, timeout="0.5s") as client:
        assert client.get(server.url).body == b"well"  # of further tries more than one may come too late


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("as_date", [False, True])
def test_the_wait_that_a_site_asks_for_is_kept(status: int, as_date: bool) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    told = {"Retry_After": "1"}
    if as_date:
        told = {"Retry_After": format_datetime(now + timedelta(seconds=1), usegmt=True)}
        told["Date"] = format_datetime(now, usegmt=True)
    with (
        RawServer(Sulking(reply(b"", f"{status} Busy", **told))) as server,
        client_of(server.url, max_retries=1) as client,
    ):
        assert client.get(server.url).body == b"well"
        assert server.requests[1].at - server.requests[0].at >= 1


@pytest.mark.parametrize("seconds", ["61", "3600", "99999999999999"])
def test_a_wait_beyond_a_minute_is_told_at_once_with_its_end(seconds: str) -> None:
    busy = reply(b"", "503 Busy", Retry_After=seconds)
    with RawServer(Sulking(busy)) as server, client_of(server.url, max_retries=5) as client:
        with pytest.raises(SiteSilent, match=r"it wants no request before \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC"):
            client.get(server.url)
        assert len(server.requests) == 1
        assert client.get(f"{server.url}/other").body == b"well"  # 503 may concern one page alone


def test_a_limit_of_requests_holds_for_all_pages_and_for_the_next_run(tmp_path: Path) -> None:
    limited = reply(b"", "429 Too Many Requests", Retry_After="600")
    with RawServer(Sulking(limited)) as server:
        for _ in range(2):
            with client_of(server.url, tmp_path) as client, pytest.raises(SiteSilent, match="wants no request before"):
                client.get(f"{server.url}/other")
        assert len(server.requests) == 1


@pytest.mark.parametrize("told", ["", "soon", "-50", "nan", "inf", "1e400", "Sun, 06 Nov 1994 08:49:37 GMT", "0"])
def test_a_wait_that_means_nothing_is_not_waited_for(told: str) -> None:
    busy = reply(b"", "503 Busy", Retry_After=told)
    with RawServer(Sulking(busy)) as server, client_of(server.url, max_retries=1) as client:
        started = time.monotonic()
        assert client.get(server.url).body == b"well"
        assert time.monotonic() - started < 30


def test_everything_ends_at_the_callers_deadline() -> None:
    busy = reply(b"", "503 Busy", Retry_After="30")
    with RawServer(lambda _: busy) as server, client_of(server.url, max_retries=5) as client:
        started = time.monotonic()
        with pytest.raises(SiteSilent, match="it answers 503"):
            client.get(server.url, deadline=started + 25)
        with pytest.raises(SiteSilent, match="no time was left"):
            client.get(server.url, deadline=started - 1)
        assert time.monotonic() - started < 20
        assert len(server.requests) == 1


def test_a_server_that_closes_idle_connections_costs_no_try() -> None:
    """It says keep-alive and closes as soon as the next request arrives, or just before."""

    def answer(request: Request) -> Iterable[bytes | None]:
        before = sum(one.connection == request.connection for one in server.requests)
        return reply(request.path.encode()) if before == 1 else [None]

    with RawServer(answer) as server, client_of(server.url) as client:
        for number in range(5):
            assert client.get(f"{server.url}/{number}").body == f"/{number}".encode()
    assert server.connections == 5


def test_a_server_that_closes_after_each_answer_costs_no_try() -> None:
    with RawServer(lambda _: [*reply(b"well"), None]) as server, client_of(server.url) as client:
        for _ in range(5):
            assert client.get(server.url).body == b"well"
    assert server.connections >= 5
