"""Jupyter notebooks as markdown: prose as it is, code fenced in the notebook's language.

Outputs are left out: they are long, change with every run, and say what the cells around them explain.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from vector_pipeline.conversion.content import ConversionError, Converted
from vector_pipeline.conversion.decoding import normalize
from vector_pipeline.conversion.markdown import outline_of

_BACKTICKS = re.compile(r"`{3,}")
_LANGUAGE = re.compile(r"[A-Za-z0-9+#_.-]{1,40}")


def convert_notebook(text: str, language: str = "") -> Converted:
    """The cells of a notebook (format 3 and 4) in order. Raises ConversionError where it is none."""
    try:
        notebook = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConversionError("damaged notebook (not valid JSON)", hint="save it again in Jupyter") from error
    cells = _cells(notebook)
    spoken = _language(notebook)
    body = normalize("\n\n".join(_cell_texts(cells, spoken)))
    return Converted(body + "\n" if body else "", "markdown", title=outline_of(body).first_h1)


def _cells(notebook: Any) -> list[Any]:
    if isinstance(notebook, dict):
        if isinstance(notebook.get("cells"), list):
            return list(notebook["cells"])
        sheets = notebook.get("worksheets")
        if isinstance(sheets, list):
            found = (sheet.get("cells") for sheet in sheets if isinstance(sheet, dict))
            return [cell for cells in found if isinstance(cells, list) for cell in cells]
    raise ConversionError("damaged notebook (no cells)", hint="save it again in Jupyter")


def _language(notebook: Mapping[str, Any]) -> str:
    metadata = notebook.get("metadata")
    if isinstance(metadata, dict):
        for section, key in (("kernelspec", "language"), ("language_info", "name")):
            found = metadata.get(section)
            name = found.get(key) if isinstance(found, dict) else None
            if isinstance(name, str) and _LANGUAGE.fullmatch(name):
                return name.lower()
    return "python"


def _cell_texts(cells: list[Any], language: str) -> Iterator[str]:
    for cell in cells:
        if not isinstance(cell, dict):
            continue
        source = cell.get("source", cell.get("input", ""))
        if isinstance(source, list):
            source = "".join(part for part in source if isinstance(part, str))
        if not isinstance(source, str) or not source.strip():
            continue
        source = source.strip("\r\n")
        kind = cell.get("cell_type")
        if kind == "code":
            marks = max((len(run) for run in _BACKTICKS.findall(source)), default=2) + 1
            yield f"{'`' * marks}{language}\n{source}\n{'`' * marks}"
        elif kind == "heading":
            level = cell.get("level")
            yield "#" * (level if isinstance(level, int) and 1 <= level <= 6 else 1) + " " + source
        else:
            yield source
