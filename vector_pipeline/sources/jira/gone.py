"""Why issues that are held are not in a listing: nothing leaves the index before the site said so of it.

A search index lags behind and may be incomplete, so an absent issue is asked for by its id; only what is there, in this
project, searchable and wanted stays. Deletion leaves no trace and looks like a withdrawn permission on Cloud;
an archived issue is in no search but still answers by id.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from vector_pipeline.sources.jira.api import ARCHIVED, AT_ONCE, LEFT_OUT, MOVED, Read
from vector_pipeline.sources.jira.context import Context, batches
from vector_pipeline.sources.jira.values import Issue


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of issues: those that are there after all, with their listed fields, and why the others are not."""

    present: dict[str, Issue] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)


def find_fate(context: Context, ids: Collection[str]) -> Fate:
    """Asks for every one of the ids. Raises SourceError."""
    api, fate = context.api, Fate()

    def read(some: list[str]) -> Read:
        return api.read(some, context.listed_fields)

    here: dict[str, Issue] = {}
    for answer in api.site.each(read, batches(sorted(ids, key=int), AT_ONCE)):
        fate.reasons.update(answer.absent)
        for number, issue in answer.found.items():
            if context.is_here(issue):
                here[number] = issue
            else:
                fate.reasons[number] = MOVED
    if not here:
        return fate
    searchable = api.searchable(context.inside, list(here))
    fate.reasons.update((number, ARCHIVED) for number in here if number not in searchable)
    wanted = searchable
    if context.is_filtered and searchable:
        wanted = api.searchable(context.wanted, [number for number in here if number in searchable])
        fate.reasons.update((number, LEFT_OUT) for number in searchable if number not in wanted)
    fate.present.update((number, issue) for number, issue in here.items() if number in wanted)
    return fate
