"""How Dagster code reaches the core: one resource that opens the pipeline named by the settings file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from vector_pipeline.logs.about import about
from vector_pipeline.logs.setup import configure, secrets_of
from vector_pipeline.orchestration.abandoned import end_abandoned_runs, marked_alive
from vector_pipeline.orchestration.stopped import close_if_stopped
from vector_pipeline.settings import Settings
from vector_pipeline.settings_file import SettingsError, find_settings_file, load_settings
from vector_pipeline.settings_limits import LimitSettings
from vector_pipeline.sync.pipeline import Pipeline


@contextmanager
def open_pipeline() -> Iterator[Pipeline]:
    """The pipeline of the settings file in force, read anew: sources come and go while Dagster runs.

    Raises SettingsError.
    """
    loaded = load_settings(find_settings_file(None))
    configure(loaded.settings.logs, secrets=secrets_of(loaded.settings))
    with Pipeline(loaded.settings, loaded.data_dir) as pipeline:
        yield pipeline


@dg.resource(description="State store, index, embedders and sources, as pipeline.yaml names them.")
def pipeline_resource(context: dg.InitResourceContext) -> Iterator[Pipeline]:
    """The pipeline for the length of a run, which shows as alive meanwhile."""
    instance, run_id = context.instance, context.run_id
    with open_pipeline() as pipeline:
        if instance is None or run_id is None:
            yield pipeline
            return
        # Before the first step asks for a place in a pool: one that a killed run holds is never given back.
        end_abandoned_runs(pipeline.data_dir, lambda: instance)
        with about(run=run_id), marked_alive(pipeline.data_dir, instance, run_id):
            try:
                yield pipeline
            finally:
                close_if_stopped(pipeline, instance, run_id)


def settings_in_force() -> Settings | None:
    """The settings as the code location is loaded, None where they can't be read.

    The code location loads all the same: the sensors then show what is wrong with the settings.
    """
    try:
        return load_settings(find_settings_file(None)).settings
    except SettingsError:
        return None


def limits_in_force() -> LimitSettings:
    """The limits as the settings say, those of the defaults where they can't be read."""
    settings = settings_in_force()
    return settings.limits if settings else LimitSettings()


def sources_per_run() -> int:
    """How many sources share a run, as the settings say; 1 where they can't be read."""
    settings = settings_in_force()
    return settings.limits.sources_per_run if settings else 1
