"""Why issues that are held are not in a listing: nothing leaves the index before the site said so of it.

A search index lags behind and may be incomplete, so an absent issue is asked for by its id; only what is there, in this
project, searchable and wanted stays. Deletion leaves no trace and looks like a withdrawn permission on Cloud;
an archived issue is in no search but still answers by id.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Set
from dataclasses import dataclass, field

from vector_pipeline.sources.jira.api import ARCHIVED, AT_ONCE, LEFT_OUT, MOVED, JiraApi, Read
from vector_pipeline.sources.jira.context import Context, batches
from vector_pipeline.sources.jira.reading import read_in_pieces
from vector_pipeline.sources.jira.values import Issue

MANY = 300
"""Ids from which on one listing of all is cheaper than to ask for each."""
SAMPLE = 50
"""Issues that are asked for one by one where many are gone."""


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of issues: those that are there after all, with their listed fields, and why the others are not.

    `unread` are those of which the site could tell nothing; they count as there.
    """

    present: dict[str, Issue] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    unread: set[str] = field(default_factory=set)

    def add(self, other: Fate) -> None:
        """Takes over what another question told, in place of what was told before."""
        for number in (*other.present, *other.unread):
            self.reasons.pop(number, None)
        self.unread.difference_update(other.present, other.reasons)
        self.present.update(other.present)
        self.reasons.update(other.reasons)
        self.unread.update(other.unread)


def find_fate(context: Context, ids: Collection[str], unsuspected: Set[str] = frozenset()) -> Fate:
    """Asks for every one of the ids. Raises SourceError.

    One answer alone is no proof: those of the ids that no listing has missed (`unsuspected`) are asked for twice.
    """
    fate = _ask(context, ids)
    if again := fate.reasons.keys() & unsuspected:
        fate.add(_ask(context, again))
    return fate


def _ask(context: Context, ids: Collection[str]) -> Fate:
    """What became of the ids. Where each has to be asked for by itself, of many only a sample is.

    What no search shows, neither now nor once more, is gone for the reason of its neighbour in the sample; unless one
    of the sample is there after all, or can't be read: then the search is not to be believed, and all are asked for.
    """
    api, ordered = context.api, sorted(ids, key=int)
    if not api.reads_absent_singly or len(ordered) <= AT_ONCE:
        return _told(context, *_read(context, ordered))
    shown = _shown(context, ordered)
    hidden = [each for each in ordered if each not in shown]
    sample = hidden[:: -(-len(hidden) // SAMPLE)] if hidden else []
    read = _read(context, sample)
    seen = _told(context, Read(shown), set())
    told = _told(context, *read)
    others = [each for each in hidden if each not in set(sample)]
    if told.present or told.unread or _shown(context, others):
        told = _told(context, *_read(context, hidden))
    else:
        for each in others:
            told.reasons[each] = told.reasons[sample[bisect_right(sample, int(each), key=int) - 1]]
    told.add(seen)
    return told


def _shown(context: Context, ids: list[str]) -> dict[str, Issue]:
    fields, found = context.listed_fields, dict[str, Issue]()
    for some in context.api.site.each(lambda some: context.api.shown(some, fields), batches(ids, AT_ONCE)):
        found.update(some)
    return found


def _read(context: Context, ids: list[str]) -> tuple[Read, set[str]]:
    """The ids asked for directly, and those of which the site could tell nothing."""
    read, fields = Read(), context.listed_fields
    for some in context.api.site.each(lambda some: read_in_pieces(context, some, fields), batches(ids, AT_ONCE)):
        read.found.update(some.found)
        read.absent.update(some.absent)
    return read, {each for each in ids if each not in read.found and each not in read.absent}


def _told(context: Context, read: Read, unread: set[str]) -> Fate:
    """What the answers mean, and what searches say of those that are here."""
    api, fate, here = context.api, Fate(reasons=dict(read.absent), unread=unread), dict[str, Issue]()
    for number, issue in read.found.items():
        if context.is_here(issue):
            here[number] = issue
        else:
            fate.reasons[number] = MOVED
    if not here:
        return fate
    searchable = _searchable(api, context.inside, list(here))
    fate.reasons.update((number, ARCHIVED) for number in here if number not in searchable)
    wanted = searchable
    if context.is_filtered and searchable:
        wanted = _searchable(api, context.wanted, [number for number in here if number in searchable])
        fate.reasons.update((number, LEFT_OUT) for number in searchable if number not in wanted)
    fate.present.update((number, issue) for number, issue in here.items() if number in wanted)
    return fate


def _searchable(api: JiraApi, where: str, ids: list[str]) -> set[str]:
    return api.ids(where) & set(ids) if len(ids) > MANY else api.searchable(where, ids)
