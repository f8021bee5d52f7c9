"""The plan of a sync: every source probed, listed and read as a sync does it, in the same order, and nothing written.

A text that several sources hold is counted for the first of them, as it is embedded once. What can't be looked at is
said beside the others.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from vector_pipeline.errors import PipelineError
from vector_pipeline.state.records import Partition
from vector_pipeline.sync.discovery import Discovered, preview
from vector_pipeline.sync.due import due_partition
from vector_pipeline.sync.foresight import Texts
from vector_pipeline.sync.observation import observe
from vector_pipeline.sync.partitions import choose_partitions, list_partitions, site_sources
from vector_pipeline.sync.pipeline import Pipeline
from vector_pipeline.sync.plan import Change, Outlook, Plan, SourcePlan
from vector_pipeline.sync.progress import report
from vector_pipeline.sync.rates import Speed, speed
from vector_pipeline.sync.source_plan import plan_source
from vector_pipeline.sync.stages import Options

UNKNOWN = 0
"""The number of a partition that is not recorded yet: no row has it."""

_RUNS = 50
"""Recorded runs that rates are measured from."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked of a plan: the sources (none: all), how the sync would run, whether documents are named, and
    whether to guess rather than to read them."""

    sources: Sequence[str] = ()
    options: Options = field(default_factory=Options)
    is_detailed: bool = False
    is_estimate: bool = False


def make_plan(pipeline: Pipeline, wish: Wish) -> Plan:
    """What a sync would do now. Raises UnknownSource and StateError; what is wrong with one source is in the plan."""
    found = _discovered(pipeline, wish.sources)
    names = _names(pipeline, wish.sources, found)
    plans = [
        SourcePlan(label, Outlook.FAILED, error=error.message, hint=error.hint) for label, error in found.errors.items()
    ]
    plans += _Planner(pipeline, wish, set(found.new)).plans(names)
    if not wish.sources:
        plans += [_removed(pipeline, one, wish.options) for one in _unconfigured(pipeline)]
    return Plan(tuple(plans), pipeline.settings.embedding.currency, tuple(found.dropped))


def _discovered(pipeline: Pipeline, wanted: Sequence[str]) -> Discovered:
    sites = [site for site in site_sources(pipeline.settings) if not wanted or _is_within(site.label, wanted)]
    return preview(pipeline, sites)


def _is_within(label: str, wanted: Sequence[str]) -> bool:
    return any(name == label or name.startswith(f"{label}.") for name in wanted)


def _names(pipeline: Pipeline, wanted: Sequence[str], found: Discovered) -> list[str]:
    """The partitions to plan, in the order of the settings; a site stands for all of its parts."""
    existing = sorted({*found.new, *(partition.name for partition in pipeline.store.partitions())})
    known = [name for name in list_partitions(pipeline.settings, existing) if name not in found.dropped]
    if not wanted:
        return known
    return choose_partitions(wanted, known, {site.label for site in site_sources(pipeline.settings)})


class _Planner:
    """Plans sources one after the other; what one would embed, those after it need not."""

    def __init__(self, pipeline: Pipeline, wish: Wish, new: set[str]) -> None:
        self._pipeline, self._wish, self._new = pipeline, wish, new
        self._texts: defaultdict[str, Texts] = defaultdict(Texts)
        self._now = datetime.now(UTC)
        self._overall: Speed | None = None

    def plans(self, names: Sequence[str]) -> list[SourcePlan]:
        """The plan of each source, in order."""
        observed = observe(self._pipeline, names, recorded=False)
        plans = []
        for position, name in enumerate(names):
            report("", "plan", "sources", position, len(names))
            if error := observed.errors.get(name):
                plan = _failure(name, error)
            else:
                plan = self._plan(name, observed.versions[name])
            plans.append(replace(plan, is_new=name in self._new))
        return plans

    def _plan(self, name: str, version: str) -> SourcePlan:
        try:
            partition = self._pipeline.store.find_partition(name)
            reason = self._reason(name, version, is_known=partition is not None)
            if not reason:
                return SourcePlan(name, Outlook.IN_STEP)
            held = partition or Partition(UNKNOWN, name, 0)
            plan = plan_source(
                self._pipeline,
                held,
                self._wish.options,
                self._texts,
                self._now,
                is_detailed=self._wish.is_detailed,
                is_estimate=self._wish.is_estimate,
            )
        except PipelineError as error:
            plan, reason = _failure(name, error), ""
        for texts in self._texts.values():
            texts.keep(goes_ahead=plan.goes_ahead)
        return self._priced(replace(plan, reason=reason))

    def _reason(self, name: str, version: str, *, is_known: bool) -> str:
        """Why a sync would look at the source, "" where it would not."""
        if not is_known:
            return "never synced"
        due = due_partition(self._pipeline, name, version, self._now)
        if due is not None:
            return due.reason
        options = self._wish.options
        return "asked for" if options.full or options.force or options.allow_deletions else ""

    def _priced(self, plan: SourcePlan) -> SourcePlan:
        """The plan with what it costs, and how long it takes by what was measured of this source, else of all."""
        if plan.outlook not in (Outlook.PLANNED, Outlook.HELD_BACK):
            return plan
        store = self._pipeline.store
        partition = store.find_partition(plan.source)
        own = speed(store.ingestions(partition.partition_id, _RUNS)) if partition else None
        seconds = own.seconds(plan.counts) if own else None
        if seconds is None:
            self._overall = self._overall or speed(store.ingestions(None, _RUNS))
            seconds = self._overall.seconds(plan.counts)
        return replace(
            plan,
            seconds=seconds,
            cost=self._pipeline.settings.embedding.cost(plan.count("embeddings: tokens")),
        )


def _failure(name: str, error: PipelineError) -> SourcePlan:
    return SourcePlan(name, Outlook.FAILED, error=error.message, hint=error.hint)


def _unconfigured(pipeline: Pipeline) -> list[Partition]:
    """What is held of sources that left the settings."""
    configured = set(pipeline.partitions())
    return [partition for partition in pipeline.store.partitions() if partition.name not in configured]


def _removed(pipeline: Pipeline, partition: Partition, options: Options) -> SourcePlan:
    """What goes with a source that left the settings."""
    if not options.removes_sources:
        return SourcePlan(partition.name, Outlook.KEPT, "removed from the settings; such a run removes nothing")
    store, pid = pipeline.store, partition.partition_id
    documents = store.count_documents(pid)
    points = sum(store.count_points(target, pid) for target in store.targets().values())
    return SourcePlan(
        partition.name,
        Outlook.REMOVED,
        "removed from the settings",
        changes=Counter({Change.DELETED: documents}),
        counts={"documents: deleted": documents, "points: deleted": points},
        seconds=0.0,
    )
