"""Rows: what a listing says of one page, blog post, attachment or comment, whichever interface it came from.

Pure. Version 2 (Cloud) and version 1 (both product lines) name things differently; from here on they are the same.
What a listing did not read is None, so that nothing is mistaken for "none".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from vector_pipeline.sources.access_labels import NOBODY
from vector_pipeline.sources.confluence.answers import Json, moment_at, number_at, rows_at, text_at, value_at

PAGE, BLOG_POST, ATTACHMENT, COMMENT = "page", "blogpost", "attachment", "comment"
PAGES = (PAGE, BLOG_POST)
KINDS = (PAGE, BLOG_POST, ATTACHMENT, COMMENT)

UNKNOWN = "unknown"
"""Stands for the id of a parent where the answer does not tell whether there is one."""

_ID = re.compile(r"(?:att)?[0-9]{1,20}")
_OWN_PREFIX = "my"
"""Labels with this prefix are one person's alone."""


@dataclass(frozen=True, slots=True)
class Row:
    """What is known of a content.

    `above` is the parent of a page ("" at the top, UNKNOWN where it was not told), or what the others hang on.
    """

    id: str
    kind: str
    title: str = ""
    number: int = 0
    status: str = "current"
    above: str = ""
    above_kind: str = ""
    """What `above` is, "" where that was not told: version 1 names pages alone."""
    space: str = ""
    """Key of the space (version 1) or its id (version 2)."""
    labels: tuple[str, ...] | None = None
    readers: frozenset[str] | None = None
    """Principals that a view restriction of its own names; empty without one."""
    ancestors: tuple[tuple[str, str], ...] | None = None
    """Pages above, from the top down: (id, title)."""
    modified: datetime | None = None
    created: datetime | None = None
    size: int = 0
    state: str = ""
    """Of an inline comment: whether it is resolved."""


def content_id(value: str) -> str:
    """The id as it is, "" for what is none: ids are put into queries and addresses."""
    return value if _ID.fullmatch(value) else ""


def row_of_v1(record: Json, modified: datetime | None = None) -> Row | None:
    """A row of version 1; None for what is no content that a source takes."""
    number, kind = content_id(text_at(record, "id")), text_at(record, "type")
    if not number or kind not in KINDS:
        return None
    ancestors = None
    if isinstance(value_at(record, "ancestors"), list):
        above = [(content_id(text_at(one, "id")), text_at(one, "title")) for one in rows_at(record, "ancestors")]
        ancestors = tuple(above) if all(one for one, _ in above) else None
    parent, parent_kind = (ancestors[-1][0] if ancestors else ""), ""
    if kind == PAGE and ancestors is None:
        parent = UNKNOWN
    elif kind not in PAGES:
        parent, parent_kind = content_id(text_at(record, "container", "id")), text_at(record, "container", "type")
    elif kind == BLOG_POST:
        parent = ""
    return Row(
        id=number,
        kind=kind,
        title=text_at(record, "title"),
        number=number_at(record, "version", "number"),
        status=text_at(record, "status") or "current",
        above=parent,
        above_kind=parent_kind,
        space=text_at(record, "space", "key"),
        labels=labels_of(record),
        readers=readers_of(record),
        ancestors=ancestors,
        modified=modified or moment_at(record, "version", "when"),
        created=moment_at(record, "history", "createdDate"),
        size=number_at(record, "extensions", "fileSize"),
        state=text_at(record, "extensions", "resolution", "status"),
    )


def row_of_v2(record: Json, kind: str) -> Row | None:
    """A page or blog post of version 2."""
    number = content_id(text_at(record, "id"))
    if not number:
        return None
    return Row(
        id=number,
        kind=kind,
        title=text_at(record, "title"),
        number=number_at(record, "version", "number"),
        status=text_at(record, "status") or "current",
        above=parent_of_v2(record) if kind == PAGE else "",
        above_kind=text_at(record, "parentType") or PAGE,
        space=text_at(record, "spaceId"),
        modified=moment_at(record, "version", "createdAt"),
        created=moment_at(record, "createdAt"),
    )


def parent_of_v2(record: Json) -> str:
    """Id of the parent that a record of version 2 names: "" for none, UNKNOWN where it does not say."""
    if value_at(record, "parentId") in (None, "") and "parentId" in record:
        return ""
    return content_id(text_at(record, "parentId")) or UNKNOWN


def labels_of(record: Json) -> tuple[str, ...] | None:
    """Names of the labels that everybody sees, sorted; None where they were not read."""
    if not isinstance(value_at(record, "metadata", "labels", "results"), list):
        return None
    rows = rows_at(record, "metadata", "labels", "results")
    names = {text_at(row, "name") for row in rows if text_at(row, "prefix") != _OWN_PREFIX}
    return tuple(sorted(names - {""}))


def readers_of(record: Json) -> frozenset[str] | None:
    """Principals that the content's own view restriction names; None where it was not read."""
    found = value_at(record, "restrictions", "read", "restrictions")
    return principals_of(found)


def principals_of(restrictions: object) -> frozenset[str] | None:
    """The users and groups of a restriction of version 1; None where a part of it is missing.

    A restriction that names only what has no usable name is one for nobody.
    """
    parts = [value_at(restrictions, part, "results") for part in ("user", "group")]
    if not all(isinstance(part, list) for part in parts):
        return None
    users = {text_at(row, "accountId") or text_at(row, "username") for row in rows_at(restrictions, "user", "results")}
    groups = {text_at(row, "name") or text_at(row, "id") for row in rows_at(restrictions, "group", "results")}
    named = {f"user:{user}" for user in users - {""}} | {f"group:{group}" for group in groups - {""}}
    if not named and any(parts):
        return frozenset({NOBODY})
    return frozenset(named)
