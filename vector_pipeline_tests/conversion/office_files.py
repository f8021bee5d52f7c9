"""Small good files of every office kind, made from nothing but the standard library."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Mapping, Sequence
from email.message import EmailMessage
from xml.sax.saxutils import escape

from vector_pipeline_tests.conversion.ole_files import Tree, make_ole

_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_ODF = "urn:oasis:names:tc:opendocument:xmlns"
_ODF_NAMES = " ".join(
    f'xmlns:{name}="{_ODF}:{value}:1.0"'
    for name, value in {
        "office": "office",
        "text": "text",
        "table": "table",
        "draw": "drawing",
        "presentation": "presentation",
        "svg": "svg-compatible",
        "meta": "meta",
    }.items()
)
_DC = 'xmlns:dc="http://purl.org/dc/elements/1.1/"'
WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_SLIDE_NAMES = (
    'xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main" '
    'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" '
    f'xmlns:r="{_OFFICE}"'
)


def make_zip(parts: Mapping[str, str | bytes]) -> bytes:
    """An archive of these parts, the same bytes each time."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def relations(*links: tuple[str, str, str]) -> str:
    """(id, kind, target) of the parts another one names."""
    lines = "".join(f'<Relationship Id="{i}" Type="{_OFFICE}/{kind}" Target="{to}"/>' for i, kind, to in links)
    return f'<Relationships xmlns="{_PACKAGE}/relationships">{lines}</Relationships>'


def _content_types(**overrides: str) -> str:
    types = "".join(
        f'<Override PartName="/{name}" ContentType="application/vnd.openxmlformats-officedocument.{kind}+xml"/>'
        for name, kind in overrides.items()
    )
    return (
        f'<Types xmlns="{_PACKAGE}/content-types"><Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Default Extension="xml" ContentType="application/xml"/>{types}</Types>'
    )


def core_properties(title: str = "A title", author: str = "Ada", keywords: str = "red, dark green") -> str:
    """What newer Office files say about themselves."""
    return (
        f'<cp:coreProperties xmlns:cp="{_PACKAGE}/metadata/core-properties" {_DC} '
        f'xmlns:dcterms="http://purl.org/dc/terms/"><dc:title>{title}</dc:title><dc:creator>{author}</dc:creator>'
        f"<cp:keywords>{keywords}</cp:keywords><dcterms:created>2024-02-03T04:05:06Z</dcterms:created>"
        "</cp:coreProperties>"
    )


def paragraph(*runs: str, style: str = "") -> str:
    """A paragraph of a Word file, whose text is parted into runs."""
    properties = f'<w:pPr><w:pStyle w:val="{style}"/></w:pPr>' if style else ""
    text = "".join(f'<w:r><w:t xml:space="preserve">{escape(run)}</w:t></w:r>' for run in runs)
    return f"<w:p>{properties}{text}</w:p>"


def docx_parts(body: str, before: str = "", **more: str | bytes) -> dict[str, str | bytes]:
    """The parts of a Word file; `before` stands in front of the document's root element."""
    document = "wordprocessingml.document.main"
    return {
        "[Content_Types].xml": _content_types(**{"word/document.xml": document}),
        "_rels/.rels": relations(("r1", "officeDocument", "word/document.xml")).replace("</Relationships>", "")
        + f'<Relationship Id="r2" Type="{_PACKAGE}/relationships/metadata/core-properties" '
        'Target="docProps/core.xml"/></Relationships>',
        "docProps/core.xml": core_properties(),
        "word/styles.xml": f'<w:styles xmlns:w="{WORD}"><w:style w:type="paragraph" w:styleId="Heading1">'
        '<w:name w:val="heading 1"/></w:style></w:styles>',
        "word/_rels/document.xml.rels": relations(("r1", "styles", "styles.xml")),
        "word/document.xml": f'<?xml version="1.0"?>{before}<w:document xmlns:w="{WORD}"><w:body>{body}</w:body>'
        "</w:document>",
        **more,
    }


