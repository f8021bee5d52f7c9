"""Copies of collections: complete, of one moment, and put in place whole, by both engines."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from vector_pipeline.index.base import SNAPSHOT_FILE, CollectionMissing, VectorIndex, VectorIndexError
from vector_pipeline.index.edge import EdgeIndex
from vector_pipeline.index.edge_copy import copy_tree
from vector_pipeline.index.open import open_index
from vector_pipeline.settings import IndexSettings
from vector_pipeline_tests.index.conftest import fill, quick_folder
from vector_pipeline_tests.index.samples import make_point, point_id
from vector_pipeline_tests.simulators.qdrant_snapshots import KEY, SnapshotServer

pytestmark = pytest.mark.filterwarnings("ignore:Api key is used with an insecure connection")


def contents(index: VectorIndex, collection: str = "c") -> set[tuple[Any, ...]]:
    return {row for frame in index.scroll(collection, vectors=True) for row in frame.iter_rows()}


def test_a_collection_becomes_what_its_copy_was(tmp_path: Path) -> None:
    with quick_folder() as folder:
        index = EdgeIndex(folder / "index", lock_timeout=20)
        fill(index)
        index.set_alias("live", "c")
        before = contents(index)
        index.save_copy("c", folder / "copy")
        index.delete("c", [point_id(number) for number in range(15)])
        index.upsert("c", [make_point(3, source="git/changed"), make_point(99)])
        assert contents(index) != before
        index.load_copy("c", folder / "copy")
        assert contents(index) == before == contents(index, "live")
        assert index.info("c").points == 20
        index.load_copy("other", folder / "copy")
        assert contents(index, "other") == before
        index.close()
        elsewhere = EdgeIndex(folder / "moved", lock_timeout=20)
        elsewhere.load_copy("c", folder / "copy")
        assert contents(elsewhere) == before
        elsewhere.close()


def test_a_copy_is_not_changed_by_what_happens_to_the_collection() -> None:
    with quick_folder() as folder:
        index = EdgeIndex(folder / "index", lock_timeout=20)
        fill(index)
        with index.session("c"):
            index.upsert("c", [make_point(50)])
            index.save_copy("c", folder / "copy")
            index.upsert("c", [make_point(51)])
            index.drop("c")
        index.load_copy("c", folder / "copy")
        assert index.count("c") == 21
        index.close()


def test_a_missing_collection_can_not_be_copied(tmp_path: Path) -> None:
    with pytest.raises(CollectionMissing):
        EdgeIndex(tmp_path / "index", lock_timeout=1).save_copy("c", tmp_path / "copy")


@given(
    st.lists(st.binary(max_size=200) | st.integers(1, 1_500_000).map(bytes), max_size=4).map(b"".join),
    st.integers(0, 3_000_000),
)
@settings(max_examples=25)
def test_a_copied_file_has_every_byte(content: bytes, hole: int) -> None:
    with quick_folder() as folder:
        (folder / "from" / "deep").mkdir(parents=True)
        with open(folder / "from" / "deep" / "file", "wb") as file:
            file.write(content)
            file.seek(hole, os.SEEK_CUR)
            file.write(content)
            file.truncate(file.tell() + hole)
        content = content + bytes(hole) + content + bytes(hole)
        copy_tree(folder / "from", folder / "to", durable=True)
        assert (folder / "to" / "deep" / "file").read_bytes() == content


@contextmanager
def served(server: SnapshotServer, key: str = KEY) -> Iterator[VectorIndex]:
    """An index on the server, opened as the pipeline opens it."""
    with server.running() as url:
        index = open_index(IndexSettings(url=url, prefer_grpc=False, api_key=SecretStr(key)), Path("/nowhere"))
        try:
            yield index
        finally:
            index.close()


def test_a_servers_snapshot_is_fetched_removed_there_and_taken_back(tmp_path: Path) -> None:
    content = bytes(range(256)) * 10_000
    server = SnapshotServer({"c": content})
    with served(server) as index:
        assert (index.engine_version().name, index.engine_version().version) == ("qdrant", "1.99.1")
        index.save_copy("c", tmp_path / "copy")
        assert (tmp_path / "copy" / SNAPSHOT_FILE).read_bytes() == content
        assert server.snapshots == {}
        index.load_copy("new", tmp_path / "copy")
    assert server.collections["new"] == content


@pytest.mark.parametrize("checksum", [True, False])
def test_a_snapshot_that_arrives_damaged_is_refused_where_the_server_names_its_checksum(
    tmp_path: Path, checksum: bool
) -> None:
    server = SnapshotServer({"c": b"snapshot"}, damage=True, checksum=checksum)
    with served(server) as index:
        if checksum:
            with pytest.raises(VectorIndexError, match="arrived damaged"):
                index.save_copy("c", tmp_path / "copy")
        else:
            index.save_copy("c", tmp_path / "copy")
    assert server.snapshots == {}


def test_a_collection_on_several_nodes_is_refused(tmp_path: Path) -> None:
    server = SnapshotServer({"c": b"x"}, remote_shards=[{"shard_id": 1, "peer_id": 2, "state": "Active"}])
    with served(server) as index, pytest.raises(VectorIndexError, match="several Qdrant nodes"):
        index.save_copy("c", tmp_path / "copy")
    assert "POST /collections/c/snapshots" not in server.asked


def test_a_servers_refusal_is_told_without_the_key(tmp_path: Path) -> None:
    with served(SnapshotServer({"c": b"x"}), key="wr0ng-key") as index:
        for work in (index.engine_version, lambda: index.save_copy("c", tmp_path / "copy")):
            with pytest.raises(VectorIndexError, match="refuses access") as caught:
                work()
            assert "wr0ng-key" not in str(caught.value)


def test_a_missing_collection_of_a_server_says_so(tmp_path: Path) -> None:
    with served(SnapshotServer()) as index, pytest.raises(CollectionMissing):
        index.save_copy("c", tmp_path / "copy")
