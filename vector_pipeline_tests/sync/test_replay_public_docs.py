"""Exactness by replay: a random life of a site, synced through faults, compared with a database built afresh."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from random import Random

import pytest

from vector_pipeline.sources.base import SourceError
from vector_pipeline_tests.simulators.docs_site import DocsSite
from vector_pipeline_tests.simulators.docs_site_faults import one_of
from vector_pipeline_tests.simulators.openai_server import OpenAIServer
from vector_pipeline_tests.sync.docs_life import FAULTS, Life
from vector_pipeline_tests.sync.exactness import assert_exact, served_by
from vector_pipeline_tests.sync.followed_site import FollowedSite

ROUNDS = 6


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_site_in_the_midst_of_life_and_faults_stays_exact(folder: Path, endpoint: OpenAIServer, seed: int) -> None:
    dice = Random(seed)
    with DocsSite() as site:
        site.sitemap = dice.choice(["none", "plain", "index"])
        life = Life(site, dice)
        discover = "crawl" if site.sitemap == "none" else dice.choice(["auto", "both", "crawl", "sitemap"])
        followed = FollowedSite(folder, site.url, served_by(endpoint), discover=discover)
        seen: Counter[str] = Counter()

        def sync() -> None:
            before = Counter(endpoint.texts)
            try:
                followed.sync(allow_deletions=True)
            finally:
                seen.update(endpoint.texts - before)

        sync()
        for number in range(ROUNDS):
            life.days(12)
            held = set(followed.held())
            with ExitStack() as faults:
                rate = (0.0, 0.3, 0.8)[number % 3]
                spared = () if rate > 0.5 else ("!/robots.txt", "!/sitemap*")
                faults.enter_context(site.failing(one_of(*FAULTS, seed=seed), *spared, rate=rate, seed=number))
                try:
                    sync()
                except SourceError:
                    assert set(followed.held()) == held, "a run that failed changed something"
            for _ in range(2):
                sync()
            broken = set(followed.quarantine().values())
            assert broken <= {"redirects in a circle"}, f"seed {seed}, round {number}"
            assert_exact(followed.project)
        assert max(seen.values()) == 1, "a text that was known was embedded again"
        expected = {"unchanged", "failed"} if followed.quarantine() else {"unchanged"}
        assert {name for name in followed.sync() if not name.startswith("skipped")} == expected
        assert followed.probe() == followed.built()