def make_docx(body: str = "") -> bytes:
    """A Word file; without a body of your own a heading, a text, a table and a tracked change."""
    return make_zip(docx_parts(body or _word_body()))


def _word_body() -> str:
    cells = "".join(f"<w:tc>{paragraph(words)}</w:tc>" for words in ("left", "a|b"))
    change = (
        '<w:p><w:r><w:t>kept</w:t></w:r><w:ins w:id="1" w:author="B"><w:r><w:t> and new</w:t></w:r></w:ins>'
        '<w:del w:id="2" w:author="B"><w:r><w:delText> and gone</w:delText></w:r></w:del></w:p>'
    )
    return (
        paragraph("Chapter one", style="Heading1")
        + paragraph("Words split in", "to runs & <marks> *kept* C:\\!dir!")
        + f"<w:tbl><w:tr>{cells}</w:tr></w:tbl>"
        + change
    )


def shape(paragraphs: Sequence[tuple[str, ...]], place: str = "", level: int = 0) -> str:
    """A text shape of a slide: paragraphs of runs, in a place of the layout ("title", "body") or free ("")."""
    held = f'<p:nvPr><p:ph type="{place}"/></p:nvPr>' if place else "<p:nvPr/>"
    text = ""
    for number, runs in enumerate(paragraphs):
        words = "".join(f"<a:r><a:t>{escape(run)}</a:t></a:r>" for run in runs)
        text += f'<a:p><a:pPr lvl="{level if number else 0}"/>{words}</a:p>'
    return (
        f'<p:sp><p:nvSpPr><p:cNvPr id="2" name="x"/><p:cNvSpPr/>{held}</p:nvSpPr>'
        f"<p:txBody><a:bodyPr/>{text}</p:txBody></p:sp>"
    )


def slide_table(rows: Sequence[Sequence[str]]) -> str:
    """A table on a slide."""
    lines = "".join(
        "<a:tr>"
        + "".join(f"<a:tc><a:txBody><a:p><a:r><a:t>{cell}</a:t></a:r></a:p></a:txBody></a:tc>" for cell in row)
        + "</a:tr>"
        for row in rows
    )
    return (
        f"<p:graphicFrame><a:graphic><a:graphicData><a:tbl>{lines}</a:tbl></a:graphicData></a:graphic></p:graphicFrame>"
    )


def picture(description: str) -> str:
    """A picture on a slide, of which only the description is here."""
    return f'<p:pic><p:nvPicPr><p:cNvPr id="4" name="p" descr="{description}"/></p:nvPicPr></p:pic>'


CHART = (
    '<p:graphicFrame><a:graphic><a:graphicData><c:chart xmlns:c="http://schemas.openxmlformats.org/drawingml/2006/chart"'
    ' r:id="rChart"/></a:graphicData></a:graphic></p:graphicFrame>'
)
_CHART_PART = (
    '<c:chartSpace xmlns:c="http://schemas.openxmlformats.org/drawingml/2006/chart" '
    'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"><c:chart>'
    "<c:title><c:tx><c:rich><a:p><a:r><a:t>Sales</a:t></a:r></a:p></c:rich></c:tx></c:title>"
    '<c:plotArea><c:barChart><c:ser><c:tx><c:strRef><c:strCache><c:pt idx="0"><c:v>North</c:v></c:pt></c:strCache>'
    '</c:strRef></c:tx><c:cat><c:strRef><c:strCache><c:pt idx="0"><c:v>2023</c:v></c:pt><c:pt idx="1"><c:v>2024</c:v>'
    '</c:pt></c:strCache></c:strRef></c:cat><c:val><c:numRef><c:numCache><c:pt idx="0"><c:v>7</c:v></c:pt>'
    '<c:pt idx="1"><c:v>9</c:v></c:pt></c:numCache></c:numRef></c:val></c:ser></c:barChart></c:plotArea></c:chart>'
    "</c:chartSpace>"
)


