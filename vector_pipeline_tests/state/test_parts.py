"""The store is put together of parts: a name that two of them define would hide one of the two without a word."""

from __future__ import annotations

from collections import defaultdict

from vector_pipeline.state.part import Part
from vector_pipeline.state.store import StateStore


def test_no_two_parts_of_the_store_define_the_same_name() -> None:
    definers: defaultdict[str, list[str]] = defaultdict(list)
    for part in StateStore.__mro__:
        if issubclass(part, Part):
            for name in vars(part):
                if not name.startswith("__"):
                    definers[name].append(part.__name__)
    assert len(definers) > 100, "looked at the wrong classes"
    assert {name: parts for name, parts in definers.items() if len(parts) > 1} == {}
