"""Where the Dagster instance of a project lies, for those who only look. Loads nothing of Dagster."""

from __future__ import annotations

import os
from pathlib import Path


def find_home(data_dir: Path) -> Path | None:
    """The folder of the instance, None where none was made yet: nothing is made by asking."""
    home = Path(os.environ.get("DAGSTER_HOME") or data_dir / "dagster")
    return home if (home / "dagster.yaml").is_file() else None
