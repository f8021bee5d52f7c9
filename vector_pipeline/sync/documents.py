"""The documents stage: what the source holds, brought into the store.

Adds and changes are applied batch by batch as they arrive, deletions last and under the brake. The scan itself
is recorded only when all of its work has been, so that a run killed anywhere is repeated from its cursor, and what
a partial run left out is found by the next one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime

import polars as pl

from vector_pipeline.sources.base import Source
from vector_pipeline.state.records import Partition
from vector_pipeline.sync.ahead import Follower
from vector_pipeline.sync.brake import judge, releasing_command, staying_contents
from vector_pipeline.sync.errors import BrakePulled, SyncError
from vector_pipeline.sync.fetching import Fetching
from vector_pipeline.sync.footing import record_end, record_part, record_start
from vector_pipeline.sync.kept_out import record_barred
from vector_pipeline.sync.listing import Looked, look
from vector_pipeline.sync.pipeline import Pipeline
from vector_pipeline.sync.rereading import rereading
from vector_pipeline.sync.selection import LEFT_OUT, Judge
from vector_pipeline.sync.stages import DOCUMENTS, Options, StageResult

DELETED_AT_ONCE = 5_000


def run_documents(
    pipeline: Pipeline, name: str, run_id: str, options: Options, follower: Follower | None = None
) -> StageResult:
    """Brings the documents of a partition in step with its source; `follower` learns of them as they are recorded.

    Raises SourceError when the source could not answer (what had been fetched by then stays), BrakePulled
    when too many documents would go.
    """
    partition = pipeline.store.partition(name)
    if pipeline.source_settings(name) is None:
        if not options.removes_sources:
            raise SyncError(
                f"{name} left the settings, and a run that brings in a part of the changes removes no source",
                hint=f"run `vector-pipeline sync --source {name}` without options, or put it back into pipeline.yaml",
            )
        return _remove_all(pipeline, partition, run_id)
    with pipeline.source(name) as source:
        return _Sync(pipeline, partition, source, run_id, options, follower).run()


def _remove_all(pipeline: Pipeline, partition: Partition, run_id: str) -> StageResult:
    """Deletes the documents of a source that left the settings: there the user has said so, no brake is needed.

    What is known of the source goes first: should it come back before all is removed, it is read from nothing.
    """
    pipeline.store.forget_scan(partition.partition_id)
    held = pipeline.store.known_documents(partition.partition_id)
    deleted = _delete_documents(pipeline, partition, held["document_id"].to_list(), run_id)
    revision = pipeline.store.partition(partition.name).revision
    return StageResult(partition.name, DOCUMENTS, f"r{revision}", 0, {"deleted": deleted})


def _delete_documents(
    pipeline: Pipeline,
    partition: Partition,
    ids: list[bytes],
    run_id: str,
    reasons: Mapping[bytes, str] | None = None,
) -> int:
    """Marks documents as deleted, with the reason by id where it is known, in transactions short enough for others to
    get in between.
    """
    return sum(
        pipeline.store.delete_documents(partition.partition_id, ids[start : start + DELETED_AT_ONCE], run_id, reasons)
        for start in range(0, len(ids), DELETED_AT_ONCE)
    )


_COUNTED = ("added", "changed", "metadata", "moved", "deleted", "reread", "retried", "failed")
"""What every run counts, zeros too: a series of numbers without gaps can be plotted."""


class _Sync:
    """One run of the stage for one partition."""

    def __init__(
        self,
        pipeline: Pipeline,
        partition: Partition,
        source: Source,
        run_id: str,
        options: Options,
        follower: Follower | None,
    ) -> None:
        self.pipeline, self.store = pipeline, pipeline.store
        self.partition, self.pid = partition, partition.partition_id
        self.source, self.run_id, self.options = source, run_id, options
        self.follower = follower
        self.now = datetime.now(UTC)
        self.counts: Counter[str] = Counter(dict.fromkeys(_COUNTED, 0))

    def run(self) -> StageResult:
        looked = look(self.pipeline, self.partition, self.source, self.options, self.now)
        plan, taking = looked.plan, Judge(looked.selection, self.options)
        source = rereading(self.pipeline, self.source, plan.fetch)
        # What is forced is marked once all is read: what followed the reading would cut and write it twice.
        follower = None if self.options.force else self.follower
        self.fetching = Fetching(self.pipeline, self.partition, source, self.run_id, follower, taking.takes)
        self.fetching.quarantine(looked.listing.failures)
        writes = looked.barred.is_changed or not (plan.fetch.is_empty() and plan.delete.is_empty())
        if writes:
            self._begin(looked)
        self.fetching.fetch(plan.fetch)
        if self.options.force:
            # What could not be read stays as it is: nothing is known of it that would be worth writing again.
            forced = set(plan.fetch["native_id"].to_list()) & self.fetching.recorded
            self.counts["forced"] = self.store.send_again(self.pid, map(self.fetching.id_of, forced))
        self._delete(looked)
        if self.options.full and not taking.leaves_out:
            self.store.settle_deletions(self.pid, self.run_id)
        self.store.release(self.pid, plan.release, DOCUMENTS)
        self._requeue_later_failures()
        if taking.leaves_out:
            record_part(self.store, self.pid, looked.config, looked.footing, wrote=writes)
        else:
            self._record(looked)
        self.counts.update({f"{LEFT_OUT}{reason}": number for reason, number in taking.left_out.items() if number})
        return self._result(looked, complete=not taking.leaves_out)

    def _begin(self, looked: Looked) -> None:
        """Notes that documents are about to be written."""
        record_start(self.store, self.pid, looked.config, looked.footing)
        if looked.is_first and not self.options.is_partial:
            # All that comes now is at least as new as this scan: should the run end early, the next one goes on
            # from here instead of doubting what it finds.
            cursor = dict(looked.listing.cursor)
            self.store.record_scan(self.pid, version="", cursor=cursor, settings_hash=b"", census_at=None)

    def _delete(self, looked: Looked) -> None:
        """Deletes what the listing proves gone, unless the brake holds. Raises BrakePulled."""
        plan, listing = looked.plan, looked.listing
        if plan.delete.is_empty():
            return
        staying = staying_contents(looked, self.fetching.read_content)
        brake = judge(looked, staying, self.pipeline.settings.limits)
        if brake.holds and not self.options.allow_deletions:
            name = self.partition.name
            raise BrakePulled(
                f"{name}: {brake.vanished} of {brake.held} documents are gone at the source; none was deleted",
                hint=f"if that is right, run `{releasing_command(name)}`",
                vanished=brake.vanished,
            )
        ids = plan.delete["document_id"].to_list()
        reasons = {self.fetching.id_of(native_id): reason for native_id, reason in listing.reasons.items()}
        self.counts["deleted"] = _delete_documents(self.pipeline, self.partition, ids, self.run_id, reasons)
        self.counts.update(f"gone: {reasons[key]}" for key in ids if key in reasons)
        self.counts["moved"] = plan.delete.height - brake.vanished

    def _requeue_later_failures(self) -> None:
        """Bumps the revision of documents whose later stages failed and are due, so that those look again."""
        due = self.store.due_for_retry(self.pid, self.now).filter(pl.col("stage") != DOCUMENTS)
        if not due.is_empty():
            self.counts["retried"] = self.store.touch_documents(self.pid, due["document_id"].unique().to_list())

    def _record(self, looked: Looked) -> None:
        record_barred(self.store, self.pid, looked.barred)
        self.store.record_scan(
            self.pid,
            version=looked.listing.version,
            cursor=dict(looked.listing.cursor),
            settings_hash=looked.config,
            census_at=self.now if looked.listing.complete else None,
        )
        record_end(self.store, self.pid, looked.config)

    def _result(self, looked: Looked, *, complete: bool) -> StageResult:
        listing, held = looked.listing, looked.held.height
        self.counts.update(self.fetching.counts)
        counts = {"unchanged": looked.unchanged, **self.counts}
        counts |= {f"skipped: {reason}": number for reason, number in listing.skipped.items()}
        rows = held + self.counts["added"] - self.counts["deleted"]
        revision = self.store.partition(self.partition.name).revision
        return StageResult(
            self.partition.name,
            DOCUMENTS,
            f"r{revision}",
            rows,
            counts,
            failed=self.store.quarantined(self.pid).height,
            # The version of a source that was brought in only in part is not built.
            source_version=listing.version if complete else "",
        )
