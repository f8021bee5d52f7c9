"""Real issues of both product lines through all stages: none ends in quarantine, and a second sync does nothing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from vector_pipeline_tests.project import Project, counts
from vector_pipeline_tests.simulators.jira_records import load_cloud_issues, load_server_issues
from vector_pipeline_tests.simulators.jira_server import JiraServer
from vector_pipeline_tests.sync.exactness import assert_consistent, quarantined

_NO_TEXT = "pdf doc docx docm xls xlsx xlsm ppt pptx odt ods odp rtf epub fb2 eml msg png jpg jpeg gif webp tif tiff"


@pytest.fixture
def records() -> Path:
    data = os.environ.get("VECTOR_PIPELINE_TEST_DATA")
    if not data:
        pytest.skip("VECTOR_PIPELINE_TEST_DATA is not set")
    return Path(data) / "jira"


def sync_all(server: JiraServer, folder: Path) -> None:
    """Syncs every project of the site twice, and every third one once more with all of it read again."""
    project = Project(folder / "project")
    # The bytes of attachments were not recorded: what stands in for them is text.
    others = ["".join(f"[{letter}{letter.upper()}]" for letter in suffix) for suffix in _NO_TEXT.split()]
    exclude = ["*.ipynb", *(f"*.{suffix}" for suffix in others)]
    project.add_jira("real", server, "*", changelog=True, worklogs=True, exclude=exclude)
    project.discover()
    first = project.sync()
    assert not quarantined(project)
    added = sum(result.counts.get("added", 0) for result in first)
    assert added >= len(server.state.issues)
    assert_consistent(project)
    for number, name in enumerate(sorted({result.partition for result in first})):
        for full in (False, True) if number % 3 == 1 else (False,):
            again = counts(project.sync(name, full=full), "documents")
            assert (again["added"], again["changed"], again["metadata"], again["deleted"]) == (0, 0, 0, 0)


@pytest.mark.realdata
def test_real_data_center_issues_sync_without_a_quarantined_document(folder: Path, records: Path) -> None:
    with JiraServer("data_center") as server:
        issues = [
            issue
            for name in ("ALOY", "DAEMON", "MOD")
            for issue in load_server_issues(server, records / "tidev" / f"issues_{name}.jsonl.gz")
        ]
        assert len(issues) == 2183
        sync_all(server, folder)


@pytest.mark.realdata
def test_real_cloud_issues_sync_without_a_quarantined_document(folder: Path, records: Path) -> None:
    with JiraServer("cloud") as server:
        assert len(load_cloud_issues(server, records / "fluid_cloud_issues.jsonl.gz")) == 3916
        sync_all(server, folder)
