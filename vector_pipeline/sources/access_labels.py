"""Access labels: who may read a document, as words that a filter compares with what a reader is.

Pure. A reader is a set of principals (`group:staff`, `user:ada`). Where several restrictions hold at once, a label
joins the principals that are needed together with "+".
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence, Set

MOST_JOINED = 3
"""Principals in one label."""
MOST_LABELS = 200
"""Labels of one document."""
NOBODY = "nobody"
"""The label of what no label can express: no reader has it. An empty list would look like no restriction at all."""

_MOST_KEPT = 5 * MOST_LABELS
"""Combinations kept while levels are joined: the work stays bounded whatever the levels are."""
_MOST_MADE = 20 * MOST_LABELS
"""Combinations made for one level, of which those are kept: more would only be dropped again."""
_LOOKS_JOINED = re.compile(r"\+(?:user|group|space|project|security):")
_Combination = frozenset[str]


def combine_levels(levels: Sequence[Set[str]]) -> list[str]:
    """The labels of which a reader needs one, when a reader must be among the principals of every level.

    They are the minimal combinations, sorted: a label that needs more than another one is left out. What needs more
    than three principals, or comes after the first 200 labels, is dropped, which only hides. No levels give no labels,
    and so does a level that names nobody.
    """
    needed = _needed(levels)
    shared = Counter(name for level in needed for name in level)
    combinations: set[_Combination] = {frozenset()}
    for level in needed:
        names = sorted(
            level, key=lambda name: (-shared[name], name)
        )  # one that is in several levels makes short labels
        combinations = _minimal(_extended(combinations, level, names[: max(1, _MOST_MADE // len(combinations))]))
        if not combinations:
            return []
    return sorted("+".join(sorted(one)) for one in _shortest(combinations, MOST_LABELS) if one)


def _needed(levels: Sequence[Set[str]]) -> list[_Combination]:
    """The levels, small ones first, without those that a smaller one implies; names that look joined are dropped."""
    cleaned = {frozenset(name for name in level if name and not _LOOKS_JOINED.search(name)) for level in levels}
    needed: list[_Combination] = []
    for level in sorted(cleaned, key=lambda one: (len(one), sorted(one))):
        if not any(smaller <= level for smaller in needed):
            needed.append(level)
    return needed


def _extended(combinations: Iterable[_Combination], level: _Combination, names: Sequence[str]) -> set[_Combination]:
    """Each combination that satisfies the level, and each other one with one of the names."""
    extended: set[_Combination] = set()
    for one in combinations:
        if one & level:
            extended.add(one)
        elif len(one) < MOST_JOINED:
            extended.update(one | {name} for name in names)
    return extended


def _minimal(combinations: set[_Combination]) -> set[_Combination]:
    """Without combinations that contain another one; of very many only the shortest."""
    kept: set[_Combination] = set()
    for one in _shortest(combinations, len(combinations)):
        if len(kept) == _MOST_KEPT:
            break
        if not any(part in kept for part in _parts(one)):
            kept.add(one)
    return kept


def _parts(combination: _Combination) -> list[_Combination]:
    """All proper parts of a combination that name somebody: at most six."""
    found: list[_Combination] = [combination - {name} for name in combination]
    found += [frozenset({name}) for name in combination]
    return [part for part in found if part and part != combination]


def _shortest(combinations: Iterable[_Combination], number: int) -> list[_Combination]:
    return sorted(combinations, key=lambda one: (len(one), sorted(one)))[:number]
