"""The pace of requests to a host: kept by threads, by clients and by processes, as the host's own log shows it."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from vector_pipeline.sources.public_docs.answers import SiteSilent
from vector_pipeline_tests.sources.public_docs.clients import client_of
from vector_pipeline_tests.sources.public_docs.raw_server import RawServer, Request, reply


def rate_kept(begun: float, requests: Iterable[Request], delay: float) -> bool:
    """Whether the requests since `begun` took the time of all turns; on a busy machine any of them may arrive late."""
    times = [request.at for request in requests]
    return max(times) - begun >= (len(times) - 1) * delay - 0.05  # two clocks are read


def test_threads_keep_requests_apart() -> None:
    with RawServer(lambda _: reply(b"x")) as server, client_of(server.url, delay="0.05s", concurrency=8) as client:
        begun = time.monotonic()
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda number: client.get(f"{server.url}/{number}"), range(12)))
        assert len(server.requests) == 12
        assert rate_kept(begun, server.requests, 0.05)


def test_retries_keep_the_pace_too() -> None:
    with RawServer(lambda _: reply(b"", "500 No")) as server:
        begun = time.monotonic()
        with client_of(server.url, delay="0.3s", max_retries=3) as client, pytest.raises(SiteSilent):
            client.get(server.url)
        assert len(server.requests) == 4
        assert rate_kept(begun, server.requests, 0.3)


@pytest.mark.parametrize("at_once", [1, 3])
def test_no_more_are_under_way_than_the_settings_allow_over_all_clients(at_once: int, tmp_path: Path) -> None:
    lock, under_way, seen = threading.Lock(), [0], [0]
    several = threading.Event()

    def answer(_: Request) -> Iterable[bytes | None]:
        with lock:
            under_way[0] += 1
            seen.append(under_way[0])
            if under_way[0] == min(2, at_once):
                several.set()
        several.wait(30)
        server.pause(0.05)
        with lock:
            under_way[0] -= 1  # before the answer leaves: the client may send its next request as soon as it has it
        return reply(b"x")

    with (
        RawServer(answer) as server,
        client_of(server.url, tmp_path, concurrency=at_once) as one,
        client_of(server.url, tmp_path, concurrency=at_once) as two,
    ):
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda number: (one if number % 2 else two).get(f"{server.url}/{number}"), range(12)))
        assert len(server.requests) == 12
        assert min(2, at_once) <= max(seen) <= at_once


def test_hosts_do_not_wait_for_each_other() -> None:
    with (
        RawServer(lambda _: reply(b"x")) as one,
        RawServer(lambda _: reply(b"x")) as two,
        client_of(one.url, start_urls=(two.url,), delay="90s") as client,
    ):
        started = time.monotonic()
        client.get(one.url)
        client.get(two.url)
        assert time.monotonic() - started < 60
        with pytest.raises(SiteSilent, match="no time was left"):
            client.get(one.url, deadline=time.monotonic() + 1)


def test_a_delay_that_a_site_asks_for_only_makes_requests_rarer() -> None:
    with RawServer(lambda _: reply(b"x")) as server, client_of(server.url, delay="0.1s") as client:
        client.keep_apart(server.url, 0.3)
        client.keep_apart(server.url, 0.01)
        begun = time.monotonic()
        for _ in range(3):
            client.get(server.url)
        assert rate_kept(begun, server.requests, 0.3)


_SCRIPT = """
import sys
from pathlib import Path
from vector_pipeline.settings_public_docs import PublicDocsSettings
from vector_pipeline.sources.public_docs.client import SiteClient
url, cache, count = sys.argv[1:]
settings = PublicDocsSettings(url=url, private_hosts=("127.0.0.1",), delay="0.05s")
client = SiteClient("public_docs/handbook", settings, Path(cache))
print("ready", flush=True)
sys.stdin.readline()
for number in range(int(count)):
    client.get(f"{url}/{number}")
"""


def test_processes_keep_one_pace_together(tmp_path: Path) -> None:
    with RawServer(lambda _: reply(b"x")) as server:
        command = [sys.executable, "-c", _SCRIPT, server.url, str(tmp_path), "12"]
        processes = [
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)
        ]
        try:
            for process in processes:
                assert process.stdout is not None
                assert process.stdout.readline() == "ready\n"
            begun = time.monotonic()
            for process in processes:
                assert process.stdin is not None
                process.stdin.write("\n")
                process.stdin.flush()
            assert [process.wait(120) for process in processes] == [0, 0]
        finally:
            for process in processes:
                process.kill()
                process.communicate()
        assert len(server.requests) == 24
        assert rate_kept(begun, server.requests, 0.05)


def test_a_thread_that_waits_for_a_place_is_let_in_as_soon_as_one_is_free() -> None:
    first = threading.Event()

    def answer(request: Request) -> Iterable[bytes | None]:
        if request.path == "/slow":
            first.wait(60)
        return reply(b"x")

    with RawServer(answer) as server, client_of(server.url, concurrency=1) as client, ThreadPoolExecutor(2) as pool:
        slow = pool.submit(client.get, f"{server.url}/slow")
        while not server.requests:
            server.pause(0.01)
        waiting = pool.submit(client.get, f"{server.url}/next")
        with pytest.raises(SiteSilent, match="no time was left"):
            client.get(f"{server.url}/late", deadline=time.monotonic() + 0.05)
        first.set()
        assert (slow.result(60).status, waiting.result(60).status) == (200, 200)
        assert server.paths() == ["/slow", "/next"]
