"""The Dagster instance of a project: where its runs, events and schedules are kept.

`DAGSTER_HOME` wins where it is set. Otherwise the home lies in the data folder, with the project's own
`dagster.yaml`, so that the command line, the webserver and the daemon all look at the same one.
"""

from __future__ import annotations

import os
from importlib import resources
from pathlib import Path

from filelock import FileLock, Timeout

from vector_pipeline.errors import PipelineError
from vector_pipeline.settings_file import Loaded

CONFIG_VARIABLE = "VECTOR_PIPELINE_CONFIG"


_STORAGE_SECONDS = 60
_MADE = ".storage-made"


class DagsterHomeError(PipelineError):
    """The folder in which Dagster keeps its runs can't be used."""


def prepare_dagster_home(loaded: Loaded) -> Path:
    """The home folder, made where missing, with the dagster.yaml in force; sets DAGSTER_HOME for this process.

    Raises DagsterHomeError.
    """
    os.environ[CONFIG_VARIABLE] = str(loaded.path)
    # Dagster reads this before its own settings file; there is no telemetry, whatever that file says.
    os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "yes")
    if home := os.environ.get("DAGSTER_HOME"):
        folder = Path(home)
        if not (folder.is_absolute() and folder.is_dir()):
            raise DagsterHomeError(
                f"DAGSTER_HOME is {home}, which is not the full path of a folder",
                hint="make the folder, or unset DAGSTER_HOME to keep Dagster's files below data_dir",
            )
        return folder
    folder = loaded.data_dir / "dagster"
    try:
        _write_home(folder, instance_config(loaded))
    except OSError as error:
        raise DagsterHomeError(
            f"the Dagster home {folder} can't be written: {error.strerror}",
            hint="give this user write rights to the folder, or set data_dir or DAGSTER_HOME",
        ) from error
    os.environ["DAGSTER_HOME"] = str(folder)
    return folder


def make_storage(home: Path) -> None:
    """Makes Dagster's own tables in a fresh home, one process at a time: two that do so at once fail.

    Raises DagsterHomeError where another process takes too long over it.
    """
    made = home / _MADE
    if made.exists():
        return
    import dagster as dg

    try:
        with FileLock(home / ".storage.lock", timeout=_STORAGE_SECONDS):
            if not made.exists():
                with dg.DagsterInstance.from_config(str(home)):
                    made.touch()
    except Timeout as error:
        raise DagsterHomeError(
            f"another process has been preparing {home} for {_STORAGE_SECONDS} s", hint="wait for it, or end it"
        ) from error


def is_used(home: Path) -> bool:
    """Whether Dagster has kept anything there: one need not be made only to find that there are no records."""
    return any((home / name).exists() for name in (_MADE, "history", "storage"))


def instance_config(loaded: Loaded) -> str:
    """The project's dagster.yaml, or the one that comes with the package where the project has none."""
    own = loaded.project_dir / "dagster.yaml"
    if own.exists():
        return own.read_text("utf-8")
    return resources.files("vector_pipeline.orchestration").joinpath("dagster.yaml").read_text("utf-8")


def _write_home(folder: Path, config: str) -> None:
    """Makes the folder, with this dagster.yaml in it. Several processes may do so at once."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    target = folder / "dagster.yaml"
    if not target.exists() or target.read_text("utf-8") != config:
        temporary = folder / f"dagster.yaml.{os.getpid()}"
        temporary.write_text(config, "utf-8")
        temporary.replace(target)
