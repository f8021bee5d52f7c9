"""Broken, locked and hostile files: each is a document or is refused for a reason of its own, and the rest goes on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from vector_pipeline.conversion.content import ConversionError
from vector_pipeline.conversion.converter import Converter
from vector_pipeline.conversion.kinds import NEEDS_OFFICE
from vector_pipeline.settings import ConversionSettings
from vector_pipeline_tests.conversion.broken_files import BROKEN
from vector_pipeline_tests.conversion.office_files import make_docx


@pytest.fixture(scope="module")
def converter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Converter]:
    """One worker for all files: what one leaves behind would be seen in the next."""
    converter = Converter(ConversionSettings(workers=1), tmp_path_factory.mktemp("conversions"))
    yield converter
    converter.close()


@pytest.mark.parametrize("name", BROKEN)
def test_each_is_a_document_or_has_its_reason(name: str, converter: Converter) -> None:
    file = BROKEN[name]
    data = file.make()
    if not file.reason:
        text = converter.convert(name, data).text
        assert file.words in text if file.words else not text
        return
    with pytest.raises(ConversionError) as caught:
        converter.convert(name, data)
    assert caught.value.message.startswith(file.reason)
    assert caught.value.hint
    assert caught.value.permanent
    assert "failed" not in caught.value.message  # that would be a parser's word, which helps nobody


def test_there_is_one_of_every_kind_of_trouble() -> None:
    assert len(BROKEN) >= 60
    reasons = {file.reason.partition(" ")[2] for file in BROKEN.values() if file.reason}
    assert len(reasons) >= 25


def test_good_files_are_read_after_all_of_them(converter: Converter) -> None:
    for name, file in list(BROKEN.items())[:10]:
        with pytest.raises(ConversionError):
            converter.convert(name, file.make())
    assert "Chapter one" in converter.convert("a.docx", make_docx()).text


@pytest.mark.parametrize("kind", sorted(NEEDS_OFFICE | {"pdf"}))
@pytest.mark.parametrize("data", [b"", b"\0" * 100, b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)])
def test_next_to_nothing_is_refused_whatever_its_kind(kind: str, data: bytes, converter: Converter) -> None:
    with pytest.raises(ConversionError):
        converter.convert("a.png" if kind == "image" else f"a.{kind}", data)


def test_nothing_outside_of_a_file_is_read(converter: Converter, tmp_path: Path) -> None:
    """An archive and a document that name a file of this machine."""
    secret = tmp_path / "secret.txt"
    secret.write_text("top secret words")
    drawing = (
        '<w:p><w:r><w:drawing><a:blip xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" '
        f'xmlns:r="x" r:link="file://{secret}"/></w:drawing><w:t>seen</w:t></w:r></w:p>'
    )
    text = converter.convert("a.docx", make_docx(drawing)).text
    assert "seen" in text
    assert "secret words" not in text
