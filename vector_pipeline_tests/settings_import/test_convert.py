"""A qdrant-loader configuration becomes settings of ours; nothing of it is dropped in silence, no secret is copied."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from vector_pipeline.settings_file import Loaded, load_settings
from vector_pipeline.settings_import.convert import Imported, import_config
from vector_pipeline.settings_import.outcomes import leaves, untold
from vector_pipeline.settings_yaml import SettingsError, parse
from vector_pipeline_tests.settings_import.samples import CONFIGURATIONS, FULL, SECRET, Environment
from vector_pipeline_tests.sync.exactness import scratch_folder


def imported(text: str) -> Imported:
    return import_config(text.encode(), "config.yaml")


def loaded(done: Imported) -> Loaded:
    """The settings as our own loader takes them, with variables that have likely values."""
    with scratch_folder() as folder:
        file = folder / "pipeline.yaml"
        file.write_text(done.render(), "utf-8")
        return load_settings(file, Environment())


def outcome(done: Imported, place: str) -> list[tuple[str, str]]:
    """What became of a place: kinds and targets."""
    return [(one.kind, one.target) for one in done.outcomes if one.place == place]


def source(text: str, kind: str) -> dict[str, Any]:
    """The one source of a configuration that has only this one."""
    done = imported(f"sources:\n  {kind}:\n    it: {text}")
    (named,) = done.settings["sources"].values()
    return dict(named["it"])


@settings(max_examples=60)
@given(config=CONFIGURATIONS)
def test_whatever_is_given_is_told_and_what_comes_out_can_be_loaded(config: dict[str, Any]) -> None:
    text = yaml.safe_dump(config, allow_unicode=True)
    done = imported(text)
    assert list(untold(parse(text.replace("$", "$$").encode(), {}, "x").value, list(done.outcomes))) == []
    assert SECRET not in done.render()
    assert not any(SECRET in part for one in done.outcomes for part in (one.target, one.note))
    loaded(done)


def test_a_whole_configuration_is_carried_over() -> None:
    done = imported(FULL)
    settings = loaded(done).settings
    assert settings.index.alias == "documents-live"
    assert (settings.embedding.provider, settings.embedding.base_url) == ("openai", "http://localhost:11434/v1")
    assert (settings.embedding.model, settings.embedding.dimensions) == ("nomic-embed-text", 768)
    assert settings.chunking.target_chars == 1500
    assert settings.conversion.timeout.total_seconds() == 300
    assert sorted(f"{kind}.{name}" for kind, name, _ in settings.sources) == [
        "confluence.wiki",
        "git.docs-project-repo",
        "git.kb-repo",
        "jira.support",
        "local_files.notes",
        "public_docs.company-docs",
    ]
    repo = settings.sources.git["docs-project-repo"]
    assert (repo.url, repo.branch, repo.username) == ("https://github.com/example/docs.git", "1.10", "bot")
    assert repo.include == ("/docs/**/*.md", "/docs/**/*.rst", "/README.md")
    assert repo.exclude == ("/docs/archive/", "/node_modules/")
    assert repo.tags == ("docs-project",)
    wiki = settings.sources.confluence["wiki"]
    assert (wiki.deployment, wiki.blog_posts, wiki.attachments) == ("cloud", False, False)
    assert wiki.exclude_labels == ("draft",)
    support = settings.sources.jira["support"]
    assert support.deployment == "data_center"
    assert support.jql == (
        'issuetype in ("Bug", "User \\"Story\\"") AND status in ("Done") AND updated >= "2026-05-04 12:00"'
    )
    assert support.fields == {"customfield_10001": "team"}
    docs = settings.sources.public_docs["company-docs"]
    assert docs.content_selectors == ("article.main-content", "main")
    assert docs.include == ("/guide/**/*.html",)
    assert docs.exclude == ("/guide/1.0/api-reference/",)
    assert str(settings.sources.local_files["notes"].path) == "/srv/my notes"
    assert done.is_complete


def test_secrets_become_references_and_are_told() -> None:
    done = imported(FULL)
    text = done.render()
    for secret in ("sk-very-secret", "hunter2secret", "plain-written-token"):
        assert secret not in text
    assert done.settings["embedding"]["api_key"] == "${EMBEDDING_API_KEY}"
    assert done.settings["sources"]["git"]["docs-project-repo"]["token"] == "${GIT_DOCS_PROJECT_REPO_TOKEN}"
    assert done.settings["sources"]["jira"]["support"]["token"] == "${JIRA_SUPPORT_TOKEN}"
    assert done.settings["sources"]["confluence"]["wiki"]["token"] == "${CONFLUENCE_TOKEN}"
    assert {one.place for one in done.outcomes if one.kind == "secret"} == {
        "global.embedding.api_key",
        "projects.docs-project.sources.git.repo.base_url",
        "projects.kb.sources.jira.support.token",
    }


def test_two_secrets_never_share_a_variable() -> None:
    done = imported(
        "sources:\n  git:\n"
        "    a-b: {base_url: https://example.org/1.git, token: one, file_types: ['*.md']}\n"
        "    a_b: {base_url: https://example.org/2.git, token: two, file_types: ['*.md']}\n"
    )
    tokens = [source["token"] for source in done.settings["sources"]["git"].values()]
    assert tokens == ["${GIT_A_B_TOKEN}", "${GIT_A_B_TOKEN_2}"]


def test_what_decides_what_is_indexed_and_has_no_counterpart_is_missing() -> None:
    done = imported(
        "sources:\n  sharepoint: {team: {relative_url: /sites/x, client_secret: abc}}\n"
        "  git: {x: {base_url: https://example.org/x.git, file_types: ['*.md'], only_on_mondays: true}}\n"
    )
    assert not done.is_complete
    assert {one.place for one in done.outcomes if one.kind == "missing"} == {
        "sources.sharepoint",
        "sources.git.x.only_on_mondays",
    }


def with_odd_keys(value: Any) -> Any:
    """The same configuration with a key nobody knows in every mapping."""
    if isinstance(value, list):
        return [with_odd_keys(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    return {"nobody_knows": 1, **{key: with_odd_keys(inner) for key, inner in value.items()}}


def test_a_key_nobody_knows_is_told_wherever_it_stands() -> None:
    config = with_odd_keys(yaml.safe_load(FULL))
    told = {one.where: one.kind for one in imported(yaml.safe_dump(config)).outcomes}
    places = [where for where, _ in leaves(config) if where[-1] == "nobody_knows"]
    wholes = {"semantic_analysis", "state_management", "strategies", "markitdown", "extra_fields"}
    single = [where for where in places if wholes.isdisjoint(where)]
    assert len(single) > 20
    assert {where: told.get(where) for where in single if told.get(where) not in ("missing", "not needed")} == {}


def test_a_value_ours_refuse_is_left_out_with_the_reason() -> None:
    done = imported("global: {embedding: {model: m, vector_size: many, batch_size: 999999}}")
    assert done.settings["embedding"] == {"provider": "openai", "model": "m", "api_key": "${OPENAI_API_KEY:-}"}
    assert ("missing", "") in outcome(done, "global.embedding.vector_size")
    (reason,) = (one.note for one in done.outcomes if one.place.endswith("batch_size") and one.kind == "missing")
    assert "less than or equal to 2048" in reason


def test_a_source_is_never_wider_than_it_was() -> None:
    done = imported(
        "sources:\n  git: {x: {base_url: https://example.org/x.git, file_types: ['*.md'], include_paths: ['a.py']}}"
    )
    assert "sources" not in done.settings
    assert ("missing", "") in outcome(done, "sources.git.x")


@pytest.mark.parametrize(
    ("paths", "types", "patterns"),
    [
        ("[]", "['*.md']", ["*.md"]),
        ("['docs/**']", "['*.md']", ["/docs/**/*.md"]),
        ("['/docs/']", "['*.md']", ["/docs/**/*.md"]),
        ("['docs/**/*']", "['*.md', '*.py']", ["/docs/**/*.md", "/docs/**/*.py"]),
        ("['docs/*.md']", "['*.md']", ["/docs/**/*.md"]),
        ("['**/*.md', 'x.py']", "['*.md', '*.py']", ["*.md", "/x.py"]),
        ("['/']", "['*.md']", ["/*.md"]),
    ],
)
def test_paths_and_types_become_patterns(paths: str, types: str, patterns: list[str]) -> None:
    given = f"{{base_url: https://example.org/x.git, include_paths: {paths}, file_types: {types}}}"
    assert source(given, "git")["include"] == patterns


def test_files_that_were_converted_are_taken_too() -> None:
    given = "{base_url: 'file:///x', file_types: ['*.md'], enable_file_conversion: true}"
    assert {"*.md", "*.pdf", "*.docx"} <= set(source(given, "localfile")["include"])


def test_the_unified_model_settings_come_first() -> None:
    done = imported(
        "global:\n"
        "  embedding: {model: old, endpoint: 'https://old.example.org/v1', vector_size: 4}\n"
        "  llm: {provider: openai, base_url: 'https://new.example.org/v1', models: {embeddings: new, chat: c},\n"
        "        embeddings: {vector_size: 8}, rate_limits: {rpm: 9, tpm: 10}, headers: {Authorization: s3cret}}\n"
    )
    assert done.settings["embedding"] == {
        "provider": "openai",
        "base_url": "https://new.example.org/v1",
        "model": "new",
        "dimensions": "8",
        "api_key": "${OPENAI_API_KEY:-}",
        "requests_per_minute": "9",
        "tokens_per_minute": "10",
    }
    assert outcome(done, "global.embedding.model") == [("not needed", "embedding.model")]


def test_an_unknown_model_without_a_length_has_to_be_completed() -> None:
    assert not imported("global: {embedding: {model: mine}}").is_complete
    assert (
        imported("global: {embedding: {model: text-embedding-3-large}}").settings["embedding"]["dimensions"] == "3072"
    )


def test_the_same_source_twice_is_taken_once() -> None:
    one = "{base_url: https://example.org/x.git, file_types: ['*.md']}"
    done = imported(f"sources:\n  git:\n    a: {one}\n    b: {one}\n")
    assert list(done.settings["sources"]["git"]) == ["a"]
    assert "the same source as sources.git.a" in [one.note for one in done.outcomes if one.place == "sources.git.b"]
    loaded(done)


@pytest.mark.parametrize("text", ["- a list", "a: [", "a: 1\na: 2", "x: !!python/object:os.system y"])
def test_what_is_no_configuration_is_refused_with_its_line(text: str) -> None:
    with pytest.raises(SettingsError, match=r"config.yaml:\d"):
        imported(text)


@given(st.recursive(st.text(max_size=3), lambda inner: st.dictionaries(st.text(max_size=3), inner), max_leaves=8))
def test_every_leaf_has_one_place(value: Any) -> None:
    places = [where for where, _ in leaves(value)]
    assert len(places) == len(set(places))


def test_an_empty_file_gives_settings_that_load(tmp_path: Path) -> None:
    assert loaded(imported("")).settings.embedding.model == "text-embedding-3-small"
