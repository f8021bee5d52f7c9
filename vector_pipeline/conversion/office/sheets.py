"""Spreadsheets: every sheet under its name as a heading, its cells as a table of values."""

from __future__ import annotations

from vector_pipeline.conversion.content import Converted
from vector_pipeline.conversion.office.extraction import extract
from vector_pipeline.conversion.office.tidy import heading, table


def convert_sheets(kind: str, data: bytes) -> Converted:
    """The sheets of an xlsx, xls or ods file, hidden ones too; `sheet_starts` holds [offset, name] of each.

    Rows and columns without words are left out, and so are sheets without any. Raises ConversionError.
    """
    found = extract(kind, data)
    parts: list[str] = []
    starts: list[list[object]] = []
    position = 0
    for page in found.pages:
        cells = "\n\n".join(filter(None, (table(one.cells) for one in page.tables)))
        if not cells:
            continue
        name = " ".join((page.sheet_name or f"Sheet {page.page_number}").split())
        part = f"{heading(2, name)}\n\n{cells}\n"
        starts.append([position, name])
        parts.append(part)
        position += len(part) + 1
    metadata = {**found.metadata, **({"sheet_starts": starts} if starts else {})}
    return Converted("\n".join(parts), "markdown", title=found.title, metadata=metadata, context=found.title)
