"""A parser that fails on a file is that file's trouble alone, whatever it raises."""

from __future__ import annotations

import pytest

from vector_pipeline.conversion.convert import ConversionError, convert


class PanicException(BaseException):
    """As the Rust bindings name theirs."""


@pytest.mark.parametrize("failure", [AssertionError("the words"), KeyError("the words"), PanicException("the words")])
def test_what_a_parser_raises_is_a_conversion_error_without_the_words(
    failure: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    _make_the_parser_raise(failure, monkeypatch)
    with pytest.raises(ConversionError) as caught:
        convert("a.html", b"<p>the words</p>")
    assert caught.value.message == f"the converter for html failed ({type(failure).__name__})"
    assert caught.value.permanent
    assert "the words" not in str(caught.value)


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_is_no_trouble_of_the_file(
    interruption: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    _make_the_parser_raise(interruption(), monkeypatch)
    with pytest.raises(interruption):
        convert("a.html", b"<p>words</p>")


def _make_the_parser_raise(failure: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    def parse(*_: object) -> object:
        raise failure

    monkeypatch.setattr("html_to_markdown.convert", parse)
