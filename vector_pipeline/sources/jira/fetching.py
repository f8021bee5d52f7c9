"""Documents of the items that the planner asks for: issues in batches, what they carry only in part, attachments.

Batches are read and converted on several threads; attachments follow one by one, so that few are in memory at once.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from vector_pipeline.documents import Document, Failure, Item, Restated
from vector_pipeline.sources.atlassian.errors import NotThere, SiteUnreachable, TooLarge
from vector_pipeline.sources.jira.api import AT_ONCE, MOVED
from vector_pipeline.sources.jira.attachments import (
    CONTENT_HELD,
    AttachmentRules,
    is_attachment,
    issue_part,
    read_attachment,
)
from vector_pipeline.sources.jira.content import issue_document
from vector_pipeline.sources.jira.context import Context, batches
from vector_pipeline.sources.jira.reading import UNREADABLE, ensure_site_answers, fails_alone, read_in_pieces
from vector_pipeline.sources.jira.sections import Hanging, embedded
from vector_pipeline.sources.jira.values import Issue, mapping

Answer = Document | Restated | Failure
_GONE = "no longer there"


class Fetcher:
    """Answers for the items of one project."""

    def __init__(self, context: Context) -> None:
        self._context, self._api = context, context.api
        self._rules = AttachmentRules(context.settings, context.converter)
        self._fields = context.read_fields  # looked up before threads ask for it
        self._address = context.address

    def answers(self, items: Sequence[Item]) -> Iterator[Answer]:
        """One answer per item, besides attachments of issues that no listing has read. Raises SourceError."""
        files = [item for item in items if is_attachment(item.native_id) and issue_part(item.native_id)]
        issues = [item for item in items if item.native_id.isdigit()]
        known = {item.native_id for item in (*files, *issues)}
        yield from (_failed(item, "this is no id of Jira's") for item in items if item.native_id not in known)
        yield from self._issues(issues)
        unlisted = [item for item in files if item.detail in ("", CONTENT_HELD)]
        yield from self._files([item for item in files if item.detail not in ("", CONTENT_HELD)])
        for batch in batches(unlisted, AT_ONCE):
            yield from self._unlisted_files(batch)

    # ---- issues

    def _issues(self, items: Sequence[Item]) -> Iterator[Answer]:
        for answers, files in self._api.site.each(self._batch, batches(items, AT_ONCE)):
            yield from self._files(files)  # before their issue: once that is held, they are known too
            yield from answers

    def _batch(self, items: list[Item]) -> tuple[list[Answer], list[Item]]:
        """Answers for at most AT_ONCE issues, and the attachments that only now were found."""
        settings = self._context.settings
        ids = [item.native_id.decode() for item in items]
        read = read_in_pieces(self._context, ids, self._fields, changelog=settings.changelog)
        changes = self._changes(list(read.found.values()))
        answers: list[Answer] = []
        files: list[Item] = []
        for item, each in zip(items, ids, strict=True):
            issue = read.found.get(each)
            if issue is None:
                answers.append(_failed(item, read.absent.get(each, UNREADABLE)))
            elif not self._context.is_here(issue):
                answers.append(_failed(item, MOVED))
            else:
                answer = self._document(item, issue, changes.get(each))
                answers.append(answer)
                if isinstance(answer, Document) and _wants_attachments(item):
                    files += self._rules.items(issue, self._context, Counter())
        return answers, files

    def _document(self, item: Item, issue: Issue, changes: Sequence[Mapping[str, Any]] | None) -> Answer:
        settings = self._context.settings
        try:
            comments = self._whole(issue, "comment", "comments") if settings.comments else None
            worklogs = self._whole(issue, "worklog", "worklogs") if settings.worklogs else None
            if settings.changelog and changes is None:
                changes = self._api.changelogs([issue])[issue.id]
        except NotThere:
            return _failed(item, _GONE)
        except (SiteUnreachable, TooLarge) as error:
            if not fails_alone(error):
                raise
            ensure_site_answers(self._context, error)
            return _failed(item, UNREADABLE)
        return issue_document(issue, Hanging(comments, worklogs, changes), self._context)

    def _whole(self, issue: Issue, name: str, rows: str) -> list[Mapping[str, Any]]:
        """All comments or work logs: those the issue carries along, or all anew where it carries only some."""
        found, total = embedded(issue, name, rows)
        if len(found) >= total:
            return found
        return self._api.comments(issue.id) if name == "comment" else self._api.worklogs(issue.id)

    def _changes(self, issues: list[Issue]) -> dict[str, list[Mapping[str, Any]]]:
        """The changelogs of a batch; none where they are asked for one by one, since they can't be had together."""
        if not issues or not self._context.settings.changelog:
            return {}
        try:
            return self._api.changelogs(issues)
        except (SiteUnreachable, TooLarge) as error:
            if not fails_alone(error):
                raise
            return {}

    # ---- attachments

    def _files(self, items: Sequence[Item]) -> Iterator[Answer]:
        largest = self._context.settings.max_file_size
        if items:
            yield from self._api.site.each(lambda item: read_attachment(item, self._context, largest), items)

    def _unlisted_files(self, items: list[Item]) -> Iterator[Answer]:
        """Attachments of which only the id is known: their issues tell the rest."""
        ids = sorted({issue_part(item.native_id) for item in items}, key=int)
        read = read_in_pieces(self._context, ids, self._context.listed_fields)
        held = {item.native_id: item.version for item in items if item.detail == CONTENT_HELD}
        found: dict[bytes, Item] = {}
        for issue in read.found.values():
            if self._context.is_here(issue):
                found |= {item.native_id: item for item in self._rules.items(issue, self._context, Counter(), held)}
        yield from (_failed(item, _GONE) for item in items if item.native_id not in found)
        yield from self._files([found[item.native_id] for item in items if item.native_id in found])


def _wants_attachments(item: Item) -> bool:
    return bool(item.detail) and mapping(json.loads(item.detail)).get("attachments") is True


def _failed(item: Item, reason: str) -> Failure:
    return Failure(item.native_id, item.version, item.uri, "fetch", reason)
