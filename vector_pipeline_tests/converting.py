"""Converters for tests of sources, which need one whatever they are about."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from vector_pipeline.conversion.converter import Converter
from vector_pipeline.settings import ConversionSettings


def make_converter(folder: Path, **settings: Any) -> Converter:
    """A converter of its own, with settings as in the file; what it makes is kept in the folder."""
    return Converter(ConversionSettings.model_validate(settings), folder)


@cache
def any_converter() -> Converter:
    """A converter that all tests of a process share, for tests to which it makes no difference."""
    return make_converter(Path(_folder().name))


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    """Removed at the end of the process."""
    return tempfile.TemporaryDirectory(prefix="conversions-")
