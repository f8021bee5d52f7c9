"""`sync`: brings the sources in step, by the same Dagster assets that the daemon runs.

Sources are asked first; where nothing is due, Dagster is not even loaded. A stop (Ctrl-C, SIGTERM) closes the run
under way and is reported with what was done by then.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from vector_pipeline.cli import console
from vector_pipeline.cli.plan import show_plan
from vector_pipeline.cli.signals import Stops, noticed
from vector_pipeline.cli.sync_report import STOPPED, Check, Outcome, Report, print_report, report_as_json

if TYPE_CHECKING:
    import dagster as dg

    from vector_pipeline.cli.progress import Display
    from vector_pipeline.orchestration.launch import RunOutcome
    from vector_pipeline.sync.due import Due
    from vector_pipeline.sync.pipeline import Pipeline
    from vector_pipeline.sync.stages import Options


QUICKLY_CHECKED = 20_000
"""Points of a collection that every sync checks."""


def sync_command(
    source: Annotated[
        list[str] | None, typer.Option("--source", "-s", help="TYPE/NAME, or a whole site; may be repeated.")
    ] = None,
    mode: Annotated[
        str, typer.Option("--mode", help="What to bring in: auto, add-only, update-only or skip-existing.")
    ] = "auto",
    since: Annotated[
        str, typer.Option("--since", help="Only what changed since: 24h, 7d, 90min, 2026-11-01 (UTC), an ISO time.")
    ] = "",
    limit: Annotated[
        int | None, typer.Option("--limit", help="At most so many documents of each source, the newest first.")
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", help="Only these: a pattern (gitignore), an id, a key, a URL; may be repeated."),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Process the selected documents again though they have not changed.")
    ] = False,
    full: Annotated[bool, typer.Option("--full", help="List everything and compare everything.")] = False,
    allow_deletions: Annotated[
        bool, typer.Option("--allow-deletions", help="Release the brake on mass deletion for this run.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be done, what it costs and how long it takes.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="With --dry-run: name the documents.")] = False,
    estimate: Annotated[
        bool, typer.Option("--estimate", help="With --dry-run: guess from earlier runs, without reading documents.")
    ] = False,
    detach: Annotated[
        bool, typer.Option("--detach", help="Put it into the queue of the running daemon, and leave.")
    ] = False,
    priority: Annotated[
        int | None, typer.Option("--priority", help="With --detach: higher ones start first; 10 if not given.")
    ] = None,
    even_if_paused: Annotated[bool, typer.Option("--even-if-paused", help="Sync though the queue is paused.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Bring the sources in step, or only a part of what changed: the next run without options brings in the rest.

    Example: vector-pipeline sync --source git/handbook
    """
    options = _options(
        mode=mode, since=since, limit=limit, only=only or [], force=force, full=full, allow_deletions=allow_deletions
    )
    if dry_run and detach:
        console.wrong_use("--dry-run only says what would be done, --detach has it done; give one of them")
    if priority is not None and not detach:
        console.wrong_use("--priority goes with --detach")
    if dry_run:
        show_plan(source or [], options, verbose=verbose, estimate=estimate, as_json=as_json)
        return
    if verbose or estimate:
        console.wrong_use("--verbose and --estimate go with --dry-run")
    if detach:
        _detach(source or [], options, priority, as_json=as_json)
        return
    started = time.monotonic()
    report = Report()
    with noticed() as stops:
        try:
            _sync(report, stops, source or [], options, quiet=as_json, even_if_paused=even_if_paused)
        except KeyboardInterrupt:
            report.stopped = True
    report.seconds = time.monotonic() - started
    if as_json:
        console.print_json(report_as_json(report))
    else:
        print_report(report)
    if report.failed:
        raise typer.Exit(console.FAILED)


def _options(**given: object) -> Options:
    """The options as given; ends the command as wrongly used where one can't be read."""
    from vector_pipeline.sync.errors import OptionError
    from vector_pipeline.sync.modes import read_given

    try:
        return read_given(given, lambda name: f"--{name.replace('_', '-')}")
    except OptionError as error:
        console.wrong_use(error.message)


def _sync(
    report: Report, stops: Stops, wanted: Sequence[str], options: Options, *, quiet: bool, even_if_paused: bool
) -> None:
    """Asks, runs what is due, checks; the report fills up as it goes. Raises KeyboardInterrupt when stopped."""
    from vector_pipeline.cli.progress import display

    with console.opened() as pipeline:
        with display(quiet=quiet) as shown:
            due = _find_due(pipeline, report, wanted, options, shown)
            if due:
                _run(pipeline, report, due, options, shown, stops, even_if_paused=even_if_paused)
            if not due:
                _switch(pipeline, report, shown)
        _look_at_build(pipeline, report)


