"""Half of a site moves to other addresses, with redirects: the documents move, no text is embedded again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from vector_pipeline_tests.simulators.docs_site import DocsSite
from vector_pipeline_tests.simulators.openai_server import OpenAIServer
from vector_pipeline_tests.sync.exactness import assert_exact, served_by
from vector_pipeline_tests.sync.followed_site import FollowedSite

PAGES = 40


@pytest.mark.parametrize("sitemap", ["index", "none"])
def test_a_move_of_half_the_pages_embeds_nothing(folder: Path, endpoint: OpenAIServer, sitemap: Any) -> None:
    with DocsSite(generated=PAGES, seed=5) as site:
        site.sitemap = sitemap
        followed = FollowedSite(folder, site.url, served_by(endpoint))
        assert followed.sync()["added"] == PAGES
        embedded, points = endpoint.embedded_texts, len(followed.project.snapshot())
        moving = site.paths()[1::2]
        for number, path in enumerate(moving):
            site.move(path, f"/moved{path}", status=(301, 308)[number % 2])
        site.release()
        found = followed.sync()
        assert endpoint.embedded_texts == embedded
        assert (found["added"], found["moved"], found["deleted"]) == (PAGES // 2,) * 3
        assert found["unchanged"] == PAGES // 2
        assert found["gone: no longer linked" if sitemap == "none" else "gone: no longer listed"] == PAGES // 2
        held = followed.held()
        assert set(held) == set(map(site.address, site.paths()))
        assert len(followed.project.snapshot()) == points
        assert followed.sync() == {"unchanged": PAGES}
        # The redirects are taken away some day: nobody notices.
        for path in moving:
            site.remove(path)
            site.redirect(path, "/nowhere/")
        assert followed.sync() == {"unchanged": PAGES}
        assert endpoint.embedded_texts == embedded
        assert_exact(followed.project)


def test_a_page_that_moves_and_changes_embeds_its_change_alone(folder: Path, endpoint: OpenAIServer) -> None:
    with DocsSite(generated=20, seed=6) as site:
        site.sitemap = "none"
        old, new = site.paths()[3], "/handbook/new-name/"
        site.add("/index-of-all/", "Index", "Where things are.", links=[(old, "a page that moves")])
        followed = FollowedSite(folder, site.url, served_by(endpoint))
        followed.sync()
        embedded = endpoint.embedded_texts
        site.move(old, new)
        site.edit(new, "The text was mended on the way.")
        found = followed.sync()
        assert found["embedded"] == endpoint.embedded_texts - embedded == 1
        assert found[f"gone: moved to {site.address(new)}"] == 1
        (hit, *_) = followed.project.search("mended on the way")
        assert hit["uri"].startswith(site.address(new))
        assert_exact(followed.project)


def test_a_page_that_redirects_in_a_circle_is_kept_and_told_of(folder: Path, endpoint: OpenAIServer) -> None:
    with DocsSite(generated=20, seed=7) as site:
        followed = FollowedSite(folder, site.url, served_by(endpoint))
        followed.sync()
        before, embedded = followed.project.snapshot(), endpoint.embedded_texts
        path = site.paths()[3]
        page = site.page(path)
        site.redirect(path, "/there/")
        site.redirect("/there/", path)
        followed.sync()
        assert followed.quarantine() == {site.address(path): "redirects in a circle"}
        assert followed.project.snapshot() == before
        site.put(page)
        followed.sync()
        assert followed.quarantine() == {}
        assert followed.project.snapshot() == before
        assert endpoint.embedded_texts == embedded
