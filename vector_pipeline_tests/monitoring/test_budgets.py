"""The budgets that a source's requests draw on are shown as they are."""

from __future__ import annotations

from pathlib import Path

from vector_pipeline.monitoring.budgets import budgets
from vector_pipeline.sources.request_budget import Budget
from vector_pipeline_tests.project import Project


def test_a_site_that_wants_no_requests_is_shown_with_the_time_it_asked_for(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.add_public_docs("guide", "http://127.0.0.1:9/guide/")
    with project.open() as pipeline:
        (free,) = budgets(pipeline.settings, pipeline.data_dir)
        assert (free.site, free.blocked_seconds) == ("127.0.0.1:9", 0.0)
        # As another process would: the budget is a file.
        Budget(project.data / "sites" / "budgets", "127.0.0.1:9").block(120)
        (blocked,) = budgets(pipeline.settings, pipeline.data_dir)
    assert 60 < blocked.blocked_seconds <= 120


def test_a_limit_of_the_settings_is_shown_for_an_atlassian_site(tmp_path: Path) -> None:
    settings = {"url": "https://example.atlassian.net/wiki", "email": "a@example.org", "token": "t", "spaces": ["ENG"]}
    project = Project(tmp_path, {"sources": {"confluence": {"wiki": {**settings, "requests_per_minute": 90}}}})
    with project.open() as pipeline:
        (line,) = budgets(pipeline.settings, pipeline.data_dir)
    assert (line.site, line.per_minute) == ("https://example.atlassian.net/wiki", 90)
