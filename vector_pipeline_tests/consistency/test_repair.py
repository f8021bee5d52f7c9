"""Repair: whatever was damaged is mended, by no more than has to be done."""

from __future__ import annotations

import random
import shutil
from collections import Counter
from pathlib import Path

import pytest

from vector_pipeline.consistency.mending import mend
from vector_pipeline.consistency.repair_plan import PartitionPlan
from vector_pipeline.consistency.repairing import Repair, Wanted, examine, repair, repairable
from vector_pipeline.state.mending import MendingPart
from vector_pipeline.sync.pipeline import Pipeline
from vector_pipeline_tests.consistency.damage import A, B, held_by, in_store, points_of, stored
from vector_pipeline_tests.consistency.faults import FAULTS, Fault, document_of
from vector_pipeline_tests.project import Project, Snapshot
from vector_pipeline_tests.sync.exactness import assert_exact, due

CHECKS = (
    "points_match_state",
    "counts_match",
    "vectors_valid",
    "payloads_valid",
    "chunks_cover_documents",
    "no_partial_documents",
)
MORE_CHECKS = ("retrievable", "source_spot_check")
EVERYTHING = Wanted(checks=CHECKS, full=True)
WRITTEN, CUT = {"points written": 1}, {"documents cut": 1}
REMOVED, PURGED = {"points removed": 1}, {"sources purged": 1}
EMBEDDED = {"texts embedded": 1}
REMOVED_ALL = {"points removed": 3}
READ = {"documents read": 1, "points written": 3}

NEEDED: dict[str, dict[str, int]] = {
    "a_point_deleted_behind_our_back": WRITTEN,
    "all_points_of_a_document_deleted": {"points written": 3},
    "half_of_a_document_deleted": WRITTEN,
    "a_payload_edited": WRITTEN,
    "a_payload_edited_and_its_hash": WRITTEN,
    "a_payload_without_its_hash": WRITTEN,
    "a_vector_of_zeros": WRITTEN,
    "a_vector_replaced_by_another": WRITTEN,
    "the_sparse_vector_of_another_text": WRITTEN,
    "no_sparse_vector": WRITTEN,
    "a_stored_vector_damaged": EMBEDDED | WRITTEN,
    "a_stored_vector_lost": EMBEDDED | WRITTEN,
    "a_record_lost": WRITTEN,
    "a_record_of_another_version": WRITTEN,
    "an_orphan": REMOVED,
    "an_orphan_of_no_source": REMOVED,
    "a_point_of_a_removed_source": PURGED,
    "a_point_of_another_source": WRITTEN,
    "points_written_and_not_recorded": WRITTEN | REMOVED,
    "points_recorded_and_not_written": REMOVED,
    "a_chunk_lost": CUT | WRITTEN,
    "a_chunk_of_another_place": CUT | WRITTEN,
    "the_text_of_a_chunk_damaged": CUT | EMBEDDED,
    "the_text_of_a_chunk_lost": CUT | EMBEDDED,
    "the_text_of_a_document_altered": READ | CUT,
    "the_text_of_a_document_lost": READ | CUT,
    "a_document_never_cut": CUT | {"points written": 3},
    "chunks_of_a_deleted_document": {},
    "the_row_of_a_document_lost": REMOVED_ALL | READ | CUT,
    "the_metadata_of_a_document_altered": READ,
    "a_stale_chunk": CUT,
    "a_document_cut_into_nothing": CUT | {"points written": 3},
    "a_point_that_no_search_finds": WRITTEN,
    "a_document_that_is_not_the_sources": READ,
}
"""What the mending of each fault takes, and no more."""

MUCH = (
    "all_points_of_a_document_deleted",
    "a_payload_edited",
    "a_vector_of_zeros",
    "a_stored_vector_damaged",
    "a_record_lost",
    "an_orphan",
    "an_orphan_of_no_source",
    "a_point_of_a_removed_source",
    "the_text_of_a_document_altered",
    "the_text_of_a_document_lost",
    "chunks_of_a_deleted_document",
)


def harm(project: Project, *faults: str) -> None:
    """Puts faults into the project."""
    with project.open() as pipeline, pipeline.index.session(pipeline.collection):
        for fault in FAULTS:
            if fault.name in faults:
                fault.inject(pipeline, random.Random(fault.name))


def mended(project: Project, wanted: Wanted = EVERYTHING) -> Repair:
    """A repair."""
    with project.open() as pipeline, pipeline.index.session(pipeline.collection):
        return repair(pipeline, wanted)


