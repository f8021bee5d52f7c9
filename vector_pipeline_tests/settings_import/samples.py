"""Configurations as people have them for qdrant-loader, and random ones."""

from __future__ import annotations

import re
from typing import Any

from hypothesis import strategies as st

FULL = """
global:
  qdrant:
    url: "${QDRANT_URL}"
    api_key: "${QDRANT_API_KEY}"
    collection_name: documents
  chunking:
    chunk_size: 1500
    chunk_overlap: 200
    strategies:
      markdown: {min_section_size: 500}
  embedding:
    endpoint: http://localhost:11434
    model: nomic-embed-text
    api_key: sk-very-secret-0123456789
    batch_size: 100
    vector_size: 768
    tokenizer: none
    max_tokens_per_request: 8000
    max_tokens_per_chunk: 8000
  semantic_analysis: {num_topics: 3}
  state_management:
    database_path: "${STATE_DB_PATH}"
    table_prefix: qdrant_loader_
    connection_pool: {size: 5, timeout: 30}
  file_conversion:
    max_file_size: 52428800
    conversion_timeout: 300
    markitdown: {enable_llm_descriptions: false, llm_api_key: "${OPENAI_API_KEY}"}
projects:
  docs-project:
    project_id: docs-project
    display_name: Documentation
    description: Guides
    sources:
      publicdocs:
        company docs:
          base_url: https://docs.example.com/guide/
          version: "1.0"
          content_type: html
          path_pattern: "*.html"
          exclude_paths: ["{version}/api-reference/**"]
          selectors:
            content: "article.main-content, main"
            remove: [nav, .sidebar]
            code_blocks: pre code
          enable_file_conversion: true
          download_attachments: true
      git:
        repo:
          base_url: https://bot:hunter2secret@github.com/example/docs.git
          branch: 1.10
          include_paths: ["docs/**", README.md]
          exclude_paths: ["docs/archive/**", "node_modules/**"]
          file_types: ["*.md", "*.rst"]
          max_file_size: 1048576
          depth: 1
  kb:
    display_name: Knowledge
    sources:
      git:
        repo: {base_url: "${CODE_REPO_URL}", branch: main, token: "${CODE_REPO_TOKEN}", file_types: ["*.py"]}
      confluence:
        wiki:
          base_url: https://example.atlassian.net/wiki
          deployment_type: cloud
          space_key: "${CONFLUENCE_SPACE_KEY}"
          content_types: [page]
          include_labels: []
          exclude_labels: [draft]
          token: "${CONFLUENCE_TOKEN}"
          email: "${CONFLUENCE_EMAIL}"
      jira:
        support:
          base_url: https://jira.example.com
          deployment_type: datacenter
          project_key: OPS
          requests_per_minute: 60
          page_size: 50
          issue_types: [Bug, "User \\"Story\\""]
          include_statuses: [Done]
          updated_after: "2026-05-04T12:00:00"
          token: plain-written-token
          extra_fields: [{param_name: customfield_10001, name: team, field_type: object, attr_name: value}]
      localfile:
        notes: {base_url: "file:///srv/my%20notes", file_types: ["*.md", "*.txt"], enable_file_conversion: true}
"""

VALUES = {
    "URL": "https://example.org/x.git",
    "NUMBER": "128",
    "WORD": "word",
    "FLAG": "true",
    "QDRANT_URL": "http://127.0.0.1:6333",
    "CODE_REPO_URL": "https://example.org/code.git",
}


class Environment(dict[str, str]):
    """Variables with likely values; whatever else is asked for is a word."""

    def __init__(self) -> None:
        super().__init__(VALUES)

    def get(self, name: str, default: Any = None) -> Any:
        return super().get(name, default or "word")


_junk = st.one_of(
    st.sampled_from(["", "x", "a b", "*.md", "docs/**", "$$", "${", "true", "-1", "10", "none"]),
    st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn"], exclude_characters="\ufffe\uffff"), max_size=12),
)
_text = st.one_of(_junk, _junk, st.sampled_from(["${WORD}", "a${WORD}b$"]))
_names = st.one_of(
    st.sampled_from(["docs", "a", "a b", "../x", "repo", "é", "-"]),
    st.from_regex(re.compile(r"[a-z][a-z0-9_-]{0,8}"), fullmatch=True),
)
_texts = st.lists(_text, max_size=4)
_number = st.one_of(st.integers(-1, 10**7), st.just("${NUMBER}"), _junk)
_flag = st.one_of(st.booleans(), st.just("${FLAG}"), _junk)
_address = st.one_of(
    st.sampled_from(
        [
            "https://example.org/docs/",
            "https://me:s3cretword@example.org/r.git",
            "https://${WORD}@example.org/r.git",
            "https://example.org/?token=s3cretword",
            "${URL}",
            "${URL}/more",
            "file:///srv/x",
            "file://${WORD}/x",
            "https://example.org/docs/",
            "https://example.atlassian.net/wiki",
            "git@example.org:a/b.git",
            "http://localhost:11434",
        ]
    ),
    _junk,
)
_anything = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-5, 5), _junk),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_names, inner, max_size=3)),
    max_leaves=6,
)
_secret = st.sampled_from(["s3cretword", "${WORD}", "${WORD:-s3cretword}", "Bearer ${WORD} s3cretword", "", "none"])


