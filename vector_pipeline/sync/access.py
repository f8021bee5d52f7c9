"""Who may read: the labels a reader satisfies, to be compared with the `access` labels of points.

Pure. A document's label is one principal, or several joined by "+" of which a reader must be all: a page below two
restrictions. A document without labels is open to everybody who may search.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations
from math import comb

from vector_pipeline.sources.access_labels import NOBODY

MOST_JOINED = 3
"""Principals in one label; sources drop longer combinations, which only hides."""

MOST_LABELS = 20_000
"""Labels of one query; beyond it, combinations of three and then of two are left out, which only hides."""


def reader_labels(groups: Iterable[str], users: Iterable[str] = ()) -> list[str]:
    """The labels that a member of these groups, or one of these users, satisfies, sorted.

    A name with a colon is taken for a whole label ("space:ENG", "security:OPS/Internal"). Another one stands for the
    group or user of that name; a group also for the label of exactly that name, as settings may give it: who can choose
    a user name must not choose a label by it. Nobody has the label that sources give to what no reader may see.
    """
    labels = {label for name in groups for label in ((name,) if ":" in name else (name, f"group:{name}"))}
    labels |= {name if ":" in name else f"user:{name}" for name in users}
    named = sorted(labels)
    for size in range(2, MOST_JOINED + 1):
        if len(labels) + comb(len(named), size) > MOST_LABELS:
            break
        labels |= {"+".join(several) for several in combinations(named, size)}
    return sorted(labels - {NOBODY})
