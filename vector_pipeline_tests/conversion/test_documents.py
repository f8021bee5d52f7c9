"""Files as documents: what the source knows and what the content says, put together."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from vector_pipeline.conversion.convert import convert
from vector_pipeline.conversion.file_documents import document_from_file
from vector_pipeline.documents import Document, content_hash
from vector_pipeline_tests.converting import any_converter


def document(data: bytes, path: str = "notes/a.md", **extra: Any) -> Document:
    """A document from bytes."""
    return document_from_file(
        converter=any_converter(),
        native_id=path.encode(),
        version="1",
        uri="file:///a.md",
        path=path,
        data=data,
        title_fallback="a",
        extra_metadata=extra,
        source_updated_at=datetime(2024, 1, 1, tzinfo=UTC),
    )


def test_tags_of_source_and_content_come_together() -> None:
    made = document(b"---\ntags: [x, y]\n---\n", tags=["y", "team"], access=["staff"])
    assert made.metadata["tags"] == ["x", "y", "team"]
    assert made.metadata["access"] == ["staff"]


def test_the_content_names_its_author_before_the_source_does() -> None:
    assert document(b"---\nauthor: Ada\n---\n", author="Bob").metadata["author"] == "Ada"
    assert document(b"words", author="Bob").metadata["author"] == "Bob"


def test_the_name_of_the_file_is_title_at_most_and_never_embedded() -> None:
    one, two = document(b"words", "notes/one.md"), document(b"words", "two.md")
    assert one.title == "a"
    assert content_hash(one) == content_hash(two)
    assert "one" not in one.text + one.context


def test_size_and_path_are_those_of_the_file() -> None:
    assert document("Grüße\r\n".encode()).metadata == {"path": "notes/a.md", "size": 9}


def test_code_and_data_keep_their_text_and_language() -> None:
    code = convert("a.py", b"def f():\r\n    pass\n")
    assert (code.text, code.kind, code.language) == ("def f():\n    pass\n", "code", "python")
    data = convert("a.csv", b"a,b\n1,2\n")
    assert (data.text, data.kind) == ("a,b\n1,2\n", "text")


def test_a_restructured_text_has_the_title_of_its_first_section() -> None:
    text = "====\nGrüße\n====\n\nWords\n-----\n"
    converted = convert("a.rst", text.encode())
    assert (converted.text, converted.kind, converted.language) == (text, "text", "rst")
    assert converted.title == "Words"
    assert convert("a.rst", b"Title\n=====\n").title == "Title"
    assert convert("a.rst", b"======\nTitle\n======\n\nSub\n---\n").title == "Title"
    assert convert("a.rst", b"no title here\n").title == ""
