"""`status`: per source what is held, when it was last in step, how far it is behind, what is in quarantine."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vector_pipeline.cli import console

if TYPE_CHECKING:
    from vector_pipeline.index.base import VectorIndexError
    from vector_pipeline.sync.builds import Progress
    from vector_pipeline.sync.pipeline import Pipeline

_COLOURS = {
    "in step": "green",
    "due": "yellow",
    "behind": "yellow",
    "never synced": "yellow",
    "stopped": "yellow",
    "running": "cyan",
    "removed": "dim",
}


def status_command(
    probe: Annotated[
        bool, typer.Option("--probe", help="Ask the sources now rather than trust the last look.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Show the state of every source.

    Example: vector-pipeline status --probe
    """
    from vector_pipeline.index.base import VectorIndexError
    from vector_pipeline.sync.builds import build_progress
    from vector_pipeline.sync.discovery import empty_sites, failed_discoveries
    from vector_pipeline.sync.sightings import UNANSWERED, sighted_since

    with console.opened() as pipeline:
        errors: dict[str, str] = {}
        undiscovered = failed_discoveries(pipeline)
        empty = {site.label: console.nothing_matches(site.settings) for site in empty_sites(pipeline)}
        if probe:
            from vector_pipeline.sync.observation import observe

            asked = observe(pipeline, pipeline.partitions())
            errors = {name: str(error) for name, error in asked.errors.items()}
        progress: Progress | None = None
        index_error: VectorIndexError | None = None
        try:
            progress = build_progress(pipeline)
        except VectorIndexError as error:
            # What the state store knows is shown all the same.
            index_error = error
        troubled = _troubled_since(pipeline)
        silent = sighted_since(pipeline.store, UNANSWERED).keys()
        rows = [_row(pipeline, summary, errors, index_error, troubled, silent) for summary in _summaries(pipeline)]
    if as_json:
        console.print_json(
            {
                "sources": rows,
                "not_discovered": undiscovered,
                "nothing_found": empty,
                "searches_wait_for": progress.waiting if progress else [],
                "build": progress and {**asdict(progress), "percent": progress.percent},
                "index_error": str(index_error or ""),
            }
        )
    else:
        if rows or not (empty or undiscovered):
            _print(rows)
        for name, why in empty.items():
            console.err.print(console.text(f"{name}: {why}", "yellow"), soft_wrap=True)
        for name, why in undiscovered.items():
            console.err.print(console.text(f"{name}: its parts could not be found: {why}", "red"), soft_wrap=True)
        if progress:
            console.print_progress(progress)
        if index_error:
            console.print_error(index_error)
    if errors or undiscovered or index_error or any(row["late"] for row in rows):
        raise typer.Exit(console.FAILED)


def _summaries(pipeline: Pipeline) -> list[dict[str, Any]]:
    """One row per source that is configured or held, in the order of the settings."""
    target = pipeline.store.target_no(pipeline.collection)
    held = {row["name"]: row for row in pipeline.store.summaries(target, pipeline.chunking).to_dicts()}
    names = dict.fromkeys([*pipeline.partitions(), *held])
    return [held.get(name, {"name": name}) for name in names]


def _troubled_since(pipeline: Pipeline) -> dict[str, datetime]:
    """By source, since when it is seen to have changed, does not answer, or its runs fail or don't end; the earliest.

    Each of these may be over since, by a good run or by the look that made it so.
    """
    from vector_pipeline.sync.sightings import DIFFERS, UNANSWERED, sighted_since

    store = pipeline.store
    seen = [sighted_since(store, note) for note in (DIFFERS, UNANSWERED)]
    runs = store.run_facts()
    since: dict[str, datetime] = {}
    for one in store.partitions():
        facts = runs.get(one.partition_id)
        moments = [notes.get(one.partition_id) for notes in seen]
        moments += [facts.failing_since, facts.running_since] if facts else []
        if earliest := min(filter(None, moments), default=None):
            since[one.name] = earliest
    return since


def _row(
    pipeline: Pipeline,
    summary: dict[str, Any],
    errors: dict[str, str],
    index_error: VectorIndexError | None,
    troubled: dict[str, datetime],
    silent: Set[int],
) -> dict[str, Any]:
    name = summary["name"]
    is_silent = name in errors or summary.get("partition_id") in silent
    state, reason = _state(pipeline, summary, index_error, is_silent=is_silent)
    behind = _behind(state, summary, troubled.get(name))
    settings = pipeline.source_settings(name)
    return {
        "source": name,
        "state": state,
        "due": reason,
        "documents": summary.get("documents") or 0,
        "chunks": summary.get("chunks") or 0,
        "points": summary.get("points") or 0,
        "quarantined": summary.get("quarantined") or 0,
        "last_success_at": summary.get("last_success_at"),
        "observed_at": summary.get("observed_at"),
        "behind_seconds": behind,
        "late": settings is not None and behind > settings.behind_limit.total_seconds(),
        "error": errors.get(name) or summary.get("last_error") or "",
    }


