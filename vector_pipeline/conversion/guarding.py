"""Third-party parsers of untrusted input raise whatever they like: here it becomes one file's trouble, in words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from vector_pipeline.conversion.content import ConversionError


@contextmanager
def guarded(kind: str) -> Iterator[None]:
    """Within the block every failure is a ConversionError about a file of that kind, without the failure's own words.

    Those may hold text of the document. An interrupt and the like is raised as it is.
    """
    try:
        yield
    except ConversionError:
        raise
    except BaseException as error:
        # Parsers in Rust raise even a panic that is no Exception.
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        raise ConversionError(
            f"the converter for {kind} failed ({type(error).__name__})",
            hint="exclude it in the source's settings, or save it again from the program that made it",
        ) from error