def _detach(wanted: Sequence[str], options: Options, priority: int | None, *, as_json: bool) -> None:
    """Asks the sources, and has the running daemon do what is due."""
    from vector_pipeline.cli.detach import print_detached, submit
    from vector_pipeline.cli.progress import display

    report = Report()
    with console.opened() as pipeline:
        with display(quiet=as_json) as shown:
            due = _find_due(pipeline, report, wanted, options, shown)
        asked = submit(due, options, priority) if due else []
    print_detached(asked, report, as_json=as_json)
    if any(outcome.status == "failed" for outcome in report.ordered):
        raise typer.Exit(console.FAILED)


def _find_due(pipeline: Pipeline, report: Report, wanted: Sequence[str], options: Options, shown: Display) -> list[Due]:
    """What is due of the sources that are wanted; reports the others."""
    _discover(pipeline, report, wanted, shown)
    names = console.known_sources(pipeline, wanted, configured_only=True, with_sites=True)
    names = names if wanted else pipeline.partitions()
    shown.announce(f"asking {names[0] if len(names) == 1 else f'{len(names)} sources'}")
    return _ask(pipeline, report, names, everything=not wanted, options=options)


def _look_at_build(pipeline: Pipeline, report: Report) -> None:
    """Reports what keeps searches on the collection of former settings, if anything does."""
    from vector_pipeline.sync.builds import build_progress

    report.progress = build_progress(pipeline)


def _switch(pipeline: Pipeline, report: Report, shown: Display) -> None:
    """Moves searches to the collection of the settings if this sync completed it, or an earlier one did."""
    from vector_pipeline.sync.builds import build_progress

    progress = build_progress(pipeline)
    if progress is None or progress.waiting or progress.rejected:
        return
    from vector_pipeline.consistency.switching import settle_alias  # loads the checks, which most syncs do without

    shown.announce("checking the new collection")
    result = settle_alias(pipeline)
    report.switched, report.not_switched = result.moved, result.reason


def _discover(pipeline: Pipeline, report: Report, wanted: Sequence[str], shown: Display) -> None:
    """Finds the parts of the sites that are to be synced; reports sites that did not say."""
    from vector_pipeline.sync.discovery import discover, empty_sites
    from vector_pipeline.sync.partitions import site_sources

    sites = [site for site in site_sources(pipeline.settings) if not wanted or site.label in wanted]
    if any(site.settings.discovers for site in sites):
        shown.announce("looking for spaces and projects")
        for label, error in discover(pipeline, sites).errors.items():
            report.add(Outcome(label, "failed", error=error.message, hint=error.hint))
        for site in empty_sites(pipeline):
            report.add(Outcome(site.label, "nothing found", reason=console.nothing_matches(site.settings)))


def _ask(pipeline: Pipeline, report: Report, names: Sequence[str], *, everything: bool, options: Options) -> list[Due]:
    """Probes the sources: reports those that failed or are in step already, and returns the work that is due."""
    from vector_pipeline.sync.due import Due, due_partition
    from vector_pipeline.sync.observation import observe

    observed = observe(pipeline, names)
    for name, error in observed.errors.items():
        report.add(Outcome(name, "failed", error=error.message, hint=error.hint))
    due: list[Due] = []
    for name, version in observed.versions.items():
        found = due_partition(pipeline, name, version)
        if found is None and (options.full or options.force or options.allow_deletions):
            found = Due(name, "asked for", version, version)
        if found:
            due.append(found)
        else:
            report.add(Outcome(name, "in step", quarantined=_quarantined(pipeline, name)))
    if everything and options.removes_sources:
        configured = set(pipeline.partitions())
        gone = [partition.name for partition in pipeline.store.partitions() if partition.name not in configured]
        due.extend(Due(name, "removed from the settings", "", "") for name in gone)
    return due


