"""Every fault that the checks are there for, with the checks that must find it: put into a healthy project by chance.

A fault picks its victim with the given chance, so that the same one twenty times is twenty different ones. FAULTS may
be extended by whoever adds a check.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import numpy as np

from vector_pipeline.documents import Document, Failure
from vector_pipeline.embedding.base import SparseVector
from vector_pipeline.index.base import Point, StoredPoint
from vector_pipeline.sources.base import Known
from vector_pipeline.state.records import DocumentRow, Partition
from vector_pipeline.sync.history import BRAKE_DOCUMENTS, BRAKE_SHARE, ROWS
from vector_pipeline.sync.pipeline import Pipeline
from vector_pipeline_tests.consistency.damage import in_store, points_of, write_point
from vector_pipeline_tests.project import Project

Injection = Callable[[Pipeline, random.Random], None]


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong.

    Of the checks of the collection all of `found_by` must find it, `also_by` may, no other; of those in a run `in_run`.
    """

    name: str
    inject: Injection
    found_by: frozenset[str]
    also_by: frozenset[str] = frozenset()
    in_run: frozenset[str] = frozenset()

    def put_into(self, project: Project, chance: random.Random) -> None:
        """Makes it happen."""
        with project.open() as pipeline:
            self.inject(pipeline, chance)


FAULTS: list[Fault] = []
"""Every fault, by the order of their definition."""


def fault(
    *found_by: str, also_by: tuple[str, ...] = (), in_run: tuple[str, ...] = ()
) -> Callable[[Injection], Injection]:
    """Adds a fault under the name of the function that makes it happen."""

    def added(inject: Injection) -> Injection:
        FAULTS.append(Fault(inject.__name__, inject, frozenset(found_by), frozenset(also_by), frozenset(in_run)))
        return inject

    return added


def victims(pipeline: Pipeline, chance: random.Random) -> list[StoredPoint]:
    """The points of one document of several chunks, in any order."""
    points = [point for one in pipeline.store.partitions() for point in points_of(pipeline, one.name)]
    chunks = Counter(str(point.payload["document_id"]) for point in points)
    chosen = chance.choice(sorted(document for document, number in chunks.items() if number > 1))
    mine = [point for point in points if point.payload["document_id"] == chosen]
    chance.shuffle(mine)
    return mine


def victim(pipeline: Pipeline, chance: random.Random) -> StoredPoint:
    """Any point."""
    return victims(pipeline, chance)[0]


def write_vectors(
    pipeline: Pipeline, point: StoredPoint, dense: Any = None, sparse: SparseVector | None = None
) -> None:
    """Writes a point again with other vectors."""
    assert point.dense is not None
    assert point.sparse is not None
    changed = Point(
        point.point_id,
        point.dense if dense is None else np.asarray(dense, dtype=np.float32),
        point.sparse if sparse is None else sparse,
        point.payload,
    )
    pipeline.index.upsert(pipeline.collection, [changed])


def target_of(pipeline: Pipeline) -> int:
    return pipeline.store.target_no(pipeline.collection)


def document_of(pipeline: Pipeline, point: StoredPoint) -> bytes:
    return bytes.fromhex(str(point.payload["document_id"]).replace("-", ""))


def change_row(pipeline: Pipeline, statement: str, *values: object) -> None:
    assert in_store(pipeline, statement, *values) == 1


TEXT_OF_CHUNK = "(SELECT text_no FROM chunks WHERE chunk_id = ?)"
NUMBER_OF_DOCUMENT = "(SELECT document_no FROM documents WHERE document_id = ?)"


@fault("points_match_state", "no_partial_documents", in_run=("counts_match",))
def a_point_deleted_behind_our_back(pipeline: Pipeline, chance: random.Random) -> None:
    pipeline.index.delete(pipeline.collection, [victim(pipeline, chance).point_id])


@fault("points_match_state")
def all_points_of_a_document_deleted(pipeline: Pipeline, chance: random.Random) -> None:
    pipeline.index.delete(pipeline.collection, [point.point_id for point in victims(pipeline, chance)])