def _mapping(known: dict[str, Any], *needed: str) -> st.SearchStrategy[dict[str, Any]]:
    """Some of the known keys, mostly those that are needed; now and then something else in them, or a key of nobody."""
    usual = st.fixed_dictionaries(
        {key: known[key] for key in needed}, optional={key: one for key, one in known.items() if key not in needed}
    )
    odd = st.dictionaries(st.one_of(_names, st.sampled_from(sorted(known))), _anything, max_size=1)
    return st.one_of(usual, usual, usual, st.tuples(usual, odd).map(lambda pair: {**pair[0], **pair[1]}))


_kinds = st.lists(st.sampled_from(["page", "blogpost", "comment"]), max_size=3)
_secrets: dict[str, st.SearchStrategy[Any]] = {"base_url": _address, "token": _secret}
_common = {
    **_secrets,
    "source_type": _text,
    "enable_file_conversion": _flag,
    "download_attachments": _flag,
    "requests_per_minute": _number,
}
_files = {
    **_common,
    "include_paths": _texts,
    "exclude_paths": _texts,
    "file_types": st.lists(st.sampled_from(["*.md", "*.py", "*", ".txt", "md", "${WORD}"]), max_size=3),
    "max_file_size": _number,
    "branch": _text,
    "depth": _number,
}
_site = {
    **_common,
    "email": _text,
    "deployment_type": st.sampled_from(["cloud", "datacenter", "server", "${WORD}"]),
    "space_key": st.one_of(st.sampled_from(["ENG", "${WORD}"]), st.just("ENG"), _text),
    "project_key": st.one_of(st.sampled_from(["OPS", "${WORD}"]), st.just("OPS"), _text),
    "content_types": _kinds,
    "include_labels": _texts,
    "exclude_labels": _texts,
    "issue_types": _texts,
    "include_statuses": _texts,
    "updated_after": st.one_of(st.sampled_from(["-2 days", "-1w", "2026-01-01", "2026-01-01T10:00"]), _text),
    "extra_fields": st.lists(st.dictionaries(st.sampled_from(["param_name", "name"]), _text), max_size=2),
}
_site_docs = {
    **_common,
    "version": _text,
    "path_pattern": _text,
    "exclude_paths": _texts,
    "selectors": _mapping({"content": _text, "remove": _texts, "code_blocks": _text}),
}
_sources = _mapping(
    {
        "git": st.dictionaries(_names, _mapping(_files, "base_url"), min_size=1, max_size=2),
        "localfile": st.dictionaries(_names, _mapping(_files, "base_url"), min_size=1, max_size=2),
        "confluence": st.dictionaries(
            _names, _mapping(_site, "base_url", "space_key", "project_key"), min_size=1, max_size=2
        ),
        "jira": st.dictionaries(
            _names, _mapping(_site, "base_url", "space_key", "project_key"), min_size=1, max_size=2
        ),
        "publicdocs": st.dictionaries(_names, _mapping(_site_docs, "base_url"), min_size=1, max_size=2),
        "sharepoint": st.dictionaries(_names, _mapping(_common), max_size=1),
    }
)
CONFIGURATIONS = _mapping(
    {
        "global": _mapping(
            {
                "qdrant": _mapping({"url": _address, "api_key": _secret, "collection_name": _text}),
                "chunking": _mapping({"chunk_size": _number, "chunk_overlap": _number}),
                "embedding": _mapping(
                    {"endpoint": _address, "api_key": _secret, "model": _text, "vector_size": _number,
                     "batch_size": _number, "max_tokens_per_chunk": _number}
                ),
                "llm": _mapping(
                    {"provider": _text, "base_url": _address, "api_key": _secret,
                     "models": _mapping({"embeddings": _text}), "embeddings": _mapping({"vector_size": _number}),
                     "rate_limits": _mapping({"rpm": _number}), "request": _mapping({"timeout_s": _number})}
                ),
                "file_conversion": _mapping({"conversion_timeout": _number}),
                "semantic_analysis": _anything,
            }
        ),
        "projects": st.dictionaries(_names, _mapping({"sources": _sources, "display_name": _text}), max_size=2),
        "sources": _sources,
    }
)  # fmt: skip
"""Random configurations: mostly right, sometimes not."""

SECRET = "s3cretword"
"""Stands wherever a random configuration has a secret written out, and nowhere else."""