def _state(
    pipeline: Pipeline, summary: dict[str, Any], index_error: VectorIndexError | None, *, is_silent: bool
) -> tuple[str, str]:
    """The state in a word, and why the next sync has work to do ("" if it has none).

    The source is what it was when it was last looked at.
    """
    from vector_pipeline.sync.due import due_partition

    name = summary["name"]
    if pipeline.source_settings(name) is None:
        return "removed", "removed from the settings"
    observed, built = _observed(pipeline, summary), summary.get("built_version") or ""
    due = None if index_error else due_partition(pipeline, name, observed or built)
    reason = due.reason if due else ""
    if is_silent:
        return "unreachable", reason
    last = summary.get("last_run_status")
    if last == "running":
        return ("running" if _is_locked(pipeline, name) else "stopped"), reason
    if last == "failed":
        from vector_pipeline.sync.summary import STOPPED

        return ("stopped" if str(summary.get("last_error")).endswith(STOPPED) else "failed"), reason
    if not built:
        return "never synced", reason
    if observed and observed != built:
        return "behind", reason
    return ("due" if reason else "in step"), reason


def _observed(pipeline: Pipeline, summary: dict[str, Any]) -> str:
    """The version seen at the last look, "" where a good run has looked since and may have found a newer one."""
    from vector_pipeline.sync.footing import is_in_part
    from vector_pipeline.sync.lateness import seen_version

    version = summary.get("observed_version") or ""
    number = summary.get("partition_id")  # nothing is known of a source that was never looked at
    if number is not None and is_in_part(pipeline.store, number):
        return version
    return seen_version(version, summary.get("observed_at"), summary.get("last_run_at"), summary.get("last_run_status"))


def _is_locked(pipeline: Pipeline, name: str) -> bool:
    """Whether a run is at work: one that was killed still stands as running in the history."""
    from vector_pipeline.state.errors import StateLocked

    try:
        with pipeline.store.lock(name, 0):
            return False
    except StateLocked:
        return True


def _behind(state: str, summary: dict[str, Any], troubled: datetime | None) -> int:
    """Seconds since the source is known not to be in step, and at most since it last was; 0 when it is."""
    moments = [moment for moment in (troubled, summary.get("last_success_at")) if moment]
    if state in ("in step", "due") or not moments:
        return 0
    return int((datetime.now(UTC) - max(moments)).total_seconds())


def _print(rows: list[dict[str, Any]]) -> None:
    from rich.table import Table
    from rich.text import Text

    if not rows:
        console.out.print("there are no sources; name them in pipeline.yaml")
        return
    wide = console.out.width >= console.NARROW
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("source", overflow="fold")
    table.add_column("state", no_wrap=True)
    quarantined, success = ("quarantined", "last success") if wide else ("quar.", "success")
    numbers = ("documents", "chunks", "points")
    for title in (*(numbers if wide else ("docs", *numbers[1:])), quarantined, success, "behind"):
        table.add_column(title, justify="right", no_wrap=True)
    if wide:
        table.add_column("last look", justify="right", no_wrap=True)
    for row in rows:
        behind = row["behind_seconds"]
        table.add_row(
            console.text(row["source"]),
            Text(row["state"], style=_COLOURS.get(row["state"], "red")),
            *(f"{row[name]:,}" for name in numbers),
            Text(f"{row['quarantined']:,}" if row["quarantined"] else "·", "yellow" if row["quarantined"] else ""),
            console.age(row["last_success_at"]),
            Text(console.duration(behind) if behind else "·", "red" if row["late"] else ""),
            *([console.age(row["observed_at"])] if wide else []),
        )
    console.out.print(table)
    for row in rows:
        if row["error"] and row["state"] not in ("in step", "stopped"):
            console.err.print(console.text(f"{row['source']}: {row['error']}", "red"), soft_wrap=True)
        elif row["due"] and row["state"] in ("due", "behind", "removed", "stopped"):
            console.err.print(console.text(f"{row['source']}: {row['due']}", "dim"), soft_wrap=True)