def _run(
    pipeline: Pipeline,
    report: Report,
    due: Sequence[Due],
    options: Options,
    shown: Display,
    stops: Stops,
    *,
    even_if_paused: bool,
) -> None:
    """Runs what is due, one source after the other, then the global check. Raises QueuePaused."""
    shown.announce("starting Dagster")
    from vector_pipeline.orchestration.collection import pause_before_check
    from vector_pipeline.orchestration.instance import prepare_dagster_home
    from vector_pipeline.orchestration.launch import record_stop, run_check, run_sync, terminal_instance
    from vector_pipeline.orchestration.queue_pause import raise_if_paused

    for one in due:
        report.add(Outcome(one.partition, STOPPED, one.reason))
    home = prepare_dagster_home(console.load())
    with terminal_instance(home) as instance:
        if not even_if_paused:
            raise_if_paused(instance)
        for one in due:
            with _alone(pipeline, one, shown) as done:
                if done:
                    report.add(done)
                    continue
                stops.raise_if_asked()
                shown.announce(one.partition)
                run = run_sync(instance, pipeline.data_dir, one.partition, options)
                if stops.asked and not run.success:
                    record_stop(instance, run.run_id)
                    report.add(_outcome(pipeline, one, run, stopped=True))
                    raise KeyboardInterrupt
                report.add(_outcome(pipeline, one, run))
                _forget_removed(pipeline, instance, one, run)
        stops.raise_if_asked()
        _switch(pipeline, report, shown)
        if not (options.full or _is_quickly_checked(pipeline) or pause_before_check(instance) <= 0):
            return
        shown.announce("checking the collection against the state")
        run = run_check(instance, pipeline.data_dir)
        stops.raise_if_asked()
        report.check = Check(run.success and not run.failed_checks, run.failed_checks, run.run_id, run.error)


def _is_quickly_checked(pipeline: Pipeline) -> bool:
    """Whether the check costs next to nothing. A larger collection is checked again only after a pause in proportion
    to what the last check took, as after the daemon's runs: a small change must not wait for it each time.
    """
    store = pipeline.store
    return store.count_points(store.target_no(pipeline.collection)) <= QUICKLY_CHECKED


@contextmanager
def _alone(pipeline: Pipeline, due: Due, shown: Display) -> Iterator[Outcome | None]:
    """Keeps other terminals from syncing the same source within the block.

    Gives an outcome where there is nothing left to do: another one did it, or is at it for longer than
    `state.timeout`.
    """
    from vector_pipeline.state.errors import StateLocked
    from vector_pipeline.sync.due import due_partition

    name = f"sync of {due.partition}"
    limit = pipeline.settings.state.timeout.total_seconds()
    outcome: Outcome | None = None
    with ExitStack() as held:
        try:
            held.enter_context(pipeline.store.lock(name, 0))
        except StateLocked:
            shown.announce(f"waiting for another sync of {due.partition}")
            try:
                held.enter_context(pipeline.store.lock(name, limit))
                if due.observed and due_partition(pipeline, due.partition, due.observed) is None:
                    outcome = Outcome(due.partition, "in step", quarantined=_quarantined(pipeline, due.partition))
            except StateLocked:
                error = f"another sync of this source is under way (waited {limit:g} s); run again when it has ended"
                outcome = Outcome(due.partition, "failed", due.reason, error=error)
        yield outcome


def _outcome(pipeline: Pipeline, due: Due, run: RunOutcome, *, stopped: bool = False) -> Outcome:
    """What the ingestion history says of the run."""
    from vector_pipeline.sync.summary import summarize

    name = due.partition
    if pipeline.source_settings(name) is None and run.success:
        return Outcome(name, "removed", due.reason, run_id=run.run_id)
    pid = pipeline.store.partition(name).partition_id
    rows = [row for row in pipeline.store.ingestions(pid) if row.run_id == run.run_id]
    counts = dict(rows[0].counts) if rows else {}
    seconds = rows[0].seconds if rows else 0.0
    status, error, hint = (rows[0].status, rows[0].error, rows[0].hint) if rows else ("failed", "", "")
    if stopped:
        status, error, hint = STOPPED, "", ""
    elif not run.success:
        status = "failed"
        error = error or run.error or "; ".join(filter(None, run.failed_checks.values()))
        error, hint = (error, hint) if error else ("the run failed", f"see run {run.run_id} in Dagster")
    summary = summarize(rows[0], pipeline.settings.embedding.currency).lines() if rows else []
    quarantined = _quarantined(pipeline, name)
    return Outcome(
        name, status, due.reason, counts, quarantined, seconds, error, hint, run.run_id, summary=tuple(summary)
    )


def _forget_removed(pipeline: Pipeline, instance: dg.DagsterInstance, due: Due, run: RunOutcome) -> None:
    """Deletes the partition key of a source that left the settings and of which nothing is left."""
    from vector_pipeline.orchestration.launch import forget_partition

    if pipeline.source_settings(due.partition) is None and run.success:
        forget_partition(instance, due.partition)


def _quarantined(pipeline: Pipeline, name: str) -> int:
    return pipeline.store.quarantined(pipeline.store.partition(name).partition_id).height
