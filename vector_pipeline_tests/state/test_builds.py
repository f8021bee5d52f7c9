"""Several builds side by side: chunks per way of cutting, collections with what they were made from, and migration."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from vector_pipeline.documents import hash16
from vector_pipeline.state import migrate
from vector_pipeline.state.engine import Database
from vector_pipeline.state.location import Location
from vector_pipeline.state.records import Chunked
from vector_pipeline.state.store import StateStore
from vector_pipeline_tests.state.samples import CONFIG, chunk_all, cut_by, embed_all, point_all, row

OTHER = hash16(b"other")
TEXT = "one\n\ntwo\n\nthree"
NOW = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.fixture
def p(store: StateStore) -> int:
    """A partition."""
    return store.partition("docs").partition_id


def execute(location: Location, statement: str) -> list[tuple[object, ...]]:
    """Runs a statement on the tables; `{p}` is their prefix."""
    database = Database(location)
    with database.write() as connection:
        result = connection.execute(sa.text(statement.format(p=location.prefix)))
        rows = [tuple(found) for found in result] if result.returns_rows else []
    database.close()
    return rows


def test_a_document_has_chunks_of_each_way_of_cutting_at_the_same_time(store: StateStore, p: int) -> None:
    a, b = row("a", TEXT), row("b", TEXT)
    store.apply_documents(p, [a, b], "r")
    one, other = cut_by(store), cut_by(store, OTHER)
    assert one == store.chunking_no(CONFIG) != other
    assert len(chunk_all(store, p)) == len(chunk_all(store, p, config=OTHER)) == 2
    assert chunk_all(store, p) == chunk_all(store, p, config=OTHER) == []
    assert (store.count_chunks(p, one), store.count_chunks(p, other)) == (6, 6)
    store.apply_documents(p, [row("a", "one")], "r")
    chunk_all(store, p)
    assert (store.count_chunks(p, one), store.count_chunks(p, other)) == (4, 6)
    found = {number: store.document(a.document_id, number) for number in (one, other)}
    assert {number: len(document.chunks) for number, document in found.items() if document} == {one: 1, other: 3}
    assert sum(map(len, store.derived_points(one))) == 4
    assert len(store.texts_to_embed(p, after=-1, model=store.model_no("m"), chunking=one)) == 3
    store.delete_documents(p, [b.document_id], "r")
    chunk_all(store, p)
    assert (store.count_chunks(p, one), store.sizes()["chunks"]) == (1, 1 + 6)
    store.drop_partition("docs")
    assert (store.sizes()["chunks"], store.sizes()["chunked"]) == (0, 0)


def test_a_document_whose_present_text_was_not_cut_yet_says_so(store: StateStore, p: int) -> None:
    store.apply_documents(p, [row("a", TEXT)], "r")
    chunk_all(store, p)
    model, one, other = store.model_no("m"), cut_by(store), cut_by(store, OTHER)
    [numbers] = store.documents_to_point(p, after=-1, chunking=one)
    assert [store.desired_points(numbers, model, each)[0].chunk_error for each in (one, other)] == ["", "not cut yet"]
    store.apply_documents(p, [row("a", "new")], "r")
    assert store.desired_points(numbers, model, one)[0].chunk_error == "not cut yet"


def test_collections_keep_what_they_were_made_from_and_when_searches_used_them(store: StateStore) -> None:
    store.record_settings("old", {"chunking": {"target_chars": 1}}, NOW)
    store.record_live("old", NOW)
    store.record_settings("new", {"chunking": {"target_chars": 2}}, NOW + timedelta(1))
    store.record_settings("new", {"chunking": {"target_chars": 3}}, NOW + timedelta(2))
    store.target_no("asked about")
    store.record_live("new", NOW + timedelta(3))
    asked, new, old = store.target_records()
    assert (asked.state, asked.settings, asked.created_at) == ("building", None, None)
    assert (new.state, new.settings, new.created_at) == ("live", {"chunking": {"target_chars": 3}}, NOW + timedelta(1))
    assert (new.complete_at, new.retired_at) == (NOW + timedelta(3), None)
    assert (old.state, old.complete_at, old.retired_at) == ("former", NOW, NOW + timedelta(3))
    store.record_live("old", NOW + timedelta(4))
    store.record_state("new", "rejected")
    found = {target.collection: target for target in store.target_records()}
    assert (found["old"].state, found["old"].complete_at, found["old"].retired_at) == ("live", NOW, None)
    assert (found["new"].state, found["new"].retired_at) == ("rejected", NOW + timedelta(4))


def test_documents_that_only_the_other_collection_holds_are_named_but_for_those_without_text(
    store: StateStore, p: int
) -> None:
    model, old, new = store.model_no("m"), store.target_no("old"), store.target_no("new")
    rows = [row("a", TEXT), row("refused", "x"), row("blank", "y"), row("gone", "z")]
    store.apply_documents(p, rows, "r")
    chunk_all(store, p)
    point_all(store, p, old, model)
    chunking = cut_by(store, OTHER)
    documents = {
        one.native_id: one for batch in store.documents_to_chunk(p, after=-1, chunking=chunking) for one in batch
    }
    blank, refused = documents[b"blank"], documents[b"refused"]
    store.replace_chunks(p, chunking, [Chunked(blank.document_no, blank.content_hash, [])])
    store.replace_chunks(p, chunking, [Chunked(refused.document_no, refused.content_hash, None, "refused")])
    store.record_points(new, [(b"p" * 16, documents[b"a"].document_no, b"f" * 16)], [])
    store.delete_documents(p, [rows[3].document_id], "r")
    assert store.missing_documents(new, old, chunking, 5) == (1, ["file:///refused"])
    assert store.missing_documents(old, new, cut_by(store), 5) == (0, [])


def test_embedded_chunks_and_documents_with_points_are_counted(store: StateStore, p: int) -> None:
    model, target = store.model_no("m"), store.target_no("c")
    store.apply_documents(p, [row("a", TEXT), row("b", "four")], "r")
    chunk_all(store, p)
    assert (store.count_embedded(cut_by(store), model), store.count_pointed_documents(target)) == (0, 0)
    embed_all(store, p, model)
    point_all(store, p, target, model)
    assert (store.count_embedded(cut_by(store), model), store.count_pointed_documents(target)) == (4, 2)
    assert store.count_embedded(cut_by(store, OTHER), model) == 0


def test_migrating_down_and_up_keeps_what_was_cut_and_how_far_stages_had_come(location: Location) -> None:
    with StateStore.open(location) as store:
        p = store.partition("docs").partition_id
        store.apply_documents(p, [row("a", TEXT), row("b", "four"), row("empty", "")], "r")
        chunk_all(store, p)
        store.apply_documents(p, [row("b", "five")], "r")
        store.apply_documents(p, [row("c", "six")], "r")
        chunk_all(store, p)
        point_all(store, p, store.target_no("c"), store.model_no("m"))
        store.record_settings("c", {"distance": "Dot"}, NOW)
        [held, *_] = store.find_documents(pattern="a", chunking=cut_by(store))
        before = store.document(held.document_id, cut_by(store))
        store.set_cursor(p, "documents", b"s" * 16, 0)
        store.set_cursor(p, f"chunks@{CONFIG.hex()[:16]}", CONFIG, 4)
    migrate.rollback(location, "0002")
    hashes = execute(location, "SELECT DISTINCT config_hash FROM {p}chunked")
    assert [bytes(found[0]) for found in hashes] == [CONFIG]  # type: ignore[arg-type]
    assert execute(location, "SELECT count(*) FROM {p}chunks") == [(5,)]
    assert execute(location, "SELECT stage FROM {p}cursors ORDER BY 1") == [("documents",)]
    number = p
    execute(
        location,
        f"INSERT INTO {{p}}cursors (partition_id, stage, config_hash, revision) "
        f"SELECT {number}, 'chunks', config_hash, 3 FROM {{p}}chunked LIMIT 1",
    )
    with StateStore.open(location) as store:
        assert chunk_all(store, p) == []
        assert store.document(held.document_id, cut_by(store)) == before
        cursor = store.cursor(p, f"chunks@{CONFIG.hex()[:16]}")
        assert cursor is not None
        assert (cursor.config_hash, cursor.revision) == (CONFIG, 3)
        assert store.cursor(p, "documents") is not None
        assert point_all(store, p, store.target_no("c"), store.model_no("m")) == (0, 0)
        [target] = store.target_records()
        assert (target.settings, target.created_at, target.state) == (None, None, "building")
        assert store.sizes()["gc_marks"] == 0


def test_migrating_down_keeps_the_way_of_cutting_that_most_documents_have(location: Location) -> None:
    with StateStore.open(location) as store:
        p = store.partition("docs").partition_id
        store.apply_documents(p, [row("a", TEXT)], "r")
        chunk_all(store, p, config=OTHER)
        store.apply_documents(p, [row("b", TEXT)], "r")
        chunk_all(store, p)
    migrate.rollback(location, "0002")
    hashes = execute(location, "SELECT DISTINCT config_hash FROM {p}chunked")
    assert [bytes(found[0]) for found in hashes] == [CONFIG]  # type: ignore[arg-type]
    with StateStore.open(location) as store:
        assert chunk_all(store, p) == []
        assert len(chunk_all(store, p, config=OTHER)) == 2


def test_migrating_an_empty_store_down_and_up_works(location: Location) -> None:
    migrate.upgrade(location)
    migrate.rollback(location, "0002")
    with StateStore.open(location) as store:
        assert store.sizes()["chunkings"] == 0
