"""Title, author, keywords and date as the newer office formats keep them, by Dublin Core's names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lxml import etree

from vector_pipeline.conversion.content import ConversionError
from vector_pipeline.conversion.front_matter import iso_time
from vector_pipeline.conversion.office.archives import OfficeArchive
from vector_pipeline.conversion.stated import stated, stated_keywords, stated_names

_PARTS = ("docProps/core.xml", "meta.xml")
_AUTHORS = ("initial-creator", "creator")
_CREATED = ("created", "creation-date", "date")
_KEYWORDS = ("keywords", "keyword")


def core_properties(archive: OfficeArchive) -> tuple[str, dict[str, Any]]:
    """The title ("" without one) and the metadata a file states. A broken statement costs itself alone."""
    for part in _PARTS:
        if archive.has(part):
            try:
                root = archive.xml(part)
            except ConversionError:
                return "", {}
            return _read(root)
    return "", {}


def _read(root: etree._Element) -> tuple[str, dict[str, Any]]:
    metadata: dict[str, Any] = {}
    if author := next(filter(None, (stated_names(_values(root, name)) for name in _AUTHORS)), ""):
        metadata["author"] = author
    if tags := stated_keywords(value for name in _KEYWORDS for value in _values(root, name)):
        metadata["tags"] = tags
    created = (iso_time(value) for name in _CREATED for value in _values(root, name))
    if first := next(filter(None, created), None):
        metadata["created_at"] = first
    return stated(next(_values(root, "title"), "")), metadata


def _values(root: etree._Element, name: str) -> Iterator[str]:
    for found in root.iter(f"{{*}}{name}"):
        if found.text:
            yield found.text