def pptx_parts(slides: Sequence[str], notes: Mapping[int, str] | None = None) -> dict[str, str | bytes]:
    """The parts of a PowerPoint file. `slides` hold shapes, `notes` by the slide's number.

    The files of the slides are numbered backwards, as after a slide was moved, and notes are numbered on their own.
    """
    count = len(slides)
    names = [f"slide{count - number}.xml" for number in range(count)]
    links = [(f"r{number}", "slide", f"slides/{name}") for number, name in enumerate(names)]
    shown = "".join(f'<p:sldId id="{256 + number}" r:id="r{number}"/>' for number in range(count))
    parts: dict[str, str | bytes] = {
        "[Content_Types].xml": _content_types(**{"ppt/presentation.xml": "presentationml.presentation.main"}),
        "_rels/.rels": relations(("r1", "officeDocument", "ppt/presentation.xml")),
        "docProps/core.xml": core_properties(),
        "ppt/presentation.xml": f"<p:presentation {_SLIDE_NAMES}><p:sldIdLst>{shown}</p:sldIdLst></p:presentation>",
        "ppt/_rels/presentation.xml.rels": relations(*links),
        "ppt/charts/chart1.xml": _CHART_PART,
    }
    for number, (name, shapes) in enumerate(zip(names, slides, strict=True)):
        parts[f"ppt/slides/{name}"] = f"<p:sld {_SLIDE_NAMES}><p:cSld><p:spTree>{shapes}</p:spTree></p:cSld></p:sld>"
        own = [("rChart", "chart", "../charts/chart1.xml")]
        if notes and number in notes:
            part = f"notesSlide{len(parts)}.xml"
            own.append(("rNotes", "notesSlide", f"../notesSlides/{part}"))
            words = shape([(notes[number],)], "body") + shape([("7",)], "sldNum")
            parts[f"ppt/notesSlides/{part}"] = (
                f"<p:notes {_SLIDE_NAMES}><p:cSld><p:spTree>{words}</p:spTree></p:cSld></p:notes>"
            )
        parts[f"ppt/slides/_rels/{name}.rels"] = relations(*own)
    return parts


def make_pptx(slides: Sequence[str] = (), notes: Mapping[int, str] | None = None) -> bytes:
    """A PowerPoint file; without slides of your own one with a title and a text."""
    return make_zip(pptx_parts(slides or [shape([("A slide",)], "title") + shape([("Words of it",)])], notes))


def xlsx_parts(sheets: Mapping[str, str], hidden: Sequence[str] = ()) -> dict[str, str | bytes]:
    """The parts of an Excel file; each sheet is what stands in its sheetData."""
    numbers = range(1, len(sheets) + 1)
    named = ""
    for number, name in zip(numbers, sheets, strict=True):
        state = ' state="hidden"' if name in hidden else ""
        named += f'<sheet name="{escape(name)}" sheetId="{number}"{state} r:id="r{number}"/>'
    names = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    workbook = f'<workbook {names} xmlns:r="{_OFFICE}"><sheets>{named}</sheets></workbook>'
    parts: dict[str, str | bytes] = {
        "[Content_Types].xml": _content_types(**{"xl/workbook.xml": "spreadsheetml.sheet.main"}),
        "_rels/.rels": relations(("r1", "officeDocument", "xl/workbook.xml")),
        "docProps/core.xml": core_properties(),
        "xl/workbook.xml": workbook,
        "xl/_rels/workbook.xml.rels": relations(
            *((f"r{number}", "worksheet", f"worksheets/sheet{number}.xml") for number in numbers)
        ),
    }
    for number, rows in zip(numbers, sheets.values(), strict=True):
        parts[f"xl/worksheets/sheet{number}.xml"] = f"<worksheet {names}><sheetData>{rows}</sheetData></worksheet>"
    return parts


