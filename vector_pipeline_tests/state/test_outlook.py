"""What plans ask of the store: numbers that were not given yet find nothing, and asking gives none."""

from __future__ import annotations

from vector_pipeline.documents import text_hash
from vector_pipeline.state.store import StateStore
from vector_pipeline_tests.state.samples import CONFIG, chunk_all, cut_by, embed_all, row

NONE = -1


def filled(store: StateStore) -> int:
    """A partition of two documents, cut and embedded, of which one has changed and one was deleted since."""
    partition = store.partition("local_files/docs").partition_id
    rows = [row("kept", "One.\n\nTwo."), row("edited", "Two."), row("gone", "Three.")]
    store.apply_documents(partition, rows, "run")
    chunk_all(store, partition)
    embed_all(store, partition, store.model_no("model"))
    store.apply_documents(partition, [row("edited", "Four.")], "run")
    store.delete_documents(partition, [rows[2].document_id], "run")
    return partition


def test_asking_gives_no_number(store: StateStore) -> None:
    assert store.find_partition("local_files/docs") is None
    assert store.find_chunking(CONFIG) is None
    assert store.find_model("model") is None
    assert store.partitions() == []
    assert store.lacking_vectors(NONE, [text_hash("One.")]) == {text_hash("One.")}
    assert store.held_documents(0, [row("kept").document_id], NONE) == {}
    assert list(store.documents_after(0, after=-1, chunking=NONE)) == []
    filled(store)
    assert (found := store.find_partition("local_files/docs")) is not None
    assert found == store.partition("local_files/docs")
    assert store.find_chunking(CONFIG) == cut_by(store)
    assert store.find_model("model") == store.model_no("model")


def test_what_has_changed_since_it_was_cut_is_stale(store: StateStore) -> None:
    partition, chunking = filled(store), cut_by(store)
    ids = {name: row(name).document_id for name in ("kept", "edited", "gone", "unknown")}
    held = store.held_documents(partition, ids.values(), chunking)
    assert held.keys() == {ids["kept"], ids["edited"], ids["gone"]}
    assert [held[ids[name]].is_stale for name in ("kept", "edited")] == [False, True]
    assert [(bool(one.deleted), one.chunks) for one in (held[ids["kept"]], held[ids["gone"]])] == [
        (False, 2),
        (True, 1),
    ]
    assert held[ids["kept"]].uri == "file:///kept"
    later = [one.document_id for page in store.documents_after(partition, after=1, chunking=chunking) for one in page]
    assert later == [ids["edited"], ids["gone"]]
    assert store.count_stale(partition, after=-1, chunking=chunking) == 1
    assert store.count_stale(partition, after=-1, chunking=NONE) == 2, "in a way of cutting that was never used"
    numbers = [held[ids[name]].document_no for name in ("kept", "edited")]
    assert sorted(one.text for batch in store.to_cut(numbers) for one in batch) == ["Four.", "One.\n\nTwo."]


def test_only_texts_without_a_vector_of_the_model_are_lacking(store: StateStore) -> None:
    filled(store)
    digests = [text_hash(text) for text in ("One.", "Two.", "Four.", "Five.")]
    assert store.lacking_vectors(store.model_no("model"), digests) == set(digests[2:])
    assert store.lacking_vectors(NONE, digests) == set(digests)
