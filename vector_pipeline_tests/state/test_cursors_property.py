"""Whatever is applied and deleted in whatever order, cursors lead each stage to exactly the changed work."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from vector_pipeline.documents import content_hash, metadata_hash, text_hash
from vector_pipeline.state.location import Location
from vector_pipeline.state.store import StateStore
from vector_pipeline_tests.state.samples import CONFIG, chunk_all, cut_by, embed_all, point_all, row

NAMES = st.sampled_from("abcdef")
TEXTS = st.lists(st.sampled_from(["x", "y", "z", "\x00", "\ud800"]), max_size=4).map("\n\n".join)
APPLY = st.tuples(st.just("apply"), st.dictionaries(NAMES, st.tuples(TEXTS, st.sampled_from(["T", "U"])), max_size=4))
DELETE = st.tuples(st.just("delete"), st.sets(NAMES, max_size=3))
STAGES = st.tuples(st.sampled_from(["chunk", "embed", "all"]), st.none())


def run(store: StateStore, steps: list[tuple[str, object]]) -> None:
    p, model, target = store.partition("docs").partition_id, store.model_no("m"), store.target_no("c")
    truth: dict[str, tuple[str, str]] = {}
    pending: set[str] = set()  # documents whose content is not chunked yet
    revision = 0

    def advance(stage: str) -> int:
        held = store.cursor(p, stage)
        store.set_cursor(p, stage, CONFIG, store.partition("docs").revision)
        return held.revision if held else -1

    for what, argument in [*steps, ("all", None)]:
        if what == "apply":
            assert isinstance(argument, dict)
            rows = {n: row(n, text, title=title) for n, (text, title) in argument.items()}
            applied = store.apply_documents(p, list(rows.values()), "r")
            new = {n for n in rows if n not in truth}
            changed = {n for n in rows if n in truth and truth[n][0] != argument[n][0]}
            moved = {n for n in rows if n in truth and truth[n][0] == argument[n][0] and truth[n] != argument[n]}
            assert (applied.added, applied.changed, applied.metadata_only) == (len(new), len(changed), len(moved))
            assert applied.unchanged == len(rows) - len(new | changed | moved)
            revision += bool(new | changed | moved)
            pending |= new | changed
            truth.update(argument)
        elif what == "delete":
            assert isinstance(argument, set)
            gone = argument & truth.keys()
            assert store.delete_documents(p, [row(n).document_id for n in argument], "r") == len(gone)
            revision += bool(gone)
            for name in gone:
                del truth[name]
        # A run may end after any stage, but a stage only ever follows the ones before it.
        if what in ("chunk", "embed", "all"):
            done = {uri.removeprefix("file:///") for uri in chunk_all(store, p, advance("chunks"))}
            # A document that returned, or went back to what it was, may need nothing; nothing else is looked at.
            assert done & truth.keys() <= pending
            pending.clear()
            assert chunk_all(store, p) == []
        if what in ("embed", "all"):
            embed_all(store, p, model, advance("embeddings"))
        if what == "all":
            point_all(store, p, target, model, advance("points"))
        assert store.partition("docs").revision == revision

    # One pass over changed work only must have left what a pass over everything finds right.
    assert chunk_all(store, p) == []
    assert store.texts_to_embed(p, after=-1, model=model, chunking=cut_by(store)) == []
    assert point_all(store, p, target, model) == (0, 0)
    derived = {i for f in store.derived_points(cut_by(store)) for i in f["point_id"]}
    assert derived == {i for f in store.expected_points(target) for i in f["point_id"]}
    assert len(store.known_documents(p)) == len(truth)
    for name, (text, title) in truth.items():
        expected = row(name, text, title=title)
        got = store.document(expected.document_id, cut_by(store))
        assert got is not None
        assert (got.text, got.title, got.deleted) == (text, title, False)
        assert [c.text for c in got.chunks] == [part for part in text.split("\n\n") if part]
        assert all(c.chunk_hash == text_hash(c.text) for c in got.chunks)
        known = store.known_documents(p).filter(document_id=expected.document_id).row(0, named=True)
        assert known["content_hash"] == content_hash(expected.document)
        assert known["metadata_hash"] == metadata_hash(expected.document)


@settings(max_examples=40)
@given(st.lists(APPLY | DELETE | STAGES, max_size=12))
def test_cursors_find_exactly_the_changed_work_in_sqlite(steps: list[tuple[str, object]]) -> None:
    with tempfile.TemporaryDirectory() as folder, StateStore.open(Location.file(Path(folder) / "s.db")) as store:
        run(store, steps)


@settings(max_examples=10)
@given(st.lists(APPLY | DELETE | STAGES, max_size=12))
def test_cursors_find_exactly_the_changed_work_in_postgresql(
    postgres_url: str, steps: list[tuple[str, object]]
) -> None:
    with StateStore.open(Location(postgres_url, prefix="prop_")) as store:
        store.drop_partition("docs")
        run(store, steps)
