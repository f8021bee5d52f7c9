"""Files that are damaged, locked, hostile or not what their names say, each with what should come of it.

Made anew each time from the small good files, the same bytes each time.
"""

from __future__ import annotations

import email.message
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from vector_pipeline_tests.conversion import office_files as good
from vector_pipeline_tests.conversion.ole_files import make_ole
from vector_pipeline_tests.conversion.pdf_files import make_pdf
from vector_pipeline_tests.conversion.picture_files import make_exif, make_jpeg, make_png


@dataclass(frozen=True, slots=True)
class BrokenFile:
    """What makes a file, and what comes of it: a `reason` it is refused for, or a text that holds `words`.

    With neither it is an empty document. A reason is the beginning of the message.
    """

    make: Callable[[], bytes]
    reason: str = ""
    words: str = ""


_ENTITIES = (
    "<!DOCTYPE x ["
    + '<!ENTITY a0 "aaaaaaaaaa">'
    + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
    + "]>"
)


def _half(data: bytes) -> bytes:
    return data[: len(data) // 2]


def _without(parts: Mapping[str, str | bytes], *names: str) -> bytes:
    return good.make_zip({name: content for name, content in parts.items() if name not in names})


def _with(parts: Mapping[str, str | bytes], name: str, content: str | bytes) -> bytes:
    return good.make_zip({**parts, name: content})


def _word(body: str, before: str = "") -> bytes:
    return good.make_zip(good.docx_parts(body, before))


def _patched(data: bytes, mark: bytes, offset: int, value: bytes) -> bytes:
    """The bytes behind the last mark replaced."""
    place = data.rindex(mark) + offset
    return data[:place] + value + data[place + len(value) :]


def _deep_mail(depth: int) -> bytes:
    inner = b"Content-Type: text/plain\n\nwords far inside\n"
    for number in range(depth):
        boundary = b"b%d" % number
        inner = b'Content-Type: multipart/mixed; boundary="%s"\n\n--%s\n%s\n--%s--\n' % (
            boundary,
            boundary,
            inner,
            boundary,
        )
    return b"From: ada@example.org\nSubject: deep\nMIME-Version: 1.0\n" + inner


def _mail_without_body() -> bytes:
    message = email.message.EmailMessage()
    message["From"], message["Subject"] = "ada@example.org", "nothing more"
    return message.as_bytes()


def _looped_ole() -> bytes:
    """The chain of the directory leads back to itself."""
    data = bytearray(good.make_msg())
    directory = struct.unpack_from("<I", data, 48)[0]
    table = struct.unpack_from("<I", data, 76)[0]
    struct.pack_into("<I", data, (table + 1) * 512 + 4 * directory, directory)
    return bytes(data)


def _looped_tiff() -> bytes:
    """A folder of tags that names itself as the folder below."""
    entry = struct.pack("<HHII", 0x8769, 4, 1, 8)
    return b"II*\0" + struct.pack("<IH", 8, 2) + entry + struct.pack("<HHII", 0x010E, 2, 6, 38) + bytes(4) + b"loops\0"


def _locked_ppt() -> bytes:
    user = struct.pack("<HHIII", 0, 4086, 8, 20, 0xF3D1C4DF)
    return make_ole({"PowerPoint Document": bytes(5000), "Current User": user})


def _flipped(data: bytes) -> bytes:
    """Bits inside the packed text part turned, so that its checksum is wrong."""
    place = data.index(b"word/document.xml") + len(b"word/document.xml") + 40
    return data[:place] + bytes(byte ^ 0xFF for byte in data[place : place + 8]) + data[place + 8 :]


BROKEN: Mapping[str, BrokenFile] = {
    # PDF
    "empty.pdf": BrokenFile(lambda: b"", "PDF is empty"),
    "truncated.pdf": BrokenFile(lambda: make_pdf(["first", "second"])[:500], "PDF is damaged"),
    "header only.pdf": BrokenFile(lambda: b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "PDF is damaged"),
    "locked.pdf": BrokenFile(lambda: make_pdf(["words"], password="secret"), "PDF is encrypted"),
    "scanned.pdf": BrokenFile(lambda: make_pdf(["", "", ""]), "PDF has no text on its 3 pages (scanned?)"),
    "no pages.pdf": BrokenFile(lambda: make_pdf([]), "PDF is damaged"),
    "loop of pages.pdf": BrokenFile(lambda: make_pdf(["words"], kids="2 0 R 2 0 R"), "PDF "),
    "zip.pdf": BrokenFile(good.make_docx, "not a PDF"),
    "scanned.docx": BrokenFile(lambda: good.make_docx("<w:p/>"), "DOCX has no text (only pictures?)"),
    "scanned.pptx": BrokenFile(lambda: good.make_pptx([good.picture("")] * 2), "PPTX has no text (only pictures?)"),
    "blank.ods": BrokenFile(lambda: good.make_ods({"Empty": []}), "ODS has no text (only pictures?)"),
    # Word
    "empty.docx": BrokenFile(lambda: b"", "DOCX is empty (0 bytes)"),
    "truncated.docx": BrokenFile(lambda: _half(good.make_docx()), "DOCX is damaged (cut off"),
    "broken table of contents.docx": BrokenFile(
        lambda: _patched(good.make_docx(), b"PK\x01\x02", 0, b"XXXX"), "DOCX is damaged (cut off"
    ),
    "no text part.docx": BrokenFile(
        lambda: _without(good.docx_parts(""), "word/document.xml"), "DOCX is damaged (its content can't be read)"
    ),
    "no types.docx": BrokenFile(
        lambda: _without(good.docx_parts(""), "[Content_Types].xml"), "DOCX is damaged (has no [Content_Types].xml)"
    ),
    "broken xml.docx": BrokenFile(
        lambda: _word(good.paragraph("before") + "<w:p><w:r>"), "DOCX is damaged (word/document.xml is no proper XML)"
    ),
    "flipped bits.docx": BrokenFile(
        lambda: _flipped(good.make_docx()),
        "DOCX is damaged (word/document.xml can't be unpacked)",
    ),
    "entities.docx": BrokenFile(lambda: _word("&a9;", _ENTITIES), "DOCX declares XML entities"),
    "bomb.docx": BrokenFile(
        lambda: _with(good.docx_parts(""), "word/document.xml", b" " * 101_000_000),
        "DOCX is too large (word/document.xml",
    ),
    "claims a terabyte.docx": BrokenFile(
        lambda: _patched(good.make_docx(), b"PK\x01\x02", 24, b"\xf0\xff\xff\xff"), "DOCX is too large (4,2"
    ),
    "nested.docx": BrokenFile(
        lambda: _word("<w:sdt><w:sdtContent>" * 20_000 + "</w:sdtContent></w:sdt>" * 20_000), "DOCX is nested too deep"
    ),
    "nested tables.docx": BrokenFile(
        lambda: _word("<w:tbl><w:tr><w:tc>" * 100 + good.paragraph("inside") + "</w:tc></w:tr></w:tbl>" * 100),
        words="inside",
    ),
    "locked.docx": BrokenFile(
        lambda: make_ole({"EncryptionInfo": bytes(100), "EncryptedPackage": bytes(5000)}), "DOCX is encrypted"
    ),
    "locked archive.docx": BrokenFile(
        lambda: _patched(good.make_docx(), b"PK\x01\x02", 8, b"\x01\x00"), "DOCX is encrypted"
    ),
    "text.docx": BrokenFile(lambda: b"only words", "not a file of kind DOCX, whatever its name says"),
    "html.docx": BrokenFile(lambda: b"<html><p>only words", "not a file of kind DOCX, but HTML"),
    "older.docx": BrokenFile(good.make_doc, "not a file of kind DOCX, but an older Office file"),
    "empty.doc": BrokenFile(lambda: b"", "DOC is empty"),
    "truncated.doc": BrokenFile(lambda: _half(good.make_doc()), "DOC is damaged"),
    "locked.doc": BrokenFile(lambda: good.make_doc(protected=True), "DOC is encrypted"),
    "newer.doc": BrokenFile(good.make_docx, "not a file of kind DOC, but a ZIP archive"),
    "rich text.doc": BrokenFile(good.make_rtf, words="café words"),
    # Excel
    "broken sheet.xlsx": BrokenFile(
        lambda: good.make_xlsx({"A": '<row r="1"><c r="A1"><v>1</v></c>'}),
        "XLSX is damaged (xl/worksheets/sheet1.xml is no proper XML)",
    ),
    "last cell.xlsx": BrokenFile(
        lambda: good.make_xlsx({"A": f'<row r="1048576">{good.cell("XFD1048576", "last")}</row>'}), words="last"
    ),
    "no workbook.xlsx": BrokenFile(
        lambda: _without(good.xlsx_parts({"A": ""}), "xl/workbook.xml"), "XLSX is damaged (has no xl/workbook.xml)"
    ),
    "html.xlsx": BrokenFile(lambda: b"<!DOCTYPE html><table>", "not a file of kind XLSX, but HTML"),
    "truncated.xls": BrokenFile(lambda: _half(good.make_xls()), "XLS is damaged"),
    "locked.xls": BrokenFile(lambda: good.make_xls(protected=True), "XLS is encrypted"),
    "broken records.xls": BrokenFile(lambda: make_ole({"Workbook": b"\x09\x08" * 4000}), "XLS is damaged"),
    # PowerPoint
    "missing slide.pptx": BrokenFile(
        lambda: _without(good.pptx_parts(["", ""]), "ppt/slides/slide1.xml"),
        "PPTX is damaged (ppt/slides/slide1.xml is missing)",
    ),
    "no links.pptx": BrokenFile(
        lambda: _without(good.pptx_parts([""]), "ppt/_rels/presentation.xml.rels"),
        "PPTX is damaged (slide 1 is missing)",
    ),
    "no presentation.pptx": BrokenFile(
        lambda: _without(good.pptx_parts([""]), "_rels/.rels"), "PPTX is damaged (names no presentation)"
    ),
    "groups.pptx": BrokenFile(
        lambda: good.make_pptx(["<p:grpSp>" * 10_000 + "</p:grpSp>" * 10_000]), "PPTX is nested too deep"
    ),
    "truncated.ppt": BrokenFile(lambda: _half(good.make_ppt([("x" * 3000, "y" * 3000)])), "PPT is damaged"),
    "locked.ppt": BrokenFile(_locked_ppt, "PPT is encrypted"),
    "no stream.ppt": BrokenFile(lambda: make_ole({"Other": b"x"}), "PPT is damaged (holds no presentation)"),
    "nested records.ppt": BrokenFile(
        lambda: make_ole({"PowerPoint Document": b"".join(struct.pack("<HHI", 0xF, 1036, 8_000) for _ in range(1000))}),
        "PPT is nested too deep",
    ),
    # OpenDocument
    "broken content.odt": BrokenFile(
        lambda: good.make_odt("<text:p>words"), "ODT is damaged (content.xml is no proper XML)"
    ),
    "locked.odt": BrokenFile(
        lambda: _with(
            good.odf_parts("text", ""), "META-INF/manifest.xml", "<m:x xmlns:m='m'><m:encryption-data/></m:x>"
        ),
        "ODT is encrypted",
    ),
    "entities.odt": BrokenFile(
        lambda: good.make_zip(good.odf_parts("text", "<text:p>&a9;</text:p>", _ENTITIES)), "ODT declares XML entities"
    ),
    "no content.odp": BrokenFile(
        lambda: _without(good.odf_parts("presentation", ""), "content.xml"), "ODP is damaged (has no content.xml)"
    ),
    "repeated cells.ods": BrokenFile(
        lambda: good.make_zip(
            good.odf_parts(
                "spreadsheet",
                '<table:table table:name="A"><table:table-row table:number-rows-repeated="1048576"><table:table-cell '
                'table:number-columns-repeated="16384" office:value-type="string"><text:p>x</text:p></table:table-cell>'
                "</table:table-row></table:table>",
            )
        ),
        "ODS is too large",
    ),
    # E-books
    "no container.epub": BrokenFile(
        lambda: _without(good.epub_parts(["x"]), "META-INF/container.xml"),
        "EPUB is damaged (has no META-INF/container.xml)",
    ),
    "no package.epub": BrokenFile(lambda: _without(good.epub_parts(["x"]), "book/package.opf"), "EPUB is damaged"),
    "path outside.epub": BrokenFile(
        lambda: good.make_zip(good.epub_parts(["x"], "../../../../etc/passwd")), "EPUB is damaged"
    ),
    "locked.epub": BrokenFile(
        lambda: _with(good.epub_parts(["x"]), "META-INF/rights.xml", "<rights/>"), "EPUB is encrypted"
    ),
    "missing chapter.epub": BrokenFile(
        lambda: _without(good.epub_parts(["<p>one</p>", "<p>two</p>"]), "book/c1.xhtml"), words="one"
    ),
    "broken.fb2": BrokenFile(lambda: _half(good.make_fb2()), "FB2 is damaged (it is no proper XML)"),
    # RTF
    "unfinished.rtf": BrokenFile(lambda: good.make_rtf()[:-12], "RTF is damaged (cut off)"),
    "nested.rtf": BrokenFile(lambda: b"{\\rtf1 " + b"{" * 100_000 + b"inside" + b"}" * 100_001, words="inside"),
    "text.rtf": BrokenFile(lambda: b"only words", "not a file of kind RTF"),
    # Mail
    "empty.eml": BrokenFile(lambda: b"", "e-mail is empty"),
    "text.eml": BrokenFile(lambda: b"only words\n\nand more\n", "not a file of kind e-mail"),
    "zip.eml": BrokenFile(good.make_docx, "not a file of kind e-mail, but a ZIP archive"),
    "500 deep.eml": BrokenFile(lambda: _deep_mail(500), "e-mail is nested too deep"),
    "5000 deep.eml": BrokenFile(lambda: _deep_mail(5_000), "e-mail is nested too deep"),
    "wrong charset.eml": BrokenFile(
        lambda: good.make_eml("Grüße aus Köln").replace(b'charset="utf-8"', b'charset="x-nothing"'),
        words="Grüße aus Köln",
    ),
    "no body.eml": BrokenFile(_mail_without_body, words="nothing more"),
    "truncated.msg": BrokenFile(lambda: good.make_msg()[:2000], "Outlook message is damaged"),
    "looped.msg": BrokenFile(_looped_ole, "Outlook message is damaged (cut off, or its tables are broken)"),
    "no message.msg": BrokenFile(lambda: make_ole({"Other": b"x"}), "Outlook message is damaged (holds no message)"),
    # Pictures
    "empty.png": BrokenFile(lambda: b"", "picture is empty"),
    "truncated.png": BrokenFile(lambda: make_png({"Title": "words"})[:60], "picture is damaged (cut off)"),
    "text.png": BrokenFile(lambda: b"only words", "not a file of kind picture"),
    "broken exif.jpg": BrokenFile(
        lambda: make_jpeg(exif=make_exif({0x010E: b"lost\0"})[:20], comment="still there"), words="still there"
    ),
    "cut in a segment.jpg": BrokenFile(lambda: make_jpeg(comment="words " * 100)[:60], "picture is damaged (cut off)"),
    "loop of tags.tif": BrokenFile(_looped_tiff, words="loops"),
    "says nothing.png": BrokenFile(make_png),
    # Kinds that need no office extra
    "broken.ipynb": BrokenFile(lambda: b'{"cells": [', "damaged notebook (not valid JSON)"),
    "zeros.csv": BrokenFile(lambda: b"a,b\n1,\0\0\0\n" * 50, "binary content in a text file"),
}
