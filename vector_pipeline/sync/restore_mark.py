"""The mark of a restore that is under way or was killed: while it is there, nobody works on half-restored data.

State store and collections can't be replaced in one step. The mark is written before the first is touched and goes
when all are complete; whoever opens the pipeline in between is told, and the restore is repeated.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from vector_pipeline.index.edge_copy import sync_folder
from vector_pipeline.sync.errors import SyncError

_NAME = "restore.json"


class RestoreUnfinished(SyncError):
    """A restore is under way, or one was killed and has to be repeated."""


@dataclass(frozen=True, slots=True)
class RestoreMark:
    """What is being restored: the backup's folder, and whether its state alone."""

    backup: Path
    state_only: bool


def refuse_half_restored(data_dir: Path) -> None:
    """Raises RestoreUnfinished while the data folder is marked."""
    mark = read_mark(data_dir)
    if mark is not None:
        command = f"vector-pipeline restore {mark.backup}{' --state-only' if mark.state_only else ''}"
        raise RestoreUnfinished(
            f"{data_dir} is being restored from {mark.backup}",
            hint=f"wait until that has ended; was it killed, run `{command}` again",
        )


def read_mark(data_dir: Path) -> RestoreMark | None:
    """The mark, or None. One that can't be read is a mark all the same."""
    try:
        saved = json.loads((data_dir / _NAME).read_bytes())
        return RestoreMark(Path(saved["backup"]), bool(saved["state_only"]))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, KeyError, TypeError):
        return RestoreMark(Path("BACKUP"), False)


def write_mark(data_dir: Path, mark: RestoreMark) -> None:
    """Marks the data folder; on return the mark is on the disk. Raises OSError."""
    draft = data_dir / f"{_NAME}.new"
    with open(draft, "w", encoding="utf-8") as file:
        json.dump({"backup": str(mark.backup), "state_only": mark.state_only}, file)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(data_dir / _NAME)
    sync_folder(data_dir)


def remove_mark(data_dir: Path) -> None:
    """Takes the mark away. Raises OSError."""
    (data_dir / _NAME).unlink(missing_ok=True)
    sync_folder(data_dir)
