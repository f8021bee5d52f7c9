"""Attachments as documents: downloaded within the limit of size, and converted like a local file."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import quote

from vector_pipeline.conversion.content import ConversionError
from vector_pipeline.conversion.file_documents import document_from_file
from vector_pipeline.documents import Document, Failure, Restated
from vector_pipeline.sources.atlassian.errors import AccessDenied, AnswerRefused, TooLarge
from vector_pipeline.sources.atlassian.site import Site
from vector_pipeline.sources.confluence.answers import moment_at, number_at, text_at
from vector_pipeline.sources.confluence.content import Described
from vector_pipeline.sources.confluence.scope import Scope
from vector_pipeline.sources.confluence.search import is_about_content


def read_attachment(site: Site, scope: Scope, described: Described) -> Document | Restated | Failure:
    """The newest version of an attachment that the record tells of, downloaded unless it is held.

    Raises SourceError when the site fails.
    """
    record = described.record
    name, number = text_at(record, "title"), number_at(record, "version", "number")
    if reason := scope.file_reason(name, number_at(record, "extensions", "fileSize")):
        return _failed(described, reason, permanent=True)
    if described.is_held and described.is_as_listed:
        return Restated(described.item.native_id, described.version(), described.item.uri, _place(described, name))
    try:
        data = site.download(_address(site, described, name, number), scope.settings.max_file_size)
    except TooLarge:
        return _failed(described, "too large", permanent=True)
    except AccessDenied as error:
        if error.status != 403:
            raise
        return _failed(described, "this account may not download it")
    except AnswerRefused as error:
        if not is_about_content(error):
            raise
        return _failed(described, "no longer there")
    metadata = described.metadata() | _place(described, name)
    metadata["media_type"] = text_at(record, "extensions", "mediaType")
    try:
        return document_from_file(
            converter=scope.converter,
            native_id=described.item.native_id,
            version=described.version(),
            uri=described.item.uri,
            path=str(metadata["path"]),
            data=data,
            title_fallback=name,
            extra_metadata={key: value for key, value in metadata.items() if value not in ("", [], None)},
            source_updated_at=moment_at(record, "version", "when"),
        )
    except ConversionError as error:
        failed = _failed(described, str(error), permanent=error.permanent, stage="convert")
        return replace(failed, most_attempts=error.attempts)


def _place(described: Described, name: str) -> dict[str, Any]:
    """What changes though the file is the same: where it hangs, and who may read it."""
    return {
        **{key: described.metadata().get(key) for key in ("space", "breadcrumb", "access", "web_url")},
        "attached_to": {"id": described.page, "title": described.titles[-1] if described.crumbs else ""},
        "path": described.path(name),
    }


def _address(site: Site, described: Described, name: str, number: int) -> str:
    """Where the bytes of a version are. Cloud redirects from there to another host."""
    if site.cloud:
        return f"/rest/api/content/{described.page}/child/attachment/{described.number}/download?version={number}"
    return f"/download/attachments/{described.page}/{quote(name, safe='')}?version={number}"


def _failed(described: Described, reason: str, *, permanent: bool = False, stage: str = "fetch") -> Failure:
    item = described.item
    return Failure(item.native_id, item.version, item.uri, stage, reason, permanent)