def killed_after(project: Project, mark: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A repair that ends right after a mark."""
    original = getattr(MendingPart, mark)

    def dying(self: MendingPart, *args: object, **named: object) -> None:
        original(self, *args, **named)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(MendingPart, mark, dying)
        with pytest.raises(KeyboardInterrupt):
            mended(project)


def counted(outcome: Repair) -> dict[str, int]:
    """All that was done, added up."""
    total: Counter[str] = Counter()
    for done in outcome.done:
        assert not done.error, done.error
        total.update(done.counts)
    return dict(total)


def found(outcome: Repair) -> list[object]:
    """What the checks found afterwards."""
    return [(result.name, result.error, result.table.rows()) for result in outcome.after or () if not result.passed]


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault.name in NEEDED], ids=lambda fault: fault.name)
def test_a_fault_is_mended_by_no_more_than_has_to_be_done(healthy: Project, before: Snapshot, fault: Fault) -> None:
    with healthy.open() as pipeline, pipeline.index.session(pipeline.collection):
        fault.inject(pipeline, random.Random(fault.name))
        outcome = repair(pipeline, Wanted(checks=sorted(fault.found_by | {"points_match_state"}), full=True))
        assert held_by(pipeline) == before
    assert not all(result.passed for result in outcome.before)
    assert found(outcome) == []
    assert outcome.passed
    assert counted(outcome) == NEEDED[fault.name]


def test_every_fault_that_is_damage_has_its_mending_told() -> None:
    damage = {fault.name for fault in FAULTS if fault.found_by and fault.found_by <= {*CHECKS, *MORE_CHECKS}}
    assert damage == NEEDED.keys()


def test_after_much_damage_the_collection_equals_one_built_afresh(healthy: Project) -> None:
    harm(healthy, *MUCH)
    assert found(mended(healthy)) == []
    assert_exact(healthy)
    assert due(healthy, A) is None
    again = mended(healthy)
    assert again.plan.is_empty
    assert again.after is None


def test_looking_changes_nothing(healthy: Project) -> None:
    harm(healthy, "half_of_a_document_deleted", "the_text_of_a_document_altered", "an_orphan", "a_chunk_lost")
    with healthy.open() as pipeline:
        rows, points = stored(pipeline), healthy.snapshot()
        assert not examine(pipeline, EVERYTHING).plan.is_empty
        assert stored(pipeline) == rows
    assert healthy.snapshot() == points


def test_a_document_whose_text_is_damaged_is_read_rather_than_cut(healthy: Project, before: Snapshot) -> None:
    with healthy.open() as pipeline:
        document = document_of(pipeline, points_of(pipeline)[0])
        statement = (
            "UPDATE texts SET body = x'ff' WHERE text_no = (SELECT text_no FROM documents WHERE document_id = ?)"
        )
        assert in_store(pipeline, statement, document) == 1
        done = mend(pipeline, PartitionPlan(A, cut=(document,)), "a repair")
    assert done["documents read"] == 1
    assert healthy.snapshot() == before


def test_damaged_text_never_reaches_the_collection_where_the_source_is_away(healthy: Project, before: Snapshot) -> None:
    with healthy.open() as pipeline:
        point = points_of(pipeline)[0]
        document = document_of(pipeline, point)
        statement = "UPDATE texts SET body = ? WHERE text_no = (SELECT text_no FROM documents WHERE document_id = ?)"
        assert in_store(pipeline, statement, b"# Rotten", document) == 1
        pipeline.index.delete(pipeline.collection, [point.point_id])
    folder = healthy.folder.parent / "a"
    away = folder.rename(folder.with_name("away"))
    try:
        outcome = mended(healthy)
        assert not outcome.passed
        assert A in outcome.done[0].error
        assert healthy.snapshot() <= before
    finally:
        away.rename(folder)
    healthy.sync()
    assert found(mended(healthy)) == []
    assert healthy.snapshot() == before


@pytest.mark.parametrize("mark", ["disown_texts", "read_again", "forget_chunked", "drop_vectors", "forget_points"])
def test_a_repair_that_was_killed_after_a_mark_harms_nothing(
    healthy: Project, before: Snapshot, monkeypatch: pytest.MonkeyPatch, mark: str
) -> None:
    """The next sync does what was marked; what no mark was made for, the next repair finds."""
    harm(healthy, "a_stored_vector_damaged")
    harm(healthy, "the_text_of_a_document_altered", "half_of_a_document_deleted", "a_chunk_lost", "an_orphan")
    killed_after(healthy, mark, monkeypatch)
    healthy.sync()
    assert found(mended(healthy)) == []
    assert healthy.snapshot() == before


def test_what_makes_way_for_a_lost_document_leaves_its_source_to_be_listed(
    healthy: Project, before: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    harm(healthy, "the_row_of_a_document_lost")
    killed_after(healthy, "drop_unowned", monkeypatch)
    assert [reason.reason for name in (A, B) if (reason := due(healthy, name))] == ["never synced"]
    healthy.sync()
    assert healthy.snapshot() == before


def test_chunks_of_a_document_of_which_nothing_else_is_left_are_no_more_in_its_way(
    healthy: Project, before: Snapshot
) -> None:
    """Whose it was, nobody knows, so it comes back when its source is listed."""
    with healthy.open() as pipeline:
        point = points_of(pipeline)[0]
        document = document_of(pipeline, point)
        mine = [one.point_id for one in points_of(pipeline) if document_of(pipeline, one) == document]
        pipeline.index.delete(pipeline.collection, mine)
        assert in_store(pipeline, "DELETE FROM documents WHERE document_id = ?", document) == 1
    outcome = mended(healthy, Wanted(checks=("chunks_cover_documents",)))
    assert [(done.partition, done.error) for done in outcome.done] == [("?", "")]
    assert found(outcome) == []
    healthy.sync()
    assert healthy.snapshot() == before


def test_a_point_that_was_recorded_since_the_check_looked_is_not_removed(healthy: Project, before: Snapshot) -> None:
    with healthy.open() as pipeline:
        point = points_of(pipeline)[0].point_id
        for partition in (A, "?"):
            assert not mend(pipeline, PartitionPlan(partition, remove=(point,)), "a repair").get("points removed")
    assert healthy.snapshot() == before


def test_a_source_that_is_behind_is_synced_where_the_plan_says_so(healthy: Project) -> None:
    path = healthy.folder.parent / "a" / "new.md"
    path.write_text("# New\n\nWritten since.\n")
    try:
        with healthy.open() as pipeline:
            done = mend(pipeline, PartitionPlan(A, sync=True), "a repair")
        assert (done["documents cut"], done["points written"]) == (1, 1)
        assert "new.md" in healthy.paths()
    finally:
        path.unlink()


def test_a_named_source_is_mended_and_no_other(healthy: Project, before: Snapshot) -> None:
    with healthy.open() as pipeline:
        for source in (A, B):
            pipeline.index.delete(pipeline.collection, [points_of(pipeline, source)[0].point_id])
    assert [done.partition for done in mended(healthy, Wanted([B], CHECKS)).done] == [B]
    assert len(before) - len(healthy.snapshot()) == 1


def test_only_what_the_named_check_finds_is_mended(healthy: Project) -> None:
    harm(healthy, "an_orphan", "no_sparse_vector")
    assert counted(mended(healthy, Wanted(checks=("vectors_valid",), full=True))) == WRITTEN


def test_a_source_that_left_the_settings_is_purged(healthy: Project) -> None:
    with healthy.open() as pipeline:
        pipeline.index.delete(pipeline.collection, [points_of(pipeline)[0].point_id])
    sources = healthy.settings["sources"]["local_files"]
    healthy.settings["sources"]["local_files"] = {"b": sources["b"]}
    healthy.write()
    try:
        assert counted(mended(healthy)) == PURGED
        assert {row["source"] for row in healthy.search("harvest", 20)} == {B}
    finally:
        healthy.settings["sources"]["local_files"] = sources
        healthy.write()


def test_a_lost_or_unreadable_collection_is_built_again(healthy: Project, before: Snapshot) -> None:
    def shard(pipeline: Pipeline) -> Path:
        return Path(pipeline.index.location) / "collections" / pipeline.collection

    with healthy.open() as pipeline:
        shutil.rmtree(shard(pipeline))
    outcome = mended(healthy)
    assert "gone" in outcome.plan.rebuild
    assert outcome.passed
    assert healthy.snapshot() == before
    with healthy.open() as pipeline:
        (shard(pipeline) / "schema.json").write_text("{")
    outcome = mended(healthy)
    assert "can't be read" in outcome.plan.rebuild
    assert outcome.passed
    assert healthy.snapshot() == before
    assert healthy.search("harvest")


def test_what_nothing_mends_is_tried_harder_and_then_named(healthy: Project) -> None:
    with healthy.open() as pipeline:
        rot = "UPDATE points SET fingerprint = x'00112233445566778899aabbccddeeff' WHERE chunk_id = new.chunk_id"
        for when in (
            "INSERT ON points",
            "UPDATE ON points WHEN new.fingerprint <> x'00112233445566778899aabbccddeeff'",
        ):
            in_store(pipeline, f"CREATE TRIGGER rot{len(when)} AFTER {when} BEGIN {rot}; END")
        pipeline.index.delete(pipeline.collection, [points_of(pipeline)[0].point_id])
    outcome = mended(healthy, Wanted(checks=("points_match_state",)))
    assert not outcome.passed
    tried = [sorted({action for _, _, action in plan.actions}) for plan in outcome.plans]
    assert tried[:3] == [["write"], ["cut"], ["fetch"]]
    assert [(left.check, left.partition) for left in outcome.plans[-1].left] == [("points_match_state", A)]


def test_the_collection_that_searches_use_is_mended_before_the_next_one_is_built(
    healthy: Project, before: Snapshot
) -> None:
    harm(healthy, "an_orphan", "a_vector_of_zeros", "the_text_of_a_document_altered")
    healthy.settings["embedding"] = {"dimensions": 128}
    healthy.write()
    try:
        with healthy.open() as pipeline:
            (live,) = repairable(pipeline)
            assert live.collection != pipeline.collection
            assert repair(live, EVERYTHING).passed
    finally:
        del healthy.settings["embedding"]
        healthy.write()
    assert healthy.snapshot() == before
