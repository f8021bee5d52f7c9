"""Looking at a source: what it lists, compared with what is held of it. It writes nothing to the store."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import polars as pl

from vector_pipeline.settings_sources import SourceSettings
from vector_pipeline.sources.base import Known, Listing, Source
from vector_pipeline.state.records import Partition
from vector_pipeline.state.store import StateStore
from vector_pipeline.sync.footing import Footing, find_footing
from vector_pipeline.sync.kept_out import Barred, expel, leave_out, read_barred
from vector_pipeline.sync.pipeline import Pipeline
from vector_pipeline.sync.planning import FAILED, DocumentPlan, plan_documents
from vector_pipeline.sync.selection import Names, Selection, select
from vector_pipeline.sync.stages import DOCUMENTS, Options


@dataclass(frozen=True, slots=True)
class Looked:
    """What a look at a source found: its listing, the plan that follows, and what both were made from.

    `plan` is what the run does, `whole` all that there is to do, `selection` what the one leaves out of the other.
    `held` has schema HELD. `config` names what the documents depend on besides the source; `is_first` is set where
    neither documents nor a cursor of the source are held yet. `barred` is what is kept out by a person from now on:
    the items of the listing have all of it, the plans nothing.
    """

    listing: Listing
    whole: DocumentPlan
    selection: Selection
    held: pl.DataFrame
    config: bytes
    footing: Footing
    is_first: bool
    barred: Barred

    @property
    def plan(self) -> DocumentPlan:
        """What the run is to do."""
        return self.selection.plan

    @property
    def unchanged(self) -> int:
        """How many held documents need nothing. In a delta the source names only what may have changed."""
        if self.listing.complete:
            return self.whole.unchanged
        return self.held.height - self.whole.fetch.filter("known").height - self.whole.delete.height


def look(pipeline: Pipeline, partition: Partition, source: Source, options: Options, now: datetime) -> Looked:
    """Lists the source and plans what a run would do. Raises SourceError where the source could not answer."""
    settings = pipeline.source_settings(partition.name)
    assert settings is not None, "a source that left the settings is not looked at"
    store, pid = pipeline.store, partition.partition_id
    config = pipeline.documents_config(settings)
    held = store.known_documents(pid)
    failed = failed_documents(store, pid, now)
    barred = read_barred(store, pid)
    footing = find_footing(store, pid, config, holds_documents=not held.is_empty())
    known = known_to(store, pid, settings, held, failed, barred, footing, options, now)
    listing, items, barred = leave_out(source.scan(known), barred, source)
    whole = plan_documents(
        items,
        held,
        failed,
        complete=listing.complete,
        removed=list(listing.removed),
        unlisted_failures=[failure.native_id for failure in listing.failures],
        refetch=footing.is_mixed,
        force=options.force,
    )
    whole = expel(whole, held, failed, barred) if barred.documents else whole
    names = Names(store.live_names(pid) if options.only else {}, settings.ids_are_paths)
    is_first = held.is_empty() and not store.source_state(pid).cursor
    return Looked(listing, whole, select(whole, options, names), held, config, footing, is_first, barred)


def known_to(
    store: StateStore,
    partition_id: int,
    settings: SourceSettings,
    held: pl.DataFrame,
    failed: pl.DataFrame,
    barred: Barred,
    footing: Footing,
    options: Options,
    now: datetime,
) -> Known:
    """What the source is told of what is held; it may take what a person keeps out for held too."""
    state = store.source_state(partition_id)
    census_due = state.census_at is None or now - state.census_at >= settings.listing_every
    full = options.full or footing.is_mixed
    return Known(
        cursor={} if footing.is_mixed else state.cursor,
        versions=barred.versions | _versions(held),
        failed=_versions(failed),
        due=frozenset(failed.filter("due")["native_id"].to_list()),
        census=full or options.force or not footing.is_firm or census_due,
        full=full,
    )


def failed_documents(store: StateStore, partition_id: int, now: datetime) -> pl.DataFrame:
    """Documents quarantined by the documents stage, as FAILED."""
    rows = store.quarantined(partition_id).filter(pl.col("stage") == DOCUMENTS)
    due = pl.col("retry_at").is_not_null() & (pl.col("retry_at") <= now)
    return rows.with_columns(due=due).select(list(FAILED))


def _versions(frame: pl.DataFrame) -> dict[bytes, str]:
    """Native id to version."""
    return dict(zip(frame["native_id"].to_list(), frame["version"].to_list(), strict=True))
