"""Notebooks: prose and code in order, outputs left out."""

from __future__ import annotations

import json

import pytest

from vector_pipeline.conversion.convert import ConversionError, convert


def test_cells_become_prose_and_fenced_code() -> None:
    notebook = {
        "metadata": {"kernelspec": {"language": "julia"}},
        "cells": [
            {"cell_type": "markdown", "source": ["# Study\n", "Why."]},
            {"cell_type": "code", "source": "x = 1\n", "outputs": [{"text": "noise"}]},
            {"cell_type": "code", "source": ["s = '```'"]},
            {"cell_type": "code", "source": []},
            {"cell_type": "raw", "source": "as it is \ud800"},
            "not a cell",
        ],
    }
    converted = convert("a.ipynb", json.dumps(notebook).encode())
    assert converted.text == "# Study\nWhy.\n\n```julia\nx = 1\n```\n\n````julia\ns = '```'\n````\n\nas it is \ufffd\n"
    assert (converted.kind, converted.title) == ("markdown", "Study")


def test_notebooks_of_format_3_are_read() -> None:
    cells = [{"cell_type": "heading", "level": 2, "source": "Part"}, {"cell_type": "code", "input": "y()"}]
    assert (
        convert("a.ipynb", json.dumps({"worksheets": [{"cells": cells}]}).encode()).text
        == "## Part\n\n```python\ny()\n```\n"
    )


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]", b'{"cells": 1}', b"[" * 100_000, b'{"worksheets": 3}', b"1" * 9_000]
)
def test_a_broken_notebook_says_so(data: bytes) -> None:
    with pytest.raises(ConversionError, match="damaged notebook"):
        convert("a.ipynb", data)