def cell(place: str, value: str | float, formula: str = "") -> str:
    """A cell of an Excel sheet with its kept value."""
    made = f"<f>{formula}</f>" if formula else ""
    if isinstance(value, str):
        return f'<c r="{place}" t="inlineStr">{made}<is><t>{escape(value)}</t></is></c>'
    return f'<c r="{place}">{made}<v>{value}</v></c>'


def make_xlsx(sheets: Mapping[str, str] | None = None, hidden: Sequence[str] = ()) -> bytes:
    """An Excel file; without sheets of your own one with a row of words."""
    return make_zip(xlsx_parts(sheets or {"Plain": f'<row r="1">{cell("A1", "words of a cell")}</row>'}, hidden))


def odf_parts(kind: str, body: str, before: str = "") -> dict[str, str | bytes]:
    """The parts of an OpenDocument file: kind is "text", "spreadsheet" or "presentation"."""
    meta = (
        f"<office:document-meta {_ODF_NAMES} {_DC}><office:meta><dc:title>A title</dc:title>"
        "<meta:initial-creator>Ada</meta:initial-creator><meta:keyword>red</meta:keyword>"
        "<meta:creation-date>2024-02-03T04:05:06</meta:creation-date></office:meta></office:document-meta>"
    )
    return {
        "mimetype": f"application/vnd.oasis.opendocument.{kind}",
        "META-INF/manifest.xml": f'<manifest:manifest xmlns:manifest="{_ODF}:manifest:1.0"/>',
        "meta.xml": meta,
        "content.xml": f'<?xml version="1.0" encoding="UTF-8"?>{before}<office:document-content {_ODF_NAMES}>'
        f"<office:body><office:{kind}>{body}</office:{kind}></office:body></office:document-content>",
    }


def make_odt(body: str = "") -> bytes:
    """An OpenDocument text; without a body of your own a heading, a list and a footnote."""
    own = (
        '<text:h text:outline-level="1">Chapter one</text:h><text:p>Some words<text:note text:note-class="footnote">'
        "<text:note-citation>1</text:note-citation><text:note-body><text:p>Below the line</text:p></text:note-body>"
        "</text:note></text:p><text:list><text:list-item><text:p>first</text:p></text:list-item></text:list>"
    )
    return make_zip(odf_parts("text", body or own))


def make_ods(sheets: Mapping[str, Sequence[Sequence[str]]] | None = None) -> bytes:
    """An OpenDocument spreadsheet of texts."""
    body = ""
    for name, rows in (sheets or {"Plain": [["words of a cell"]]}).items():
        lines = "".join(
            "<table:table-row>"
            + "".join(
                f'<table:table-cell office:value-type="string"><text:p>{one}</text:p></table:table-cell>' for one in row
            )
            + "</table:table-row>"
            for row in rows
        )
        body += f'<table:table table:name="{name}">{lines}</table:table>'
    return make_zip(odf_parts("spreadsheet", body))


def odp_page(title: str, body: str, notes: str = "") -> str:
    """A slide of an OpenDocument presentation; `body` is what stands in its text box."""
    box = "<draw:frame{}><draw:text-box>{}</draw:text-box></draw:frame>"
    head = box.format(' presentation:class="title"', f"<text:p>{title}</text:p>") if title else ""
    said = f"<presentation:notes>{box.format('', f'<text:p>{notes}</text:p>')}</presentation:notes>" if notes else ""
    return f'<draw:page draw:name="page7">{head}{box.format("", body)}{said}</draw:page>'


def make_odp(*pages: str) -> bytes:
    """An OpenDocument presentation; without pages of your own one with a title and a text."""
    return make_zip(odf_parts("presentation", "".join(pages) or odp_page("A slide", "<text:p>Words of it</text:p>")))


_CONTAINER = (
    '<container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
    '<rootfile full-path="{}" media-type="application/oebps-package+xml"/></rootfiles></container>'
)


