"""Who may read: the labels a reader satisfies, to be compared with the `access` labels of points.

Pure. A document's label is one principal, or several joined by "+" of which a reader must be all: a page below two
restrictions. A document without labels is open to everybody who may search.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations

MOST_JOINED = 3
"""Principals in one label; sources drop longer combinations, which only hides."""

MOST_LABELS = 20_000
"""Labels of one query; beyond it, combinations of three and then of two are left out, which only hides."""


def reader_labels(groups: Iterable[str], users: Iterable[str] = ()) -> list[str]:
    """The labels that a member of these groups, or one of these users, satisfies, sorted.

    A name with a colon is taken for a whole label ("space:ENG", "security:Internal"); another one stands for the group
    or user of that name, and for the label of exactly that name, as settings may give it.
    """
    principals = {label for name in groups for label in _labels("group", name)}
    principals |= {label for name in users for label in _labels("user", name)}
    named = sorted(label for label in principals if ":" in label)
    labels = set(principals)
    for size in range(2, MOST_JOINED + 1):
        joined = {"+".join(several) for several in combinations(named, size)}
        if len(labels) + len(joined) > MOST_LABELS:
            break
        labels |= joined
    return sorted(labels)


def _labels(kind: str, name: str) -> tuple[str, ...]:
    return (name,) if ":" in name else (name, f"{kind}:{name}")
