"""Repair: the checks, the plan that follows from what they found, the plan carried out, and the checks again.

What still offends is planned anew with the next stronger action, a few times at most.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import polars as pl

from vector_pipeline.consistency.check_file import COLLECTION, Check, all_checks, checks_on
from vector_pipeline.consistency.checks import look_at, run_checks
from vector_pipeline.consistency.look import Depth, seed_of
from vector_pipeline.consistency.mending import mend
from vector_pipeline.consistency.rebuilding import rebuild, rebuild_reason
from vector_pipeline.consistency.repair_plan import RepairPlan, Tried, found_by, plan_repair
from vector_pipeline.consistency.result import CheckResult
from vector_pipeline.errors import PipelineError
from vector_pipeline.logs.about import RUNS
from vector_pipeline.sync.builds import active_builds
from vector_pipeline.sync.collection import collection_is_lost
from vector_pipeline.sync.pipeline import Pipeline

MOST_ROUNDS = 3
"""Times that a plan is made and carried out: from the store, by cutting again, by reading again."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to look at: `sources` (none: all, and what belongs to none) by `checks` (none: all those of the collection).

    `full` looks at everything rather than at samples; with `sync`, sources that are behind are synced in full.
    """

    sources: Sequence[str] = ()
    checks: Sequence[str] = ()
    full: bool = False
    sync: bool = False


@dataclass(frozen=True, slots=True)
class Done:
    """What was done in one partition, in words and numbers, and what went wrong, "" for nothing."""

    partition: str
    counts: Mapping[str, int] = field(default_factory=dict)
    error: str = ""


@dataclass
class Repair:
    """A repair of one collection: what the checks said before and after (None where nothing was done yet), the plans,
    what was done.
    """

    collection: str
    wanted: Wanted
    seed: int
    before: Sequence[CheckResult]
    plans: list[RepairPlan]
    done: list[Done] = field(default_factory=list)
    after: Sequence[CheckResult] | None = None

    @property
    def plan(self) -> RepairPlan:
        """The first plan: what a person is asked about."""
        return self.plans[0]

    @property
    def passed(self) -> bool:
        """Whether all checks that are more than a warning passed when last asked."""
        if self.after is None and self.plan.rebuild:
            return False
        results = self.before if self.after is None else self.after
        return all(one.passed or one.severity == "warning" for one in results)


def repairable(pipeline: Pipeline) -> list[Pipeline]:
    """The pipelines of the collections that can be mended: the one that searches use first, then the one being built
    where that is another. One that nothing was written to yet is the next sync's.
    """
    builds = active_builds(pipeline)
    return [build for build in builds if not collection_is_lost(build) or rebuild_reason(build)]


def examine(pipeline: Pipeline, wanted: Wanted) -> Repair:
    """What the checks find in the pipeline's collection, and what would mend it. Changes nothing."""
    seed = seed_of(time.time())
    if why := rebuild_reason(pipeline):
        return Repair(pipeline.collection, wanted, seed, [], [RepairPlan(rebuild=why)])
    before = _look(pipeline, wanted, seed)
    return Repair(pipeline.collection, wanted, seed, before, [_plan(pipeline, wanted, before, frozenset())])


def carry_out(pipeline: Pipeline, outcome: Repair) -> None:
    """Does what the plan says, and asks the checks again; the outcome fills up as it goes.

    What fails in one partition is told there and holds no other back.
    """
    run_id = f"repair-{uuid.uuid4()}"
    tried: Tried = frozenset()
    plan = outcome.plan
    for _ in range(MOST_ROUNDS):
        if plan.is_empty:
            return
        for done in _done(pipeline, outcome.wanted, plan, run_id):
            outcome.done.append(done)
            told = {"source": done.partition, "run": run_id, "counts": dict(done.counts)}
            RUNS.info("repair: %s", done.error or "done", extra=told)
        tried |= plan.actions
        outcome.after = _look(pipeline, outcome.wanted, outcome.seed)
        plan = _plan(pipeline, outcome.wanted, outcome.after, tried)
        outcome.plans.append(plan)


def repair(pipeline: Pipeline, wanted: Wanted) -> Repair:
    """Mends what the checks find, without asking anybody."""
    outcome = examine(pipeline, wanted)
    carry_out(pipeline, outcome)
    return outcome


def _look(pipeline: Pipeline, wanted: Wanted, seed: int) -> list[CheckResult]:
    """The results of the checks over the sources, each check once."""
    known = all_checks()
    checks = [known[name] for name in wanted.checks] or checks_on(COLLECTION)
    depth = Depth.FULL if wanted.full else Depth.SAMPLE
    looks = [look_at(pipeline, name, depth=depth, seed=seed) for name in wanted.sources or (None,)]
    several = [run_checks(look, checks) for look in looks]
    return [_together(check, [results[place] for results in several]) for place, check in enumerate(checks)]


def _together(check: Check, results: Sequence[CheckResult]) -> CheckResult:
    """What a check says of several sources."""
    return replace(
        results[0],
        name=check.name,
        compared=sum(one.compared for one in results),
        offending=pl.concat(one.offending for one in results),
        seconds=sum(one.seconds for one in results),
        unconfirmed=tuple(name for one in results for name in one.unconfirmed),
        documents={key: name for one in results for key, name in one.documents.items()},
        error="; ".join(dict.fromkeys(one.error for one in results if one.error)),
    )


def _plan(pipeline: Pipeline, wanted: Wanted, results: Sequence[CheckResult], tried: Tried) -> RepairPlan:
    known = [one.name for one in pipeline.store.partitions()]
    configured = [name for name in known if pipeline.source_settings(name) is not None]
    return plan_repair(found_by(results), known=known, configured=configured, tried=tried, sync=wanted.sync)


def _done(pipeline: Pipeline, wanted: Wanted, plan: RepairPlan, run_id: str) -> Iterator[Done]:
    if plan.rebuild:
        for rebuilt in rebuild(pipeline, wanted.sources):
            yield Done(rebuilt.partition, rebuilt.counts, rebuilt.error)
    for one in plan.partitions:
        try:
            yield Done(one.partition, mend(pipeline, one, run_id))
        except PipelineError as error:
            yield Done(one.partition, error=str(error))
