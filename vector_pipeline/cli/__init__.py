"""The command line. Commands import what they need when they run, so that `--help` and `status` start fast."""

from __future__ import annotations


def main() -> None:
    """Entry point of `vector-pipeline`."""
    from vector_pipeline.cli.app import run

    run()
