"""What `sync --detach` does: puts the syncs that are due into the queue of the running daemon, and leaves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from vector_pipeline.cli import console
from vector_pipeline.cli.queue_json import DetachedJson, DetachedRunJson, NotAskedForJson

if TYPE_CHECKING:
    from vector_pipeline.cli.sync_report import Report
    from vector_pipeline.sync.due import Due
    from vector_pipeline.sync.stages import Options


def submit(due: Sequence[Due], options: Options, priority: int | None) -> list[DetachedRunJson]:
    """Asks the daemon for the syncs. A source that has a run already is left to it, unless this one differs from the
    usual; a priority is given to that run. Raises NoDaemon.
    """
    from vector_pipeline.cli.queue import opened_instance, warn_if_nothing_starts
    from vector_pipeline.orchestration.queue_status import unfinished_runs
    from vector_pipeline.orchestration.queue_submit import put_forward, raise_if_no_daemon, submit_sync
    from vector_pipeline.sync.stages import Options

    with opened_instance() as (instance, _):
        raise_if_no_daemon(instance)
        there = {run.source: run.run_id for run in unfinished_runs(instance)} if options == Options() else {}
        asked = []
        for one in due:
            run_id = there.get(one.partition) or submit_sync(instance, one, options, priority)
            new = one.partition not in there
            if not new and priority is not None:
                put_forward(instance, run_id, priority)
            asked.append(DetachedRunJson(run_id=run_id, source=one.partition, reason=one.reason, new=new))
        warn_if_nothing_starts(instance)
    return asked


def print_detached(asked: Sequence[DetachedRunJson], report: Report, *, as_json: bool) -> None:
    """Says which runs there are now, and which sources did not answer."""
    failed = [NotAskedForJson(source=one.source, error=one.error) for one in report.ordered if one.status == "failed"]
    if as_json:
        console.print_json(DetachedJson(runs=list(asked), failed=failed))
        return
    for run in asked:
        words = "is queued" if run["new"] else "was asked for already"
        line = f"run {run['run_id']} of {run['source']} {words}: {run['reason']}"
        console.out.print(console.text(line), soft_wrap=True)
    for source in failed:
        console.err.print(console.text(f"{source['source']}: {source['error']}", "red"), soft_wrap=True)
    if asked:
        console.out.print("follow them with `vector-pipeline watch`", soft_wrap=True)
    elif not failed:
        console.out.print("all sources are in step; nothing was put into the queue", soft_wrap=True)
