"""`backup`, `restore` and `backups`: copies of state store and collections that fit together, and back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vector_pipeline.cli import console

if TYPE_CHECKING:
    from vector_pipeline.consistency.backup.shelf import Backup

backups_app = typer.Typer(no_args_is_help=True)

_AsJson = Annotated[bool, typer.Option("--json", help="As JSON.")]
_Folder = Annotated[
    Path | None, typer.Argument(metavar="[DIR]", help="Folder of backups; else the one the settings name.")
]


def backup_command(
    folder: _Folder = None,
    verify: Annotated[bool, typer.Option(help="Open and count what was written.")] = True,
    all_collections: Annotated[
        bool, typer.Option("--all-collections", help="Also collections of the same Qdrant that are not ours.")
    ] = False,
    state_only: Annotated[bool, typer.Option("--state-only", help="Without the collections.")] = False,
    as_json: _AsJson = False,
) -> None:
    """Back up the state store and the collections, while runs may go on.

    Example: vector-pipeline backup /mnt/backups
    """
    from vector_pipeline.consistency.backup.making import Wishes, make_backup
    from vector_pipeline.consistency.backup.shelf import default_folder

    if all_collections and state_only:
        console.wrong_use("--all-collections and --state-only exclude each other")
    loaded = console.load()
    with console.opened() as pipeline:
        wishes = Wishes(verify, state_only, all_collections, loaded.path)
        made = make_backup(pipeline, _absolute(folder) or default_folder(pipeline), wishes)
    if as_json:
        console.print_json(_row(made))
        return
    row = _row(made)
    console.out.print(console.text(made.path, "bold"), soft_wrap=True)
    verified = "verified" if row["verified"] else "not verified"
    console.out.print(
        f"{console.counted(row['documents'], 'documents')}, {console.counted(row['points'], 'points')}, "
        f"{console.size(row['bytes'])}, "
        f"{row['seconds']:.1f} s, {verified}"
    )
    if row["written_meanwhile"]:
        names = ", ".join(row["written_meanwhile"])
        console.err.print(console.text(f"a run was writing to {names}; after a restore, a sync mends that", "dim"))


def restore_command(
    wanted: Annotated[
        str, typer.Argument(metavar="BACKUP", help="A backup's folder or name, or a folder of backups: its newest.")
    ],
    force: Annotated[bool, typer.Option("--force", help="Replace what is there; it is backed up first.")] = False,
    state_only: Annotated[
        bool, typer.Option("--state-only", help="Leave the collections as they are; the next sync fills them.")
    ] = False,
    as_json: _AsJson = False,
) -> None:
    """Restore a backup. The next sync brings it in step with the sources.

    Example: vector-pipeline restore /mnt/backups --force
    """
    from vector_pipeline.consistency.backup.restoring import restore_backup
    from vector_pipeline.consistency.backup.shelf import default_folder, find_backups, newest_good

    with console.opened() as pipeline:
        chosen = newest_good(find_backups(wanted, default_folder(pipeline)))
        done = restore_backup(pipeline, chosen, force=force, state_only=state_only)
    if as_json:
        console.print_json(
            {
                "backup": chosen.path,
                "made_at": chosen.made_at,
                "before": done.before.path if done.before else None,
                "put_aside": done.put_aside,
                "sources": done.partitions,
                "collections": done.collections,
            }
        )
        return
    console.out.print(
        console.text(f"restored {chosen.path}, made {console.age(chosen.made_at)}: {len(done.partitions)} sources"),
        soft_wrap=True,
    )
    if done.before:
        console.out.print(console.text(f"what was there before is in {done.before.path}"), soft_wrap=True)
    if done.put_aside:
        console.out.print(console.text(f"the damaged state store was moved to {done.put_aside}"), soft_wrap=True)
    console.out.print("run `vector-pipeline sync` to bring it in step with the sources")


@backups_app.command("list")
def list_command(folder: _Folder = None, as_json: _AsJson = False) -> None:
    """List the backups, newest first.

    Example: vector-pipeline backups list /mnt/backups --json
    """
    from vector_pipeline.consistency.backup.shelf import default_folder, list_backups

    with console.opened() as pipeline:
        place = _absolute(folder) or default_folder(pipeline)
        found = list_backups(place)
    if as_json:
        console.print_json({"backups": [_row(backup) for backup in found]})
    elif found:
        _print(found)
    else:
        console.out.print(console.text(f"there are no backups in {place}"), soft_wrap=True)
    if any(backup.manifest is None for backup in found):
        raise typer.Exit(console.FAILED)


@backups_app.command("verify")
def verify_command(
    wanted: Annotated[
        str | None, typer.Argument(metavar="[BACKUP]", help="A backup's folder or name, or a folder of backups.")
    ] = None,
    as_json: _AsJson = False,
) -> None:
    """Check every byte of backups, open what is in them, and count it.

    Example: vector-pipeline backups verify /mnt/backups
    """
    from vector_pipeline.consistency.backup.shelf import default_folder, find_backups, list_backups
    from vector_pipeline.consistency.backup.verifying import verify

    with console.opened() as pipeline:
        place = default_folder(pipeline)
        found = list_backups(place) if wanted is None else find_backups(wanted, place)
        troubles = {backup.path: verify(backup.path, pipeline.data_dir) for backup in found}
    if as_json:
        verdicts = [{"path": path, "ok": not wrong, "troubles": wrong} for path, wrong in troubles.items()]
        console.print_json({"backups": verdicts})
    else:
        for path, wrong in troubles.items():
            said = "; ".join(wrong) or "good"
            console.out.print(console.text(f"{path.name}: {said}", "red" if wrong else ""), soft_wrap=True)
        if not troubles:
            console.out.print(console.text(f"there are no backups in {place}"), soft_wrap=True)
    if any(troubles.values()):
        raise typer.Exit(console.FAILED)


@backups_app.command("prune")
def prune_command(
    folder: _Folder = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be removed.")] = False,
    as_json: _AsJson = False,
) -> None:
    """Remove this project's backups that are beyond both limits of the settings.

    Example: vector-pipeline backups prune --dry-run
    """
    from vector_pipeline.consistency.backup.keeping import prune_backups
    from vector_pipeline.consistency.backup.shelf import default_folder

    with console.opened() as pipeline:
        pruned = prune_backups(pipeline, _absolute(folder) or default_folder(pipeline), dry_run=dry_run)
    if as_json:
        console.print_json(
            {
                "removed": pruned.backups,
                "put_aside": pruned.put_aside,
                "bytes": pruned.bytes,
                "unreadable": pruned.unreadable,
                "dry_run": dry_run,
            }
        )
        return
    verb = "would be removed" if dry_run else "removed"
    for path in (*pruned.backups, *pruned.put_aside):
        console.out.print(console.text(f"{verb}: {path}"), soft_wrap=True)
    console.out.print(
        f"{len(pruned.backups) + len(pruned.put_aside)} {verb}, {console.size(pruned.bytes)}"
        if pruned.bytes
        else "nothing is beyond the limits"
    )
    for path in pruned.unreadable:
        console.err.print(console.text(f"{path} can't be read and was left; remove it by hand", "yellow"))


_UNKNOWN: dict[str, Any] = {
    **dict.fromkeys(("made_at", "project", "program", "reason", "state", "revision")),
    **dict.fromkeys(("sources", "documents", "chunks", "points", "bytes"), 0),
    "collections": {},
    "seconds": 0.0,
    "verified": False,
    "written_meanwhile": [],
}
"""What is said of a backup that can't be read."""


