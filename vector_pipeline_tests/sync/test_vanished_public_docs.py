"""A site that vanishes and returns: nothing is lost meanwhile, everybody is told, and nothing is embedded again."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from vector_pipeline_tests.cli.command import Answer, Command
from vector_pipeline_tests.simulators.docs_site import DocsSite
from vector_pipeline_tests.simulators.docs_site_faults import captcha, empty, maintenance, status, unavailable
from vector_pipeline_tests.simulators.openai_server import OpenAIServer
from vector_pipeline_tests.sync.exactness import assert_consistent, served_by
from vector_pipeline_tests.sync.followed_site import FollowedSite

PAGES = 30
Outage = Callable[[DocsSite], AbstractContextManager[Any]]


@contextmanager
def looked_up(address: str) -> Iterator[None]:
    """The name of the site means this address, "" for none."""
    resolve = socket.getaddrinfo

    def answer(host: Any, *arguments: Any, **options: Any) -> Any:
        if host == "localhost" and not address:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return resolve(address if host == "localhost" else host, *arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", answer)
        yield


def no_such_host(_site: DocsSite) -> AbstractContextManager[None]:
    """The name of the site has no address any more."""
    return looked_up("")


def refusing_connections(_site: DocsSite) -> AbstractContextManager[None]:
    """Nothing listens at the site's port: not that it is given back, as another server might get it."""
    return looked_up("127.0.0.9")


@contextmanager
def half_under_maintenance(site: DocsSite) -> Iterator[None]:
    """Some servers answer as usual, others with a page of their own."""
    with site.failing(maintenance(varying=True), "!/robots.txt", "!/sitemap*", rate=0.5, seed=7):
        yield


HOUR: list[tuple[str, Outage, str]] = [
    ("503", lambda site: site.failing(unavailable()), "503"),
    ("503 for a while longer", lambda site: site.failing(unavailable(retry_after=3600)), "no request before|503"),
    ("empty pages", lambda site: site.failing(empty()), "no text|empty|nothing"),
    ("one page for all", lambda site: site.failing(maintenance()), "same page|does not exist"),
    ("one page for half", half_under_maintenance, "same page|does not exist"),
    ("captchas", lambda site: site.failing(captcha()), "Cloudflare"),
    ("forbidden", lambda site: site.failing(status(403)), "403"),
    ("nobody listens", refusing_connections, "nothing listens"),
    ("no such host", no_such_host, "name|address"),
]
"""What a site answers while it is away, and what people read of it."""


def told(command: Command, sync: Answer) -> str:
    """All that a person can read: what the sync said, what the status says, and what is in quarantine."""
    answers = (sync, command.inside("status"), command.inside("quarantine", "list"))
    return " ".join(" ".join(f"{answer.out}\n{answer.err}".split()) for answer in answers)


def test_a_site_that_vanishes_for_an_hour_loses_nothing(folder: Path, endpoint: OpenAIServer) -> None:
    with DocsSite(generated=PAGES, seed=3) as site:
        url = site.url.replace("127.0.0.1", "localhost")
        settings: dict[str, Any] = {"base": served_by(endpoint), "hosts": ["127.0.0.1"]}
        settings["private_hosts"] = ["localhost", "127.0.0.1"]
        followed = FollowedSite(folder, url, **settings)
        command = Command(followed.project)
        assert followed.sync()["added"] == PAGES
        before, embedded = followed.project.snapshot(), endpoint.embedded_texts
        for name, outage, words in HOUR:
            site.release()
            with outage(site):
                answer = command.inside("sync")
                assert followed.project.snapshot() == before, name
                assert len(followed.held()) == PAGES, name
                said = told(command, answer)
                assert "allow-deletions" not in said, f"{name}: the brake was needed"
                assert any(word.lower() in said.lower() for word in words.split("|")), f"{name}: {said}"
        found = followed.sync()
        assert found.keys() <= {"unchanged", "reread"}, "what was in quarantine is read again, from the mirror"
        assert followed.sync() == {"unchanged": PAGES}
        assert followed.quarantine() == {}
        assert followed.project.snapshot() == before
        assert endpoint.embedded_texts == embedded
        assert_consistent(followed.project)
        assert command.inside("status").code == 0


def test_an_outage_that_begins_within_a_visit_hides_no_change(folder: Path, endpoint: OpenAIServer) -> None:
    with DocsSite(generated=PAGES, seed=4) as site:
        site.sitemap = "none"
        followed = FollowedSite(folder, site.url, served_by(endpoint), concurrency=1)
        followed.sync()
        paths = site.paths()
        edited, removed = paths[3:20:4], paths[-1]
        for path in edited:
            site.edit(path)
        site.remove(removed)
        embedded = endpoint.embedded_texts
        with ExitStack() as faults:
            faults.enter_context(site.failing(maintenance(), *paths[10:]))
            faults.enter_context(site.failing(empty(), *paths[5:10]))
            found = followed.sync()
            assert found.get("changed", 0) <= len(edited)
            assert set(followed.held()) >= set(map(site.address, site.paths()))
        followed.sync()
        followed.sync()
        assert endpoint.embedded_texts - embedded == len(edited)
        assert len(followed.held()) == PAGES - 1
        assert followed.quarantine() == {}
        assert followed.project.snapshot() == followed.project.rebuilt(folder / "fresh")
