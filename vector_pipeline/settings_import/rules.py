"""Which of their settings have a counterpart of the same meaning, by their name; the rest is worked out in code.

A table, so that each line can be read as "theirs: ours, and what to know".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vector_pipeline.settings_import.outcomes import Given, Kind
from vector_pipeline.settings_import.references import kept


@dataclass(frozen=True, slots=True)
class Rule:
    """Our name of a setting ("" none), what becomes of it, and a remark."""

    target: str = ""
    kind: Kind = "carried"
    note: str = ""


def _no(note: str) -> Rule:
    return Rule(kind="not needed", note=note)


_CONVERSION = _no("PDF and office files are always converted")
_EXTRA = _no("documents always carry what is known of them")

COMMON: Mapping[str, Rule] = {
    "source_type": _no("told by where the source stands"),
    "source": _no("told by the source's name"),
}

FILES: Mapping[str, Rule] = {
    **COMMON,
    "max_file_size": Rule("max_file_size"),
    "enable_file_conversion": _CONVERSION,
    "download_attachments": _no("files have no attachments"),
    "enable_enhanced_metadata": _EXTRA,
}

GIT: Mapping[str, Rule] = {
    **FILES,
    "branch": Rule("branch"),
    "depth": _no("the newest commit is always read whole"),
    "temp_dir": _no("a mirror is kept below data_dir, so that only changes are fetched"),
}

CONFLUENCE: Mapping[str, Rule] = {
    **COMMON,
    "requests_per_minute": Rule("requests_per_minute"),
    "include_labels": Rule("labels"),
    "exclude_labels": Rule("exclude_labels"),
    "enable_file_conversion": _CONVERSION,
    "enable_enhanced_metadata": _EXTRA,
}

JIRA: Mapping[str, Rule] = {
    **COMMON,
    "requests_per_minute": Rule("requests_per_minute"),
    "page_size": _no("pages are as large as the site allows"),
    "track_last_sync": _no("what changed is always known"),
    "process_attachments": _no("see download_attachments"),
    "enable_file_conversion": _CONVERSION,
    "enable_enhanced_metadata": _EXTRA,
}

PUBLIC_DOCS: Mapping[str, Rule] = {
    **COMMON,
    "attachment_selectors": _no("linked PDF and office files of the site are found by what they are"),
    "content_type": _no("told by each page's own type"),
    "enable_file_conversion": _CONVERSION,
    "enable_enhanced_metadata": _EXTRA,
}

SECTIONS: Mapping[str, str] = {
    "semantic_analysis": "texts are not analysed for topics or entities; searches use meaning and keywords",
    "reranking": "searches fuse meaning and keywords and do not rank again",
    "workers": "every source is watched by itself; see observe_every of the sources",
    "graph": "no graph is built",
    "neo4j": "no graph is built",
    "graphiti": "no graph is built",
    "metadata_extraction": "documents always carry what is known of them",
    "logging": "what ran is in Dagster; the command line writes errors to its standard error",
    "state_management": "the state has a form of its own, in a file below data_dir; state.path names another place",
}
"""Parts of `global` without a counterpart, and what there is in place of them."""

CHUNKING: Mapping[str, Rule] = {
    "chunk_size": Rule("chunking.target_chars", "differs", "chunks end at headings, paragraphs and sentences"),
    "chunk_overlap": _no("chunks do not overlap; each carries the headings above it"),
    "max_chunks_per_document": _no("documents of any length are cut whole"),
}

EMBEDDING: Mapping[str, Rule] = {
    "batch_size": Rule("embedding.batch_size"),
    "max_tokens_per_chunk": Rule("embedding.max_input_tokens"),
    "max_tokens_per_request": _no("requests are kept small by themselves; see embedding.tokens_per_minute"),
    "tokenizer": _no("tokens are counted with a built-in vocabulary"),
}


def apply(rules: Mapping[str, Rule], given: Given, ours: dict[str, Any], place: str) -> None:
    """Carries over what the rules name and notes the others; `place` is where `ours` stands in our settings."""
    for key, rule in rules.items():
        target = f"{place}.{rule.target}" if rule.target and place else rule.target
        value = given.peek(key)
        if isinstance(value, dict) or value is None:
            continue
        given.take(key, rule.kind, target, rule.note)
        if rule.target:
            put(ours, rule.target, as_ours(value))


def as_ours(value: Any) -> Any:
    """Texts and lists of texts in our spelling; items that are something else are left out."""
    if isinstance(value, list):
        return [kept(item) for item in value if isinstance(item, str)]
    return kept(value) if isinstance(value, str) else value


def put(ours: dict[str, Any], target: str, value: Any) -> None:
    """Sets a setting by its dotted name."""
    *sections, name = target.split(".")
    for section in sections:
        ours = ours.setdefault(section, {})
    ours[name] = value
