"""A parser that fails on a file is that file's trouble alone, whatever it raises."""

from __future__ import annotations

import pytest

from vector_pipeline.conversion.convert import ConversionError, convert

WORDS = ("слова документа " * 50).encode("cp1251")
"""Text whose encoding is looked for by a library."""


class PanicException(BaseException):
    """As the Rust bindings name theirs."""


@pytest.mark.parametrize("failure", [AssertionError("the words"), KeyError("the words"), PanicException("the words")])
def test_what_a_parser_raises_is_a_conversion_error_without_the_words(
    failure: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    _make_the_parser_raise(failure, monkeypatch)
    with pytest.raises(ConversionError) as caught:
        convert("a.txt", WORDS)
    assert caught.value.message == f"the converter for text failed ({type(failure).__name__})"
    assert caught.value.permanent
    assert "the words" not in str(caught.value)


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_is_no_trouble_of_the_file(
    interruption: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    _make_the_parser_raise(interruption(), monkeypatch)
    with pytest.raises(interruption):
        convert("a.txt", WORDS)


def _make_the_parser_raise(failure: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    def parse(*_: object, **__: object) -> object:
        raise failure

    monkeypatch.setattr("charset_normalizer.from_bytes", parse)
