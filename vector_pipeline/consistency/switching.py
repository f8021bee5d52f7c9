"""Moving searches to another collection of ours, and back: only when it is complete and its checks pass.

The alias moves in one step. What the record says of it is written afterwards and put right by the next look, should
that fail; which collection searches use is always what the alias says.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from vector_pipeline.consistency.check_file import AFTER_SYNCS, COLLECTION, checks_on
from vector_pipeline.consistency.checks import is_of_a_collection, look_at, run_checks
from vector_pipeline.consistency.result import CheckResult
from vector_pipeline.errors import PipelineError
from vector_pipeline.logs.about import RUNS
from vector_pipeline.state.errors import StateLocked
from vector_pipeline.state.records import Target
from vector_pipeline.state.targets_table import BUILDING, FORMER, REJECTED
from vector_pipeline.sync.builds import release_inactive
from vector_pipeline.sync.collection import collection_is_lost, prepare_collection, unsettled
from vector_pipeline.sync.errors import SyncError
from vector_pipeline.sync.pipeline import Pipeline
from vector_pipeline.sync.runner import bring_up_to_date

MOST_NAMED = 10
"""Documents that a refusal names."""


class NothingToRollBackTo(SyncError):
    """There is no collection of former settings that searches could go back to."""


@dataclass(frozen=True, slots=True)
class Switching:
    """Where searches are after a look at it: in `collection`, and since now if it `moved`.

    Otherwise `wanted` is the collection they were to go to ("" if there is none) and `reason` says why they did not;
    `waiting` lists the sources that are not complete in it, `missing` how many documents it would lack. `rejected`:
    somebody took it back, which is no fault.
    """

    collection: str
    moved: bool = False
    wanted: str = ""
    reason: str = ""
    waiting: list[str] = field(default_factory=list)
    missing: int = 0
    rejected: bool = False


def settle_alias(pipeline: Pipeline, *, asked: bool = False, allow_missing: bool = False) -> Switching:
    """Moves searches to the collection of the settings where it is complete and its checks pass.

    `asked`: somebody wants it, also where it was taken back before; then it is completed first from what is stored of
    the sources. `allow_missing`: though documents that can be found now could not be brought into it. Raises SyncError
    before anything was indexed, StateLocked where it is to be completed and a source is at work for too long.
    """
    alias = pipeline.settings.index.alias
    if collection_is_lost(pipeline) and pipeline.index.alias(alias) is None:
        raise SyncError("nothing has been indexed yet", hint="run `vector-pipeline sync` first")
    target = prepare_collection(pipeline)
    now = pipeline.index.alias(alias)
    assert now is not None  # prepare_collection gives the first collection its alias
    release_inactive(pipeline)
    if now == pipeline.collection:
        return Switching(now)
    record = pipeline.store.find_target(pipeline.collection)
    if record and record.state == REJECTED and not asked:
        return Switching(now, wanted=pipeline.collection, reason="it was taken back by `rollback`", rejected=True)
    if asked:
        # A source that can't be reached completes nothing by its runs; what is stored of it is enough.
        for name in unsettled(pipeline, target):
            bring_up_to_date(pipeline, name, f"switch-{uuid.uuid4()}")
    if waiting := unsettled(pipeline, target):
        reason = f"{len(waiting)} of {len(pipeline.partitions())} sources are not complete in it"
        return Switching(now, wanted=pipeline.collection, reason=reason, waiting=waiting)
    if asked and record and record.state == REJECTED:
        pipeline.store.record_state(pipeline.collection, BUILDING)
    return _move(pipeline, now, pipeline, allow_missing=allow_missing)


def roll_back(pipeline: Pipeline, *, now: bool = False, allow_missing: bool = False) -> Switching:
    """Moves searches back to the collection they used before, brought up to date from stored texts unless `now`.

    The one they leave is taken back: searches go to it again only by `switch`. Raises NothingToRollBackTo.
    """
    searched = pipeline.index.alias(pipeline.settings.index.alias)
    target = find_former(pipeline)
    if target is None or searched is None:
        raise NothingToRollBackTo(
            "there is no collection of former settings to go back to",
            hint="`vector-pipeline collections` lists them; set the former settings again to have theirs built anew",
        )
    build = pipeline.at(target.collection, target.settings or {})
    if build is None or build.collection != target.collection:
        raise NothingToRollBackTo(
            f"collection {target.collection} was made by another version and can't be kept up by this one",
            hint="set the former settings again: their collection is built anew beside the present one",
        )
    if not now:
        run_id = f"rollback-{uuid.uuid4()}"
        for name in pipeline.partitions():
            bring_up_to_date(build, name, run_id)
    return _move(build, searched, pipeline, allow_missing=allow_missing or now, rejects=True)


def find_former(pipeline: Pipeline) -> Target | None:
    """The collection that searches left last, of those that still exist and whose making is recorded."""
    existing, searched = set(pipeline.index.collections()), pipeline.index.alias(pipeline.settings.index.alias)
    found = [
        target
        for target in pipeline.store.target_records()
        if target.state == FORMER and target.settings and target.collection in existing - {searched}
    ]
    oldest = datetime.min.replace(tzinfo=UTC)
    return max(found, key=lambda target: target.retired_at or oldest, default=None)


def checks_before_switch(build: Pipeline) -> list[CheckResult]:
    """What must hold of a collection before searches go to it, and does not: the checks that say something of this one
    alone, but for those that embed queries.
    """
    wanted = [check for check in checks_on(COLLECTION) if check.when == AFTER_SYNCS and is_of_a_collection(check)]
    found = run_checks(look_at(build), wanted)
    return [result for result in found if (result.is_error and not result.passed) or result.unconfirmed]


def _move(
    build: Pipeline,
    searched: str,
    pipeline: Pipeline,
    *,
    allow_missing: bool,
    rejects: bool = False,
) -> Switching:
    """Moves searches to the collection of `build` unless something speaks against it; `rejects` the one they leave."""
    alias, store = pipeline.settings.index.alias, pipeline.store
    wanted = build.collection
    try:
        with store.lock(f"alias {alias}"):
            if pipeline.index.alias(alias) == wanted:
                return Switching(wanted)
            missing, named = store.missing_documents(
                store.target_no(wanted), store.target_no(searched), build.chunking, MOST_NAMED
            )
            if missing and not allow_missing:
                return Switching(searched, wanted=wanted, reason=_why_missing(missing, named), missing=missing)
            if failed := checks_before_switch(build):
                return Switching(searched, wanted=wanted, reason=_why_failed(failed), missing=missing)
            if rejects:
                # First of all: were this to end half way, the next sync must not go back to what was rejected.
                store.record_state(searched, REJECTED)
            pipeline.index.set_alias(alias, wanted)
            store.record_live(wanted, datetime.now(UTC))
            RUNS.info("searches go to the collection %s now, and no longer to %s", wanted, searched)
            if rejects:
                store.record_state(searched, REJECTED)  # somebody may have found it searched in between
    except StateLocked:
        return Switching(searched, wanted=wanted, reason="somebody else is at it")
    release_inactive(pipeline)
    return Switching(wanted, moved=True, missing=missing)


def _why_missing(missing: int, named: Sequence[str]) -> str:
    more = ", …" if missing > len(named) else ""
    those = "1 document that is found now is" if missing == 1 else f"{missing:,} documents that are found now are"
    return f"{those} not in it: {', '.join(named)}{more}"


def _why_failed(failed: Sequence[CheckResult]) -> str:
    return "; ".join(f"the check {result.name} {_why_not_passed(result)}" for result in failed)


def _why_not_passed(result: CheckResult) -> str:
    if result.error:
        return f"could not run: {result.error}"
    if result.offenders:
        return f"found {result.offenders:,} of {result.compared:,} wrong"
    return f"could not look at {', '.join(result.unconfirmed)}"


def refused(result: Switching) -> PipelineError:
    """What to say to somebody who wanted searches to move, and they did not."""
    if result.missing:
        hint = "`vector-pipeline quarantine list` says why; --allow-missing moves searches all the same"
    elif result.waiting:
        hint = "`vector-pipeline sync` completes it"
    else:
        hint = "`vector-pipeline check` shows what is wrong, `vector-pipeline repair` mends it"
    return SyncError(f"searches stay on {result.collection} rather than {result.wanted}: {result.reason}", hint=hint)
