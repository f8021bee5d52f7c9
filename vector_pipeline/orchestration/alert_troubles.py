"""From what was read to troubles: their keys, their words, and their pages in the Dagster UI.

Pure. The only free text that goes in is the error in the ingestion history, which is our own and names no content.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from vector_pipeline.alerts.trouble import Trouble, duration_words, one_line, time_words, ui_path
from vector_pipeline.orchestration.alert_findings import FailedCheck, FailedRun, RunsSeen
from vector_pipeline.orchestration.alert_ticks import FailingTicks
from vector_pipeline.orchestration.names import stage_key
from vector_pipeline.sync.lateness import Late
from vector_pipeline.sync.stages import DOCUMENTS

SAID_CHARACTERS = 300


def run_troubles(seen: RunsSeen) -> Iterator[Trouble]:
    """Failed checks and failed runs. A run that a blocking check ended is told as that check."""
    ended_by_checks = {(check.run_id, check.source) for check in seen.checks.values() if check.error and check.blocking}
    for check in seen.checks.values():
        yield _check(check)
    for run in seen.failed.values():
        if (run.run_id, run.source) not in ended_by_checks:
            yield _brake(run) if run.held_back else _run(run)


def tick_troubles(failing: Iterable[FailingTicks], location: str) -> Iterator[Trouble]:
    """Failing sensors and schedules; where a sensor fails because sources are silent, those sources instead."""
    for one in failing:
        what = "sensor" if one.is_sensor else "schedule"
        path = ui_path("locations", location, f"{what}s", one.name) if location else ui_path("automation")
        for source in one.silent:
            yield Trouble(
                f"silent {source}",
                "sensor",
                "warning",
                f"{source} does not answer",
                source if "/" in source else "",
                (("sensor", one.name), ("failed ticks in a row", one.failures)),
                path,
            )
        if not one.silent:
            yield Trouble(
                f"{what} {one.name}",
                "sensor" if one.is_sensor else "schedule",
                "error",
                f"the {what} {one.name} fails",
                facts=(("failed ticks in a row", one.failures),),
                path=path,
            )


def late_troubles(late: Iterable[Late], now: datetime) -> Iterator[Trouble]:
    """Sources behind their limit."""
    for one in late:
        source_type, _, key = one.source.partition("/")
        yield Trouble(
            f"behind {one.source}",
            "behind",
            "warning",
            f"{one.source} is behind for longer than its limit of {duration_words(one.limit.total_seconds())}",
            one.source,
            (
                ("behind for", duration_words((now - one.since).total_seconds())),
                ("last known to be in step", time_words(one.since)),
            ),
            ui_path("assets", *stage_key(source_type, DOCUMENTS).path, view="partitions", partition=key),
        )


def unseen_trouble(what: str) -> Trouble:
    """Something could not be looked at: what is wrong there is not known."""
    return Trouble(f"unseen {what}", "unseen", "error", f"the {what} can't be read: see `vector-pipeline status`")


def _run(run: FailedRun) -> Trouble:
    title = f"{run.source}: the run failed" if run.source else f"the job {run.subject} failed"
    return Trouble(f"run {run.subject}", "run", "error", title, run.source, _said(run), ui_path("runs", run.run_id))


def _brake(run: FailedRun) -> Trouble:
    title = f"{run.source}: the brake holds back {run.held_back} deletions"
    path = ui_path("runs", run.run_id)
    return Trouble(f"brake {run.source}", "brake", "error", title, run.source, _said(run), path)


def _said(run: FailedRun) -> tuple[tuple[str, str], ...]:
    return (("error", one_line(run.said, SAID_CHARACTERS)),) if run.said else ()


def _check(check: FailedCheck) -> Trouble:
    where = f"{check.source}: " if check.source else ""
    return Trouble(
        f"check {check.asset} {check.check} {check.source}",
        "check",
        "error" if check.error else "warning",
        f"{where}the check {check.check} of {check.asset} fails",
        check.source,
        (("offenders", check.offenders),),
        ui_path("assets", *check.asset.split("/"), view="checks", checkDetail=check.check),
    )
