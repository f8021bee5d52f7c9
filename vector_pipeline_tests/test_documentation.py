"""The documentation names what there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from vector_pipeline.settings import ConversionSettings
from vector_pipeline.settings_alerts import (
    AlertsSettings,
    CommandSettings,
    EmailSettings,
    SlackSettings,
    WebhookSettings,
)
from vector_pipeline.settings_atlassian import ConfluenceSettings, JiraSettings
from vector_pipeline.settings_backup import BackupSettings
from vector_pipeline.settings_checks import ChecksSettings
from vector_pipeline.settings_limits import LimitSettings
from vector_pipeline.settings_logs import LogSettings
from vector_pipeline.settings_monitoring import MonitoringSettings
from vector_pipeline.settings_public_docs import PublicDocsSettings
from vector_pipeline.settings_queue import QueueSettings
from vector_pipeline.settings_retention import RetentionSettings
from vector_pipeline.settings_sources import GitSettings, LocalFilesSettings

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize(
    ("page", "model"),
    [
        ("git.md", GitSettings),
        ("local_files.md", LocalFilesSettings),
        ("confluence.md", ConfluenceSettings),
        ("jira.md", JiraSettings),
        ("public_docs.md", PublicDocsSettings),
        ("files.md", ConversionSettings),
        ("alerts.md", AlertsSettings),
        ("alerts.md", SlackSettings),
        ("alerts.md", WebhookSettings),
        ("alerts.md", EmailSettings),
        ("alerts.md", CommandSettings),
        ("backup.md", BackupSettings),
        ("checks.md", ChecksSettings),
        ("prune.md", RetentionSettings),
        ("limits.md", LimitSettings),
        ("reports.md", LogSettings),
        ("queue.md", QueueSettings),
        ("monitoring.md", MonitoringSettings),
    ],
)
def test_the_page_of_a_part_explains_every_setting(page: str, model: type[BaseModel]) -> None:
    text = (ROOT / "docs" / page).read_text()
    assert [name for name in model.model_fields if f"`{name}`" not in text] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    broken = []
    for target in re.findall(r"\]\((?!https?:)([^)\s]+)\)", page.read_text()):
        name, _, anchor = target.partition("#")
        file = page.parent / name if name else page
        headings = re.findall(r"^#+ (.+)$", file.read_text(), re.MULTILINE) if file.suffix == ".md" else []
        anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
        if not file.exists() or (anchor and anchor not in anchors):
            broken.append(target)
    assert broken == []


def test_every_recorded_behaviour_of_the_services_has_its_tests() -> None:
    rows = re.findall(
        r"^\| (\d+) \|.*\| ([^|]+) \|$", (ROOT / "docs" / "atlassian_behaviour.md").read_text(), re.MULTILINE
    )
    assert [int(number) for number, _ in rows] == list(range(1, 38))
    for number, files in rows:
        named = re.compile(rf'"""Facts? (\d+ and )*{number}\b')
        for name in re.findall(r"`([^`]+)`", files):
            assert named.search((ROOT / "vector_pipeline_tests" / name).read_text()), f"fact {number} in {name}"
