"""A hostile documentation site through the whole pipeline: every trap ends, and the good pages are all brought in."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from vector_pipeline_tests.cli.command import Command
from vector_pipeline_tests.project import Project
from vector_pipeline_tests.simulators.docs_site import DocsSite
from vector_pipeline_tests.simulators.docs_site_http import Reply
from vector_pipeline_tests.simulators.docs_site_pages import Page
from vector_pipeline_tests.simulators.hostile_site import HostileSite, word_of
from vector_pipeline_tests.sync.exactness import assert_consistent, quarantined, scratch_folder
from vector_pipeline_tests.sync.watched_sync import Watched, sync_watched

PUBLIC = "93.184.215.14"
"""A public address; no connection of a test gets there."""
PUBLIC_V6 = "2606:2800:21f:cb07:6820:80da:af6b:8b2c"
GOOD = 8
TERMINAL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""Control characters, and those that turn the direction of text."""


class Canaries:
    """Sockets on this machine that must never be connected to."""

    def __init__(self) -> None:
        self._sockets = [socket.create_server(("127.0.0.2", 0))]
        self._sockets.append(socket.create_server(("::1", 0), family=socket.AF_INET6))
        self.port, self.port_v6 = (int(one.getsockname()[1]) for one in self._sockets)

    @property
    def touched(self) -> bool:
        """Whether anybody connected to one of them."""
        found = False
        for one in self._sockets:
            one.setblocking(False)
            try:
                one.accept()[0].close()
                found = True
            except BlockingIOError:
                pass
        return found

    def close(self) -> None:
        """Frees their ports."""
        for one in self._sockets:
            one.close()


@contextmanager
def canaries() -> Iterator[Canaries]:
    """Canaries for a while."""
    found = Canaries()
    try:
        yield found
    finally:
        found.close()


@dataclass
class Story:
    """What is left of one sync of the hostile site, for several tests to look at."""

    site: HostileSite
    project: Project
    watched: Watched
    asked: list[str]
    canary: int
    canary_touched: bool

    @property
    def reasons(self) -> dict[str, str]:
        """Path to the reason why it is in quarantine."""
        return {uri.removeprefix(self.site.url): why for uri, why in quarantined(self.project).items()}


@pytest.fixture(scope="module")
def story() -> Iterator[Story]:
    with canaries() as guard, HostileSite(good_pages=GOOD, canary=f"http://127.0.0.2:{guard.port}/") as site:
        at = {"rebound": "rebound.test", "mixed": "mixed.test", "inside": "inside.test"}
        links = [(f"http://{host}:{guard.port}/{name}/", name) for name, host in at.items()]
        site.put(Page("/more/", "More", links=(*links, ("/trap/canary6/", "canary 6"))))
        site.redirect("/trap/canary6/", f"http://[::1]:{guard.port_v6}/")
        site.put(Page("/", "Start", links=(("/more/", "More"), *((path, path) for path in site.traps))))
        with scratch_folder() as folder:
            project = Project(folder / "project")
            hosts = [f"{host}:{guard.port}" for host in at.values()]
            partition = project.add_public_docs(
                "guide", site.url, discover="both", timeout="8s", max_retries=1, hosts=hosts
            )
            names = {
                "rebound.test": [[PUBLIC], ["127.0.0.2"]],
                "mixed.test": [[PUBLIC, "127.0.0.2"]],
                "inside.test": [["::ffff:127.0.0.2", PUBLIC_V6]],
            }
            watched = sync_watched(project, partition, names)
            asked = [one.path for one in site.log.all()]
            yield Story(site, project, watched, asked, guard.port, guard.touched)


def test_every_good_page_is_brought_in_and_nothing_is_inconsistent(story: Story) -> None:
    assert story.watched.error == ""
    paths = story.project.paths()
    assert {path.strip("/") or "/" for path in story.site.good} <= {path.strip("/") or "/" for path in paths}
    for path in story.site.good[1:]:
        assert [hit["path"].strip("/") for hit in story.project.search(word_of(path), limit=1)] == [path.strip("/")]
    assert_consistent(story.project)


