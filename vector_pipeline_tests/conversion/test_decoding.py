"""Encodings: every file is read as its author wrote it, however short it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vector_pipeline.conversion.convert import ConversionError, convert, looks_binary
from vector_pipeline.conversion.decoding import normalize

SENTENCE = "Grüße, café – 100 €: naïve œuvre"


@pytest.mark.parametrize(
    "encoding",
    ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be", "cp1252"],
)
def test_a_sentence_is_read_in_any_usual_encoding(encoding: str) -> None:
    assert convert("a.txt", SENTENCE.encode(encoding)).text == SENTENCE


@pytest.mark.parametrize("mark", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_a_byte_order_mark_tells_wide_encodings(mark: str) -> None:
    data = ("\ufeff" + "漢字 and 𝒳").encode(mark)
    assert not looks_binary(data)
    assert convert("a.md", data).text == "漢字 and 𝒳"


@pytest.mark.parametrize(
    "text", ["é", "Grüße, café", "Ñandú", "à", "½ cup", "§ 5", "naïve", "Ærø ÅÄÖ", "ÿ", "© 2024 Müller"]
)
def test_a_short_western_text_never_becomes_exotic(text: str) -> None:
    assert convert("a.txt", text.encode("latin-1")).text == text


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1251", "Съешь же ещё этих мягких французских булок, да выпей чаю. Широкая электрификация южных губерний."),
        ("koi8-r", "Съешь же ещё этих мягких французских булок, да выпей чаю. Широкая электрификация южных губерний."),
        ("shift_jis", "名前,年齢,住所\n佐藤太郎,30,東京\n三木英子,25,大阪\n鈴木一郎,35,名古屋\n"),
        ("gb18030", "这是一个简单的中文文本文件,用来检验编码的识别是否正确。我们希望它能被正确读取。"),
        ("euc_kr", "이 파일은 한국어로 쓰여 있으며 인코딩을 알아내는 시험에 쓰인다. 제대로 읽히기를 바란다."),
    ],
)
def test_other_alphabets_are_told_by_their_bytes(encoding: str, text: str) -> None:
    assert convert("a.csv", text.encode(encoding)).text == text


def test_one_damaged_byte_does_not_change_the_reading_of_the_rest() -> None:
    data = ("Grüße aus München. " * 20).encode() + b"\xff" + b" Ende"
    text = convert("a.txt", data).text
    assert text.startswith("Grüße aus München.")
    assert text.endswith("\ufffd Ende")


@pytest.mark.parametrize(
    ("name", "data", "text"),
    [
        ("a.html", "<meta charset='koi8-r'><p>Привет, мир</p>".encode("koi8-r"), "Привет, мир\n"),
        ("a.html", "<meta charset=iso-8859-1><p>Grüße</p>".encode(), "Grüße\n"),
        ("a.xml", "<?xml version='1.0' encoding='cp1251'?>\n<a>Привет</a>".encode("cp1251"), None),
        ("a.py", "#!/usr/bin/python\n# -*- coding: koi8-r -*-\ns = 'Привет'\n".encode("koi8-r"), None),
        ("a.html", "<meta charset=iso-2022-jp><p>こんにちは</p>".encode("iso-2022-jp"), "こんにちは\n"),
        ("a.html", b"<meta charset='zip'><p>words</p>", "words\n"),
        ("a.html", "<meta charset='no such'><p>Gr\xfc\xdfe</p>".encode("latin-1"), "Grüße\n"),
        ("a.html", b"<meta charset='utf-16'><p>words</p>", "words\n"),
    ],
)
def test_what_a_file_declares_is_honoured_where_it_can_be(name: str, data: bytes, text: str | None) -> None:
    read = convert(name, data).text
    assert read == text if text is not None else "Привет" in read


def test_newlines_marks_and_control_characters_get_one_form() -> None:
    assert convert("a.txt", b"\xef\xbb\xbfa\r\nb\rc\x07\td\x0ce\n" + b"." * 20).text == "a\nb\nc \td e\n" + "." * 20
    assert normalize("\ufeffa\r\nb\rc\x07\td\x0ce\n\x00") == "a\nb\nc \td e\n "
    assert normalize("a\ud800b") == "a\ufffdb"


@pytest.mark.parametrize(
    "data",
    [
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
        b"PK\x03\x04\x14\0\0\0\x08\0",
        b"\x7fELF\x02\x01\x01\0",
        bytes(range(32)) * 9,
        b"".join(n.to_bytes(2, "little") for n in range(1, 200)),
    ],
)
def test_binary_content_under_a_text_name_is_refused(data: bytes) -> None:
    assert looks_binary(data)
    with pytest.raises(ConversionError, match="binary content in a text file") as caught:
        convert("a.md", data)
    assert caught.value.permanent


@given(st.binary(max_size=300), st.sampled_from(["a.txt", "a.md", "a.html", "a.py", "a.xml", "a.ipynb", "a.rst"]))
def test_any_bytes_give_clean_text_or_an_error_of_our_own(data: bytes, name: str) -> None:
    try:
        text = convert(name, data).text
    except ConversionError:
        return
    text.encode()
    assert not set(text) & {"\r", "\0"}


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"])).filter(lambda text: text[:1] != "\ufeff"))
def test_utf8_is_read_without_loss(text: str) -> None:
    assert convert("a.txt", text.encode()).text == text
