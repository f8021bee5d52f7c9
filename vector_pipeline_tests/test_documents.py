"""Identities and hashes: stable, collision-free, and made from what a thing is."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from vector_pipeline.documents import (
    Document,
    Item,
    Span,
    canonical_json,
    content_hash,
    document_id,
    embedded_prefix,
    frame_items,
    hash16,
    listing_frame,
    make_chunks,
    metadata_hash,
    storable,
    uuid_text,
)

WORD = st.text("ab", min_size=1, max_size=2)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def document(**changes: Any) -> Document:
    values = {"native_id": b"a.md", "version": "1", "uri": "file:///a.md", "title": "A", "text": "words", **changes}
    return Document(**values)


@given(st.lists(st.binary(max_size=3), max_size=4), st.lists(st.binary(max_size=3), max_size=4))
def test_parts_cut_elsewhere_hash_differently(one: list[bytes], other: list[bytes]) -> None:
    assert (hash16(*one) == hash16(*other)) == (one == other)


def test_ids_depend_on_exact_bytes_and_never_on_case_or_source() -> None:
    ids = {
        document_id(source_type, name, native)
        for source_type in ("git", "local_files")
        for name in ("a", "A")
        for native in (b"x.md", b"X.md", b"x.md ", b"\xff.md", "\u00e9.md".encode(), "e\u0301.md".encode())
    }
    assert len(ids) == 24
    # The same on every machine and in every release: another value would orphan every index in use.
    assert uuid_text(document_id("git", "docs", b"README.md")) == "f7af4ce5-db9d-5236-adaa-c0ee50f78dc2"


def test_a_title_that_is_only_shown_does_not_touch_the_content() -> None:
    assert content_hash(document()) == content_hash(document(title="B", uri="file:///b.md", version="2"))
    assert metadata_hash(document()) != metadata_hash(document(title="B"))
    assert content_hash(document()) != content_hash(document(context="B"))


@given(WORD, WORD)
def test_an_edit_leaves_the_ids_of_the_other_chunks(first: str, second: str) -> None:
    owner = document_id("git", "docs", b"a")

    def ids(parts: list[str]) -> list[bytes]:
        text = "\n".join(parts)
        spans, at = [], 0
        for part in parts:
            spans.append(Span(at, at + len(part)))
            at += len(part) + 1
        return [chunk.chunk_id for chunk in make_chunks(owner, "", text, spans)]

    before = ids([first, second, "last"])
    assert len(set(before)) == 3, "equal texts in one document are still distinct points"
    assert ids(["new", first, second, "last"])[1:] == before


def test_the_heading_path_is_embedded_once() -> None:
    assert embedded_prefix("Handbook", ["Handbook", "On call"]) == "Handbook > On call\n\n"
    assert embedded_prefix("", []) == ""


@given(JSON)
def test_whatever_a_source_says_can_be_stored(value: Any) -> None:
    cleaned = storable(document(title="\ud800", metadata={"value": value}))
    text = canonical_json(cleaned.metadata)
    text.encode("utf-8")
    assert json.loads(text) == cleaned.metadata
    cleaned.title.encode("utf-8")
    assert storable(cleaned) == cleaned


def test_a_number_beyond_64_bits_becomes_text() -> None:
    cleaned = storable(document(metadata={"id": 10**30, "deep": [[[[1]]]]}))
    assert cleaned.metadata == {"id": "1" + "0" * 30, "deep": [[[[1]]]]}


def test_a_listing_survives_the_way_through_a_frame() -> None:
    items = [Item(b"\xff", "1", "file:///x", b"old", "{}"), Item(b"a", "2")]
    assert list(frame_items(listing_frame(items))) == items
    assert listing_frame([]).is_empty()