def test_each_trap_is_refused_for_a_reason_that_a_person_understands(story: Story) -> None:
    reasons = story.reasons
    counts = story.watched.counts
    abroad = {
        f"trap/{name}/" for name in ("metadata", "ipv6", "mapped", "decimal", "off-host", "canary", "canary6", "file")
    }
    assert not abroad & set(reasons), "a link that never led to a page of the site is counted, nothing waits for it"
    assert counts["skipped: redirects to another host"] == len(abroad) - 1
    assert counts["skipped: redirects to what is no web address"] == 1
    for trap in ("bomb", "huge", "endless"):
        assert reasons[f"trap/{trap}/"] == "it is larger than 10MB"
    assert reasons["trap/drip/"] == "it did not come to its end in time"
    for host in ("rebound.test", "mixed.test", "inside.test"):
        (why,) = (why for uri, why in reasons.items() if host in uri)
        assert why == "robots.txt of its host can't be read"
    assert counts["skipped: redirects in a circle"] == 4


def test_nothing_but_the_site_is_connected_to(story: Story) -> None:
    """A name that means a public address first and a private one then is looked up again, and refused."""
    assert set(story.watched.connections) == {("127.0.0.1", story.site.http.port), (PUBLIC, story.canary)}
    assert story.watched.lookups.count("rebound.test") >= 2
    assert {"rebound.test", "mixed.test", "inside.test"} == set(story.watched.lookups)
    assert not story.canary_touched
    assert {one.host for one in story.site.log.all()} == {f"127.0.0.1:{story.site.http.port}"}


def test_traps_without_an_end_come_to_one(story: Story) -> None:
    asked = [path.split("/")[1:3] for path in story.asked]
    assert len(story.asked) < 250
    assert asked.count(["trap", "chain"]) <= 11
    assert sum(1 for path in story.asked if path.startswith("/calendar/")) <= 2 * 20 + 1
    assert sum(1 for path in story.asked if path.startswith("/many/")) <= 10
    assert story.asked.count("/trap/refresh/") <= 11
    assert story.watched.seconds < 200, "they cost seconds, or never end"


def test_bombs_and_endless_pages_take_no_memory(story: Story, folder: Path) -> None:
    with DocsSite([Page("/", "Start"), Page("/good/", "Good")]) as site:
        project = Project(folder / "harmless")
        usual = sync_watched(project, project.add_public_docs("guide", site.url))
    # 100,000 links and 50,000 nested elements are read honestly; a gigabyte would show.
    assert story.watched.memory < usual.memory + 300


def test_each_trouble_is_logged_once(story: Story) -> None:
    logged = story.watched.logged
    assert len(logged) == len(set(logged)) == 2, logged
    assert "sitemap-laughs.xml declares a document type or entities" in logged[0]
    assert "3 × it is larger than 10MB" in logged[1]
    assert not any(TERMINAL.search(line) for line in logged)


def test_titles_and_reasons_reach_the_terminal_without_their_commands(story: Story) -> None:
    command = Command(story.project)
    held = command.inside("documents", "list", "--source", "public_docs/guide", "--limit", "500")
    found = command.inside("search", "Its title is bad, its text is good", "--limit", "3")
    refused = command.inside("quarantine", "list")
    assert "owned" in found.out
    assert "alert(2)" not in found.out
    for answer in (held, found, refused):
        assert answer.code == 0
        assert not TERMINAL.search(answer.out + answer.err)


def test_an_entity_bomb_in_a_page_is_not_blown_up(story: Story) -> None:
    hits = story.project.search("lol", limit=50)
    assert sum(len(hit["text"]) for hit in hits if "entities" in hit["path"]) < 5_000


