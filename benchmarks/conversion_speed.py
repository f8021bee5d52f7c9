"""How fast files become text: PDF and office files per second, with one worker and with two, and from the cache.

    python -m benchmarks.conversion_speed [--files 200] [--folder PATH]

The files are made up, each another one; `--folder` takes those of a folder instead. What starts a worker is measured
apart. Without the office extra only PDF files are converted.
"""

from __future__ import annotations

import argparse
import io
import random
import statistics
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import TypeAlias

from rich.console import Console
from rich.table import Table

from benchmarks.corpus import WORDS
from vector_pipeline.conversion.content import ConversionError
from vector_pipeline.conversion.converter import Converter
from vector_pipeline.settings import ConversionSettings

File: TypeAlias = tuple[str, bytes]

_PAGES, _PARAGRAPHS, _ROWS = 10, 60, 300
_WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_SHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_PARTS = "application/vnd.openxmlformats-officedocument"


@dataclass(frozen=True)
class Pass:
    """One way through all files."""

    seconds: float
    characters: int
    failed: Counter[str]


def main() -> None:
    """Measures and prints a table."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--files", type=int, default=200, help="files of each kind")
    options.add_argument("--folder", type=Path, help="convert the files of this folder instead")
    given = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="conversion-speed-") as name:
        folder = Path(name)
        console = Console()
        console.print(f"a worker is ready after {statistics.median(_starts(folder)):.2f} s (median of 5)")
        table = Table(box=None, pad_edge=False)
        for title in ("files", "kind", "MB", "1 worker /s", "2 workers /s", "MB/s", "again /s", "characters", "failed"):
            table.add_column(title, justify="left" if title == "kind" else "right")
        for kind, files in _corpus(given.folder, given.files).items():
            table.add_row(*_row(kind, files, folder / kind))
        console.print(table)


def _row(kind: str, files: Sequence[File], folder: Path) -> Sequence[str]:
    one = _convert(files, folder / "one", workers=1)
    two = _convert(files, folder / "two", workers=2)
    again = _convert(files, folder / "two", workers=2)
    size = sum(len(data) for _, data in files) / 1e6
    speeds = [f"{len(files) / found.seconds:,.0f}" for found in (one, two)]
    failed = ", ".join(f"{number} {reason}" for reason, number in two.failed.most_common(3))
    return (
        f"{len(files):,}",
        kind,
        f"{size:.1f}",
        *speeds,
        f"{size / two.seconds:.1f}",
        f"{len(files) / again.seconds:,.0f}",
        f"{two.characters:,}",
        failed or "none",
    )


def _convert(files: Sequence[File], folder: Path, workers: int) -> Pass:
    """All files through a converter that is warm."""
    failed: Counter[str] = Counter()
    with closing(Converter(ConversionSettings(workers=workers), folder)) as converter:

        def convert(file: File) -> int:
            try:
                return len(converter.convert(*file).text)
            except ConversionError as error:
                failed[error.message] += 1
                return 0

        def run(files: Sequence[File]) -> int:
            return sum(converter.ahead(convert, ((name.encode(), (name, data)) for name, data in files)))

        run([("warm.pdf", _pdf(random.Random(number))) for number in range(2 * workers)])
        started = time.perf_counter()
        characters = run(files)
        return Pass(time.perf_counter() - started, characters, failed)


def _starts(folder: Path) -> Iterator[float]:
    """Seconds from a converter without workers to the first result."""
    for number in range(5):
        with closing(Converter(ConversionSettings(workers=1), folder / f"start-{number}")) as converter:
            started = time.perf_counter()
            converter.convert("a.pdf", _pdf(random.Random(number), pages=1))
            yield time.perf_counter() - started


def _corpus(folder: Path | None, number: int) -> Mapping[str, Sequence[File]]:
    with tempfile.TemporaryDirectory() as name:
        converter = Converter(ConversionSettings(), Path(name))
        taken = [
            kind for kind in ("pdf", "docx", "xlsx", "eml") if "no office extra" not in converter.identity(f"a.{kind}")
        ]
        if folder is not None:
            paths = [path for path in sorted(folder.rglob("*")) if path.is_file() and converter.identity(path.name)]
            return {"folder": [(path.name, path.read_bytes()) for path in paths]}
    makers: Mapping[str, Callable[[random.Random], bytes]] = {"pdf": _pdf, "docx": _docx, "xlsx": _xlsx, "eml": _mail}
    return {
        kind: [(f"{one}.{kind}", makers[kind](random.Random(f"{kind} {one}"))) for one in range(number)]
        for kind in taken
    }


def _sentence(chance: random.Random) -> str:
    return " ".join(chance.choices(WORDS, k=chance.randint(8, 16))).capitalize() + "."


def _pdf(chance: random.Random, pages: int = _PAGES) -> bytes:
    """Pages of forty lines each."""
    kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(pages))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {pages} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for number in range(pages):
        lines = "".join(f"({_sentence(chance)}) Tj 0 -14 Td " for _ in range(40))
        content = f"BT /F1 10 Tf 40 780 Td {lines}ET"
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents {5 + 2 * number} 0 R "
            "/Resources << /Font << /F1 3 0 R >> >> >>"
        )
        objects.append(f"<< /Length {len(content)} >>\nstream\n{content}\nendstream")
    out, places = bytearray(b"%PDF-1.4\n"), []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += f"{number} 0 obj\n{body}\nendobj\n".encode()
    start = len(out)
    out += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode()
    out += b"".join(f"{place:010} 00000 n \n".encode() for place in places)
    return bytes(out + f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n".encode())


def _docx(chance: random.Random) -> bytes:
    """Paragraphs below a heading every ten."""
    body = []
    for number in range(_PARAGRAPHS):
        style = '<w:pPr><w:pStyle w:val="Heading1"/></w:pPr>' if number % 10 == 0 else ""
        text = _sentence(chance) if style else " ".join(_sentence(chance) for _ in range(4))
        body.append(f"<w:p>{style}<w:r><w:t>{text}</w:t></w:r></w:p>")
    document = f'<w:document xmlns:w="{_WORD}"><w:body>{"".join(body)}</w:body></w:document>'
    return _package({"word/document.xml": (f"{_PARTS}.wordprocessingml.document.main+xml", document)})


def _xlsx(chance: random.Random) -> bytes:
    """One sheet of words and numbers."""
    rows = "".join(
        f'<row r="{row}">'
        + "".join(f'<c r="{column}{row}" t="inlineStr"><is><t>{chance.choice(WORDS)}</t></is></c>' for column in "ABC")
        + f'<c r="D{row}"><v>{chance.randint(1, 10_000)}</v></c></row>'
        for row in range(1, _ROWS + 1)
    )
    sheet = f'<worksheet xmlns="{_SHEET}"><sheetData>{rows}</sheetData></worksheet>'
    book = (
        f'<workbook xmlns="{_SHEET}" xmlns:r="{_OFFICE}"><sheets><sheet name="Stock" sheetId="1" r:id="rId1"/></sheets>'
        "</workbook>"
    )
    links = _links({"rId1": (f"{_OFFICE}/worksheet", "worksheets/sheet1.xml")})
    return _package(
        {
            "xl/workbook.xml": (f"{_PARTS}.spreadsheetml.sheet.main+xml", book),
            "xl/worksheets/sheet1.xml": (f"{_PARTS}.spreadsheetml.worksheet+xml", sheet),
            "xl/_rels/workbook.xml.rels": ("", links),
        }
    )


def _mail(chance: random.Random) -> bytes:
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = _sentence(chance), "Ada <ada@example.org>", "ben@example.org"
    message.set_content("\n\n".join(_sentence(chance) for _ in range(30)))
    return message.as_bytes()


def _package(parts: Mapping[str, tuple[str, str]]) -> bytes:
    """An OOXML file of parts, each with its content type; the first is the main one."""
    types = "".join(f'<Override PartName="/{name}" ContentType="{kind}"/>' for name, (kind, _) in parts.items() if kind)
    rels = "application/vnd.openxmlformats-package.relationships+xml"
    head = f'<Types xmlns="{_PACKAGE}/content-types"><Default Extension="rels" ContentType="{rels}"/>'
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", f"{head}{types}</Types>")
        archive.writestr("_rels/.rels", _links({"rId1": (f"{_OFFICE}/officeDocument", next(iter(parts)))}))
        for name, (_, content) in parts.items():
            archive.writestr(name, content)
    return packed.getvalue()


def _links(targets: Mapping[str, tuple[str, str]]) -> str:
    rows = "".join(f'<Relationship Id="{key}" Type="{kind}" Target="{to}"/>' for key, (kind, to) in targets.items())
    return f'<Relationships xmlns="{_PACKAGE}/relationships">{rows}</Relationships>'


if __name__ == "__main__":
    main()
