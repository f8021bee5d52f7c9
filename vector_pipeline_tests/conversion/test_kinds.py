"""Which files are taken, by their names."""

from __future__ import annotations

import pytest

from vector_pipeline.conversion.convert import CORE_KINDS, ConversionError, convert
from vector_pipeline.conversion.kinds import NEEDS_OFFICE, kind_of


@pytest.mark.parametrize(
    ("path", "kind", "language"),
    [
        ("a.md", "markdown", ""),
        ("A.MD", "markdown", ""),
        ("dir.md/b.py", "code", "python"),
        ("a.ts", "code", "typescript"),
        ("a.TSX", "code", "tsx"),
        ("x/Makefile", "code", "make"),
        ("Dockerfile.dev", "code", "dockerfile"),
        ("README", "text", ""),
        ("readme.de", "text", ""),
        ("LICENSE", "text", ""),
        ("CMakeLists.txt", "code", "cmake"),
        ("a.rst", "rst", ""),
        ("a.htm", "html", ""),
        ("a.ipynb", "notebook", ""),
        ("a.pdf", "pdf", ""),
        ("a.csv", "data", "csv"),
        ("a.yml", "data", "yaml"),
        ("a.DOCX", "docx", ""),
        ("a.docm", "docx", ""),
        ("a.ppsx", "pptx", ""),
        ("a.xls", "xls", ""),
        ("a.odt", "odt", ""),
        ("a.epub", "epub", ""),
        ("a.eml", "eml", ""),
        ("a.jpeg", "image", ""),
    ],
)
def test_a_name_tells_the_kind(path: str, kind: str, language: str) -> None:
    for given in (path, path.encode()):
        found = kind_of(given)
        assert found is not None
        assert (found.kind, found.language) == (kind, language)


@pytest.mark.parametrize(
    "path", ["a", ".md", ".env", "md", "dir.md/noname", "a.md.gz", "", "a.", "id_rsa", "a.mp4", "a.dot", "a.pot"]
)
def test_other_names_are_skipped(path: str) -> None:
    assert kind_of(path) is None
    with pytest.raises(ConversionError, match="unknown kind"):
        convert(path, b"x")


@pytest.mark.parametrize("path", ["a.zip", "a.tar", "a.tar.gz", "a.tgz", "a.7z", "a.rar", "a.docx.zip"])
def test_archives_are_not_entered(path: str) -> None:
    assert kind_of(path) is None


def test_the_kinds_of_the_office_extra_are_those_the_core_does_not_read() -> None:
    assert NEEDS_OFFICE.isdisjoint(CORE_KINDS | {"pdf"})
    assert {"docx", "image", "eml"} <= NEEDS_OFFICE
    for kind in NEEDS_OFFICE:
        with pytest.raises(ConversionError, match="unknown kind"):
            convert(f"a.{'png' if kind == 'image' else kind}", b"x")


def test_names_in_no_encoding_have_kinds_too() -> None:
    found = kind_of(b"\xff\xfe.md")
    assert found is not None
    assert found.kind == "markdown"
    assert kind_of("\udcff.md") == found
