"""The plan of one source: listed and read as the documents stage does it, and handed to the later stages' foresight."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

import polars as pl

from vector_pipeline.sources.base import Source
from vector_pipeline.state.records import Partition
from vector_pipeline.sync.brake import Verdict, judge, staying_contents
from vector_pipeline.sync.builds import active_builds
from vector_pipeline.sync.estimate import estimated
from vector_pipeline.sync.foresight import Foresight, Texts
from vector_pipeline.sync.listing import Looked, look
from vector_pipeline.sync.pipeline import Pipeline
from vector_pipeline.sync.plan import Change, DocumentChange, Outlook, SourcePlan
from vector_pipeline.sync.rehearsal import Rehearsal, shown_name
from vector_pipeline.sync.rereading import rereading
from vector_pipeline.sync.selection import LEFT_OUT, Judge
from vector_pipeline.sync.stages import DOCUMENTS, EMBEDDINGS, Options

UNMEASURED = "no earlier run read anything: how many texts and tokens that makes can't be guessed"
BESIDE = "a second collection is built beside the one that searches use; they move to it once it is complete"


def plan_source(
    pipeline: Pipeline,
    partition: Partition,
    options: Options,
    texts: Mapping[str, Texts],
    now: datetime,
    *,
    is_detailed: bool,
    is_estimate: bool,
) -> SourcePlan:
    """What a sync would do to a source. Raises SourceError, StateError, VectorIndexError, EmbeddingError.

    `texts` are those that models embed, by the model's identity; the source adds its own.
    """
    with pipeline.source(partition.name) as source:
        return _SourcePlan(pipeline, partition, source, options, now, is_detailed=is_detailed).plan(
            texts, is_estimate=is_estimate
        )


class _SourcePlan:
    def __init__(
        self,
        pipeline: Pipeline,
        partition: Partition,
        source: Source,
        options: Options,
        now: datetime,
        *,
        is_detailed: bool,
    ) -> None:
        self._pipeline, self._store = pipeline, pipeline.store
        self._partition, self._source, self._options, self._now = partition, source, options, now
        settings = pipeline.source_settings(partition.name)
        self._are_paths = settings is not None and settings.ids_are_paths
        self._is_detailed = is_detailed
        self._changes: Counter[Change] = Counter()
        self._documents: list[DocumentChange] = []

    def plan(self, texts: Mapping[str, Texts], *, is_estimate: bool) -> SourcePlan:
        """Lists, reads and compares."""
        looked = look(self._pipeline, self._partition, self._source, self._options, self._now)
        builds = active_builds(self._pipeline)
        if is_estimate:
            return self._estimated(looked, builds)
        choice = Judge(looked.selection, self._options)
        read = self._new_rehearsal(looked, choice, builds, texts)
        read.quarantine(looked.listing.failures)
        read.fetch(looked.plan.fetch)
        staying = staying_contents(looked, read.read_content)
        brake = judge(looked, staying, self._pipeline.settings.limits)
        self._note_deletions(looked, staying, read)
        retried = self._retried(looked)
        unread = set(looked.plan.fetch["native_id"].to_list()) - read.recorded
        for later in read.later:
            later.finish(looked.plan.delete["document_id"].to_list(), retried, set(map(read.id_of, unread)))
        counts = {
            **{f"{DOCUMENTS}: {name}": number for name, number in read.counts.items()},
            **{f"{DOCUMENTS}: {LEFT_OUT}{reason}": number for reason, number in choice.left_out.items() if number},
            f"{DOCUMENTS}: deleted": looked.plan.delete.height,
            f"{DOCUMENTS}: moved": looked.plan.delete.height - brake.vanished,
            f"{DOCUMENTS}: retried": len(retried),
            **_later_counts(read.later, builds),
        }
        unchanged = looked.unchanged + read.counts["reread"]
        return self._said(looked, builds, brake, counts, unchanged)

    def _said(
        self,
        looked: Looked,
        builds: list[Pipeline],
        brake: Verdict,
        counts: Mapping[str, int],
        unchanged: int,
        *,
        is_estimate: bool = False,
    ) -> SourcePlan:
        held_back = brake.holds and not self._options.allow_deletions
        return SourcePlan(
            self._partition.name,
            Outlook.HELD_BACK if held_back else Outlook.PLANNED,
            is_estimate=is_estimate,
            changes={change: self._changes[change] for change in Change if self._changes[change]},
            unchanged=unchanged,
            skipped=dict(looked.listing.skipped),
            counts=counts,
            brake=brake if not looked.plan.delete.is_empty() else None,
            documents=tuple(self._documents),
            notes=(BESIDE,) if len(builds) > 1 else (),
        )

    def _new_rehearsal(
        self, looked: Looked, choice: Judge, builds: list[Pipeline], texts: Mapping[str, Texts]
    ) -> Rehearsal:
        read = Rehearsal(
            self._pipeline,
            self._partition,
            rereading(self._pipeline, self._source, looked.plan.fetch),
            looked,
            choice.takes,
            are_paths=self._are_paths,
            is_detailed=self._is_detailed,
        )
        wanted = looked.plan.fetch["native_id"].to_list() if self._options.force else []
        forced = [read.id_of(native_id) for native_id in wanted]
        for build in builds:
            read.later.append(Foresight(build, self._partition, self._options, texts[build.embedder.identity], forced))
        return read

    def _note_deletions(self, looked: Looked, staying: set[bytes], read: Rehearsal | None) -> None:
        """Says of what goes whether its text stays; what was read under a new name is told as renamed."""
        gone = looked.plan.delete
        named = self._store.document_names(gone["document_id"].to_list()) if self._is_detailed else {}
        columns = ("document_id", "native_id", "content_hash", "moved")
        for document_id, native_id, content, moved in gone.select(columns).iter_rows():
            name = shown_name(native_id, named.get(document_id, ""), is_path=self._are_paths)
            if read is not None and read.goes_on(native_id, content, name):
                continue
            change = Change.MOVED if moved or content in staying else Change.DELETED
            self._changes[change] += 1
            if self._is_detailed:
                reason = looked.listing.reasons.get(native_id, "")
                self._documents.append(DocumentChange(change, name, reason=reason))
        if read is not None:
            self._documents = [*read.documents, *self._documents]
            self._changes.update(read.changes)

    def _retried(self, looked: Looked) -> list[bytes]:
        """Documents that failed in a later stage and are due."""
        due = self._store.due_for_retry(self._partition.partition_id, self._now).filter(pl.col("stage") != DOCUMENTS)
        gone = looked.plan.delete["document_id"].implode()
        ids: list[bytes] = due.filter(~pl.col("document_id").is_in(gone))["document_id"].unique().to_list()
        return ids

    def _estimated(self, looked: Looked, builds: list[Pipeline]) -> SourcePlan:
        """The plan without reading a document."""
        fetch = looked.plan.fetch
        staying = staying_contents(looked, set())
        brake = judge(looked, staying, self._pipeline.settings.limits)
        self._changes[Change.TO_READ] = fetch.height
        self._changes[Change.FAILED] = len(looked.listing.failures)
        if self._is_detailed:
            for native_id, uri in fetch.select("native_id", "uri").iter_rows():
                name = shown_name(native_id, uri, is_path=self._are_paths)
                self._documents.append(DocumentChange(Change.TO_READ, name))
        self._note_deletions(looked, staying, None)
        counts = estimated(builds, self._partition, self._options, looked)
        plan = self._said(looked, builds, brake, counts, looked.unchanged, is_estimate=True)
        is_guessed = f"{EMBEDDINGS}: tokens" in counts
        return plan if is_guessed else replace(plan, notes=(*plan.notes, UNMEASURED))


def _later_counts(later: list[Foresight], builds: list[Pipeline]) -> dict[str, int]:
    """The counts of the later stages; of the live collection beside that of the settings as `live …`."""
    counts: dict[str, int] = dict(later[-1].counts)
    for other in later[:-1]:
        for key, number in other.counts.items():
            stage, _, name = key.partition(": ")
            if number:
                counts[f"{stage}: live {name}"] = number
    return counts