def _absolute(folder: Path | None) -> Path | None:
    return folder.expanduser().absolute() if folder else None


def _row(backup: Backup) -> dict[str, Any]:
    """A backup as plain values."""
    row: dict[str, Any] = {**_UNKNOWN, "name": backup.name, "path": backup.path, "trouble": backup.trouble}
    if (manifest := backup.manifest) is None:
        return row
    return {
        **row,
        "made_at": manifest.made_at,
        "project": manifest.project,
        "program": manifest.program,
        "reason": manifest.reason,
        "state": manifest.state.kind,
        "revision": manifest.state.revision,
        "collections": {name: facts.points for name, facts in manifest.index.collections.items()},
        "sources": len(manifest.partitions),
        "documents": manifest.total("documents"),
        "chunks": manifest.total("chunks"),
        "points": sum(facts.points for facts in manifest.index.collections.values()),
        "bytes": manifest.bytes,
        "seconds": manifest.seconds,
        "verified": manifest.verified,
        "written_meanwhile": list(manifest.written_meanwhile),
    }


def _print(backups: Sequence[Backup]) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("backup", overflow="fold")
    for title in ("made", "documents", "points", "size"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("note", overflow="fold")
    for backup in backups:
        row = _row(backup)
        if backup.manifest is None:
            table.add_row(console.text(backup.name), "", "", "", "", console.text(backup.trouble, "red"))
            continue
        note = row["reason"] or ("" if row["verified"] else "not verified")
        table.add_row(
            console.text(backup.name),
            console.age(row["made_at"]),
            f"{row['documents']:,}",
            f"{row['points']:,}",
            console.size(row["bytes"]),
            console.text(note, "dim"),
        )
    console.out.print(table)
