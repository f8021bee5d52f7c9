"""Our own parsers of untrusted bytes: whatever the bytes are, they give words or say what is wrong."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vector_pipeline.conversion.content import ConversionError, Converted
from vector_pipeline.conversion.office.archives import OfficeArchive
from vector_pipeline.conversion.office.mail import convert_mail
from vector_pipeline.conversion.office.old_presentations import convert_old_presentation
from vector_pipeline.conversion.office.ole import BrokenCompoundFile, CompoundFile
from vector_pipeline.conversion.office.open_document import convert_open_presentation
from vector_pipeline.conversion.office.passwords import is_encrypted
from vector_pipeline.conversion.office.pdf_pages import agree
from vector_pipeline.conversion.office.pictures import convert_picture
from vector_pipeline.conversion.office.presentations import convert_presentation
from vector_pipeline.conversion.office.tidy import table, tidy
from vector_pipeline_tests.conversion import office_files as good
from vector_pipeline_tests.conversion.ole_files import Tree, make_ole
from vector_pipeline_tests.conversion.picture_files import make_exif, make_jpeg, make_png, make_xmp

NAMES = st.text("abcXYZ", min_size=1, max_size=6)
STREAMS = st.binary(max_size=300) | st.builds(lambda size: b"x" * size, st.integers(4_000, 10_000))
TREES = st.dictionaries(NAMES, STREAMS | st.dictionaries(NAMES, STREAMS, max_size=3), max_size=5)
CHANGES = st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=6)), max_size=6)


def old_presentation(data: bytes) -> Converted:
    try:
        return convert_old_presentation(CompoundFile(data))
    except BrokenCompoundFile as error:
        raise ConversionError("broken") from error


def whole_picture() -> bytes:
    exif = make_exif({0x010E: b"described\0", 0x013B: b"Ada\0"})
    return make_jpeg(exif, make_xmp("A title", "xmp words", "k"), {120: "iptc words"}, "a comment")


PARSERS: list[tuple[Callable[[bytes], Converted], bytes]] = [
    (convert_mail, good.make_eml()),
    (convert_picture, whole_picture()),
    (convert_picture, make_png({"Title": "A title"}, make_exif({0x010E: b"described\0"}, ">"))),
    (convert_picture, make_exif({0x010E: b"described\0"})),
    (convert_presentation, good.make_pptx()),
    (convert_open_presentation, good.make_odp()),
    (old_presentation, good.make_ppt()),
]


@pytest.mark.parametrize(("parse", "whole"), PARSERS)
@given(changes=CHANGES, length=st.floats(0, 1))
def test_damage_gives_a_document_or_a_reason(
    parse: Callable[[bytes], Converted], whole: bytes, changes: list[tuple[float, bytes]], length: float
) -> None:
    data = bytearray(whole[: int(len(whole) * length)])
    for place, value in changes:
        start = int(place * len(data))
        data[start : start + len(value)] = value
    with contextlib.suppress(ConversionError):
        assert isinstance(parse(bytes(data)).text, str)


@given(st.binary(max_size=400))
def test_any_bytes_are_a_mail_or_none(data: bytes) -> None:
    with contextlib.suppress(ConversionError):
        convert_mail(b"From: a@example.org\n" + data)


@given(TREES)
def test_every_stream_of_a_compound_file_is_read(tree: Tree) -> None:
    file = CompoundFile(make_ole(tree))
    assert sorted(file.names()) == sorted(tree)
    for name, content in tree.items():
        if isinstance(content, bytes):
            assert file.read(name) == content
        else:
            for below, data in content.items():
                assert file.read(f"{name}/{below}") == data
    assert file.read("not there") == b""


@given(changes=CHANGES, length=st.floats(0, 1))
def test_a_damaged_compound_file_is_read_or_said_to_be_broken(
    changes: list[tuple[float, bytes]], length: float
) -> None:
    whole = good.make_msg()
    data = bytearray(whole[: int(len(whole) * length)])
    for place, value in changes:
        start = int(place * len(data))
        data[start : start + len(value)] = value
    with contextlib.suppress(BrokenCompoundFile):
        file = CompoundFile(bytes(data))
        for name in file.names():
            file.read(name)
        is_encrypted("doc", file)


@pytest.mark.parametrize(
    ("kind", "data", "locked"),
    [
        ("doc", good.make_doc(), False),
        ("doc", good.make_doc(protected=True), True),
        ("xls", good.make_xls(), False),
        ("xls", good.make_xls(protected=True), True),
        ("ppt", good.make_ppt(), False),
        ("msg", good.make_msg(), False),
        ("docx", make_ole({"EncryptedPackage": b"x"}), True),
    ],
)
def test_locked_files_are_told_from_others(kind: str, data: bytes, locked: bool) -> None:
    assert is_encrypted(kind, CompoundFile(data)) == locked


@given(st.text("ab[]()!\\`*_~|#$<>^: \n\t\r\x00\u2028é", max_size=200))
@example("![" * 50)
@example("```\n\\!\n```\n\\!")
def test_tidy_text_has_its_normal_form(text: str) -> None:
    found = tidy(text)
    assert found == "" or (found.endswith("\n") and not found.endswith("\n\n"))
    assert not re.search(r"[ \t]+\n|\n{3,}|[\x00\r]", found)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (r"a \<b\> c\! 1\. x \\\\server\\x", r"a <b> c! 1. x \\server\x"),
        (r"\| a \|", r"\| a \|"),
        ("```\n\\<b\\>\n```", "```\n\\<b\\>\n```"),
        ("`\\<b`, $$\\{x\\}$$ \\<", "`\\<b`, $$\\{x\\}$$ <"),
        ("![A duck](media/image1.png) and ![](image_0.gif)", "A duck and"),
        ("![A duck](data:image/png;base64,iVBORw0KGgo=)", "A duck"),
        ("![A duck](https://example.org/duck.png)", "![A duck](https://example.org/duck.png)"),
        (r"\![A duck](../media/a (1).png)", "A duck"),
        ("word[cmt:0]\n\n[^cmt0]:\n    said so", "word\n\nComment: said so"),
        ("[^1]\n\nPara[^1]", "Para[^1]"),
        ("   \n\n", ""),
    ],
)
def test_markup_that_is_noise_is_gone(written: str, read: str) -> None:
    assert tidy(written) == (f"{read}\n" if read else "")


@given(st.lists(st.lists(st.text(max_size=8), max_size=5), max_size=6))
def test_a_table_keeps_every_word_and_its_shape(rows: list[list[str]]) -> None:
    lines = table(rows).splitlines()
    words = [word for row in rows for cell in row for word in re.findall(r"\w+", cell)]
    assert re.findall(r"\w+", "\n".join(lines)) == words
    assert len({len(re.findall(r"(?<!\\)\|", line)) for line in lines if "\\" not in line}) <= 1


@pytest.mark.parametrize(
    ("page", "same"),
    [
        ("# Straße\n\n**words** of a page, 1,200 of them", True),
        ("# STRASSE\n\n- words of a page\n- 1,200 of them", True),
        ("# Straße\n\nof a page, 1,200 of them", False),
        ("# Straße\n\nwords of a page, 1,200 of them [see](https://example.org)", False),
        ("", False),
    ],
)
def test_a_page_with_headings_must_hold_the_letters_of_the_plain_page(page: str, same: bool) -> None:
    assert agree(page, "Straße\nwords of a page, 1,200 of them") == same


def test_a_picture_says_its_words_once() -> None:
    converted = convert_picture(
        make_jpeg(
            make_exif({0x010E: b"A bridge\0", 0x013B: b"Ada\0", 0x0132: b"2024:02:03 04:05:06\0"}),
            make_xmp("The bridge", "A bridge", "night", "river"),
            {25: "night", 120: "At night"},
        )
    )
    assert converted.text == "# The bridge\n\nA bridge\n\nAt night\n\nKeywords: night, river\n"
    assert converted.metadata == {
        "author": "Ada",
        "tags": ["night", "river"],
        "created_at": "2024-02-03T04:05:06+00:00",
    }


@pytest.mark.parametrize(
    "data",
    [
        make_png({"Description": "words"}),
        make_png(exif=make_exif({0x010E: b"words\0"}, ">")),
        make_png({"XML:com.adobe.xmp": make_xmp("", "words")}),
        make_exif({0x010E: b"words\0"}),
        make_jpeg(iptc={120: "words"}),
        b"RIFF\0\0\0\0WEBPEXIF\x2a\0\0\0" + make_exif({0x010E: b"words of\0"}).ljust(42, b"\0"),
        b"GIF89a" + make_xmp("", "words").encode(),
    ],
)
def test_every_format_of_pictures_has_its_words(data: bytes) -> None:
    assert convert_picture(data).text.startswith("words")


def test_what_a_camera_writes_by_itself_is_no_description() -> None:
    made = make_jpeg(make_exif({0x010E: b"OLYMPUS DIGITAL CAMERA         \0", 0x9286: b"ASCII\0\0\0   \0"}))
    assert convert_picture(made).text == ""


def test_an_attached_message_is_named_and_not_read() -> None:
    inner = b"From: b@example.org\nSubject: Inner\n\ninner words\n"
    outer = (
        b'From: a@example.org\nSubject: Outer\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="b"\n\n'
        b"--b\n\nouter words\n--b\nContent-Type: message/rfc822\n\n" + inner + b"--b--\n"
    )
    text = convert_mail(outer).text
    assert "outer words" in text
    assert "**Attachments:** Inner" in text
    assert "inner words" not in text


def test_a_part_larger_than_the_table_of_contents_says_is_not_unpacked_whole() -> None:
    made = good.make_zip({"[Content_Types].xml": "x", "word/document.xml": b" " * 1_000_000})
    place = made.rindex(b"word/document.xml") - 46
    lying = made[: place + 24] + (10).to_bytes(4, "little") + made[place + 28 :]
    with contextlib.suppress(ConversionError):
        assert len(OfficeArchive("docx", lying).read("word/document.xml")) <= 10