@fault("points_match_state", "no_partial_documents")
def half_of_a_document_deleted(pipeline: Pipeline, chance: random.Random) -> None:
    mine = victims(pipeline, chance)
    pipeline.index.delete(pipeline.collection, [point.point_id for point in mine[: len(mine) // 2]])


@fault("payloads_valid", also_by=("retrievable",), in_run=("payloads_valid",))
def a_payload_edited(pipeline: Pipeline, chance: random.Random) -> None:
    point = victim(pipeline, chance)
    change: dict[str, object] = chance.choice([{"text": "another text"}, {"title": "Another"}, {"access": ["staff"]}])
    write_point(pipeline, point, **change)


@fault("points_match_state", also_by=("retrievable",))
def a_payload_edited_and_its_hash(pipeline: Pipeline, chance: random.Random) -> None:
    point = victim(pipeline, chance)
    write_point(pipeline, point, text="another text", payload_hash=chance.randbytes(16).hex())


@fault("points_match_state")
def a_payload_without_its_hash(pipeline: Pipeline, chance: random.Random) -> None:
    point = victim(pipeline, chance)
    payload = {name: value for name, value in point.payload.items() if name != "payload_hash"}
    write_point(pipeline, replace(point, payload=payload))


@fault("vectors_valid", in_run=("vectors_valid",))
def a_vector_of_zeros(pipeline: Pipeline, chance: random.Random) -> None:
    write_vectors(pipeline, victim(pipeline, chance), dense=np.zeros(pipeline.embedder.dimension))


@fault("vectors_valid")
def a_vector_replaced_by_another(pipeline: Pipeline, chance: random.Random) -> None:
    one, other = victims(pipeline, chance)[:2]
    write_vectors(pipeline, one, dense=other.dense)


@fault("vectors_valid", also_by=("retrievable",))
def the_sparse_vector_of_another_text(pipeline: Pipeline, chance: random.Random) -> None:
    one, other = victims(pipeline, chance)[:2]
    write_vectors(pipeline, one, sparse=other.sparse)


@fault("vectors_valid", also_by=("retrievable",))
def no_sparse_vector(pipeline: Pipeline, chance: random.Random) -> None:
    write_vectors(pipeline, victim(pipeline, chance), sparse=SparseVector([], []))


@fault("vectors_valid")
def a_stored_vector_damaged(pipeline: Pipeline, chance: random.Random) -> None:
    point = victim(pipeline, chance)
    broken = chance.choice(
        [b"", b"\0\0\0", b"\xff" * 4 * pipeline.embedder.dimension, bytes(4 * pipeline.embedder.dimension)]
    )
    change_row(pipeline, f"UPDATE embeddings SET vector = ? WHERE text_no = {TEXT_OF_CHUNK}", broken, point.point_id)


@fault("vectors_valid")
def a_stored_vector_lost(pipeline: Pipeline, chance: random.Random) -> None:
    change_row(pipeline, f"DELETE FROM embeddings WHERE text_no = {TEXT_OF_CHUNK}", victim(pipeline, chance).point_id)


@fault("points_match_state")
def a_record_lost(pipeline: Pipeline, chance: random.Random) -> None:
    pipeline.store.record_points(target_of(pipeline), [], [victim(pipeline, chance).point_id])


@fault("points_match_state", "payloads_valid")
def a_record_of_another_version(pipeline: Pipeline, chance: random.Random) -> None:
    point = victim(pipeline, chance)
    (recorded,) = pipeline.store.find_points(target_of(pipeline), [point.point_id])
    row = (point.point_id, recorded.document_no, chance.randbytes(16))
    pipeline.store.record_points(target_of(pipeline), [row], [])


@fault("points_match_state", in_run=("counts_match",))
def an_orphan(pipeline: Pipeline, chance: random.Random) -> None:
    write_point(pipeline, replace(victim(pipeline, chance), point_id=chance.randbytes(16)))


@fault("points_match_state")
def an_orphan_of_no_source(pipeline: Pipeline, chance: random.Random) -> None:
    point = victim(pipeline, chance)
    payload = {name: value for name, value in point.payload.items() if name != "source"}
    write_point(pipeline, replace(point, point_id=chance.randbytes(16), payload=payload))


@fault("points_match_state")
def a_point_of_a_removed_source(pipeline: Pipeline, chance: random.Random) -> None:
    point = replace(victim(pipeline, chance), point_id=chance.randbytes(16))
    write_point(pipeline, point, source="local_files/gone", document_id=str(chance.randbytes(16).hex()))


@fault("points_match_state")
def a_point_of_another_source(pipeline: Pipeline, chance: random.Random) -> None:
    point = victim(pipeline, chance)
    others = [one.name for one in pipeline.store.partitions() if one.name != point.payload["source"]]
    write_point(pipeline, point, source=chance.choice(others), payload_hash=chance.randbytes(16).hex())


@fault("points_match_state", also_by=("retrievable",))
def points_written_and_not_recorded(pipeline: Pipeline, chance: random.Random) -> None:
    """What a kill leaves that strikes between the two, when the document has changed once more since."""
    one, other = victims(pipeline, chance)[:2]
    write_point(pipeline, replace(one, point_id=chance.randbytes(16)), text="of a version that never came")
    write_point(pipeline, other, text="of a version that never came", payload_hash=chance.randbytes(16).hex())


@fault("points_match_state", "no_partial_documents")
def points_recorded_and_not_written(pipeline: Pipeline, chance: random.Random) -> None:
    """What an index leaves that confirms what it has not kept."""
    (recorded,) = pipeline.store.find_points(target_of(pipeline), [victim(pipeline, chance).point_id])
    row = (chance.randbytes(16), recorded.document_no, chance.randbytes(16))
    pipeline.store.record_points(target_of(pipeline), [row], [])


@fault("chunks_cover_documents", "points_match_state", in_run=("chunks_cover_documents",))
def a_chunk_lost(pipeline: Pipeline, chance: random.Random) -> None:
    change_row(pipeline, "DELETE FROM chunks WHERE chunk_id = ?", victim(pipeline, chance).point_id)


@fault("chunks_cover_documents", "payloads_valid")
def a_chunk_of_another_place(pipeline: Pipeline, chance: random.Random) -> None:
    point = victim(pipeline, chance)
    statement = "UPDATE chunks SET start_offset = start_offset + 1 WHERE chunk_id = ?"
    change_row(pipeline, statement, point.point_id)


@fault("chunks_cover_documents", also_by=("vectors_valid", "payloads_valid"))
def a_stale_chunk(pipeline: Pipeline, chance: random.Random) -> None:
    """A chunk that refers to the text of another."""
    one, other = victims(pipeline, chance)[:2]
    statement = f"UPDATE chunks SET text_no = {TEXT_OF_CHUNK} WHERE chunk_id = ?"
    change_row(pipeline, statement, other.point_id, one.point_id)


@fault("chunks_cover_documents")
def the_text_of_a_chunk_damaged(pipeline: Pipeline, chance: random.Random) -> None:
    point = victim(pipeline, chance)
    change_row(
        pipeline,
        f"UPDATE texts SET body = ? WHERE text_no = {TEXT_OF_CHUNK}",
        chance.choice([b"", b"rotten", b"\xff\xfe\x00"]),
        point.point_id,
    )


@fault("chunks_cover_documents")
def the_text_of_a_chunk_lost(pipeline: Pipeline, chance: random.Random) -> None:
    change_row(pipeline, f"DELETE FROM texts WHERE text_no = {TEXT_OF_CHUNK}", victim(pipeline, chance).point_id)


@fault("chunks_cover_documents")
def the_text_of_a_document_altered(pipeline: Pipeline, chance: random.Random) -> None:
    document = document_of(pipeline, victim(pipeline, chance))
    statement = "UPDATE texts SET body = ? WHERE text_no = (SELECT text_no FROM documents WHERE document_id = ?)"
    change_row(pipeline, statement, b"# Altered\n\n" + chance.randbytes(8).hex().encode(), document)


@fault("chunks_cover_documents")
def the_text_of_a_document_lost(pipeline: Pipeline, chance: random.Random) -> None:
    document = document_of(pipeline, victim(pipeline, chance))
    statement = "DELETE FROM texts WHERE text_no = (SELECT text_no FROM documents WHERE document_id = ?)"
    change_row(pipeline, statement, document)


@fault("chunks_cover_documents", "points_match_state")
def a_document_never_cut(pipeline: Pipeline, chance: random.Random) -> None:
    document = document_of(pipeline, victim(pipeline, chance))
    change_row(pipeline, f"DELETE FROM chunked WHERE document_no = {NUMBER_OF_DOCUMENT}", document)
    assert in_store(pipeline, f"DELETE FROM chunks WHERE document_no = {NUMBER_OF_DOCUMENT}", document) > 1


@fault("chunks_cover_documents", "points_match_state", in_run=("chunks_cover_documents", "no_empty_document"))
def a_document_cut_into_nothing(pipeline: Pipeline, chance: random.Random) -> None:
    document = document_of(pipeline, victim(pipeline, chance))
    change_row(pipeline, f"UPDATE chunked SET chunk_count = 0 WHERE document_no = {NUMBER_OF_DOCUMENT}", document)
    assert in_store(pipeline, f"DELETE FROM chunks WHERE document_no = {NUMBER_OF_DOCUMENT}", document) > 1


@fault(also_by=("quarantine_bounded",), in_run=("quarantine_empty",))
def a_document_in_quarantine(pipeline: Pipeline, chance: random.Random) -> None:
    point = victim(pipeline, chance)
    partition = pipeline.store.partition(str(point.payload["source"]))
    failure = Failure(b"x", "1", str(point.payload["uri"]), "documents", "it could not be read")
    pipeline.store.quarantine(
        partition.partition_id, [(document_of(pipeline, point), failure)], first_delay=timedelta(hours=1)
    )


@fault("chunks_cover_documents")
def chunks_of_a_deleted_document(pipeline: Pipeline, chance: random.Random) -> None:
    """A tombstone that has a chunk, which no stage would ever look at again."""
    document, number = chance.randbytes(16), 900_000 + chance.randrange(1000)
    columns = [row[1] for row in _query(pipeline, "PRAGMA table_info(documents)")]
    taken = {"document_no": "?", "document_id": "?", "deleted": "1"}
    values = ", ".join(taken.get(name, name) for name in columns)
    in_order = [{"document_no": number, "document_id": document}[name] for name in columns if taken.get(name) == "?"]
    statement = f"INSERT INTO documents ({', '.join(columns)}) SELECT {values} FROM documents LIMIT 1"
    change_row(pipeline, statement, *in_order)
    columns = [row[1] for row in _query(pipeline, "PRAGMA table_info(chunks)")]
    values = ", ".join({"document_no": "?", "chunk_id": "?"}.get(name, name) for name in columns)
    in_order = [
        {"document_no": number, "chunk_id": chance.randbytes(16)}[name]
        for name in columns
        if name in ("document_no", "chunk_id")
    ]
    change_row(pipeline, f"INSERT INTO chunks ({', '.join(columns)}) SELECT {values} FROM chunks LIMIT 1", *in_order)


@fault("chunks_cover_documents", "points_match_state", also_by=("history_consistent",))
def the_row_of_a_document_lost(pipeline: Pipeline, chance: random.Random) -> None:
    """Its chunks are left, and would be in the way of those of the document when it comes back."""
    document = document_of(pipeline, victim(pipeline, chance))
    change_row(pipeline, "DELETE FROM documents WHERE document_id = ?", document)


@fault("payloads_valid")
def the_metadata_of_a_document_altered(pipeline: Pipeline, chance: random.Random) -> None:
    document = document_of(pipeline, victim(pipeline, chance))
    change_row(pipeline, "UPDATE documents SET title = 'Another title' WHERE document_id = ?", document)


DAYS = 86_400 * 1_000_000


def synced_partition(pipeline: Pipeline, chance: random.Random) -> Partition:
    """Any folder that was synced and holds documents: of its documents any bytes may be the id."""
    found = [one for one in pipeline.store.partitions() if one.name.startswith("local_files/")]
    return chance.choice([one for one in found if pipeline.store.count_documents(one.partition_id)])


def write_as_a_run(pipeline: Pipeline, partition: Partition, write: Callable[[str], dict[str, int | float]]) -> None:
    """Writes to the store under a run's name, as a run that does wrong would; the counts it returns are the run's."""
    number = pipeline.store.begin_ingestion(partition.partition_id, "wrong", "auto")
    counts = write("wrong")
    pipeline.store.finish_ingestion(number, status="success", counts=counts, seconds=0.1)


@fault("sources_in_sync")
def a_source_that_nobody_looks_at(pipeline: Pipeline, chance: random.Random) -> None:
    number = synced_partition(pipeline, chance).partition_id
    in_store(pipeline, f"UPDATE observations SET observed_at = observed_at - {3 * DAYS} WHERE partition_id = ?", number)
    statement = (
        f"UPDATE ingestion_history SET started_at = started_at - {3 * DAYS}, finished_at = finished_at - {3 * DAYS}"
    )
    assert in_store(pipeline, f"{statement} WHERE partition_id = ?", number) > 0


@fault("sources_in_sync", "history_consistent")
def a_run_that_never_ended(pipeline: Pipeline, chance: random.Random) -> None:
    number = synced_partition(pipeline, chance).partition_id
    last = "(SELECT max(ingestion_no) FROM ingestion_history WHERE partition_id = ?)"
    change_row(
        pipeline,
        "UPDATE ingestion_history SET status = 'running', finished_at = NULL, "
        f"started_at = started_at - {3 * DAYS} WHERE ingestion_no = {last}",
        number,
    )


@fault("history_consistent", also_by=("chunks_cover_documents", "points_match_state"))
def a_document_marked_as_deleted_behind_our_back(pipeline: Pipeline, chance: random.Random) -> None:
    document = document_of(pipeline, victim(pipeline, chance))
    change_row(pipeline, "UPDATE documents SET deleted = 1 WHERE document_id = ?", document)


@fault("deletions_plausible", also_by=("chunks_cover_documents", "points_match_state"))
def a_deletion_past_the_brake(pipeline: Pipeline, chance: random.Random) -> None:
    partition = synced_partition(pipeline, chance)
    held = pipeline.store.known_documents(partition.partition_id)["document_id"].to_list()
    ids = chance.sample(held, (len(held) + 1) // 2)

    def delete(run_id: str) -> dict[str, int | float]:
        gone = pipeline.store.delete_documents(partition.partition_id, ids, run_id)
        return {"documents: deleted": gone, ROWS: len(held) - gone, BRAKE_DOCUMENTS: 0, BRAKE_SHARE: 0.2}

    write_as_a_run(pipeline, partition, delete)


@fault("deletions_last")
def a_document_that_comes_and_goes(pipeline: Pipeline, chance: random.Random) -> None:
    document = document_of(pipeline, victim(pipeline, chance))
    names = "document_no, revision, change, version, content_hash, metadata_hash, run_id, changed_at"
    chosen = (
        f"SELECT {names} FROM document_history WHERE change = 'added' AND document_no = {NUMBER_OF_DOCUMENT} LIMIT 1"
    )
    for _ in range(3):
        change_row(pipeline, f"INSERT INTO document_history ({names}) {chosen}", document)


@fault("quarantine_bounded", in_run=("quarantine_empty",))
def too_many_documents_in_quarantine(pipeline: Pipeline, chance: random.Random) -> None:
    number = synced_partition(pipeline, chance).partition_id
    most = pipeline.settings.checks.quarantine_documents + pipeline.store.count_documents(number)
    failures = [
        (chance.randbytes(16), Failure(chance.randbytes(8), "1", "file:///x", "documents", "it could not be read"))
        for _ in range(most + 1)
    ]
    pipeline.store.quarantine(number, failures, first_delay=timedelta(hours=1))


@fault("quarantine_settled", in_run=("quarantine_empty",))
def a_document_given_up(pipeline: Pipeline, chance: random.Random) -> None:
    number = synced_partition(pipeline, chance).partition_id
    failure = Failure(b"x", "1", "file:///x", "documents", "it could not be read", most_attempts=1)
    pipeline.store.quarantine(number, [(chance.randbytes(16), failure)], first_delay=timedelta(hours=1))


@fault("duplicates_across_sources", also_by=("chunks_cover_documents", "source_spot_check"))
def a_document_stored_twice(pipeline: Pipeline, chance: random.Random) -> None:
    partition, text = synced_partition(pipeline, chance), "The same words, again and again. " * 40

    def write(run_id: str) -> dict[str, int | float]:
        rows = []
        for _ in range(2):
            document = Document(chance.randbytes(8), "1", "file:///x", "X", text)
            rows.append(DocumentRow(chance.randbytes(16), document, chance.randbytes(16), chance.randbytes(16)))
        pipeline.store.apply_documents(partition.partition_id, rows, run_id)
        return {"documents: added": 2}

    write_as_a_run(pipeline, partition, write)


@fault("retrievable", "vectors_valid")
def a_point_that_no_search_finds(pipeline: Pipeline, chance: random.Random) -> None:
    """It has the vectors of its opposite."""
    point = victim(pipeline, chance)
    assert point.dense is not None
    write_vectors(pipeline, point, dense=-point.dense, sparse=SparseVector([chance.randrange(2**20)], [1.0]))


@fault("source_spot_check")
def a_document_that_is_not_the_sources(pipeline: Pipeline, chance: random.Random) -> None:
    """It was recorded as what the source never said, in the version that the source has."""
    point = victim(pipeline, chance)
    with pipeline.source(str(point.payload["source"])) as source:
        listed = source.scan(Known(census=True)).items
    version = dict(listed.select("native_id", "version").iter_rows())[str(point.payload["path"]).encode()]
    change_row(
        pipeline,
        "UPDATE documents SET metadata_hash = ?, version = ? WHERE document_id = ?",
        chance.randbytes(16),
        version,
        document_of(pipeline, point),
    )


def _query(pipeline: Pipeline, statement: str) -> list[tuple[Any, ...]]:
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(str(pipeline.store.location.path), timeout=30)) as db:
        return db.execute(statement).fetchall()
