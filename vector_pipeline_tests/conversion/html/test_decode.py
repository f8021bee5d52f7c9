"""The text of a page when the server names an encoding: believed, unless the bytes say otherwise."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vector_pipeline.conversion.html import decode_page

WESTERN = "<p>Größe für Übung – naïve</p>"
RUSSIAN = "<p>Насос качает воду</p>"
JAPANESE = "<p>ポンプは水を運ぶ</p>"


@pytest.mark.parametrize(
    ("text", "written", "charset"),
    [
        (WESTERN, "utf-8", ""),
        (WESTERN, "utf-8", "utf-8"),
        (WESTERN, "utf-8", "ISO-8859-1"),
        (WESTERN, "utf-8", "us-ascii"),
        (WESTERN, "utf-8-sig", "windows-1252"),
        (WESTERN, "cp1252", "iso-8859-1"),
        (WESTERN, "cp1252", "utf-8"),
        (WESTERN, "cp1252", "no-such-charset"),
        (WESTERN, "utf-16", "utf-8"),
        (RUSSIAN, "koi8-r", '"KOI8-R"'),
        (RUSSIAN, "utf-8", "shift_jis"),
        (JAPANESE, "shift_jis", "Shift_JIS"),
        (JAPANESE, "iso2022_jp", "ISO-2022-JP"),
        (JAPANESE, "euc_jp", "EUC-JP"),
    ],
)
def test_a_page_is_read_in_the_encoding_it_is_written_in(text: str, written: str, charset: str) -> None:
    assert decode_page(text.encode(written), charset) == text


def test_the_header_counts_before_the_page_itself() -> None:
    page = '<meta charset="windows-1253">' + RUSSIAN
    assert decode_page(page.encode("cp1251"), "windows-1251") == page


def test_the_page_itself_counts_where_the_header_is_wrong() -> None:
    page = '<meta charset="koi8-r">' + RUSSIAN
    assert decode_page(page.encode("koi8-r"), "utf-8") == page


def test_a_damaged_place_is_marked() -> None:
    assert decode_page(JAPANESE.encode("euc_jp") + b"\xff", "euc-jp") == JAPANESE + "\ufffd"


@given(st.binary(), st.one_of(st.text(), st.sampled_from(["utf-16", "utf-7", "idna", "zip", "undefined", "cp037"])))
def test_any_bytes_have_a_text(data: bytes, charset: str) -> None:
    assert isinstance(decode_page(data, charset), str)
