"""Whether what a listing lacks is really gone, and why: asked of the service directly, in as few requests as it allows.

A document is deleted only on such an answer. Cloud tells pages by the hundred, in whatever status; all else is asked
of the search in batches and then one by one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from vector_pipeline.sources.atlassian.site import Site
from vector_pipeline.sources.confluence.census import read_pages_by_id
from vector_pipeline.sources.confluence.rows import BLOG_POST, PAGE, PAGES, Row
from vector_pipeline.sources.confluence.search import Search, Unanswered
from vector_pipeline.sources.confluence.space import Space
from vector_pipeline.sources.confluence.versions import Parts

TRASHED = "in the trash"
ARCHIVED = "archived"
MOVED = "moved to another space"
DELETED = "deleted or no longer visible"
LEFT_OUT = "left out by the settings"

_STATUSES = {PAGE: ("current", "archived", "trashed", "deleted"), BLOG_POST: ("current", "trashed", "deleted")}


@dataclass
class Presence:
    """What became of contents: still there (`rows`), gone (`reasons`), or not to be told now (`unanswered`)."""

    rows: dict[str, Row] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    unanswered: dict[str, Unanswered] = field(default_factory=dict)


def find_out(site: Site, search: Search, space: Space, absent: Mapping[str, Parts]) -> Presence:
    """What became of contents that a listing lacks, pages first: what hung on one that is gone has gone with it."""
    found = Presence()
    pages = {number: parts for number, parts in absent.items() if parts.kind in PAGES}
    if site.cloud:
        for kind in PAGES:
            wanted = [number for number, parts in pages.items() if parts.kind == kind]
            rows = read_pages_by_id(site, kind, wanted, _STATUSES[kind]) if wanted else {}
            for number in wanted:
                _note(found, number, rows.get(number), space.id)
    else:
        _ask(search, found, list(pages), space)
    hanging = {number: parts for number, parts in absent.items() if number not in pages}
    for number, parts in sorted(hanging.items(), key=lambda one: one[1].kind):  # attachments, then comments on them
        if parts.above in found.reasons:
            found.reasons[number] = found.reasons[parts.above]
    _ask(search, found, [number for number in hanging if number not in found.reasons], space)
    return found


def sort_out(answers: Mapping[str, Row | Unanswered | None], space_key: str) -> Presence:
    """What answers of the search mean for contents of a space."""
    found = Presence()
    for number, row in answers.items():
        _note(found, number, row, space_key)
    return found


def _ask(search: Search, found: Presence, ids: list[str], space: Space) -> None:
    answers = sort_out(search.rows(ids), space.key)
    found.rows |= answers.rows
    found.reasons |= answers.reasons
    found.unanswered |= answers.unanswered


def _note(found: Presence, number: str, row: Row | Unanswered | None, space: str) -> None:
    """Takes down what an answer means; `space` is the id or key that answers of its kind name."""
    if isinstance(row, Unanswered):
        found.unanswered[number] = row
    elif row is None or row.status in ("deleted", "draft", "historical"):
        found.reasons[number] = DELETED
    elif row.status == "trashed":
        found.reasons[number] = TRASHED
    elif row.space and row.space.upper() != space.upper():
        found.reasons[number] = MOVED
    else:
        found.rows[number] = row