def epub_parts(chapters: Sequence[str], package: str = "book/package.opf") -> dict[str, str | bytes]:
    """The parts of an e-book; each chapter is the content of a body."""
    names = [f"c{number}.xhtml" for number in range(len(chapters))]
    items = "".join(
        f'<item id="i{n}" href="{name}" media-type="application/xhtml+xml"/>' for n, name in enumerate(names)
    )
    # The spine, not the order of the files, is the order of the book.
    spine = "".join(f'<itemref idref="i{number}"/>' for number in range(len(chapters)))
    parts: dict[str, str | bytes] = {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": _CONTAINER.format(package),
        "book/package.opf": f'<package xmlns="http://www.idpf.org/2007/opf" version="3.0"><metadata {_DC}>'
        "<dc:title>A title</dc:title><dc:creator>Ada</dc:creator><dc:description>What it is about</dc:description>"
        f"</metadata><manifest>{items}</manifest><spine>{spine}</spine></package>",
    }
    for name, body in zip(reversed(names), reversed(chapters), strict=True):
        parts[f"book/{name}"] = (
            '<?xml version="1.0" encoding="utf-8"?><!DOCTYPE html><html xmlns="http://www.w3.org/1999/xhtml">'
            f"<head><title>x</title></head><body>{body}</body></html>"
        )
    return parts


def make_epub(*chapters: str) -> bytes:
    """An e-book; without chapters of your own two of them."""
    own = ("<h1>Chapter one</h1><p>First words</p>", "<h1>Chapter two</h1><p>Last words</p>")
    return make_zip(epub_parts(chapters or own))


def make_fb2() -> bytes:
    """A FictionBook of one chapter."""
    return (
        b'<?xml version="1.0" encoding="utf-8"?><FictionBook xmlns="http://www.gribuser.ru/xml/fictionbook/2.0">'
        b"<description><title-info><author><first-name>Ada</first-name></author><book-title>A title</book-title>"
        b"</title-info></description><body><section><title><p>Chapter one</p></title><p>First words</p></section>"
        b"</body></FictionBook>"
    )


def make_rtf(body: str = r"{\b Bold} caf\'e9 words\par second \u8364? line") -> bytes:
    """An RTF file."""
    head = r"{\rtf1\ansi\ansicpg1252{\fonttbl{\f0 Arial;}}{\info{\title A title}{\author Ada}}\pard "
    return f"{head}{body}\\par}}".encode()


def make_eml(body: str = "Words of the body", subject: str = "A subject", attachment: str = "report.pdf") -> bytes:
    """A message with an HTML alternative and an attached file."""
    message = EmailMessage()
    message["From"], message["To"] = "Ada L <ada@example.org>", "bob@example.org"
    message["Subject"], message["Date"] = subject, "Sat, 03 Feb 2024 05:05:06 +0100"
    message.set_content(body)
    message.add_alternative(f"<p>{body} as HTML</p>", subtype="html")
    message.add_attachment(b"%PDF-1.4", maintype="application", subtype="pdf", filename=attachment)
    message.set_boundary("=-0")
    for number, part in enumerate(part for part in message.iter_parts() if part.is_multipart()):
        part.set_boundary(f"=-{number + 1}")
    return message.as_bytes()


def make_msg(text: str = "Words of the body\r\nin two lines", html: str = "") -> bytes:
    """An Outlook message to one person with one attached file."""

    def said(tag: str, words: str) -> dict[str, bytes]:
        return {f"__substg1.0_{tag}001F": words.encode("utf-16-le")}

    def fixed(*values: tuple[int, int]) -> bytes:
        return b"".join(struct.pack("<IIQ", tag, 6, value) for tag, value in values)

    sent = (1_706_933_106 + 11_644_473_600) * 10**7
    tree: dict[str, bytes | Tree] = {
        "__properties_version1.0": bytes(32) + fixed((0x00390040, sent)),
        **said("0037", "A subject"),
        **said("0C1A", "Ada L"),
        **said("5D01", "ada@example.org"),
        "__recip_version1.0_#00000000": {
            "__properties_version1.0": bytes(8) + fixed((0x0C150003, 1)),
            **said("3001", "Bob"),
            **said("39FE", "bob@example.org"),
        },
        "__attach_version1.0_#00000000": {"__properties_version1.0": bytes(8), **said("3707", "report.pdf")},
    }
    tree |= said("1000", text) if text else {}
    tree |= {"__substg1.0_10130102": html.encode()} if html else {}
    return make_ole(tree)


