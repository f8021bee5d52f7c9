"""What every splitting promises: all text, in order, under the cap, the same every time, at few counts."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vector_pipeline.chunking.base import CountTokens, Splittable, Splitter
from vector_pipeline.chunking.cap import bounded_context
from vector_pipeline.chunking.splitter import ALGORITHM_VERSION, DocumentSplitter
from vector_pipeline.conversion.convert import convert
from vector_pipeline.documents import embedded_prefix
from vector_pipeline.settings import ChunkingSettings
from vector_pipeline_tests.chunking.conftest import Counter
from vector_pipeline_tests.chunking.corpus import assert_capped, assert_covers, markdown, python_functions
from vector_pipeline_tests.chunking.test_code import SAMPLES

GOLDEN = {2: "f78cba532caefad1"}
"""Digest of how the documents of `golden_documents` are cut, by version of the algorithm."""

KINDS = st.sampled_from(
    [("markdown", ""), ("text", ""), ("text", "rst"), ("code", "cobol"), *(("code", name) for name in sorted(SAMPLES))]
)
TEXTS = st.lists(
    st.one_of(
        st.sampled_from(
            [
                *("# A\n", "## B b\n\n", "Title\n===\n", "```\n", "~~~\n", "- item\n", "> quote\n", "| a | b |\n"),
                *("---\n", "\n", "\n\n", "    ", "\t", "[a]: b\n", "<div>\n", "<!--", "\r\n", "\r", "\u2028", "\x0c"),
                *("def f(x):\n    return x\n", "class A:\n", "fn main() {", "}\n", "(", ")", "'", '"', "/*", "//", "#"),
                *(
                    "word ",
                    "two words. ",
                    "x" * 300,
                    "漢字" * 40,
                    "e\u0301" * 60,
                    "👨‍👩‍👧" * 20,
                    "\ud800",
                    "\x00",
                    "A" * 1500,
                ),
            ]
        ),
        st.text(max_size=40),
    ),
    max_size=60,
).map("".join)


def golden_documents() -> list[Splittable]:
    """One document of each kind, and some of the hard ones."""
    return [
        *(Splittable(markdown(seed), "markdown", context=f"Page {seed}") for seed in range(4)),
        *(Splittable(source, "code", language) for language, (source, _) in sorted(SAMPLES.items())),
        Splittable("".join(python_functions(7, 20)), "code", "python"),
        Splittable("".join(python_functions(8, 20)), "code", "cobol"),
        Splittable(markdown(9, 30), "text"),
        Splittable(markdown(9, 30).replace("## ", "").replace("\n\n", "\n====\n", 3), "text", "rst"),
        Splittable("QUJD" * 6000, "text"),
        Splittable("漢字" * 3000 + "👨‍👩‍👧" * 400, "markdown"),
    ]


def test_the_splitter_is_one(count_tokens: CountTokens) -> None:
    splitter: Splitter = DocumentSplitter(ChunkingSettings(), count_tokens)
    assert splitter.split([]) == []


def test_cutting_changes_only_with_the_version_in_the_identity(count_tokens: CountTokens) -> None:
    splitter = DocumentSplitter(ChunkingSettings(), count_tokens)
    digest = hashlib.sha256(repr(splitter.split(golden_documents())).encode()).hexdigest()[:16]
    assert digest == GOLDEN.get(ALGORITHM_VERSION), (
        "documents are cut otherwise than before: raise ALGORITHM_VERSION and record the digest"
    )


def test_the_identity_names_version_settings_and_cap(count_tokens: CountTokens) -> None:
    first = DocumentSplitter(ChunkingSettings(), count_tokens)
    assert first.identity == f"split-v{ALGORITHM_VERSION}(max_tokens=400,target_chars=1200,cap=400)"
    others = {
        DocumentSplitter(ChunkingSettings(max_tokens=300), count_tokens).identity,
        DocumentSplitter(ChunkingSettings(target_chars=800), count_tokens).identity,
        DocumentSplitter(ChunkingSettings(), count_tokens, max_tokens_model=256).identity,
    }
    assert len(others | {first.identity}) == 4


@settings(max_examples=150)
@given(documents=st.lists(st.tuples(TEXTS, KINDS, st.text(max_size=20)), max_size=4))
def test_chunks_cover_the_text_in_order_under_the_cap(
    documents: list[tuple[str, tuple[str, str], str]], count_tokens: CountTokens
) -> None:
    splitter = DocumentSplitter(ChunkingSettings(max_tokens=64, target_chars=200), count_tokens)
    split = [Splittable(text, kind, language, context) for text, (kind, language), context in documents]
    found = splitter.split(split)
    assert found == splitter.split(split)
    assert found == [splitter.split([document])[0] for document in split]
    for document, spans in zip(split, found, strict=True):
        assert isinstance(spans, list)
        assert_covers(document.text, spans)
        assert bool(spans) == bool(document.text.strip())
        assert_capped(_encodable(document.text), _encodable(document.context), spans, count_tokens, 64)


def _encodable(text: str) -> str:
    return "".join("\ufffd" if "\ud800" <= character <= "\udfff" else character for character in text)


@pytest.mark.parametrize(
    "text",
    ["漢字" * 5000, "👨‍👩‍👧" * 2000, "\x00" * 5000, "\ud800" * 5000, "ꙮ " * 3000, "=-=+" * 3000, "1 " * 5000],
    ids=["han", "emoji", "nul", "surrogates", "rare letters", "signs", "digits"],
)
@pytest.mark.parametrize("kind", ["markdown", "text", "code"])
def test_text_with_many_tokens_per_character_stays_under_the_cap(
    text: str, kind: str, count_tokens: CountTokens
) -> None:
    splitter = DocumentSplitter(ChunkingSettings(), count_tokens)
    (spans,) = splitter.split([Splittable(text, kind, "python")])
    assert isinstance(spans, list)
    assert_covers(text, spans)
    assert_capped(_encodable(text), "", spans, count_tokens, 400)
    # Cut again into equal parts, not into scraps.
    assert sum(span.end - span.start < 20 for span in spans) <= 1


def test_a_model_that_reads_less_lowers_the_cap(count_tokens: CountTokens) -> None:
    splitter = DocumentSplitter(ChunkingSettings(), count_tokens, max_tokens_model=100)
    text = markdown(3)
    (spans,) = splitter.split([Splittable(text, "markdown")])
    assert isinstance(spans, list)
    assert_covers(text, spans)
    assert_capped(text, "", spans, count_tokens, 100)


@settings(max_examples=60)
@given(texts=st.lists(st.tuples(TEXTS, st.text(max_size=20)), max_size=3), digits=st.integers(30, 80))
def test_the_prefix_of_an_embedder_counts_towards_the_cap(
    texts: list[tuple[str, str]], digits: int, count_tokens: CountTokens
) -> None:
    prefix = "Represent this sentence for searching relevant passages: "

    def count(counted: Sequence[str]) -> list[int]:
        return count_tokens([prefix + text for text in counted])

    splitter = DocumentSplitter(ChunkingSettings(max_tokens=64, target_chars=200), count)
    documents = [Splittable(text, "markdown", "", context) for text, context in texts]
    documents.append(Splittable("7" * digits, "text"))
    for document, spans in zip(documents, splitter.split(documents), strict=True):
        assert isinstance(spans, list)
        assert_covers(document.text, spans)
        assert_capped(_encodable(document.text), _encodable(document.context), spans, count, 64)
    assert count([embedded_prefix(bounded_context("7" * digits, count, 64), ())])[0] <= 32


def test_no_text_is_counted_twice_nor_without_need(counter: Counter) -> None:
    documents = [Splittable(markdown(seed), "markdown") for seed in range(30)]
    DocumentSplitter(ChunkingSettings(), counter).split(documents)
    assert counter.calls.count([""]) == 1
    counter.calls.remove([""])
    counted = [text for call in counter.calls for text in call]
    assert len(counter.calls) <= 2
    assert len(counted) == len(set(counted))
    assert all(len(text.encode()) + 8 > 400 for text in counted)


def test_only_what_exceeds_the_cap_is_cut_again(counter: Counter) -> None:
    prose = Splittable(markdown(1), "markdown")
    (alone,) = DocumentSplitter(ChunkingSettings(), counter).split([prose])
    counter.calls.clear()
    together = DocumentSplitter(ChunkingSettings(), counter).split([prose, Splittable("👨‍👩‍👧" * 300, "text")])
    assert together[0] == alone
    counter.calls.remove([""])
    assert len(counter.calls) <= 4
    assert all("👨" in text for call in counter.calls[1:] for text in call)


def test_the_sections_of_a_restructured_text_file_have_heading_paths(count_tokens: CountTokens) -> None:
    text = "Guide\n=====\n\n" + "Some words. " * 20 + "\n\nInstall\n-------\n\n" + "Other words. " * 20 + "\n"
    found = convert("guide.rst", text.encode())
    splitter = DocumentSplitter(ChunkingSettings(target_chars=300), count_tokens)
    (spans,) = splitter.split([Splittable(found.text, found.kind, found.language, found.context)])
    assert isinstance(spans, list)
    assert [span.headings for span in spans] == [("Guide",), ("Guide", "Install")]


def test_headings_that_take_too_much_of_the_cap_are_dropped_from_the_outside(count_tokens: CountTokens) -> None:
    words = "incomprehensibilities counterrevolutionaries " * 2
    text = f"# First {words}\n\nx\n\n## Second {words}\n\n{'some text ' * 40}\n"
    splitter = DocumentSplitter(ChunkingSettings(max_tokens=80), count_tokens)
    (spans,) = splitter.split([Splittable(text, "markdown")])
    assert isinstance(spans, list)
    assert_covers(text, spans)
    assert_capped(text, "", spans, count_tokens, 80)
    assert spans[-1].headings == (f"Second {words}".strip(),)
    assert all(count_tokens([embedded_prefix("", span.headings)])[0] <= 40 for span in spans)


def test_a_title_that_leaves_no_room_is_the_reason_and_stops_no_other_document(count_tokens: CountTokens) -> None:
    splitter = DocumentSplitter(ChunkingSettings(max_tokens=64), count_tokens)
    long, short = splitter.split([Splittable("text", "text", context="word " * 100), Splittable("text", "text")])
    assert long == "its title leaves no room for text in chunks of 64 tokens"
    assert isinstance(short, list)
    assert len(short) == 1


@settings(max_examples=60)
@given(context=st.one_of(st.text(), st.text(min_size=50).map(lambda text: text * 20)))
def test_a_bounded_title_takes_at_most_half_of_the_cap(context: str, count_tokens: CountTokens) -> None:
    bounded = bounded_context(context, count_tokens, 64)
    assert count_tokens([embedded_prefix(bounded, ())])[0] <= 32
    assert " ".join(context.split()).startswith(bounded)
    if bounded:
        splitter = DocumentSplitter(ChunkingSettings(max_tokens=64), count_tokens)
        assert isinstance(splitter.split([Splittable("some text " * 50, "text", context=bounded)])[0], list)


def test_a_usual_title_stays_as_it_is(counter: Counter) -> None:
    assert bounded_context("Release  checklist\n", counter, 400) == "Release checklist"
    assert counter.calls == [[embedded_prefix("Release checklist", ())]]
    words = bounded_context("word " * 1000, counter, 64).split(" ")
    assert set(words) == {"word"}
    assert 20 <= len(words) <= 31


def test_a_panic_of_a_parser_concerns_one_document_only(
    count_tokens: CountTokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    class PanicException(BaseException):
        """As the Rust bindings name theirs."""

    def events_with_range(text: str) -> object:
        raise PanicException

    monkeypatch.setattr("pyromark.events_with_range", events_with_range)
    splitter = DocumentSplitter(ChunkingSettings(), count_tokens)
    broken, good = splitter.split([Splittable("# a\n\nb", "markdown"), Splittable("# a\n\nb", "text")])
    assert broken == "the parser for markdown documents failed on it"
    assert isinstance(good, list)

    def interrupted(text: str) -> object:
        raise KeyboardInterrupt

    monkeypatch.setattr("pyromark.events_with_range", interrupted)
    with pytest.raises(KeyboardInterrupt):
        splitter.split([Splittable("# a\n\nb", "markdown")])
