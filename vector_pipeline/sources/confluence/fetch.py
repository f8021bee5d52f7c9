"""Fetching: bodies in bulk, bisected where the service fails at one; comments and names per batch; files one by one.

Batches run at the same time within the site's budget, and only a few are held at once.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from vector_pipeline.documents import Document, Failure, Item, Restated, canonical_json
from vector_pipeline.sources.atlassian.site import Site
from vector_pipeline.sources.base import Held
from vector_pipeline.sources.confluence.answers import Json, rows_at, text_at, value_at
from vector_pipeline.sources.confluence.attachments import read_attachment
from vector_pipeline.sources.confluence.bodies import read_with_bodies
from vector_pipeline.sources.confluence.comments import NO_COMMENTS, read_comments
from vector_pipeline.sources.confluence.content import Crumb, Described, comment_document, page_document
from vector_pipeline.sources.confluence.names import Names
from vector_pipeline.sources.confluence.rows import ATTACHMENT, COMMENT, PAGES
from vector_pipeline.sources.confluence.scope import Scope
from vector_pipeline.sources.confluence.search import Search, Unanswered
from vector_pipeline.sources.confluence.space import Space
from vector_pipeline.sources.confluence.versions import Parts, parse_version

_PAGES_AT_ONCE = 25
_FILES_AT_ONCE = 50
_PAGE_EXPAND = ("version", "space", "history", "ancestors", "metadata.labels")
_COMMENT_EXPAND = ("version", "space", "history", "container", "extensions.inlineProperties", "extensions.resolution")
_FILE_EXPAND = ("version", "space", "history", "container")

Answer = Document | Restated | Failure


@dataclass(frozen=True, slots=True)
class _Wanted:
    """An item taken apart."""

    item: Item
    number: str
    parts: Parts
    crumbs: tuple[Crumb, ...]
    access: tuple[str, ...]
    is_held: bool


class Fetch:
    """Reads items of one space."""

    def __init__(self, site: Site, search: Search, scope: Scope, space: Space, names: Names) -> None:
        self._site, self._search, self._scope, self._space, self._names = site, search, scope, space, names

    def documents(self, items: Sequence[Item]) -> Iterator[Answer]:
        """One answer per item. Raises SourceError when the site fails."""
        wanted: dict[str, list[_Wanted]] = {"pages": [], COMMENT: [], ATTACHMENT: []}
        for item in items:
            taken = _taken_apart(item)
            if taken is None:
                yield _failed(item, "the listing did not say where it is", permanent=False)
                continue
            wanted["pages" if taken.parts.kind in PAGES else taken.parts.kind].append(taken)
        for answers in self._site.each(self._pages, _batches(wanted["pages"], _PAGES_AT_ONCE)):
            yield from answers
        for answers in self._site.each(self._comments, _batches(wanted[COMMENT], _PAGES_AT_ONCE)):
            yield from answers
        described = (
            pair
            for batch in _batches(wanted[ATTACHMENT], _FILES_AT_ONCE)
            for pair in zip(batch, self._records(batch, _FILE_EXPAND), strict=True)
        )
        yield from self._site.each(self._file, described)

    def _pages(self, batch: list[_Wanted]) -> list[Answer]:
        ids = [one.number for one in batch]
        records = read_with_bodies(self._search, ids, _PAGE_EXPAND, self._form)
        commented = [one.number for one in batch if one.parts.comments]
        comments = read_comments(self._search, commented, self._form) if commented else {}
        bodies = [record.text for record in records.values() if not isinstance(record, Unanswered) and record]
        bodies += [comment.body.text for page in comments.values() for comment in page.comments]
        names = self._names.people.names(bodies)
        found: list[Answer] = []
        for one in batch:
            record = records.get(one.number)
            if record is None or isinstance(record, Unanswered):
                found.append(_failed(one.item, record.reason if record else "no longer there", permanent=False))
                continue
            if (refused := self._refused(one, record.record)) is not None:
                found.append(refused)
                continue
            commented_on = comments.get(one.number, NO_COMMENTS)
            if commented_on.unreadable:
                found.append(_failed(one.item, f"a comment: {commented_on.unreadable}", permanent=False))
                continue
            found.append(page_document(self._described(one, record.record), record, commented_on, names))
        return found

    def _comments(self, batch: list[_Wanted]) -> list[Answer]:
        records = read_with_bodies(self._search, [one.number for one in batch], _COMMENT_EXPAND, self._form)
        self._learn_titles(batch)
        names = self._names.people.names(
            r.text for r in records.values() if r is not None and not isinstance(r, Unanswered)
        )
        found: list[Answer] = []
        for one in batch:
            record = records.get(one.number)
            if record is None or isinstance(record, Unanswered):
                found.append(_failed(one.item, record.reason if record else "no longer there", permanent=False))
            elif (refused := self._refused(one, record.record)) is not None:
                found.append(refused)
            else:
                found.append(comment_document(self._described(one, record.record), record, names))
        return found

    def _file(self, pair: tuple[_Wanted, Json | Unanswered | None]) -> Answer:
        one, record = pair
        if record is None or isinstance(record, Unanswered):
            return _failed(one.item, record.reason if record else "no longer there", permanent=False)
        if (refused := self._refused(one, record)) is not None:
            return refused
        return read_attachment(self._site, self._scope, self._described(one, record))

    def _records(self, batch: list[_Wanted], expand: Sequence[str]) -> list[Json | Unanswered | None]:
        found = self._search.records([one.number for one in batch], expand)
        self._learn_titles(batch)
        return [found.get(one.number) for one in batch]

    def _refused(self, one: _Wanted, record: Json) -> Failure | None:
        """Why what came is not a document of this space any more."""
        if text_at(record, "type") != one.parts.kind:
            return _failed(one.item, "the answer is not what Confluence sends", permanent=False)
        if text_at(record, "status") not in self._scope.statuses:
            return _failed(one.item, "no longer there", permanent=False)
        key = text_at(record, "space", "key")
        if key and key.upper() != self._space.key.upper():
            return _failed(one.item, "moved to another space", permanent=False)
        return None

    def _described(self, one: _Wanted, record: Json) -> Described:
        titles = {text_at(row, "id"): text_at(row, "title") for row in rows_at(record, "ancestors")}
        if one.parts.kind not in PAGES:
            titles = {one.parts.above: text_at(record, "container", "title")}
        crumbs = tuple(Crumb(crumb.id, titles.get(crumb.id) or crumb.title) for crumb in one.crumbs)
        return Described(
            item=one.item,
            number=one.number,
            parts=one.parts,
            crumbs=self._titled(crumbs),
            access=one.access,
            record=record,
            space=self._space,
            scope=self._scope,
            site=self._site,
            is_held=one.is_held,
        )

    def _titled(self, crumbs: tuple[Crumb, ...]) -> tuple[Crumb, ...]:
        """The same with every title."""
        told = self._names.titles(crumb.id for crumb in crumbs if crumb.title is None)
        return tuple(crumb if crumb.title is not None else Crumb(crumb.id, told[crumb.id]) for crumb in crumbs)

    def _learn_titles(self, batch: Iterable[_Wanted]) -> None:
        """Looks up together the titles that neither the listing nor an answer told."""
        self._names.titles(crumb.id for one in batch for crumb in one.crumbs if crumb.title is None)

    @property
    def _form(self) -> str:
        return "atlas_doc_format" if self._site.cloud and self._scope.settings.body == "adf" else "storage"


def item_held(held: Held) -> Item:
    """The item of a document that is held, with what its listing said of its place and readers.

    Of the pages above only the nearest is named by its id, which is all that anything is asked by.
    """
    titles = list(held.metadata.get("breadcrumb") or ())
    parts = parse_version(held.version)
    nearest = parts.above if parts is not None else ""
    numbers = [*([""] * (len(titles) - 1)), nearest]
    detail = {"above": [list(one) for one in zip(numbers, titles, strict=False)], "access": held.metadata.get("access")}
    return Item(held.native_id, held.version, held.uri, detail=canonical_json(detail))


def _taken_apart(item: Item) -> _Wanted | None:
    parts = parse_version(item.version)
    try:
        detail = json.loads(item.detail) if item.detail else None
    except ValueError:
        detail = None
    if parts is None or detail is None:
        return None
    above = value_at(detail, "above")
    crumbs = tuple(Crumb(str(row[0]), row[1]) for row in above if len(row) == 2) if isinstance(above, list) else ()
    access = tuple(map(str, detail.get("access") or ()))
    held = value_at(detail, "held") is True
    return _Wanted(item, item.native_id.decode("ascii", "replace"), parts, crumbs, access, held)


def _failed(item: Item, reason: str, *, permanent: bool) -> Failure:
    return Failure(item.native_id, item.version, item.uri, "fetch", reason, permanent)


def _batches(wanted: Iterable[_Wanted], size: int) -> Iterator[list[_Wanted]]:
    iterator = iter(wanted)
    while batch := list(itertools.islice(iterator, size)):
        yield batch
