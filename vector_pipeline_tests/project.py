"""A project in a folder of its own: settings, data folder, and what its collection holds.

Everything in it is real: the state store, the embedded shard, the bundled embedder.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import polars as pl
import yaml

from vector_pipeline.consistency.switching import settle_alias
from vector_pipeline.documents import uuid_text
from vector_pipeline.settings_file import load_settings
from vector_pipeline.sources.local_scan import FINE_WINDOW
from vector_pipeline.sync.discovery import Discovered, discover
from vector_pipeline.sync.partitions import site_sources
from vector_pipeline.sync.pipeline import Pipeline
from vector_pipeline.sync.runner import sync_partition
from vector_pipeline.sync.search import search
from vector_pipeline.sync.stages import Options, StageResult
from vector_pipeline_tests.simulators.atlassian_access import site_settings
from vector_pipeline_tests.simulators.atlassian_http import AtlassianServer

Snapshot = frozenset[tuple[bytes, str, bytes]]
"""What a collection holds: (point id, payload hash, vector hash)."""


@dataclass
class Project:
    """A settings file with its data folder. `settings` may be changed between runs; `write` saves it."""

    folder: Path
    settings: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.settings.setdefault("data_dir", str(self.folder / "data"))
        self.write()

    @property
    def file(self) -> Path:
        """The settings file."""
        return self.folder / "pipeline.yaml"

    @property
    def data(self) -> Path:
        """The data folder."""
        return Path(self.settings["data_dir"])

    def write(self) -> None:
        """Saves the settings, in one step for whoever reads them meanwhile."""
        written = self.file.with_suffix(".new")
        written.write_text(yaml.safe_dump(self.settings))
        written.replace(self.file)

    def add_folder(self, name: str, path: Path, **settings: Any) -> str:
        """Configures a folder; its partition."""
        path.mkdir(parents=True, exist_ok=True)
        return self._add("local_files", name, {"path": str(path), **settings})

    def add_git(self, name: str, url: str | Path, **settings: Any) -> str:
        """Configures a Git repository; its partition."""
        return self._add("git", name, {"url": str(url), **settings})

    def add_confluence(self, name: str, server: AtlassianServer, *spaces: str, **settings: Any) -> str:
        """Configures spaces of a simulated site; the source ("confluence/wiki")."""
        return self._add("confluence", name, {**site_settings(server), "spaces": list(spaces), **settings})

    def add_jira(self, name: str, server: AtlassianServer, *projects: str, **settings: Any) -> str:
        """Configures projects of a simulated site; the source ("jira/work")."""
        return self._add("jira", name, {**site_settings(server), "projects": list(projects), **settings})

    def add_public_docs(self, name: str, url: str, **settings: Any) -> str:
        """Configures a documentation site on loopback, asked without pauses; its partition."""
        host = urlsplit(url).netloc
        return self._add("public_docs", name, {"url": url, "private_hosts": [host], "delay": "0.001s", **settings})

    def discover(self) -> Discovered:
        """Asks all sites which parts they have, as a sync does first."""
        with self.open() as pipeline:
            return discover(pipeline, list(site_sources(pipeline.settings)))

    def remove(self, partition: str) -> None:
        """Takes a source out of the settings."""
        source_type, name = partition.split("/", 1)
        del self.settings["sources"][source_type][name]
        self.write()

    def _add(self, source_type: str, name: str, settings: Mapping[str, Any]) -> str:
        self.settings.setdefault("sources", {}).setdefault(source_type, {})[name] = dict(settings)
        self.write()
        return f"{source_type}/{name}"

    def open(self) -> Pipeline:
        """The pipeline of the settings as they stand."""
        loaded = load_settings(self.file)
        return Pipeline(loaded.settings, loaded.data_dir)

    def sync(self, *partitions: str, full: bool = False, allow_deletions: bool = False) -> list[StageResult]:
        """Runs all stages for the partitions given, or for all; the results of all stages."""
        options = Options(full=full, allow_deletions=allow_deletions)
        results: list[StageResult] = []
        with self.open() as pipeline:
            for name in partitions or pipeline.partitions():
                results += sync_partition(pipeline, name, str(uuid.uuid4()), options)
            if pipeline.partitions():
                settle_alias(pipeline)
        return results

    def let_age(self) -> None:
        """Waits until no file of its folders is so young that another write might not show in its times."""
        folders = self.settings.get("sources", {}).get("local_files", {}).values()
        files = [file for folder in folders for file in Path(folder["path"]).rglob("*")]
        newest = max((file.lstat().st_ctime_ns for file in files), default=0)
        while time.time_ns() - newest <= FINE_WINDOW:
            time.sleep(0.01)

    def snapshot(self, *, quarantined: bool = True) -> Snapshot:
        """All points of the collection of the settings in force; those of quarantined documents may be left out."""
        with self.open() as pipeline:
            if not pipeline.index.exists(pipeline.collection):
                return frozenset()
            apart = [] if quarantined else pipeline.store.quarantined()["document_id"].to_list()
            left_out = pl.col("document_id").is_in([uuid_text(document) for document in apart])
            rows: set[tuple[bytes, str, bytes]] = set()
            for frame in pipeline.index.scroll(pipeline.collection, vectors=True):
                rows.update(frame.filter(~left_out).select("point_id", "payload_hash", "vector_hash").iter_rows())
            return frozenset(rows)

    def paths(self) -> set[str]:
        """Paths of all documents that have points."""
        with self.open() as pipeline:
            ids = [row[0] for row in self.snapshot()]
            return {str(point.payload["path"]) for point in pipeline.index.retrieve(pipeline.collection, ids)}

    def search(self, query: str, limit: int = 5, **must: list[str]) -> list[Mapping[str, Any]]:
        """Payloads of the best hits."""
        with self.open() as pipeline:
            return [hit.payload for hit in search(pipeline, query, limit=limit, must=must)]

    def rebuilt(self, folder: Path) -> Snapshot:
        """What a project with the same sources holds that starts from nothing in `folder`."""
        fresh = Project(folder, {**self.settings, "data_dir": str(folder / "data")})
        fresh.discover()
        fresh.sync()
        return fresh.snapshot()


def counts(results: list[StageResult], stage: str) -> Mapping[str, int | float]:
    """The counts of the first result of a stage."""
    return next(result.counts for result in results if result.stage == stage)
