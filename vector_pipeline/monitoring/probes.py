"""The questions to each part the pipeline stands on: state store, index, embedding model, sources, disks.

None changes anything but for the state store, where an empty transaction shows whether it can be written. They are
asked through a pipeline whose settings are impatient: a part that is not there is not waited for as a run would wait.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

from vector_pipeline.index.base import IndexUnavailable
from vector_pipeline.monitoring.probe import Finding, Question
from vector_pipeline.settings import Settings
from vector_pipeline.settings_values import size_text
from vector_pipeline.sources.registry import discover_parts
from vector_pipeline.state.engine import missing
from vector_pipeline.state.errors import StateLocked
from vector_pipeline.state.location import Location
from vector_pipeline.state.store import StateStore
from vector_pipeline.sync.partitions import SiteSource, site_sources
from vector_pipeline.sync.pipeline import Pipeline

PATIENCE = 10.0
"""Seconds that the state store, the index and a disk have for an answer."""

EMBEDDING_PATIENCE = 30.0
"""Seconds for one short text; a model that was idle may be loaded first."""

_WAIT = timedelta(seconds=5)
_GRACE = 2.0
_UNUSED = Finding("degraded", "not made yet", "the first `vector-pipeline sync` makes it")


def impatient(settings: Settings) -> Settings:
    """The settings with short waits and no repetition, and otherwise the same."""
    state = settings.state.model_copy(update={"timeout": min(_WAIT, settings.state.timeout)})
    index = settings.index.model_copy(
        update={
            "max_retries": 0,
            "timeout": min(_WAIT, settings.index.timeout),
            "lock_timeout": min(_WAIT, settings.index.lock_timeout),
        }
    )
    embedding = settings.embedding.model_copy(
        update={
            "max_retries": 0,
            "timeout": min(timedelta(seconds=EMBEDDING_PATIENCE - _GRACE), settings.embedding.timeout),
        }
    )
    return settings.model_copy(update={"state": state, "index": index, "embedding": embedding})


def store_is_made(pipeline: Pipeline) -> bool:
    """Whether there is a state store; nothing is made by asking. Raises StateError."""
    return not missing(_location(pipeline))


def held_partitions(pipeline: Pipeline) -> list[str]:
    """The partitions in the state store, which is neither made nor migrated by asking. Raises StateError."""
    if not store_is_made(pipeline):
        return []
    with StateStore.open(_location(pipeline), upgrade=False) as store:
        return [one.name for one in store.partitions()]


def ask_store(pipeline: Pipeline) -> Finding:
    """Whether the state store can be read and written."""
    if not store_is_made(pipeline):
        return _UNUSED
    with StateStore.open(_location(pipeline), upgrade=False) as store:
        number = len(store.partitions())
        where = f"{number} sources in {store.location.safe}"
        try:
            store.check_writable()
        except StateLocked:
            return Finding("degraded", f"{where}; somebody writes to it for long", "a large run, or one that hangs")
    return Finding("ok", where)


def ask_index(pipeline: Pipeline, *, count: bool = True) -> Finding:
    """Whether the index answers, and with `count` how many points searches find."""
    index, alias = pipeline.index, pipeline.settings.index.alias
    collection = index.alias(alias)
    if collection is None and not _was_filled(pipeline):
        return Finding("degraded", f"{alias} points at no collection yet", "the first `vector-pipeline sync` makes it")
    if collection is None or not index.exists(collection):
        return Finding(
            "failed", f"the collection that {alias} stood for is gone", "run `vector-pipeline sync`: it is filled again"
        )
    if not count:
        return Finding("ok", f"{alias} is {collection}")
    try:
        return Finding("ok", f"{index.count(collection):,} points in {collection}")
    except IndexUnavailable as error:
        if index.location.startswith("http"):
            raise
        # An embedded shard is opened by one process at a time: a run that writes is no fault.
        return Finding("degraded", error.message, error.hint)


def ask_embedding(pipeline: Pipeline) -> Finding:
    """Whether the embedding model answers with a vector of the right length."""
    vector = pipeline.embedder.embed_query("health")
    return Finding("ok", f"{pipeline.settings.embedding.provider} answers with {len(vector)} numbers")


def source_questions(pipeline: Pipeline, partitions: Sequence[str], sites: Sequence[SiteSource]) -> Iterator[Question]:
    """One question per partition, its cheap probe, and one per site whose parts are looked for by pattern."""
    for site in sites:
        patience = site.settings.timeout.total_seconds()
        yield Question(f"source {site.label}", lambda site=site: _ask_site(site), patience + _GRACE)  # type: ignore[misc]
    for name in partitions:
        settings = pipeline.source_settings(name)
        if settings is not None:
            patience = settings.timeout.total_seconds() + _GRACE
            yield Question(f"source {name}", lambda name=name: _ask_source(pipeline, name), patience)  # type: ignore[misc]


def discovering_sites(settings: Settings) -> list[SiteSource]:
    """The sites whose settings hold patterns."""
    return [site for site in site_sources(settings) if site.settings.discovers]


def disk_questions(pipeline: Pipeline) -> Iterator[Question]:
    """One question per disk that holds something of ours."""
    settings = pipeline.settings
    folders = [
        pipeline.data_dir,
        settings.index.path,
        settings.state.path and settings.state.path.parent,
        settings.backup.folder,
        os.environ.get("DAGSTER_HOME"),
    ]
    seen: set[int] = set()
    for folder in folders:
        place = _existing(Path(folder)) if folder else None
        if place is None or (disk := place.stat().st_dev) in seen:
            continue
        seen.add(disk)
        limit = settings.monitoring.min_free_disk
        yield Question(f"disk of {place}", lambda place=place, limit=limit: ask_disk(place, limit), PATIENCE)  # type: ignore[misc]


def ask_disk(folder: Path, limit: int) -> Finding:
    """Whether the disk of a folder has room, and the folder can be written."""
    free = shutil.disk_usage(folder).free
    said = f"{free / 1e9:,.1f} GB free"
    if not os.access(folder, os.W_OK | os.X_OK):
        return Finding("failed", f"{folder} can't be written", "give this user write rights to it, or set data_dir")
    if free < limit:
        return Finding("failed", said, f"make room: less than {size_text(limit)} is left (monitoring.min_free_disk)")
    if free < 2 * limit:
        return Finding("degraded", said, "make room soon: `vector-pipeline prune` removes what is no longer needed")
    return Finding("ok", said)


def _was_filled(pipeline: Pipeline) -> bool:
    """Whether points were ever written, as far as the state store knows."""
    if not store_is_made(pipeline):
        return False
    with StateStore.open(_location(pipeline), upgrade=False) as store:
        return any(store.count_points(target.number) for target in store.target_records())


def _ask_source(pipeline: Pipeline, name: str) -> Finding:
    with pipeline.source(name) as source:
        source.probe()
    return Finding("ok", "answers")


def _ask_site(site: SiteSource) -> Finding:
    parts = discover_parts(site.source_type, site.name, site.settings, site.settings.timeout.total_seconds())
    if not parts:
        return Finding(
            "degraded",
            f"nothing this account sees matches {site.settings.keys_field}",
            "widen the pattern, or give the account read access",
        )
    return Finding("ok", f"{len(parts)} parts match")


def _location(pipeline: Pipeline) -> Location:
    return Location.from_settings(pipeline.settings.state, pipeline.data_dir)


def _existing(folder: Path) -> Path | None:
    """The folder, or the nearest above it that exists."""
    place = folder.expanduser().absolute()
    return next((one for one in (place, *place.parents) if one.is_dir()), None)
