"""Where backups are unpacked and put together: a scratch folder in the data folder, for one at a time.

It lies beside the data so that what is made there can be renamed or cloned to its place. What a killed process
left behind is removed by the next one.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from vector_pipeline.consistency.backup.errors import BackupError

_WAIT_SECONDS = 5.0


@contextmanager
def workplace(data_dir: Path) -> Iterator[Path]:
    """An empty folder, removed at the end.

    Raises BackupError where another backup, verification or restore of the project is under way.
    """
    scratch = data_dir / "backup-scratch"
    lock = FileLock(data_dir / "backup.lock", timeout=_WAIT_SECONDS, mode=0o600, thread_local=False)
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise BackupError(
            f"another backup, verification or restore of {data_dir} is under way", hint="wait until it has ended"
        ) from None
    except OSError as error:
        raise BackupError(
            f"{data_dir} can't be written: {error.strerror}", hint="give this user write rights to the folder"
        ) from error
    try:
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(mode=0o700)
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        lock.release()
