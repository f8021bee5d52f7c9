"""What a search hit says about its place: the section's link, the page, the slide, the sheet."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vector_pipeline.state.records import DesiredChunk, DesiredDocument
from vector_pipeline.sync.payload import chunk_payload, document_payload

URI = "https://docs.example.org/guide/pump.html"


def payload(start: int, metadata: dict[str, Any], headings: tuple[str, ...] = (), uri: str = URI) -> dict[str, Any]:
    chunk = DesiredChunk(b"c" * 16, 0, 1, b"h" * 16, "Guide\n\nwords", 7, headings, start, start + 5, True)
    document = DesiredDocument(
        1, b"d" * 16, b"n", uri, "Guide", "markdown", "", "v1", metadata, None, False, "", [chunk]
    )  # fmt: skip
    return chunk_payload(document_payload("public_docs/site", document), document, chunk)


ANCHORS = {"anchors": [[10, "install"], [50, "flow(int)"], [90, "größe &\"<'"]]}


@pytest.mark.parametrize(
    ("start", "anchor", "fragment"),
    [
        (10, "install", "install"),
        (49, "install", "install"),
        (50, "flow(int)", "flow(int)"),
        (1_000, "größe &\"<'", "gr%C3%B6%C3%9Fe%20&%22%3C'"),
    ],
)
def test_a_hit_opens_at_the_section_it_begins_in(start: int, anchor: str, fragment: str) -> None:
    found = payload(start, ANCHORS)
    assert (found["anchor"], found["link"]) == (anchor, f"{URI}#{fragment}")
    assert found["uri"] == URI


def test_what_stands_before_the_first_section_opens_the_page() -> None:
    assert not {"anchor", "link"} & payload(9, ANCHORS).keys()
    assert not {"anchor", "link"} & payload(9, {}).keys()


def test_an_address_with_a_fragment_keeps_its_own() -> None:
    assert payload(60, ANCHORS, uri=f"{URI}#own")["link"] == f"{URI}#own"


def test_an_address_that_no_browser_opens_gets_no_fragment() -> None:
    found = payload(60, ANCHORS, uri="pump.html")
    assert found["anchor"] == "flow(int)"
    assert "link" not in found


@pytest.mark.parametrize(
    ("metadata", "headings", "place", "path"),
    [
        ({"page_starts": [0, 30, 60]}, ("Chapter",), {"page": 2}, ["Chapter", "Page 2"]),
        ({"page_starts": [0, 30, 60]}, (), {"page": 2}, ["Page 2"]),
        ({"slide_starts": [0, 20, 40]}, ("Roadmap",), {"slide": 3}, ["Roadmap", "Slide 3"]),
        ({"slide_starts": [0, 20, 40]}, ("Slide 3",), {"slide": 3}, ["Slide 3"]),
        ({"sheet_starts": [[0, "Costs"], [40, "Sales"]]}, (), {"sheet": "Sales"}, ["Sheet Sales"]),
        ({"sheet_starts": [[0, "Costs"], [40, "Sales"]]}, ("Sales",), {"sheet": "Sales"}, ["Sales"]),
        ({"page_starts": [50]}, ("Chapter",), {}, ["Chapter"]),
        ({}, ("Chapter",), {}, ["Chapter"]),
    ],
)
def test_a_hit_names_its_page_slide_or_sheet(
    metadata: dict[str, Any], headings: tuple[str, ...], place: dict[str, Any], path: list[str]
) -> None:
    found = payload(45, metadata, headings)
    assert {key: found[key] for key in ("page", "slide", "sheet") if key in found} == place
    assert found["headings"] == path
    assert found["text"] == "words"


def test_the_places_of_the_whole_document_are_in_no_payload() -> None:
    metadata = {**ANCHORS, "page_starts": [0], "slide_starts": [0], "sheet_starts": [[0, "S"]], "author": "Ada"}
    assert not {"anchors", "page_starts", "slide_starts", "sheet_starts"} & payload(45, metadata).keys()
    assert payload(45, metadata)["author"] == "Ada"


@given(st.lists(st.integers(0, 200), unique=True), st.integers(0, 200))
def test_the_anchor_is_the_last_one_at_or_before_the_hit(offsets: list[int], start: int) -> None:
    found = payload(start, {"anchors": [[offset, f"a{offset}"] for offset in sorted(offsets)]})
    before = [offset for offset in offsets if offset <= start]
    assert found.get("anchor") == (f"a{max(before)}" if before else None)
