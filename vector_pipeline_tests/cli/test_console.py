"""Nothing that a source wrote can make the terminal obey, and JSON stays JSON."""

from __future__ import annotations

import contextlib
import io
import json
import unicodedata

from hypothesis import example, given
from hypothesis import strategies as st

from vector_pipeline.cli import console
from vector_pipeline.cli.search import PASSAGE, passage

ANY_TEXT = st.text(st.characters(), max_size=200) | st.text("\x1b[]0;m\x07\x9b\x7f\r\n\t\u202e\u2066ab ", max_size=60)
DIRECTION = set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def is_harmless(shown: str, allowed: str = "") -> bool:
    """Whether no character of it is a control, a surrogate or a mark of direction."""
    return all(
        character in allowed or (unicodedata.category(character) not in ("Cc", "Cs") and character not in DIRECTION)
        for character in shown
    )


@given(ANY_TEXT)
@example("\x1b]0;title\x07")
@example("\udc80")
def test_text_for_a_line_is_harmless_and_on_one_line(value: str) -> None:
    assert is_harmless(console.plain(value))
    assert is_harmless(console.text(value).plain)
    assert is_harmless(console.plain(value, lines=True), allowed="\n\t")
    console.plain(value).encode()


@given(st.text(st.characters(categories=["L", "N", "P", "S", "M"]), max_size=100))
def test_ordinary_text_of_any_language_is_shown_as_it_is(value: str) -> None:
    assert console.plain(value) == value


@given(ANY_TEXT, st.integers(), st.binary(max_size=20))
def test_json_is_harmless_and_gives_back_what_went_in(value: str, number: int, data: bytes) -> None:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        console.print_json({"text": value, "keys": {value: number}, "data": data})
    assert is_harmless(out.getvalue(), allowed="\n")
    out.getvalue().encode()
    # A pair of surrogates is one character to a reader of JSON.
    paired = value.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
    assert json.loads(out.getvalue())["text"] in (value, paired)


@given(ANY_TEXT, ANY_TEXT)
def test_a_passage_is_harmless_and_short(text: str, query: str) -> None:
    shown = passage(text * 5, query)
    assert is_harmless(shown.plain)
    assert len(shown.plain) <= PASSAGE + 2


def test_a_passage_is_cut_where_the_words_of_the_query_are() -> None:
    text = "filler " * 300 + "the pager rota changes on Mondays " + "filler " * 300
    assert "pager rota" in passage(text, "who has the PAGER rota?").plain
