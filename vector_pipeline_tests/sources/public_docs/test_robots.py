"""robots.txt: what it allows our agent, how it is asked for, and what is done when it can't be had."""

from __future__ import annotations

import time
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vector_pipeline.sources.public_docs.answers import PageRefused, SiteSilent
from vector_pipeline.sources.public_docs.robots import ALLOW_ALL, LONGEST, read_robots
from vector_pipeline_tests.sources.public_docs.clients import client_of
from vector_pipeline_tests.sources.public_docs.raw_server import RawServer, Request, redirect, reply

AGENT = "vector-pipeline"
SITE = "https://docs.example.org"


@pytest.mark.parametrize(
    ("text", "path", "allowed"),
    [
        ("", "/a", True),
        ("User-agent: *\nDisallow: /", "/a", False),
        ("User-agent: *\nDisallow:", "/a", True),
        ("User-agent: *\nDisallow: /a\nAllow: /a/b", "/a/b/c", True),
        ("User-agent: *\nDisallow: /a\nAllow: /a/b", "/a/c", False),
        ("User-agent: *\nDisallow: /\n\nUser-agent: Vector-Pipeline\nDisallow: /x", "/a", True),
        ("User-agent: *\nDisallow: /\n\nUser-agent: vector-pipeline/1.0\nDisallow: /x", "/x", False),
        ("User-agent: vector\nDisallow: /", "/a", True),  # another agent, whose name begins alike
        ("User-agent: pipeline\nDisallow: /", "/a", True),
        ("User-agent: otherbot\nDisallow: /", "/a", True),
        ("User-agent: otherbot\nUser-agent: vector-pipeline\nDisallow: /a", "/a", False),
        ("User-agent: vector-pipeline\nUser-agent: otherbot\nDisallow: /a", "/a", False),
        ("User-agent: otherbot\nDisallow: /\nUser-agent: *\nDisallow: /b", "/b", False),
        ("User-agent: *\nDisallow: /*.pdf$", "/a.pdf", False),
        ("User-agent: *\nDisallow: /*.pdf$", "/a.pdf?x", True),
        ("User-agent: *\nDisallow: /caf%C3%A9", "/caf%c3%a9/x", False),
        ("User-agent: *\nDisallow: /a?x=", "/a?x=1", False),
        ("\ufeffUser-agent: *\r\nDisallow: /a # not that\r\n", "/a", False),
        ("user-agent:*\nDISALLOW:/a", "/a", False),
        ("User-agent: *\nDisallow: /", "/robots.txt", True),
        ("<!doctype html><html><body>Disallow: /</body></html>", "/a", True),
        ("\x00\x01\x02\nDisallow: /\n", "/a", True),
    ],
)
def test_rules_are_read_as_rfc_9309_says(text: str, path: str, allowed: bool) -> None:
    assert read_robots(text, AGENT).allows(SITE + path) is allowed


@pytest.mark.parametrize(
    ("text", "delay"),
    [
        ("", 0),
        ("User-agent: *\nCrawl-delay: 2.5", 2.5),
        ("User-agent: *\nCrawl-delay: 10\nUser-agent: vector-pipeline\nCrawl-delay: 1", 1),
        ("User-agent: otherbot\nCrawl-delay: 10", 0),
        ("User-agent: *\nCrawl-delay: 86400", 60),
        ("User-agent: *\nCrawl-delay: inf\nCrawl-delay: -1\nCrawl-delay: soon", 0),
        ("User-agent: *\nRequest-rate: 1/5", 5),
        ("User-agent: *\nRequest-rate: 30/1m\nCrawl-delay: 1", 2),
    ],
)
def test_the_delay_a_site_asks_for_is_known_and_bounded(text: str, delay: float) -> None:
    assert read_robots(text, AGENT).delay == delay


def test_sitemaps_are_those_of_all_groups() -> None:
    text = (
        "Sitemap: https://a.org/1.xml\nUser-agent: otherbot\nDisallow: /\nSitemap: /2.xml\nsitemap: https://a.org/1.xml"
    )
    assert read_robots(text, AGENT).sitemaps == ("https://a.org/1.xml", "/2.xml")
    assert len(read_robots("Sitemap: /x\n" + "".join(f"Sitemap: /{n}\n" for n in range(9000)), AGENT).sitemaps) == 1000


@given(
    st.text(max_size=400) | st.text(alphabet="User-agent: *\nDisallow/$#vcpl%é\x00", max_size=400), st.text(max_size=50)
)
def test_any_text_gives_an_answer(text: str, path: str) -> None:
    robots = read_robots(text, AGENT)
    assert robots.allows(f"{SITE}/{path}") in (True, False)
    assert 0 <= robots.delay <= 60


