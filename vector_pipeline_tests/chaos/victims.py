"""Syncs and repairs in processes of their own that die (SIGKILL) at a call of the store or the index chosen by dice.

Some of the syncs bring in a part only, and some processes read single documents again or take them out.

The process is forked from a server that has imported everything, so that it costs milliseconds.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path
from random import Random
from typing import Any

from vector_pipeline.consistency.repairing import Wanted, repair
from vector_pipeline.errors import PipelineError
from vector_pipeline.index.edge import EdgeIndex
from vector_pipeline.settings_file import load_settings
from vector_pipeline.state.store import StateStore
from vector_pipeline.sync.one_document import read_again, take_out
from vector_pipeline.sync.pipeline import Pipeline
from vector_pipeline.sync.runner import sync_partition
from vector_pipeline.sync.stages import Mode, Options

PATIENCE = 600.0
_PLACES: tuple[tuple[type, tuple[str, ...]], ...] = (
    (
        StateStore,
        (
            "apply_documents",
            "delete_documents",
            "record_scan",
            "replace_chunks",
            "add_embeddings",
            "record_points",
            "set_cursor",
            "quarantine",
            "release",
            "finish_ingestion",
        ),
    ),
    (EdgeIndex, ("ensure", "upsert", "delete", "scroll", "set_alias")),
)


def start_sync(settings_file: Path, seed: int, dies_at: int) -> BaseProcess:
    """A process that syncs all sources in an order given by the seed, and dies at that writing call (0: never)."""
    return _started(_sync, settings_file, seed, dies_at)


def start_repair(settings_file: Path, seed: int, dies_at: int) -> BaseProcess:
    """A process that repairs what the checks find, and dies at that writing call (0: never)."""
    return _started(_repair, settings_file, seed, dies_at)


def _started(work: Callable[[Path, int, int], None], *arguments: Any) -> BaseProcess:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    process = context.Process(target=work, args=arguments, daemon=True)
    process.start()
    return process


def ended(process: BaseProcess) -> str:
    """How a process ended: "done" or "killed"; fails if it hangs or breaks otherwise."""
    process.join(PATIENCE)
    if process.is_alive():
        process.kill()
        process.join()
        raise AssertionError(f"a process was still running after {PATIENCE:g} s")
    assert process.exitcode in (0, -signal.SIGKILL), f"a process broke with exit code {process.exitcode}"
    return "killed" if process.exitcode else "done"


def _sync(settings_file: Path, seed: int, dies_at: int) -> None:
    dice = Random(seed)
    if dies_at:
        _arm(dies_at, after=dice.random() < 0.5)
    loaded = load_settings(settings_file)
    with Pipeline(loaded.settings, loaded.data_dir) as pipeline:
        names = pipeline.partitions()
        dice.shuffle(names)
        for name in names:
            # What our own errors say (a service that fails, the brake) is what a user would see; a run goes on.
            with suppress(PipelineError):
                if dice.random() < 0.2:
                    _change_one(pipeline, name, dice)
                sync_partition(pipeline, name, f"chaos-{seed}", _options(dice))


def _options(dice: Random) -> Options:
    """Most runs are as usual, some list everything, some bring in a part or what has not changed again."""
    usual = Options(full=dice.random() < 0.1, allow_deletions=True)
    if dice.random() < 0.6:
        return usual
    part: dict[str, Any] = dice.choice(
        [
            {"mode": dice.choice([Mode.ADD_ONLY, Mode.UPDATE_ONLY, Mode.SKIP_EXISTING])},
            {"limit": dice.randint(1, 6)},
            {"since": datetime.now(UTC) - timedelta(seconds=dice.randrange(30))},
            {"only": (dice.choice(["*1*", "docs/", "*a*", "!*b*"]),)},
            {"force": True, "only": ("*e*",)},
        ]
    )
    return replace(usual, **part)


def _change_one(pipeline: Pipeline, name: str, dice: Random) -> None:
    """A held document is read again, or taken out until the next sync."""
    pid = pipeline.store.partition(name).partition_id
    ids = sorted(pipeline.store.known_documents(pid)["document_id"].to_list())
    held = pipeline.store.hashed_documents(pid, [dice.choice(ids)] if ids else [])
    if not held:
        return
    (document,) = held
    with pipeline.source(name) as source:
        if dice.random() < 0.5:
            read_again(pipeline, name, source, document)
        else:
            take_out(pipeline, name, source, document, keep_out=False)


def _repair(settings_file: Path, seed: int, dies_at: int) -> None:
    if dies_at:
        _arm(dies_at, after=Random(seed).random() < 0.5)
    loaded = load_settings(settings_file)
    with Pipeline(loaded.settings, loaded.data_dir) as pipeline, suppress(PipelineError):
        repair(pipeline, Wanted(full=True))


def _arm(dies_at: int, *, after: bool) -> None:
    left, lock = [dies_at], threading.Lock()

    def watched(original: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            with lock:
                left[0] -= 1
                dies = left[0] == 0
            if dies and not after:
                os.kill(os.getpid(), signal.SIGKILL)
            answer = original(*arguments, **named)
            if dies:
                os.kill(os.getpid(), signal.SIGKILL)
            return answer

        return call

    for owner, methods in _PLACES:
        for method in methods:
            setattr(owner, method, watched(getattr(owner, method)))