def make_ppt(slides: Sequence[tuple[str, str]] = (("A slide", "Words of it"),), free: str = "A free box") -> bytes:
    """An older PowerPoint file: titles and texts in the list, and one box of text on the first slide."""

    def record(kind: int, data: bytes, version: int = 0) -> bytes:
        return struct.pack("<HHI", version, kind, len(data)) + data

    def said(kind: int, words: str) -> bytes:
        return record(3999, struct.pack("<I", kind)) + record(4000, words.encode("utf-16-le"))

    listed = b"".join(record(1011, bytes(20)) + said(0, title) + said(1, text) for title, text in slides)
    drawn = record(1006, record(1036, record(61453, said(4, free), 0xF), 0xF), 0xF)
    document = record(1000, record(4080, listed, 0xF), 0xF)
    return make_ole({"PowerPoint Document": document + drawn, "Current User": bytes(20)})


def make_xls(
    rows: Sequence[Sequence[str]] = (("head", "of it"), ("words", "of a cell")), protected: bool = False
) -> bytes:
    """An older Excel file of one sheet of texts."""

    def record(kind: int, data: bytes) -> bytes:
        return struct.pack("<HH", kind, len(data)) + data

    begin = struct.pack("<HHHHII", 0x0600, 5, 0, 0, 0, 0)
    lock = record(0x002F, bytes(54)) if protected else b""
    head = len(record(0x0809, begin) + lock + record(0x0085, bytes(8) + b"Plain")) + 4
    globals_ = record(0x0809, begin) + lock + record(0x0085, struct.pack("<IBBBB", head, 0, 0, 5, 0) + b"Plain")
    cells = b"".join(
        record(0x0204, struct.pack("<HHHHB", number, column, 0, len(words), 0) + words.encode())
        for number, row in enumerate(rows)
        for column, words in enumerate(row)
    )
    sheet = record(0x0809, struct.pack("<HHHHII", 0x0600, 0x10, 0, 0, 0, 0)) + cells + record(0x000A, b"")
    return make_ole({"Workbook": (globals_ + record(0x000A, b"") + sheet).ljust(4096, b"\0")})


def make_doc(text: str = "Words of an older file\rin two lines\r", protected: bool = False) -> bytes:
    """An older Word file of plain paragraphs."""
    start = 0x800
    head = bytearray(start)
    struct.pack_into("<HHHHH", head, 0, 0xA5EC, 0x00C1, 0, 0x0409, 0)
    struct.pack_into("<H", head, 10, 0x1200 | (0x0100 if protected else 0))
    struct.pack_into("<II", head, 0x18, start, start + len(text))
    struct.pack_into("<H", head, 0x20, 14)
    struct.pack_into("<H", head, 0x3E, 22)
    struct.pack_into("<I", head, 0x4C, len(text))
    struct.pack_into("<H", head, 0x98, 93)
    pieces = struct.pack("<IIHIH", 0, len(text), 0, 0x40000000 | start * 2, 0)
    table = b"\x02" + struct.pack("<I", len(pieces)) + pieces
    struct.pack_into("<II", head, 0x1A2, 0, len(table))
    body = (bytes(head) + text.encode("cp1252")).ljust(8192, b"\0")
    return make_ole({"WordDocument": body, "1Table": table.ljust(4096, b"\0")})
