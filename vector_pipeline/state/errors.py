"""What can go wrong with the state store, and how database errors become these.

The one idea: a driver's error is read by its code, never by its parameters, so that no document text and no secret
can reach a message.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import exc

from vector_pipeline.errors import PipelineError


class StateError(PipelineError):
    """The state store could not do its work."""


class StateUnreachable(StateError):
    """The database can't be opened: missing, no rights, server down, credentials refused."""


class StateLocked(StateError):
    """Another process held a lock for longer than the bounded wait."""


class StateFull(StateError):
    """The disk or the quota is used up. Nothing of the transaction was written."""


class StateCorrupt(StateError):
    """The file is not a database or is damaged."""


class ConcurrentUpdateError(StateError):
    """Another process changed the same rows at the same time. Nothing of the transaction was written."""


class MigrationError(StateError):
    """The schema and the code do not fit together, or a migration failed (and was undone)."""


def corrupt(where: str, backups: Sequence[Path]) -> StateCorrupt:
    """The error for a damaged store; the hint names the newest backup where there is one."""
    if backups:
        hint = f"stop all runs, move the file and its -wal and -shm away, copy {backups[0]} to its place, "
        hint += "and run `vector-pipeline sync --full`"
    else:
        hint = "stop all runs and move the file with its -wal and -shm away: the next sync builds everything again"
    return StateCorrupt(f"state store {where}: the file is damaged or not a database", hint=hint)


def translated(error: Exception, where: str, backups: Sequence[Path] = ()) -> StateError:
    """Our error for one of SQLAlchemy, sqlite3 or psycopg; `where` is the location without secrets."""
    if isinstance(error, StateError):
        return error
    if isinstance(error, exc.TimeoutError):
        return StateLocked(
            f"state store {where}: no free connection in time", hint="raise state.pool_size or state.timeout"
        )
    original: BaseException = error
    if isinstance(error, exc.DBAPIError) and error.orig is not None:
        original = error.orig
    name = getattr(original, "sqlite_errorname", None)
    if name is not None or type(original).__module__ == "sqlite3":
        return _from_sqlite(str(name or ""), original, where, backups)
    if hasattr(original, "sqlstate"):
        return _from_postgres(getattr(original, "sqlstate", None), original, where)
    return StateError(f"state store {where}: {type(original).__name__}")


def _from_sqlite(name: str, original: BaseException, where: str, backups: Sequence[Path]) -> StateError:
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return corrupt(where, backups)
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return StateLocked(
            f"state store {where}: another process kept it locked",
            hint="wait for the other run, or raise state.timeout",
        )
    if name == "SQLITE_FULL" or name.startswith("SQLITE_IOERR_WRITE"):
        return StateFull(
            f"state store {where}: the disk, the quota or the file size limit is used up",
            hint="free space and run again; what was stored before is intact",
        )
    if name.startswith("SQLITE_READONLY"):
        return StateUnreachable(
            f"state store {where}: read-only", hint="give this user write rights to file and folder"
        )
    if name.startswith(("SQLITE_CANTOPEN", "SQLITE_PERM", "SQLITE_AUTH")):
        return StateUnreachable(
            f"state store {where}: can't be opened", hint="check that file and folder are accessible"
        )
    if name.startswith("SQLITE_IOERR"):
        return StateError(f"state store {where}: disk I/O error ({name})", hint="check the disk; use a local one")
    return StateError(f"state store {where}: {name or type(original).__name__}")


def _from_postgres(state: str | None, original: BaseException, where: str) -> StateError:
    if state in ("55P03", "57014"):
        return StateLocked(
            f"state store {where}: another process kept rows locked",
            hint="wait for the other run, or raise state.timeout",
        )
    if state in ("40001", "40P01"):
        return ConcurrentUpdateError(f"state store {where}: rows changed at the same time", hint="run again")
    if state == "53100":
        return StateFull(
            f"state store {where}: the server's disk is full", hint="free space on the server and run again"
        )
    if state in ("XX001", "XX002"):
        return StateCorrupt(f"state store {where}: the server reports damaged data", hint="restore the server's backup")
    if state is not None and state.startswith("28"):
        return StateUnreachable(f"state store {where}: the server refused the credentials", hint="check state.url")
    if state is None or state.startswith(("08", "57P", "53", "3D")):
        reason = (str(original).strip().splitlines() or [type(original).__name__])[0]
        return StateUnreachable(f"state store {where}: {reason}", hint="check state.url and that the server runs")
    return StateError(f"state store {where}: {type(original).__name__} ({state})")
