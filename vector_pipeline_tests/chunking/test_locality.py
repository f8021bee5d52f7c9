"""An edit changes the chunks around it and no others."""

from __future__ import annotations

import os
import random
import tarfile
from collections import Counter
from pathlib import Path

import pytest

from vector_pipeline.chunking.base import CountTokens, Splittable
from vector_pipeline.chunking.markdown import markdown_spans
from vector_pipeline.chunking.splitter import DocumentSplitter
from vector_pipeline.documents import make_chunks
from vector_pipeline.settings import ChunkingSettings
from vector_pipeline_tests.chunking.corpus import markdown, markdown_blocks, paragraph, python_functions


@pytest.fixture(scope="module")
def splitter(count_tokens: CountTokens) -> DocumentSplitter:
    """With the default settings."""
    return DocumentSplitter(ChunkingSettings(), count_tokens)


def chunks(splitter: DocumentSplitter, text: str, kind: str = "markdown", language: str = "") -> Counter[bytes]:
    """The chunk hashes of a document."""
    (spans,) = splitter.split([Splittable(text, kind, language)])
    assert isinstance(spans, list)
    return Counter(chunk.chunk_hash for chunk in make_chunks(b"0" * 16, "", text, spans))


def edited(rnd: random.Random, blocks: list[str]) -> list[str]:
    """The blocks with one paragraph added, removed, rewritten or lengthened."""
    place = rnd.randrange(1, len(blocks))
    edit = rnd.randrange(4)
    if edit == 0:
        return [*blocks[:place], paragraph(rnd), *blocks[place:]]
    if edit == 1:
        return [*blocks[:place], *blocks[place + 1 :]]
    if edit == 2:
        return [*blocks[:place], paragraph(rnd), *blocks[place + 1 :]]
    return [*blocks[:place], blocks[place] + " And one sentence more.", *blocks[place + 1 :]]


def test_one_paragraph_edited_in_a_file_of_50_sections_changes_at_most_3_chunks(splitter: DocumentSplitter) -> None:
    blocks = markdown_blocks(50, 50)
    before = chunks(splitter, "\n\n".join(blocks))
    paragraphs = [place for place, block in enumerate(blocks) if block[0].isupper()]
    for place in paragraphs[::6]:
        after = [*blocks[:place], blocks[place] + " And one sentence more.", *blocks[place + 1 :]]
        new = chunks(splitter, "\n\n".join(after)) - before
        assert 1 <= sum(new.values()) <= 3


def test_random_edits_leave_at_least_96_percent_of_a_corpus_as_it_is(splitter: DocumentSplitter) -> None:
    rnd = random.Random(11)
    same = total = 0
    for seed in range(40):
        blocks = markdown_blocks(seed, 50)
        before = chunks(splitter, "\n\n".join(blocks))
        after = chunks(splitter, "\n\n".join(edited(rnd, blocks)))
        same += sum((before & after).values())
        total += sum(after.values())
    assert same / total >= 0.96


def test_a_section_moved_elsewhere_under_the_same_heading_embeds_nothing(splitter: DocumentSplitter) -> None:
    sections = [f"## Part {n}\n\n{paragraph(random.Random(n))}\n" for n in range(20)]
    moved = sections[5:] + sections[:5]
    first, second = (chunks(splitter, "# Guide\n\nIntro.\n\n" + "\n".join(parts)) for parts in (sections, moved))
    assert first == second


def test_one_function_edited_leaves_the_others_as_they_are(splitter: DocumentSplitter) -> None:
    functions = python_functions(3, 60)
    before = chunks(splitter, "\n".join(functions), "code", "python")
    for place in range(1, 60, 7):
        after = [*functions[:place], functions[place] + "    # And a note.\n", *functions[place + 1 :]]
        new = chunks(splitter, "\n".join(after), "code", "python") - before
        assert sum(new.values()) <= 3


@pytest.mark.parametrize(("kind", "language"), [("text", ""), ("code", "cobol"), ("markdown", "")])
def test_a_line_added_at_the_top_of_a_long_table_leaves_its_end_as_it_is(
    kind: str, language: str, splitter: DocumentSplitter
) -> None:
    rnd = random.Random(4)
    rows = [f"{number},{rnd.random()},{rnd.choice('abc')}" for number in range(6000)]
    before = chunks(splitter, "\n".join(rows), kind, language)
    after = chunks(splitter, "\n".join(["a new row, the first of all", *rows]), kind, language)
    assert sum((after - before).values()) < sum(after.values()) / 5


def test_long_text_without_headings_settles_again_after_an_edit(splitter: DocumentSplitter) -> None:
    rnd = random.Random(6)
    paragraphs = [paragraph(rnd) for _ in range(400)]
    for kind in ("markdown", "text", "code"):
        before = chunks(splitter, "\n\n".join(paragraphs), kind)
        changed = 0
        for place in range(0, 400, 40):
            after = [*paragraphs[:place], "A new paragraph. " * 9, *paragraphs[place:]]
            changed += sum((chunks(splitter, "\n\n".join(after), kind) - before).values())
        assert changed / 10 <= 6


def test_boundaries_in_a_long_section_are_chosen_by_content_so_that_edits_stay_local() -> None:
    changes = []
    for seed in range(4):
        rnd = random.Random(seed)
        paragraphs = [paragraph(rnd) for _ in range(400)]
        before = pieces("\n\n".join(paragraphs))
        for place in range(0, 400, 20):
            after = "\n\n".join([*paragraphs[:place], "A new paragraph. " * 9, *paragraphs[place:]])
            changes.append(len(pieces(after) - before))
    assert sum(changes) / len(changes) <= 3.8


def pieces(text: str) -> set[str]:
    """The texts of a markdown document's chunks."""
    return {text[span.start : span.end] for span in markdown_spans(text, 1200)}


@pytest.mark.realdata
def test_edits_of_real_documents_leave_95_percent_of_their_chunks(splitter: DocumentSplitter, tmp_path: Path) -> None:
    folder = os.environ.get("VECTOR_PIPELINE_TEST_DATA")
    if not folder:
        pytest.skip("VECTOR_PIPELINE_TEST_DATA is not set")
    with tarfile.open(Path(folder) / "local" / "obsidian_help_en_vault.tar.xz") as archive:
        archive.extractall(tmp_path, filter="data")
    rnd = random.Random(2)
    same = total = 0
    for path in sorted(tmp_path.rglob("*.md")):
        blocks = path.read_text("utf-8").split("\n\n")
        if len(blocks) < 40:
            continue
        before = chunks(splitter, "\n\n".join(blocks))
        after = chunks(splitter, "\n\n".join(edited(rnd, blocks)))
        same += sum((before & after).values())
        total += sum(after.values())
    assert total
    assert same / total >= 0.9


def test_the_made_up_corpus_is_like_real_documents() -> None:
    text = markdown(1, 50)
    assert 20_000 < len(text) < 100_000
