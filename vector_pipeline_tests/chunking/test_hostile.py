"""Texts made to hurt: deep nesting, endless lines, millions of small things; cut in bounded time, nothing lost."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping

import pytest

from vector_pipeline.chunking.base import CountTokens, Splittable
from vector_pipeline.chunking.splitter import DocumentSplitter
from vector_pipeline.settings import ChunkingSettings
from vector_pipeline_tests.chunking.corpus import assert_covers

TEXTS: Mapping[str, Callable[[], str]] = {
    "quotes": lambda: ">" * 100_000 + " x\n",
    "brackets": lambda: "[" * 100_000 + "x" + "]" * 100_000,
    "open brackets": lambda: "[" * 300_000,
    "images": lambda: "![" * 150_000,
    "links": lambda: "[a](" * 60_000,
    "emphasis": lambda: "*a **b " * 50_000,
    "nested lists": lambda: "\n".join("  " * depth + "- a" for depth in range(1000)),
    "markers": lambda: "- " * 100_000 + "x",
    "tags": lambda: "<a " * 100_000,
    "wide table": lambda: "|" * 100_000 + "\n" + "|-" * 100_000 + "|\n",
    "headings": lambda: "# a\n" * 60_000,
    "underlined": lambda: "a\n-\n" * 60_000,
    "long heading": lambda: "# a" + " " * 500_000 + "b {#c",
    "rules": lambda: "---\n" * 60_000,
    "blank lines": lambda: "a" + "\n" * 1_000_000 + "b",
    "spaces": lambda: "a" + " " * 2_000_000 + "b",
    "carriage returns": lambda: "word\r" * 100_000,
    "accents": lambda: "e" + "\u0301" * 300_000,
    "joined emoji": lambda: "👨\u200d" * 100_000,
    "fence": lambda: "```\n" + "x y z\n" * 200_000,
    "references": lambda: "[a]: b\n" * 100_000,
}

CODES: Mapping[str, str] = {
    "open": "(" * 60_000,
    "balanced": "(" * 30_000 + ")" * 30_000,
    "objects": '{"a":' * 12_000,
    "calls": "def a(" * 10_000,
    "classes": "".join("  " * depth + "class A:\n" for depth in range(240)),
    "braces": "class A { fn a() {" * 4_000,
    "quotes": "'a\n" * 20_000,
    "functions": "let a=()=>{" * 6_000,
    "comments": "// a\n# a\n" * 6_000,
}


def _cheap(texts: list[str]) -> list[int]:
    """Stands for a tokenizer where only the time of cutting matters: three bytes a token."""
    return [len(text.encode()) // 3 + 1 for text in texts]


def _split(text: str, kind: str, language: str = "") -> None:
    (spans,) = DocumentSplitter(ChunkingSettings(), lambda texts: _cheap(list(texts))).split(
        [Splittable(text, kind, language)]
    )
    assert isinstance(spans, list)
    assert_covers(text, spans)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", sorted(TEXTS))
def test_hostile_text_is_cut_in_bounded_time(name: str) -> None:
    text = TEXTS[name]()
    _split(text, "markdown")
    _split(text, "text", "rst")


@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", sorted(CODES))
@pytest.mark.parametrize("language", ["python", "tsx", "rust"])
def test_hostile_code_is_cut_in_bounded_time(name: str, language: str) -> None:
    _split(CODES[name], "code", language)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("kind", ["markdown", "text", "code"])
def test_five_megabytes_on_one_line_without_a_space(kind: str) -> None:
    _split("".join(random.Random(1).choices("ABCDabcd0189+/", k=5_000_000)), kind, "python")


@pytest.mark.timeout(120)
def test_a_long_document_is_cut_to_its_end_under_the_cap(count_tokens: CountTokens) -> None:
    text = "# Top\n\n" + "A paragraph with some words. " * 40_000
    (spans,) = DocumentSplitter(ChunkingSettings(), count_tokens).split([Splittable(text, "markdown")])
    assert isinstance(spans, list)
    assert_covers(text, spans)
    assert {span.headings for span in spans} == {("Top",)}
