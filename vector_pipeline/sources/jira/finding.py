"""Finding one issue or attachment by what people call it: a key, an address or an id."""

from __future__ import annotations

import re
from collections import Counter
from urllib.parse import parse_qs, quote

from vector_pipeline.documents import Item
from vector_pipeline.settings_atlassian import JiraSettings
from vector_pipeline.sources.atlassian.address import parts_there
from vector_pipeline.sources.atlassian.errors import NotThere
from vector_pipeline.sources.base import Known
from vector_pipeline.sources.jira.attachments import AttachmentRules, is_attachment, issue_part
from vector_pipeline.sources.jira.context import Context, is_gateway
from vector_pipeline.sources.jira.gone import find_fate
from vector_pipeline.sources.jira.listing import WITH_ATTACHMENTS
from vector_pipeline.sources.jira.values import id_text, issue_of
from vector_pipeline.sources.jira.versions import listed_version

_KEY = re.compile(r"([A-Za-z][A-Za-z0-9_]*)-[0-9]{1,18}")


def named_issue(wanted: str, project: str, settings: JiraSettings) -> str:
    """The key or id of the issue, or the native id of the attachment, that may be meant; "" for none.

    Pure. Keys of other projects and addresses of other sites are none.
    """
    if wanted.isdecimal():
        return id_text(wanted)
    if is_attachment(wanted.encode()):
        return wanted if issue_part(wanted.encode()) else ""
    if "://" in wanted:
        parts = parts_there(wanted, settings.url, any_host=is_gateway(settings.url))
        if parts is None:
            return ""
        wanted = parse_qs(parts.query).get("selectedIssue", [parts.path.rstrip("/").rpartition("/")[2]])[0]
    match = _KEY.fullmatch(wanted)
    return wanted.upper() if match and match[1].upper() == project.upper() else ""


def native_id_of(context: Context, named: str) -> bytes | None:
    """The native id of what `named_issue` found, None where there is none in this project. Raises SourceError."""
    if is_attachment(named.encode()):
        return named.encode()
    api = context.api
    try:
        answer = api.site.get(f"{api.rest}/issue/{quote(named, safe='')}", {"fields": "project"})
    except NotThere:
        return None
    issue = issue_of(answer)
    return issue.native_id if issue is not None and context.is_here(issue) else None


def item_of(context: Context, native_id: bytes, known: Known) -> Item | None:
    """The issue or attachment as a listing tells of it now; None for what is not there or left out by the settings."""
    number = issue_part(native_id)
    issue = find_fate(context, [number], {number}).present.get(number) if number else None
    if issue is None:
        return None
    if is_attachment(native_id):
        files = AttachmentRules(context.settings, context.converter).items(issue, context, Counter())
        return next((item for item in files if item.native_id == native_id), None)
    held = known.versions.get(native_id)
    version = listed_version(context.listed(issue), held)
    # Attachments of one that is held are known by themselves.
    detail = WITH_ATTACHMENTS if held is None and context.settings.attachments else ""
    return Item(native_id, version, context.web_link(issue), detail=detail)
