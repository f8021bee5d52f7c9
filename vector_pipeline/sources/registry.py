"""Which source types there are. A new one is a module of its own and a line here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from vector_pipeline.settings import SourceSettings
from vector_pipeline.sources.base import Source, SourceMisconfigured
from vector_pipeline.sources.git import GitSource
from vector_pipeline.sources.local_files import LocalFiles

Opener = Callable[[str, Any, Path], Source]
"""Name, settings and the folder where sources may keep caches (mirrors), to a source."""


def _open_git(name: str, settings: Any, data_dir: Path) -> Source:
    return GitSource(name, settings, data_dir / "mirrors")


def _open_local_files(name: str, settings: Any, data_dir: Path) -> Source:
    return LocalFiles(name, settings, settings.path)


SOURCE_TYPES: dict[str, Opener] = {
    "git": _open_git,
    "local_files": _open_local_files,
}


def open_source(source_type: str, name: str, settings: SourceSettings, data_dir: Path) -> Source:
    """The source of that type and name. Raises SourceMisconfigured for an unknown type."""
    if opener := SOURCE_TYPES.get(source_type):
        return opener(name, settings, data_dir)
    raise SourceMisconfigured(f"{source_type}/{name}: unknown source type", hint=f"use one of {sorted(SOURCE_TYPES)}")