@pytest.mark.parametrize(
    "text",
    [
        "".join(f"User-agent: a{number}\n" for number in range(20_000)) + "Disallow: /x\n" * 20_000,
        "User-agent: *\n" + "".join(f"Disallow: /{'*a' * 20}{number}\n" for number in range(10_000)),
        "User-agent: *\nDisallow: /" + "*a" * 250_000,
        "User-agent: *\nDisallow: /" + "%" * 500_000,
        "User-agent" + " " * 500_000,
    ],
    ids=["many groups", "many patterns", "long pattern", "long escapes", "long gap"],
)
def test_a_hostile_file_costs_little(text: str) -> None:
    started = time.thread_time()
    robots = read_robots(text, AGENT)
    for number in range(10):
        robots.allows(f"{SITE}/{'a' * 1900}{number}")
    assert time.thread_time() - started < 20


def test_what_is_behind_the_first_half_megabyte_is_not_read() -> None:
    text = "User-agent: *\n" + "#" * LONGEST + "\nDisallow: /\n"
    assert read_robots(text, AGENT).allows(f"{SITE}/a")


# ---- asking for it


def test_the_file_is_asked_for_once_per_host_and_its_delay_is_kept() -> None:
    def answer(request: Request) -> Iterable[bytes | None]:
        if request.path == "/robots.txt":
            return reply(b"User-agent: *\nDisallow: /x\nCrawl-delay: 0.2", Content_Type="text/plain")
        return reply(b"page")

    with RawServer(answer) as server, client_of(server.url) as client:
        for _ in range(3):
            robots = client.robots(f"{server.url}/deep/page?x")
            assert not robots.allows(f"{server.url}/x")
        begun = time.monotonic()
        for number in range(3):
            client.get(f"{server.url}/{number}")
        assert server.paths() == ["/robots.txt", "/0", "/1", "/2"]
        assert server.requests[-1].at - begun >= 2 * 0.2 - 0.05  # two clocks are read


def test_it_is_not_asked_for_where_the_settings_say_so() -> None:
    with RawServer(lambda _: reply(b"User-agent: *\nDisallow: /")) as server:
        with client_of(server.url, robots=False) as client:
            assert client.robots(server.url) is ALLOW_ALL
        assert server.requests == []


@pytest.mark.parametrize("status", [204, 400, 401, 403, 404, 410])
def test_a_file_that_is_not_there_allows_everything(status: int) -> None:
    with RawServer(lambda _: reply(b"", f"{status} No")) as server, client_of(server.url) as client:
        assert client.robots(server.url).allows(f"{server.url}/x")


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_file_that_can_not_be_reached_allows_nothing(status: int) -> None:
    with (
        RawServer(lambda _: reply(b"", f"{status} Busy")) as server,
        client_of(server.url) as client,
        pytest.raises(SiteSilent, match=f"/robots.txt: it answers {status}"),
    ):
        client.robots(server.url)


def test_a_file_that_can_not_be_read_allows_nothing() -> None:
    with (
        RawServer(lambda _: reply(b"x" * 5 * LONGEST)) as server,
        client_of(server.url) as client,
        pytest.raises(SiteSilent, match=r"robots\.txt can't be read: it is larger than .*robots: false"),
    ):
        client.robots(server.url)


@pytest.mark.parametrize(("hops", "forbidden"), [(1, True), (5, True), (6, False)])
def test_redirects_are_followed_five_times(hops: int, forbidden: bool) -> None:
    def answer(request: Request) -> Iterable[bytes | None]:
        number = int(request.path.removeprefix("/robots.txt").strip("/") or 0)
        return redirect(f"/{number + 1}") if number < hops else reply(b"User-agent: *\nDisallow: /")

    with RawServer(answer) as server, client_of(server.url) as client:
        assert client.robots(server.url).allows(f"{server.url}/x") is not forbidden
        assert len(server.requests) == min(hops, 5) + 1


@pytest.mark.parametrize("target", ["http://169.254.169.254/robots.txt", "http://127.0.0.2/robots.txt", "file:///x"])
def test_a_redirect_to_another_host_is_not_followed(target: str) -> None:
    with RawServer(lambda _: redirect(target)) as server, client_of(server.url) as client:
        assert client.robots(server.url).allows(f"{server.url}/x")
        assert len(server.requests) == 1


def test_each_scheme_host_and_port_has_its_own_and_no_other_host_is_asked() -> None:
    with (
        RawServer(lambda _: reply(b"User-agent: *\nDisallow: /a")) as one,
        RawServer(lambda _: reply(b"")) as two,
        client_of(one.url, start_urls=(two.url,)) as client,
    ):
        assert not client.robots(one.url).allows(f"{one.url}/a")
        assert client.robots(two.url).allows(f"{two.url}/a")
        with pytest.raises(PageRefused):
            client.robots("http://127.0.0.3/")
