"""From an issue as Jira tells it to a document: text, metadata and the version that names both.

Pure. Neither text nor context holds the key, which changes with a move; everything that is read of the issue goes into
the version, so that two readings of the same state agree.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from vector_pipeline.conversion.atlassian import References
from vector_pipeline.documents import Document
from vector_pipeline.sources.jira.context import Context
from vector_pipeline.sources.jira.fields import first_value, payload_value, sprint_names
from vector_pipeline.sources.jira.sections import Hanging, Writer, embedded, mark_of, people
from vector_pipeline.sources.jira.values import (
    Issue,
    digest,
    line,
    mapping,
    moment,
    name_of,
    names_of,
    objects,
    text,
    user_name,
    utc_text,
)

_EPIC = "Epic"


def issue_document(issue: Issue, hanging: Hanging, context: Context) -> Document:
    """The issue as a document. What hangs on it must be whole."""
    fields, metadata = issue.fields, issue_metadata(issue, context)
    names = people(issue, hanging)
    writer = Writer(context.api.site.cloud, References(user_name=lambda account: names.get(account, "")))
    writer.add(writer.rich_text(fields.get("description")))
    writer.add(writer.rich_text(fields.get("environment")), "Environment")
    for custom in context.fields.custom:
        if custom.is_text:
            writer.add(writer.rich_text(first_value(fields, custom.ids)), custom.heading)
    writer.add_comments(hanging.comments or ())
    writer.add_worklogs(hanging.worklogs or ())
    writer.add_changes(hanging.changes or ())
    summary = line(fields.get("summary"))
    body = writer.text
    return Document(
        native_id=issue.native_id,
        version=issue_version(issue, hanging, context, metadata),
        uri=context.web_link(issue),
        title=f"{issue.key} {summary}".strip(),
        text=body or summary,  # an issue that says no more than its summary is found by that
        kind="text" if writer.degraded else "markdown",
        context=summary if body else "",
        metadata=metadata,
        source_updated_at=moment(fields.get("updated")),
    )


def issue_version(issue: Issue, hanging: Hanging, context: Context, metadata: Mapping[str, Any] | None = None) -> str:
    """The version of all that a document is made of; "?" stands for comments or work logs that are not all known."""
    metadata = issue_metadata(issue, context) if metadata is None else metadata
    fields = issue.fields
    texts = [fields.get("summary"), fields.get("description"), fields.get("environment")]
    texts += [first_value(fields, custom.ids) for custom in context.fields.custom if custom.is_text]
    parts = [f"d{digest([metadata, texts])}"]
    if context.settings.comments:
        parts.append(mark_of("c", hanging.comments, embedded(issue, "comment", "comments")[1]))
    if context.settings.worklogs:
        parts.append(mark_of("w", hanging.worklogs, embedded(issue, "worklog", "worklogs")[1]))
    return str(replace(context.listed(issue), rest="|".join(parts)))


def issue_metadata(issue: Issue, context: Context) -> dict[str, Any]:
    """What the payload says of an issue. Votes and watchers are no part of it: they change without a change."""
    fields, key = issue.fields, issue.key
    status, kind = mapping(fields.get("status")), name_of(fields.get("issuetype"))
    project, parent = mapping(fields.get("project")), mapping(fields.get("parent"))
    found: dict[str, Any] = {
        "content_type": "issue",
        "path": key,
        "key": key,
        "project": text(project.get("key")) or context.project.key,
        "project_name": line(project.get("name")) or context.project.name,
        "issue_type": kind,
        "status": name_of(status),
        "status_category": name_of(status.get("statusCategory")),
        "resolution": name_of(fields.get("resolution")),
        "priority": name_of(fields.get("priority")),
        "components": names_of(fields.get("components")),
        "fix_versions": names_of(fields.get("fixVersions")),
        "affects_versions": names_of(fields.get("versions")),
        "assignee": user_name(fields.get("assignee")),
        "reporter": user_name(fields.get("reporter")),
        "creator": user_name(fields.get("creator")),
        "author": user_name(fields.get("reporter")),
        "created_at": utc_text(fields.get("created")),
        "resolved_at": utc_text(fields.get("resolutiondate")),
        "due": text(fields.get("duedate")),
        "parent": text(parent.get("key")),
        "subtasks": sorted(text(each.get("key")) for each in objects(fields.get("subtasks"))),
        "links": sorted({words for each in objects(fields.get("issuelinks")) if (words := _link(each))}),
        "sprint": sprint_names(first_value(fields, context.fields.sprints)),
        "epic": _epic(fields, parent, context),
        "tags": _tags(fields, context),
        "access": context.access_of(issue),
        "web_url": context.web_link(issue),
        "fields": _custom_values(fields, context),
    }
    return {name: value for name, value in found.items() if value not in ("", [], {}, None)}


def _link(link: Mapping[str, Any]) -> str:
    """ "blocks DOC-5" or "is blocked by DOC-5", as seen from the issue."""
    kind = mapping(link.get("type"))
    for end, words in (("outwardIssue", "outward"), ("inwardIssue", "inward")):
        if key := text(mapping(link.get(end)).get("key")):
            return f"{line(kind.get(words)) or name_of(kind).lower() or 'relates to'} {key}"
    return ""


def _epic(fields: Mapping[str, Any], parent: Mapping[str, Any], context: Context) -> str:
    """The key of the epic: a field of its own on Data Center, the parent on Cloud."""
    found = first_value(fields, context.fields.epics)
    if isinstance(found, str):
        return found
    is_epic = name_of(mapping(parent.get("fields")).get("issuetype")) == _EPIC
    return text(parent.get("key")) if is_epic else ""


def _tags(fields: Mapping[str, Any], context: Context) -> list[str]:
    labels = fields.get("labels")
    own = sorted(line(label) for label in labels if line(label)) if isinstance(labels, list) else []
    return list(dict.fromkeys([*own, *context.settings.tags]))


def _custom_values(fields: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """The fields that the settings name, in a place of their own: they can't take the name of another."""
    found = {custom.name: payload_value(first_value(fields, custom.ids)) for custom in context.fields.custom}
    return {name: value for name, value in found.items() if value not in (None, "", [], {})}
