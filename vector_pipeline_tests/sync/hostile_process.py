"""What other processes do to a sync: one that keeps a shard to itself, and one whose disk is full.

Forked from the same server as `killed_sync`, so that they cost milliseconds.
"""

from __future__ import annotations

import multiprocessing
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event
from pathlib import Path

from vector_pipeline.errors import PipelineError
from vector_pipeline.settings_file import load_settings
from vector_pipeline.sync.pipeline import Pipeline
from vector_pipeline.sync.runner import sync_partition
from vector_pipeline_tests.project import Project

_PATIENCE = 300.0


@contextmanager
def shard_held(project: Project) -> Iterator[None]:
    """Another process reads all points of the collection, and takes its time."""
    context = multiprocessing.get_context("forkserver")
    ready, over = context.Event(), context.Event()
    process = context.Process(target=_hold, args=(project.file, ready, over), daemon=True)
    process.start()
    try:
        assert ready.wait(_PATIENCE)
        yield
    finally:
        over.set()
        process.join(_PATIENCE)
    assert process.exitcode == 0


def _hold(settings_file: Path, ready: Event, over: Event) -> None:
    loaded = load_settings(settings_file)
    with Pipeline(loaded.settings, loaded.data_dir) as pipeline:
        for _ in pipeline.index.scroll(pipeline.collection):
            ready.set()
            over.wait(_PATIENCE)


def sync_with_files_up_to(project: Project, partition: str, size: int) -> str:
    """Syncs in a process that can't write files beyond `size` bytes, as on a full disk; the error, "" if none came."""
    context = multiprocessing.get_context("forkserver")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_sync_within, args=(project.file, partition, size, sender), daemon=True)
    process.start()
    assert receiver.poll(_PATIENCE), "no answer in time"
    message = str(receiver.recv())
    process.join(_PATIENCE)
    return message


def _sync_within(settings_file: Path, partition: str, size: int, sender: Connection) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    loaded = load_settings(settings_file)
    pipeline = Pipeline(loaded.settings, loaded.data_dir)
    try:
        sync_partition(pipeline, partition, "full disk")
        sender.send("")
    except PipelineError as error:
        sender.send(f"{type(error).__name__}: {error}")
