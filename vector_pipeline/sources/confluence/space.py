"""The space itself: its name, id and state, and who may see it as far as this account may know."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import quote

from vector_pipeline.sources.atlassian.errors import AccessDenied, AnswerRefused, NotThere
from vector_pipeline.sources.atlassian.site import Site
from vector_pipeline.sources.confluence.answers import Json, rows_at, text_at
from vector_pipeline.sources.confluence.paging import pages_by_link, pages_by_offset

_MOST_PER_PAGE = 250


@dataclass(frozen=True, slots=True)
class Space:
    """A space. `base` is the address of the site as people know it, where the service tells (Cloud)."""

    id: str
    key: str
    name: str
    status: str = "current"
    type: str = "global"
    base: str = ""

    def saved(self) -> dict[str, str]:
        """The space for a cursor."""
        return asdict(self)

    @staticmethod
    def load(saved: Any) -> Space | None:
        """The space out of a cursor, None where there is none."""
        if not isinstance(saved, Mapping) or not text_at(saved, "key"):
            return None
        return Space(**{name: text_at(saved, name) for name in Space.__slots__})


def read_space(site: Site, key: str, label: str) -> Space | None:
    """The space of a key, as a rule in one request; None where there is none or the account may not see it."""
    if site.cloud:
        for answer in pages_by_link(site, "/api/v2/spaces", {"keys": [key]}, label):
            for row in rows_at(answer, "results"):
                if text_at(row, "key").upper() == key.upper():
                    return _space(row, text_at(answer, "_links", "base"))
        return None
    try:
        answer = site.get(f"/rest/api/space/{quote(key, safe='')}")
    except NotThere:
        return None
    return _space(answer) if text_at(answer, "key") else None


def list_spaces(site: Site, label: str) -> Iterator[Space]:
    """All spaces that the account may see. Raises SourceError rather than end early."""
    if site.cloud:
        for answer in pages_by_link(site, "/api/v2/spaces", {"limit": _MOST_PER_PAGE}, label):
            yield from (_space(row) for row in rows_at(answer, "results"))
        return
    for answer in pages_by_offset(site, "/rest/api/space", {"limit": 200}, label, lambda row: text_at(row, "key")):
        yield from (_space(row) for row in rows_at(answer, "results"))


@dataclass(frozen=True, slots=True)
class Readers:
    """Who may read a space: users and groups as far as the service tells, and whether those are all."""

    principals: frozenset[str] = frozenset()
    are_all: bool = False


def read_readers(site: Site, space: Space, label: str) -> Readers:
    """Who may read the space: Cloud tells accounts that may know it, Data Center does not."""
    if not site.cloud:
        return Readers()
    path = f"/api/v2/spaces/{quote(space.id, safe='')}/permissions"
    found: set[str] = set()
    try:
        for answer in pages_by_link(site, path, {"limit": _MOST_PER_PAGE}, label):
            found.update(_reader(site, row) for row in rows_at(answer, "results") if _is_to_read(row))
    except AnswerRefused:
        return Readers()
    except AccessDenied as error:
        if error.status != 403:
            raise
        return Readers()
    return Readers(frozenset(found - {""}), bool(found) and "" not in found)


def _is_to_read(permission: Json) -> bool:
    operation = text_at(permission, "operation", "key"), text_at(permission, "operation", "targetType")
    return operation == ("read", "space")


def _reader(site: Site, permission: Json) -> str:
    """The principal of a permission, "" for one that is neither a user nor a group."""
    kind, number = text_at(permission, "principal", "type"), text_at(permission, "principal", "id")
    if kind == "user" and number:
        return f"user:{number}"
    return f"group:{_group_name(site, number)}" if kind == "group" and number else ""


def _group_name(site: Site, number: str) -> str:
    """The name of a group, its id where the service does not tell."""
    try:
        return text_at(site.get("/rest/api/group/by-id", {"id": number}), "name") or number
    except (AnswerRefused, AccessDenied):
        return number


def _space(record: Json, base: str = "") -> Space:
    return Space(
        id=text_at(record, "id"),
        key=text_at(record, "key"),
        name=text_at(record, "name") or text_at(record, "key"),
        status=text_at(record, "status") or "current",
        type=text_at(record, "type") or "global",
        base=base or text_at(record, "_links", "base"),
    )
