"""Which attached files the settings take: by name, kind and size, before any byte is asked for."""

from __future__ import annotations

from vector_pipeline.conversion.converter import Converter
from vector_pipeline.settings_sources import SourceSettings
from vector_pipeline.sources.ignore_rules import rules_from_settings


class FileRules:
    """`include`, `exclude` and `max_file_size` of a source, for files that have a name and no folder."""

    def __init__(self, settings: SourceSettings, converter: Converter) -> None:
        self._include = rules_from_settings(settings.include)
        self._exclude = rules_from_settings(settings.exclude)
        self._largest = settings.max_file_size
        self._converter = converter

    def reason_to_skip(self, name: str, size: int) -> str:
        """Why a file is left out, "" for one that is taken."""
        raw = name.encode("utf-8", "surrogatepass")
        if self._include and self._include.decides(raw, raw, False) is not True:
            return "ignored"
        if self._exclude.decides(raw, raw, False):
            return "ignored"
        return self._converter.reason_to_skip(raw) or ("too large" if size > self._largest else "")
