"""Which partitions the settings speak of, and back from a partition to its settings."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from vector_pipeline.settings import Settings
from vector_pipeline.sync.partitions import find_configured, list_partitions, site_sources

SITE = "https://wiki.example.org"


def settings(**confluence: dict[str, Any]) -> Settings:
    """Settings with Confluence sources and a Jira project."""
    sites = {name: {"url": f"{SITE}/{name}", **site} for name, site in confluence.items()}
    jira = {"work": {"url": SITE, "projects": ["OPS"]}}
    return Settings.model_validate({"sources": {"confluence": sites, "jira": jira}})


def test_parts_given_by_key_are_partitions_without_asking_anybody() -> None:
    found = list_partitions(settings(wiki={"spaces": ["ENG", "OPS"]}), [])
    assert found == ["confluence/wiki.ENG", "confluence/wiki.OPS", "jira/work.OPS"]


def test_parts_a_pattern_covers_are_partitions_once_they_exist() -> None:
    existing = ["confluence/wiki.DOC1", "confluence/wiki.ENG", "confluence/other.DOC1", "git/wiki.DOC1"]
    found = list_partitions(settings(wiki={"spaces": ["DOC*"]}), existing)
    assert found == ["confluence/wiki.DOC1", "jira/work.OPS"]


def test_a_part_that_is_excluded_leaves_the_settings() -> None:
    given = settings(wiki={"spaces": ["*"], "exclude_spaces": ["TMP*"]})
    assert find_configured(given, "confluence/wiki.ENG")
    assert find_configured(given, "confluence/wiki.TMP1") is None


@pytest.mark.parametrize(
    ("more", "expected"),
    [({}, False), ({"personal_spaces": True}, True), ({"spaces": ["~*"]}, True), ({"spaces": ["~ada"]}, True)],
)
def test_personal_spaces_are_left_out_unless_asked_for(more: dict[str, Any], expected: bool) -> None:
    given = settings(wiki={"spaces": ["*"], **more})
    assert (find_configured(given, "confluence/wiki.~ada") is not None) is expected


def test_the_name_of_a_site_alone_is_no_partition() -> None:
    assert find_configured(settings(wiki={"spaces": ["*"]}), "confluence/wiki") is None


def test_the_longer_name_of_a_source_wins() -> None:
    found = find_configured(settings(a={"spaces": ["*"]}, **{"a.b": {"spaces": ["*"]}}), "confluence/a.b.C")
    assert found is not None
    assert (found.source, found.key) == ("a.b", "C")


@given(st.text(min_size=1, max_size=40))
def test_every_key_has_a_partition_of_its_own_and_comes_back(key: str) -> None:
    given = settings(wiki={"spaces": ["*", "~*"]})
    site = next(site_sources(given))
    partition = site.partition(key)
    assert not set("/|,[] \n") & set(partition.removeprefix("confluence/"))
    found = find_configured(given, partition)
    assert found is not None
    assert found.key == key


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ({"spaces": []}, "at least 1"),
        ({"spaces": ["A B"]}, "write a key"),
        ({"email": "ada@example.org"}, "needs token"),
        ({"username": "ada"}, "belong together"),
        ({"token": "t", "username": "ada", "password": "p"}, "not both"),
        ({"url": "https://ada:secret@wiki.example.org"}, "must not hold a user"),
        ({"url": "https://wiki.example.org/?os_authType=basic"}, "without"),
        ({"url": ""}, "must start with"),
    ],
)
def test_settings_that_can_not_work_are_refused_without_showing_secrets(wrong: dict[str, Any], expected: str) -> None:
    with pytest.raises(ValidationError, match=expected) as caught:
        settings(wiki={"spaces": ["ENG"], **wrong})
    assert "secret" not in str(caught.value.errors(include_input=False))


def test_another_space_or_account_reads_no_document_again() -> None:
    def fingerprint(**more: Any) -> str:
        return next(site_sources(settings(wiki={"spaces": ["ENG"], **more}))).settings.fingerprint

    assert fingerprint() == fingerprint(spaces=["ENG", "OPS"], token="new", concurrency=8, max_wait="1m")
    assert fingerprint() != fingerprint(comments="none")
