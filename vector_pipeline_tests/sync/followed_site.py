"""A project that follows one documentation site, and asks for every page in each sync."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vector_pipeline_tests.project import Project, counts

EAGER = {"census_every": "0.001s", "revisit_soonest": "0.001s", "max_retries": 0}


class FollowedSite:
    """`url` is where the site begins; `project` settings such as those of an embedding come from `base`."""

    def __init__(self, folder: Path, url: str, base: Mapping[str, Any] | None = None, **settings: Any) -> None:
        limits = {"limits": {"quarantine_retry": "0.001s"}}
        self.project = Project(folder / "project", {**limits, **(base or {})})
        self.partition = self.project.add_public_docs("site", url, **{**EAGER, **settings})

    def sync(self, **options: bool) -> dict[str, int]:
        """The counts of the documents stage that are not zero, with what was embedded and what left the collection."""
        results = self.project.sync(**options)
        points = counts(results, "points")
        found = {
            **counts(results, "documents"),
            "embedded": counts(results, "embeddings").get("embedded", 0),
            "points deleted": points.get("deleted", 0),
            "kept back": points.get("kept_back", 0),
        }
        return {key: value for key, value in found.items() if value}

    def held(self) -> dict[str, str]:
        """The URL of each document that is held, with its version."""
        with self.project.open() as pipeline:
            number = pipeline.store.partition(self.partition).partition_id
            rows = pipeline.store.known_documents(number)
            return {native.decode(): version for native, version in rows.select("native_id", "version").iter_rows()}

    def quarantine(self) -> dict[str, str]:
        """URLs in quarantine, with the reason."""
        with self.project.open() as pipeline:
            rows = pipeline.store.quarantined()
            return dict(rows.select("uri", "reason").iter_rows())

    def probe(self) -> str:
        """What the site's probe names."""
        with self.project.open() as pipeline, pipeline.source(self.partition) as source:
            return source.probe()

    def built(self) -> str:
        """The version that the collection was built from."""
        with self.project.open() as pipeline:
            return pipeline.store.source_state(pipeline.store.partition(self.partition).partition_id).built_version
