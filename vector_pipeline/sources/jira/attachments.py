"""Attachments as documents of their own: which are taken, and how one becomes text.

An attachment never changes, so its bytes are asked for once; only a new key of its issue or another circle of readers
makes it a new version.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from vector_pipeline.conversion.content import ConversionError
from vector_pipeline.conversion.converter import Converter
from vector_pipeline.conversion.file_documents import document_from_file
from vector_pipeline.documents import Document, Failure, Item, Restated
from vector_pipeline.settings_atlassian import JiraSettings
from vector_pipeline.sources.atlassian.errors import AccessDenied, NotThere, SiteUnreachable, TooLarge
from vector_pipeline.sources.file_rules import FileRules
from vector_pipeline.sources.jira.context import Context, detail_text
from vector_pipeline.sources.jira.values import (
    Issue,
    digest,
    id_text,
    line,
    mapping,
    moment,
    number,
    objects,
    text,
    user_name,
    utc_text,
)
from vector_pipeline.sources.jira.versions import AttachmentVersion, same_content

_BETWEEN = b"/attachment/"
_UNAUTHORIZED = 401
CONTENT_HELD = detail_text({"held": True})
"""The detail of an attachment that no listing has read and whose content is held."""
_STAGE = "fetch"


def attachment_id(issue: str, attachment: str) -> bytes:
    """What an attachment is known by: its issue's id comes first."""
    return issue.encode() + _BETWEEN + attachment.encode()


def is_attachment(native_id: bytes) -> bool:
    """Whether this is the id of an attachment, and not of an issue."""
    return _BETWEEN in native_id


def issue_part(native_id: bytes) -> str:
    """The id of the issue, or of the issue that the attachment hangs on; "" where there is none."""
    return id_text(native_id.partition(_BETWEEN)[0].decode("ascii", "replace"))


def tells_all(issue: Issue) -> bool:
    """Whether an answer tells of every attachment of its issue; one that does not removes none."""
    listed = issue.fields.get("attachment")
    if not isinstance(listed, list):
        return False
    return all(id_text(mapping(each).get("id")) and line(mapping(each).get("filename")) for each in listed)


@dataclass(frozen=True, slots=True)
class _Facts:
    """What the document of an attachment is made of besides its bytes."""

    id: str
    issue: str
    name: str
    size: int
    """In bytes, -1 where the listing does not tell."""
    author: str
    created: str
    access: tuple[str, ...]
    is_held: bool = False
    """Whether its content is held already: then it is not downloaded again."""


class AttachmentRules:
    """What of the attachments the settings take."""

    def __init__(self, settings: JiraSettings, converter: Converter) -> None:
        self._files = FileRules(settings, converter)
        self._wanted = settings.attachments

    def items(
        self,
        issue: Issue,
        context: Context,
        skipped: Counter[str],
        held: Mapping[bytes, str] = MappingProxyType({}),
    ) -> list[Item]:
        """The attachments of an issue that are taken; the others are counted by reason.

        `held` are the versions of which the content need not be read again.
        """
        found: list[Item] = []
        if not self._wanted:
            return found
        for raw in objects(issue.fields.get("attachment")):
            facts = _facts(raw, issue, context)
            if not facts.id or not facts.name:
                continue
            if reason := self._files.reason_to_skip(facts.name, facts.size):
                skipped[reason] += 1
            else:
                found.append(_item(facts, issue, context, held))
        return found