def test_traps_without_robots_rules_are_refused_as_well(folder: Path) -> None:
    """Without robots.txt in between, pages of hosts that the settings name are asked for at once."""
    with canaries() as guard, DocsSite() as site:
        names = {
            "rebound.test": [[PUBLIC], ["127.0.0.2"]],
            "mixed.test": [[PUBLIC, "127.0.0.2"]],
            "mapped.test": [["::ffff:127.0.0.2"]],
            "relayed.test": [["2002:7f00:2::1"]],
        }
        hosts = [*(f"{host}:{guard.port}" for host in names), f"127.0.0.2:{guard.port}", f"[::1]:{guard.port_v6}"]
        links = [(f"http://{host}/{number}/", host) for host in hosts for number in range(2)]
        site.put(Page("/", "Start", links=(*links, ("/good/", "Good"))))
        site.add("/good/", "Good", "A good page among those that lead elsewhere.")
        project = Project(folder / "project")
        settings = {"robots": False, "discover": "crawl", "max_retries": 0, "concurrency": 1}
        partition = project.add_public_docs("guide", site.url, hosts=hosts, **settings)
        watched = sync_watched(project, partition, names)
        reasons = quarantined(project)
        assert not guard.touched
        assert {address for address, _ in watched.connections} == {"127.0.0.1", PUBLIC}
        assert watched.counts["added"] == 2
    by_host = {host: sorted(why for uri, why in reasons.items() if host in uri) for host in hosts}
    refused = {host: [f"{host} has a loopback address, which is not public"] * 2 for host in hosts}
    rebound = hosts[0]
    assert by_host.pop(rebound) == ["nothing listens there", refused.pop(rebound)[0]]
    assert by_host == refused


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_site_that_redirects_wholly_to_a_private_address_says_so(folder: Path, status: int) -> None:
    with canaries() as guard, DocsSite([Page("/", "Start")]) as site:
        site.redirect("/", f"http://127.0.0.2:{guard.port}/", status=status)
        site.sitemap, site.robots = "none", ""
        project = Project(folder / "project")
        watched = sync_watched(project, project.add_public_docs("guide", site.url, max_retries=0))
        assert "redirects to another host, 127.0.0.2" in watched.error
        assert not guard.touched


def test_an_endless_calendar_in_the_query_is_left_out_by_rule(folder: Path) -> None:
    """Query parameters make no pages unless the settings want them; then the limit of pages ends it."""

    class Calendar(DocsSite):
        def good_reply(self, request: Any) -> Reply:
            if request.path != "/":
                return super().good_reply(request)
            day = int(request.query.removeprefix("day=") or 0)
            links = "".join(f"<a href='/?day={day * 3 + one}'>{one}</a> " for one in range(1, 4))
            return Reply(200, f"<title>Day {day}</title><main><p>Nothing on day {day}.</p>{links}</main>".encode())

    with Calendar() as site:
        site.sitemap = "none"
        project = Project(folder / "project")
        partition = project.add_public_docs("guide", site.url)
        assert sync_watched(project, partition).counts["added"] == 1
        project.add_public_docs("guide", site.url, query_parameters=["day"], max_pages=30)
        site.log.clear()
        watched = sync_watched(project, partition)
        assert watched.counts["added"] == 29
        assert watched.counts["skipped: beyond max_pages"] > 0
        assert len([one for one in site.log.all() if one.path == "/"]) == 30


def test_a_part_of_the_sitemap_that_can_not_be_read_deletes_nothing_though_the_mirror_is_lost(folder: Path) -> None:
    with DocsSite([Page(path, path.strip("/").title()) for path in ("/a/", "/b/", "/c/")]) as site:
        for name in ("one", "two"):
            urls = [site.address(path) for path in (("/a/",) if name == "one" else ("/b/", "/c/"))]
            listed = "".join(f"<url><loc>{url}</loc></url>" for url in urls)
            site.serve(f"/{name}.xml", f"<urlset>{listed}</urlset>".encode(), "application/xml")
        parts = "".join(f"<sitemap><loc>{site.url}{name}.xml</loc></sitemap>" for name in ("one", "two"))
        site.serve("/sitemap.xml", f"<sitemapindex>{parts}</sitemapindex>".encode(), "application/xml")
        site.menu = "none"
        project = Project(folder / "project")
        project.add_public_docs("guide", f"{site.url}a/", include=["/a/", "/b/", "/c/"], start_urls=[site.url])
        project.sync()
        assert len(project.paths()) == 3
        for mirror in (project.data / "sites").glob("*.sqlite*"):
            mirror.unlink()
        site.serve("/two.xml", b"<!doctype html><title>Sign in</title>", "text/html")
        project.sync(full=True)
        assert len(project.paths()) == 3
