"""What a repair has to show: the plan, then the checks before and after, and what nothing could mend."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from vector_pipeline.cli import console

if TYPE_CHECKING:
    from vector_pipeline.consistency.repair_plan import PartitionPlan, RepairPlan
    from vector_pipeline.consistency.repairing import Repair
    from vector_pipeline.consistency.result import CheckResult

_ACTIONS = {
    "write": "points to write",
    "look": "documents whose points are looked at",
    "remove": "points to remove",
    "embed": "points to embed again",
    "cut": "documents to cut",
    "fetch": "documents to read at the source",
    "compare": "comparison with the collection",
    "sync": "full sync",
    "purge": "removal of all that is left of it",
}
_IDS = ("write", "look", "remove", "embed", "cut", "fetch")


def print_plan(plan: RepairPlan) -> None:
    """What would be done, a line per source."""
    if plan.rebuild:
        console.out.print(console.text(f"{plan.rebuild}: all points are written again from what is stored"))
    for one in plan.partitions:
        console.out.print(console.text(f"{_name(one.partition)}: {_words(one)}"), soft_wrap=True)


def print_outcome(outcome: Repair) -> None:
    """What was done, what the checks said before and after, and what is left."""
    from rich.table import Table

    for done in outcome.done:
        counts = ", ".join(console.counted(number, words) for words, number in done.counts.items())
        if counts:
            console.out.print(console.text(f"{_name(done.partition)}: {counts}"), soft_wrap=True)
        if done.error:
            console.err.print(console.text(f"{_name(done.partition)}: {done.error}", "red"), soft_wrap=True)
    if outcome.after is not None:
        before = {one.name: one for one in outcome.before}
        table = Table(box=None, pad_edge=False, header_style="bold")
        for title in ("check", "before", "after"):
            table.add_column(title, no_wrap=True)
        for one in outcome.after:
            first = before.get(one.name)
            table.add_row(one.name, _verdict(first) if first else "·", _verdict(one))
        console.out.print(table)
    _print_left(outcome)
    if outcome.plan.is_empty and outcome.passed:
        console.out.print("[green]nothing to mend[/green]")


def repair_as_json(outcome: Repair) -> dict[str, Any]:
    """The outcome for machines; the keys are always the same."""
    return {
        "collection": outcome.collection,
        "passed": outcome.passed,
        "done": outcome.after is not None,
        "rebuild": outcome.plan.rebuild,
        "plan": [_plan_as_json(one) for one in outcome.plan.partitions],
        "sources": [{"source": one.partition, "counts": dict(one.counts), "error": one.error} for one in outcome.done],
        "before": _results_as_json(outcome.before),
        "after": None if outcome.after is None else _results_as_json(outcome.after),
        "left": [
            {"check": one.check, "source": one.partition, "offenders": one.number, "why": one.why}
            for one in outcome.plans[-1].left
        ],
    }


def _print_left(outcome: Repair) -> None:
    for one in outcome.plans[-1].left:
        more = f" (and {one.number - 1:,} more)" if one.number > 1 else ""
        told = f"left: {one.check}: {_name(one.partition)}: {one.why}{more}"
        console.err.print(console.text(told, "yellow"), soft_wrap=True)
    for result in outcome.before if outcome.after is None else outcome.after:
        if result.error:
            console.err.print(console.text(f"{result.name} could not look: {result.error}", "red"), soft_wrap=True)


def _name(partition: str) -> str:
    return "points that name no source" if partition == "?" else partition or "all sources"


def _words(plan: PartitionPlan) -> str:
    told = []
    for name, number in plan.counts.items():
        told.append(console.counted(number, _ACTIONS[name]) if name in _IDS else _ACTIONS[name])
    return ", ".join(told)


def _verdict(result: CheckResult) -> str:
    if result.error:
        return "could not look"
    if result.passed:
        return "passed"
    return console.counted(result.offenders, "warnings" if result.severity == "warning" else "offenders")


def _plan_as_json(plan: PartitionPlan) -> dict[str, Any]:
    ids = {name: [one.hex() for one in getattr(plan, name)] for name in _IDS}
    return {"source": plan.partition, **ids, "compare": plan.compare, "sync": plan.sync, "purge": plan.purge}


def _results_as_json(results: Sequence[CheckResult]) -> list[dict[str, Any]]:
    return [
        {
            "check": one.name,
            "passed": one.passed,
            "severity": one.severity,
            "compared": one.compared,
            "offenders": one.offenders,
            "error": one.error,
        }
        for one in results
    ]
