"""Questions on several threads: in order, not too many at once, and over when nobody wants the answers any more."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from vector_pipeline.sources.atlassian.errors import Abandoned, AnswerRefused
from vector_pipeline.sources.atlassian.site import Site
from vector_pipeline.sources.base import SourceError
from vector_pipeline_tests.simulators import atlassian_conditions as conditions
from vector_pipeline_tests.simulators.atlassian_conditions import API_TOKEN, EMAIL, Fault
from vector_pipeline_tests.simulators.atlassian_http import Request
from vector_pipeline_tests.simulators.jira_server import JiraServer
from vector_pipeline_tests.sources.atlassian.sites import LABEL, ME, site_of


def own_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith(LABEL)]


def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        threading.Event().wait(0.005)


@pytest.fixture
def gate(cloud: JiraServer) -> Iterator[threading.Event]:
    """A path /gate that answers once the gate is opened."""
    opened = threading.Event()
    cloud.router.add("GET", "/gate", lambda _request: {"open": opened.wait(60)}, public=True)
    yield opened
    opened.set()


def first_of_all(site: Site) -> Callable[[str], Any]:
    """Asks for a path once ME has been answered: the server, which answers one at a time, must not begin with /gate."""
    begun = threading.Event()

    def ask(path: str) -> Any:
        assert path == ME or begun.wait(60)
        answer = site.get(path)
        begun.set()
        return answer

    return ask


class Crowd:
    """How many requests a server answers at once; it begins when `enough` have come."""

    def __init__(self, server: JiraServer, enough: int) -> None:
        self._lock, self.now, self.most = threading.Lock(), 0, 0
        self._enough, self._begun = enough, threading.Event()
        server.router.add("GET", "/crowd", self._answer, public=True)
        answer = server.answer
        server.answer = self._unlocked(answer)  # type: ignore[method-assign]

    def _unlocked(self, answer: Callable[..., object]) -> Callable[..., object]:
        def counted(request: Request, fault: Fault | None) -> object:
            with self._lock:
                self.now += 1
                self.most = max(self.most, self.now)
                if self.now == self._enough:
                    self._begun.set()
            self._begun.wait(20)
            threading.Event().wait(0.02)
            try:
                return answer(request, fault)
            finally:
                with self._lock:
                    self.now -= 1

        return counted

    def _answer(self, _request: Request) -> dict[str, bool]:
        return {"here": True}


def test_results_come_in_the_order_of_the_items_and_not_far_ahead(cloud: JiraServer) -> None:
    taken: list[int] = []

    def numbers() -> Iterator[int]:
        for number in range(40):
            taken.append(number)
            yield number

    with site_of(cloud, concurrency=3) as site:
        results = site.each(lambda number: (number, site.get(ME)["displayName"]), numbers())
        assert next(results) == (0, "Ada")
        assert len(taken) <= 6
        assert [number for number, _ in results] == list(range(1, 40))
    assert own_threads() == []


def test_no_more_requests_are_under_way_than_the_settings_say(cloud: JiraServer) -> None:
    crowd = Crowd(cloud, 3)
    with site_of(cloud, concurrency=3) as site:

        def several(_number: int) -> int:
            return len(list(site.each(lambda _: site.get("/crowd"), range(4))))

        assert sum(site.each(several, range(4))) == 16
    assert crowd.most == 3


def test_the_first_error_ends_the_rest(cloud: JiraServer) -> None:
    with site_of(cloud, concurrency=2) as site:

        def ask(number: int) -> int:
            if number == 3:
                site.get("/rest/api/3/issue/NO-1")
            site.get(ME)
            return number

        done: list[int] = []
        with pytest.raises(AnswerRefused):
            done.extend(site.each(ask, range(1000)))
        assert done == [0, 1, 2]
        assert own_threads() == []
        assert site.sent <= 12
        assert site.get(ME)["displayName"] == "Ada"


def test_who_stops_early_stops_what_is_under_way(cloud: JiraServer, gate: threading.Event) -> None:
    with site_of(cloud, concurrency=2, timeout="60s") as site:
        results = site.each(first_of_all(site), [ME, "/gate", "/gate", "/gate", "/gate"])
        next(results)
        until(lambda: site.sent >= 3)
        started = time.monotonic()
        results.close()  # type: ignore[attr-defined]
        assert time.monotonic() - started < 20
        assert own_threads() == []
        gate.set()  # the server answers one request at a time
        sent = site.sent
        assert site.get(ME)["displayName"] == "Ada"
        assert site.sent == sent + 1


@pytest.mark.usefixtures("gate")
def test_a_closed_site_asks_nothing_more_and_leaves_no_thread(cloud: JiraServer) -> None:
    with site_of(cloud, concurrency=2, timeout="60s") as site:
        results = site.each(first_of_all(site), [ME, "/gate", "/gate", "/gate"])
        next(results)
        until(lambda: site.sent >= 3)
        started = time.monotonic()
        site.close()
        assert time.monotonic() - started < 20
        assert own_threads() == []
        with pytest.raises(Abandoned):
            list(results)
        with pytest.raises(Abandoned):
            site.get(ME)
        site.close()
    assert len(cloud.log.find(ME)) == 1


def test_closing_ends_a_wait_for_a_site_that_limits_requests(cloud: JiraServer) -> None:
    cloud.faults.always(conditions.rate_limited(300))
    errors: list[SourceError] = []
    with site_of(cloud, max_wait="600s") as site:

        def ask() -> None:
            try:
                site.get(ME)
            except SourceError as error:
                errors.append(error)

        thread = threading.Thread(target=ask, daemon=True)
        thread.start()
        until(lambda: cloud.log.count(status=429) == 1)
        site.close()
        thread.join(60)
    assert [type(error) for error in errors] == [Abandoned]


def test_many_threads_may_use_one_site(cloud: JiraServer) -> None:
    cloud.faults.at_random([conditions.server_error(502), conditions.dropped(), conditions.rate_limited()], 0.1, seed=5)
    with site_of(cloud, concurrency=8) as site:
        names = list(site.each(lambda _: site.get(ME)["displayName"], range(200)))
        assert names == ["Ada"] * 200
        assert site.sent == cloud.log.count()


_SCRIPT = """
import sys
from vector_pipeline.settings_atlassian import JiraSettings
from vector_pipeline.sources.atlassian.site import Site
url, email, token = sys.argv[1:]
settings = JiraSettings(url=url, deployment="cloud", email=email, token=token, projects=("A",), max_wait="600s")
site = Site(settings, product="jira", label="jira/work.A")
for _ in site.each(lambda _: site.get("/rest/api/3/myself"), range(8)):
    pass
"""


def test_an_interrupt_ends_a_waiting_run(cloud: JiraServer) -> None:
    cloud.faults.always(conditions.rate_limited(300))
    command = [sys.executable, "-c", _SCRIPT, cloud.url, EMAIL, API_TOKEN]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            until(lambda: cloud.log.count(status=429) >= 1, 120)
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=60)
        finally:
            process.kill()
    assert "KeyboardInterrupt" in said