def read_attachment(item: Item, context: Context, largest: int) -> Document | Restated | Failure:
    """The document of an attachment, its bytes asked for unless they are held.

    Raises SourceError when the site itself fails.
    """
    facts = _facts_of(item)
    if facts is None:
        return _failed(item, "its listing can't be read")
    if facts.is_held:
        return Restated(item.native_id, item.version, item.uri, _place(facts, context))
    try:
        data = context.api.site.download(context.api.attachment_path(facts.id, facts.name), largest)
    except NotThere:
        return _failed(item, "no longer there")
    except TooLarge:
        return _failed(item, "too large", permanent=True)
    except AccessDenied as denied:
        if denied.status == _UNAUTHORIZED:
            raise
        return _failed(item, "the site refuses to give out this file")
    except SiteUnreachable as error:
        if not error.smaller_may_work or context.api.project(context.project.id) is None:
            raise
        return _failed(item, "the site can't give out this file")
    if len(data) != facts.size >= 0:
        # A page to sign in at, or a file cut off on its way, comes with 200 too.
        return _failed(item, f"{len(data)} bytes came of a file of {facts.size}")
    try:
        return _document(item, facts, data, context)
    except ConversionError as error:
        failed = _failed(item, str(error), permanent=error.permanent, stage="convert")
        return replace(failed, most_attempts=error.attempts)


def _document(item: Item, facts: _Facts, data: bytes, context: Context) -> Document:
    place = _place(facts, context)
    extra: dict[str, Any] = {
        **place,
        "content_type": "attachment",
        "author": facts.author,
        "created_at": facts.created,
        "tags": list(context.settings.tags),
        "web_url": item.uri,
    }
    return document_from_file(
        converter=context.converter,
        native_id=item.native_id,
        version=item.version,
        uri=item.uri,
        path=str(place["path"]),
        data=data,
        title_fallback=facts.name,
        extra_metadata={key: value for key, value in extra.items() if value},
        source_updated_at=moment(facts.created),
    )


def _place(facts: _Facts, context: Context) -> dict[str, Any]:
    """What changes though the file is the same: where it hangs, and who may read it."""
    return {
        "issue": facts.issue,
        "project": context.project.key,
        "project_name": context.project.name,
        "access": list(facts.access) or None,
        "path": f"{facts.issue}/{facts.name.replace('/', '_')}",
    }


def _facts(raw: Any, issue: Issue, context: Context) -> _Facts:
    attachment = mapping(raw)
    return _Facts(
        id=id_text(attachment.get("id")),
        issue=issue.key,
        name=line(attachment.get("filename")),
        size=number(attachment.get("size")) if "size" in attachment else -1,
        author=user_name(attachment.get("author")),
        created=utc_text(attachment.get("created")),
        access=tuple(context.access_of(issue)),
    )


def _item(facts: _Facts, issue: Issue, context: Context, held: Mapping[bytes, str]) -> Item:
    conversion = context.converter.identity(facts.name)
    content = digest([facts.name, facts.size, facts.author, facts.created, *([conversion] if conversion else [])])
    place = digest([facts.issue, list(facts.access)])
    native_id, version = attachment_id(issue.id, facts.id), str(AttachmentVersion(content, context.identity, place))
    return Item(
        native_id=native_id,
        version=version,
        uri=context.attachment_link(facts.id, facts.name),
        detail=detail_text(
            {
                "id": facts.id,
                "issue": facts.issue,
                "name": facts.name,
                "size": facts.size,
                "author": facts.author,
                "created": facts.created,
                "access": list(facts.access),
                "held": native_id in held and same_content(held[native_id], version),
            }
        ),
    )


def _facts_of(item: Item) -> _Facts | None:
    try:
        detail = mapping(json.loads(item.detail))
    except ValueError:
        return None
    access = detail.get("access")
    found = _Facts(
        id=id_text(detail.get("id")),
        issue=text(detail.get("issue")),
        name=text(detail.get("name")),
        size=number(detail.get("size")),
        author=text(detail.get("author")),
        created=text(detail.get("created")),
        access=tuple(text(each) for each in access) if isinstance(access, list) else (),
        is_held=detail.get("held") is True,
    )
    return found if found.id and found.name else None


def _failed(item: Item, reason: str, *, permanent: bool = False, stage: str = _STAGE) -> Failure:
    return Failure(item.native_id, item.version, item.uri, stage, reason, permanent)
