"""Which files are taken, by their names."""

from __future__ import annotations

import pytest

from vector_pipeline.conversion.convert import ConversionError, convert
from vector_pipeline.conversion.kinds import kind_of


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
    ],
)
def test_a_name_tells_the_kind(path: str, kind: str, language: str) -> None:
    for given in (path, path.encode()):
        found = kind_of(given)
        assert found is not None
        assert (found.kind, found.language) == (kind, language)


@pytest.mark.parametrize(
    "path", ["a.jpg", "a", ".md", ".env", "a.docx", "md", "dir.md/noname", "a.md.gz", "", "a.", "id_rsa"]
)
def test_other_names_are_skipped(path: str) -> None:
    assert kind_of(path) is None
    with pytest.raises(ConversionError, match="unknown kind"):
        convert(path, b"x")


def test_names_in_no_encoding_have_kinds_too() -> None:
    found = kind_of(b"\xff\xfe.md")
    assert found is not None
    assert found.kind == "markdown"
    assert kind_of("\udcff.md") == found
