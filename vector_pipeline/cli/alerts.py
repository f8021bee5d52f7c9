"""`alerts`: try the channels, and see which troubles are open and who was told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from vector_pipeline.cli import console

if TYPE_CHECKING:
    from vector_pipeline.alerts.planning import Book, Case
    from vector_pipeline.settings_alerts import AlertsSettings

alerts_app = typer.Typer(no_args_is_help=True)


@alerts_app.command("test")
def try_command(
    channel: Annotated[list[str] | None, typer.Option("--channel", help="Only this one; may be repeated.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Send a test message through every channel.

    Example: vector-pipeline alerts test --channel ops
    """
    from datetime import UTC, datetime

    from vector_pipeline.alerts.delivery import send, trial_message
    from vector_pipeline.alerts.errors import DeliveryFailed

    settings = console.load().settings.alerts
    answers: list[dict[str, str]] = []
    for name in _chosen(settings, channel or []):
        error = ""
        try:
            send(name, settings.channels[name], trial_message(name, settings, datetime.now(UTC)))
        except DeliveryFailed as failed:
            error = str(failed)
        answers.append({"channel": name, "result": "failed" if error else "sent", "error": error})
    if as_json:
        console.print_json({"channels": answers})
    else:
        for answer in answers:
            if answer["error"]:
                console.err.print(console.text(answer["error"], "red"), soft_wrap=True)
            else:
                console.out.print(console.text(f"channel {answer['channel']}: sent"), soft_wrap=True)
    if any(answer["error"] for answer in answers):
        raise typer.Exit(console.FAILED)


@alerts_app.command("list")
def list_command(as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False) -> None:
    """Show the open troubles, who was told of them, and which channels fail.

    They are those of the last tick of the sensor, which runs under `vector-pipeline dev`.

    Example: vector-pipeline alerts list --json
    """
    from vector_pipeline.orchestration.alert_sensor import open_book
    from vector_pipeline.orchestration.instance import prepare_dagster_home
    from vector_pipeline.orchestration.launch import terminal_instance

    loaded = console.load()
    with terminal_instance(prepare_dagster_home(loaded)) as instance:
        book = open_book(instance)
    if as_json:
        console.print_json(
            {
                "troubles": [_row(case) for case in _open(book)],
                "failing_channels": {name: health.failures for name, health in book.health.items()},
            }
        )
    else:
        _print(book, loaded.settings.alerts)


def _chosen(settings: AlertsSettings, wanted: list[str]) -> list[str]:
    """The channels that were named, or all."""
    there = list(settings.channels)
    if not there:
        console.wrong_use("the settings name no channel; add one below `alerts`")
    for name in wanted:
        if name not in there:
            console.wrong_use(f"no channel {name!r}; there are: {', '.join(there)}")
    return list(dict.fromkeys(wanted)) or there


def _open(book: Book) -> list[Case]:
    """Errors first, the oldest first."""
    cases = [case for case in book.cases.values() if not case.is_over]
    return sorted(cases, key=lambda case: (case.trouble.severity != "error", case.since))


def _row(case: Case) -> dict[str, Any]:
    return {
        "severity": case.trouble.severity,
        "kind": case.trouble.kind,
        "source": case.trouble.source,
        "title": case.trouble.title,
        "facts": dict(case.trouble.facts),
        "since": case.since,
        "told": sorted(case.told),
    }


def _print(book: Book, settings: AlertsSettings) -> None:
    from rich.table import Table

    if not settings.channels:
        console.err.print("the settings name no channel; nobody is told of troubles", style="yellow")
    if cases := _open(book):
        table = Table(box=None, pad_edge=False, header_style="bold")
        for title in ("severity", "since", "trouble", "told"):
            table.add_column(title, overflow="fold", no_wrap=title in ("severity", "since"))
        for case in cases:
            colour = "red" if case.trouble.severity == "error" else "yellow"
            table.add_row(
                console.text(case.trouble.severity, colour),
                console.age(case.since),
                console.text(case.trouble.title),
                console.text(", ".join(sorted(case.told)) or "nobody"),
            )
        console.out.print(table)
    else:
        console.out.print("no troubles are open")
    for name, health in book.health.items():
        console.err.print(
            console.text(f"channel {name}: the last {health.failures} messages did not get through", "red")
        )
