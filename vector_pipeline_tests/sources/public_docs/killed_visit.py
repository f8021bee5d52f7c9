"""A sync of a documentation site in a process of its own, to be killed from outside: `python -m …killed_visit FILE`."""

from __future__ import annotations

import sys
from pathlib import Path

from vector_pipeline.settings_file import load_settings
from vector_pipeline.sync.pipeline import Pipeline
from vector_pipeline.sync.runner import sync_partition
from vector_pipeline.sync.stages import Options

if __name__ == "__main__":
    loaded = load_settings(Path(sys.argv[1]))
    with Pipeline(loaded.settings, loaded.data_dir) as pipeline:
        for partition in pipeline.partitions():
            sync_partition(pipeline, partition, "killed", Options())
