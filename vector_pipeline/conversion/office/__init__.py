"""Office files, e-books, mail and pictures as markdown, and PDF with headings: what the office extra adds.

Runs inside a worker process, since the parsers are native code at work on untrusted bytes. `convert_office` is the
only entrance.
"""

from __future__ import annotations

from vector_pipeline.conversion.office.reading import convert_office

__all__ = ["convert_office"]
