"""Real pages and issues: their words in order, their code byte for byte."""

from __future__ import annotations

import gzip
import html
import json
import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from vector_pipeline.conversion.atlassian import storage_to_markdown, wiki_to_markdown
from vector_pipeline_tests.conversion.markdown_code import code_blocks

pytestmark = pytest.mark.realdata
WORDS = re.compile(r"[^\W_]+")
INLINE = re.compile(r"</?(?:strong|em|span|a|code|b|i|u|s|sub|sup|ac:inline-comment-marker)(?:\s[^<>]*)?>")
CODE = re.compile(r"<ac:plain-text-body><!\[CDATA\[(.*?)\]\] ?></ac:plain-text-body>", re.DOTALL)


def records(*patterns: str) -> Iterator[dict[str, Any]]:
    root = os.environ.get("VECTOR_PIPELINE_TEST_DATA")
    if not root:
        pytest.skip("VECTOR_PIPELINE_TEST_DATA is not set")
    for pattern in patterns:
        for path in sorted(Path(root).glob(pattern)):
            data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
            yield from map(json.loads, data.splitlines())


def source_words(storage: str) -> list[str]:
    """The words a reader sees: without tags, styles and the settings of macros; code included."""
    hidden = (
        r"(?s)<style.*?</style>|<script.*?</script>|<ac:parameter[^>]*>[^<]*</ac:parameter>|"
        r"<ac:task-(?:id|status)>[^<]*"
    )
    pieces = re.split(r"(?s)<!\[CDATA\[(.*?)\]\] ?>", storage)
    marked = [part if index % 2 else html.unescape(re.sub(r"<[^<>]*>", " ", INLINE.sub("", re.sub(hidden, "", part))))
              for index, part in enumerate(pieces)]  # fmt: skip
    return WORDS.findall(" ".join(marked))


def number_in_order(words: list[str], text: str) -> int:
    """How many of the words are found when each is looked for after the one before it."""
    places: dict[str, list[int]] = {}
    for place, word in enumerate(WORDS.findall(text)):
        places.setdefault(word, []).append(place)
    found, last = 0, -1
    for word in words:
        later = next((place for place in places.get(word, ()) if place > last), None)
        if later is not None:
            found, last = found + 1, later
    return found


def test_pages_with_known_text_keep_99_percent_of_their_words_and_all_code() -> None:
    total = kept = pages = 0
    for page in records("confluence/storage_pages_with_known_text.jsonl.gz"):
        found = storage_to_markdown(page["storage"])
        words = source_words(page["storage"])
        in_order = number_in_order(words, found.text)
        assert found.degraded == "", page["title"]
        assert in_order >= 0.99 * len(words), page["title"]
        code = [body + "\n" for body in CODE.findall(page["storage"]) if body.strip()]
        assert Counter(code_blocks(found.text)) >= Counter(code), page["title"]
        total, kept, pages = total + len(words), kept + in_order, pages + 1
    assert pages == 127
    assert kept >= 0.999 * total


def test_exported_pages_lose_no_text() -> None:
    for page in records("confluence/real_storage_pages.jsonl"):
        storage = page["body"] or ""
        found = storage_to_markdown(storage)
        words = source_words(storage)
        assert found.degraded == "", page["title"]
        assert not set(words) - set(WORDS.findall(found.text)), page["title"]
        assert number_in_order(words, found.text) == len(words)


MARKS = re.compile(
    r"\{(?:code|noformat|quote|color|panel|anchor|expand)(?::[^}\n]*)?\}|(?m:^[ \t]*(?:h\d|bq)\.)"
    r"|\|(?:thumbnail|width)[^!\n]*!",
    re.IGNORECASE,
)


def test_issues_convert_without_loss() -> None:
    texts = 0
    for issue in records("jira/tidev/*.jsonl.gz"):
        fields = issue["fields"]
        comments = (fields.get("comment") or {}).get("comments", ())
        for markup in filter(None, [fields.get("description"), *(comment.get("body") for comment in comments)]):
            texts += 1
            found = wiki_to_markdown(markup)
            assert found.degraded == ""
            kept = set(WORDS.findall(found.text.replace("%28", "(").replace("%29", ")").replace("%3C", "<")))
            assert not set(WORDS.findall(MARKS.sub(" ", markup))) - kept, issue["key"]
    assert texts > 8_000
