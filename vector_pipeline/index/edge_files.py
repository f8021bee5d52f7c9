"""The files of an embedded index: which collections and aliases exist, and how they come to be in one step.

    collections/<name>/shard/        the engine's own files
    collections/<name>/schema.json   what the collection was made for
    aliases.json                     alias -> collection
    locks/                           who may open what

Whatever must be seen whole is written beside its place and renamed: a collection that is there is complete.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from vector_pipeline.index.base import (
    CollectionMissing,
    CollectionSchema,
    IndexDamaged,
    IndexUnavailable,
    VectorIndexError,
)
from vector_pipeline.index.edge_copy import copy_tree, sync_folder
from vector_pipeline.index.points import check_name


class EdgeFiles:
    """The folder of an embedded index."""

    def __init__(self, folder: Path, lock_timeout: float) -> None:
        self.folder = folder
        self.locks = folder / "locks"
        self._collections = folder / "collections"
        self._aliases = folder / "aliases.json"
        self._lock_timeout = lock_timeout

    def prepare(self) -> None:
        """Makes the folders, readable by their owner only. Raises VectorIndexError where that is impossible."""
        with self._readable_errors():
            for path in (self.folder, self._collections, self.locks):
                if not path.is_dir():
                    path.mkdir(mode=0o700, parents=True, exist_ok=True)
                    path.chmod(0o700)

    def place(self, collection: str) -> Path:
        """The folder of a collection, whether it exists or not."""
        return self._collections / check_name(collection)

    def exists(self, collection: str) -> bool:
        """Whether the collection exists."""
        return self.place(collection).is_dir()

    def collections(self) -> list[str]:
        """Names of the collections, sorted."""
        if not self._collections.is_dir():
            return []
        with self._readable_errors(), os.scandir(self._collections) as entries:
            return sorted(entry.name for entry in entries if entry.is_dir() and not entry.name.startswith("."))

    def resolve(self, name: str) -> str:
        """The collection a name stands for: itself, or what the alias points at."""
        return name if self.exists(name) else self.aliases().get(name, name)

    def schema(self, collection: str) -> CollectionSchema:
        """What the collection was made for. Raises CollectionMissing or IndexDamaged."""
        path = self.place(collection) / "schema.json"
        saved = self._read_json(path, hint=f"remove the folder {path.parent} and run `vector-pipeline sync --full`")
        if saved is None:
            if path.parent.is_dir():
                raise IndexDamaged(
                    f"{path} is missing", hint=f"remove the folder {path.parent} and run `vector-pipeline sync --full`"
                )
            raise CollectionMissing(
                f"there is no collection {collection} in {self.folder}", hint="run `vector-pipeline sync` to build it"
            )
        return CollectionSchema(int(saved["dimension"]), str(saved["distance"]), dict(saved["payload_indexes"]))

    def write_schema(self, collection: str, schema: CollectionSchema) -> None:
        """Replaces what the collection was made for."""
        with self._readable_errors():
            _write_json(self.place(collection) / "schema.json", _schema_json(schema))

    def create(self, collection: str, schema: CollectionSchema, make: Callable[[Path], None]) -> None:
        """Makes the collection in one step; `make` puts the engine's files into the folder it is given.

        The caller holds the collection's lock. What a killed creation left behind is removed.
        """
        place = self.place(collection)
        draft = place.with_name(f".new-{place.name}")
        with self._readable_errors():
            shutil.rmtree(draft, ignore_errors=True)
            (draft / "shard").mkdir(parents=True, mode=0o700)
            make(draft / "shard")
            _write_json(draft / "schema.json", _schema_json(schema))
            draft.rename(place)
            sync_folder(place.parent)

    def copy_out(self, collection: str, folder: Path) -> None:
        """Copies the collection's files to a folder that must not exist. The caller holds the collection's lock."""
        place = self.place(collection)
        if not place.is_dir():
            raise CollectionMissing(f"there is no collection {collection} in {self.folder}")
        with self._readable_errors():
            copy_tree(place, folder, durable=False)

    def copy_in(self, collection: str, folder: Path) -> None:
        """Puts a copy of a folder that `copy_out` made in the collection's place. The caller holds its lock."""
        place = self.place(collection)
        draft, rest = place.with_name(f".new-{place.name}"), place.with_name(f".old-{place.name}")
        with self._readable_errors():
            for left_over in (draft, rest):
                shutil.rmtree(left_over, ignore_errors=True)
            copy_tree(folder, draft, durable=True)
            if place.is_dir():
                place.rename(rest)
            draft.rename(place)
            sync_folder(place.parent)
            shutil.rmtree(rest, ignore_errors=True)

    def remove(self, collection: str) -> None:
        """Removes the collection in one step, and the aliases that point at it. The caller holds its lock."""
        place = self.place(collection)
        rest = place.with_name(f".old-{place.name}")
        with self._readable_errors():
            shutil.rmtree(rest, ignore_errors=True)
            if place.is_dir():
                place.rename(rest)
                sync_folder(place.parent)
                shutil.rmtree(rest, ignore_errors=True)
        if collection in self.aliases().values():
            self._change_aliases(lambda aliases: {k: v for k, v in aliases.items() if v != collection})

    def aliases(self) -> dict[str, str]:
        """Alias to collection. Raises IndexDamaged where the file can't be read."""
        saved = self._read_json(
            self._aliases, hint=f"remove {self._aliases} and run `vector-pipeline sync`, which sets the alias again"
        )
        return {} if saved is None else {str(alias): str(collection) for alias, collection in saved.items()}

    def point_alias(self, alias: str, collection: str) -> None:
        """Points an alias at a collection that exists."""
        check_name(alias)
        if not self.exists(collection):
            raise CollectionMissing(
                f"alias {alias} can't point at {collection}: there is no such collection", hint="build it first"
            )
        if self.exists(alias):
            raise VectorIndexError(f"{alias} names a collection", hint="choose another name for the alias")
        self._change_aliases(lambda aliases: {**aliases, alias: collection})

    def bytes_on_disk(self, collection: str) -> int:
        """Bytes the files of a collection occupy; files the engine removes meanwhile are not counted."""
        total = 0
        for parent, _, names in os.walk(self.place(collection)):
            for name in names:
                try:
                    total += os.stat(os.path.join(parent, name)).st_blocks * 512
                except FileNotFoundError:
                    continue
        return total

    def _change_aliases(self, change: Callable[[dict[str, str]], dict[str, str]]) -> None:
        self.prepare()
        held = FileLock(self.locks / "aliases.json.held", timeout=self._lock_timeout, mode=0o600)
        try:
            with held, self._readable_errors():
                _write_json(self._aliases, change(self.aliases()))
        except Timeout:
            raise IndexUnavailable(
                f"{self._aliases} was in use by others for {self._lock_timeout:g} s",
                hint="stop the other process or raise index.lock_timeout",
            ) from None

    def _read_json(self, path: Path, hint: str) -> dict[str, Any] | None:
        with self._readable_errors():
            try:
                saved = json.loads(path.read_bytes())
            except (FileNotFoundError, NotADirectoryError):
                return None
            except ValueError as error:
                raise IndexDamaged(f"{path} is not JSON", hint=hint) from error
        if not isinstance(saved, dict):
            raise IndexDamaged(f"{path} does not hold what was written there", hint=hint)
        return saved

    @contextmanager
    def _readable_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise VectorIndexError(
                f"{error.filename or self.folder} can't be used for the index: {error.strerror or error}",
                hint="check that the folder is yours and its disk has free space, or set index.path",
            ) from error


def _schema_json(schema: CollectionSchema) -> dict[str, Any]:
    return {
        "dimension": schema.dimension,
        "distance": schema.distance,
        "payload_indexes": dict(schema.payload_indexes),
    }


def _write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Replaces the file in one step; afterwards it is on the disk."""
    draft = path.with_name(f"{path.name}.new")
    with open(draft, "w", encoding="utf-8", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        json.dump(value, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    sync_folder(path.parent)
