"""The planners against plain Python that says the same, over many small random worlds."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from vector_pipeline.documents import Item, frame_items, listing_frame
from vector_pipeline.sync.planning import (
    EXPECTED,
    FAILED,
    HELD,
    DocumentPlan,
    brake_holds,
    count_vanished,
    plan_documents,
    plan_points,
)

ids = st.sampled_from([b"a", b"b", b"c.md", b"\xff", b"d/e"])
versions = st.sampled_from(["1", "2", "3"])
contents = st.sampled_from([b"x" * 16, b"y" * 16, b"z" * 16])


@dataclass(frozen=True)
class World:
    """What is upstream, what is held (version, content), what failed (version, due)."""

    listed: dict[bytes, str]
    held: dict[bytes, tuple[str, bytes]]
    failed: dict[bytes, tuple[str, bool]]
    removed: frozenset[bytes] = frozenset()
    unlisted: frozenset[bytes] = frozenset()

    def plan(self, *, complete: bool = True, refetch: bool = False) -> DocumentPlan:
        return plan_documents(
            listing_frame(Item(native_id, version) for native_id, version in self.listed.items()),
            held_frame(self.held),
            pl.DataFrame(
                [(b"id " + native_id, native_id, version, due) for native_id, (version, due) in self.failed.items()],
                schema=FAILED,
                orient="row",
            ),
            complete=complete,
            removed=sorted(self.removed),
            unlisted_failures=sorted(self.unlisted),
            refetch=refetch,
        )


def held_frame(held: dict[bytes, tuple[str, bytes]]) -> pl.DataFrame:
    rows = [(b"id " + native_id, native_id, version, content) for native_id, (version, content) in held.items()]
    return pl.DataFrame(rows, schema=HELD, orient="row")


def fetched(plan: DocumentPlan) -> set[bytes]:
    return {item.native_id for item in frame_items(plan.fetch)}


def deleted(plan: DocumentPlan) -> set[bytes]:
    return set(plan.delete["native_id"].to_list())


worlds = st.builds(
    World,
    st.dictionaries(ids, versions),
    st.dictionaries(ids, st.tuples(versions, contents)),
    st.dictionaries(ids, st.tuples(versions, st.booleans())),
    st.frozensets(ids),
    st.frozensets(ids),
)


def must_fetch(world: World, native_id: bytes, refetch: bool) -> bool:
    version = world.listed[native_id]
    failed_version, due = world.failed.get(native_id, ("", False))
    if due or refetch:
        return True
    if failed_version == version:
        return False
    return native_id not in world.held or world.held[native_id][0] != version


@given(worlds, st.booleans(), st.booleans())
def test_what_is_fetched_is_what_is_new_changed_or_due(world: World, complete: bool, refetch: bool) -> None:
    plan = world.plan(complete=complete, refetch=refetch)
    assert fetched(plan) == {native_id for native_id in world.listed if must_fetch(world, native_id, refetch)}
    assert plan.fetch.height + plan.unchanged == len(world.listed)
    known = dict(plan.fetch.select("native_id", "known").iter_rows())
    assert known == {native_id: native_id in world.held for native_id in known}


@given(worlds, st.booleans())
def test_a_census_deletes_exactly_what_it_lacks_and_can_list(world: World, refetch: bool) -> None:
    plan = world.plan(refetch=refetch)
    assert deleted(plan) == world.held.keys() - world.listed.keys() - world.unlisted


@given(worlds)
def test_a_delta_deletes_only_what_it_names(world: World) -> None:
    plan = world.plan(complete=False)
    assert deleted(plan) == (world.held.keys() & world.removed) - world.listed.keys() - world.unlisted


@given(worlds, st.booleans())
def test_a_document_leaves_quarantine_when_it_is_gone_or_back_at_the_held_version(world: World, complete: bool) -> None:
    plan = world.plan(complete=complete)
    absent = world.failed.keys() - world.listed.keys() - world.unlisted
    gone = absent if complete else absent & world.removed
    back = {
        native_id
        for native_id, (version, due) in world.failed.items()
        if not due and native_id in world.listed and native_id in world.held
        if version != world.listed[native_id] == world.held[native_id][0]
    }
    assert sorted(plan.release) == sorted(b"id " + native_id for native_id in gone | back)


@given(st.dictionaries(ids, st.tuples(versions, contents)))
def test_what_is_held_as_listed_needs_nothing(held: dict[bytes, tuple[str, bytes]]) -> None:
    plan = World({native_id: version for native_id, (version, _) in held.items()}, held, {}).plan()
    assert plan.fetch.is_empty()
    assert plan.delete.is_empty()
    assert plan.release == []
    assert plan.unchanged == len(held)


def test_a_rename_the_source_knows_of_takes_no_text_away() -> None:
    held = held_frame({b"old": ("1", b"x" * 16), b"gone": ("1", b"y" * 16), b"copy": ("1", b"z" * 16)})
    listed = listing_frame([Item(b"new", "1", previous_id=b"old")])
    empty = pl.DataFrame(schema=FAILED)
    plan = plan_documents(listed, held, empty, complete=True, removed=[], unlisted_failures=[])
    assert deleted(plan) == {b"old", b"gone", b"copy"}
    assert count_vanished(plan.delete, set()) == 2
    assert count_vanished(plan.delete, {b"z" * 16}) == 1


@given(st.integers(0, 500), st.integers(0, 500), st.integers(0, 50), st.floats(0, 1))
def test_the_brake_needs_both_the_number_and_the_share(vanished: int, rest: int, documents: int, share: float) -> None:
    held = vanished + rest
    holds = brake_holds(vanished, held, documents=documents, share=share)
    assert holds == (vanished > documents and vanished > share * held)
    if vanished <= 20:
        assert not brake_holds(vanished, held, documents=20, share=0.2)


points = st.dictionaries(st.binary(min_size=1, max_size=2), st.sampled_from([b"1", b"2"]), max_size=8)


@given(points, points)
def test_carrying_out_a_points_plan_gives_the_desired_points(
    desired: dict[bytes, bytes], held: dict[bytes, bytes]
) -> None:
    plan = plan_points(points_frame(desired), points_frame(held))
    after = {**held, **{chunk_id: desired[chunk_id] for chunk_id in plan.upsert}}
    for chunk_id in plan.delete:
        del after[chunk_id]
    assert after == desired
    assert all(held.get(chunk_id) != desired[chunk_id] for chunk_id in plan.upsert)
    assert not set(plan.upsert) & set(plan.delete)


def points_frame(fingerprints: dict[bytes, bytes]) -> pl.DataFrame:
    return pl.DataFrame(list(fingerprints.items()), schema=EXPECTED, orient="row")
