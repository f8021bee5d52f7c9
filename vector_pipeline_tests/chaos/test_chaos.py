"""Chaos: edits, outages, kills and damage at random, and in the end everything is exact again.

VECTOR_PIPELINE_CHAOS_SECONDS sets how long (45; by hand 3600), VECTOR_PIPELINE_CHAOS_SEED another seed (0 draws one).
What happens follows from the seed, round by round; how far a run gets depends on the machine.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress

from vector_pipeline.consistency.checks import look_at, run_checks
from vector_pipeline.consistency.look import Depth
from vector_pipeline.consistency.repairing import Wanted, repair
from vector_pipeline_tests.chaos.victims import ended, start_repair, start_sync
from vector_pipeline_tests.chaos.world import World
from vector_pipeline_tests.consistency.faults import FAULTS
from vector_pipeline_tests.sync.exactness import assert_exact, quarantined, scratch_folder

SECONDS = float(os.environ.get("VECTOR_PIPELINE_CHAOS_SECONDS", "45"))
SEED = int(os.environ.get("VECTOR_PIPELINE_CHAOS_SEED", "1")) or time.time_ns() % 2**32
ROUNDS_BETWEEN_RECKONINGS = 6
EXPECTED_FAILURES = {"redirects in a circle", "binary content in a text file"}
"""What the world does to itself, and no service is to blame for."""
MOST_CALLS = 60
"""Writing calls after which a sync has died, at the latest."""


def test_after_chaos_everything_is_exact_again() -> None:
    print(f"chaos seed {SEED}: VECTOR_PIPELINE_CHAOS_SEED={SEED} repeats it")
    stop_at = time.monotonic() + SECONDS
    reckonings = 0
    with scratch_folder() as folder, World(folder, SEED) as world:
        world.project.sync()
        while time.monotonic() < stop_at or not reckonings:
            for _ in range(ROUNDS_BETWEEN_RECKONINGS):
                _one_round(world)
            _reckon(world)
            reckonings += 1
    print(f"chaos seed {SEED}: {reckonings} times exact")


def _one_round(world: World) -> None:
    """Things happen, services fail, one or two syncs run at once and most die; now and then something is damaged."""
    dice = world.dice
    for _ in range(dice.randint(1, 4)):
        world.live()
    world.disturb()
    syncs = [
        start_sync(world.project.file, dice.randrange(2**32), dice.choice([0, dice.randint(1, MOST_CALLS)]))
        for _ in range(dice.choice([1, 1, 2]))
    ]
    for sync in syncs:
        ended(sync)
    world.calm()
    assert world.project.search("words about boats"), "searches are answered at any time"
    for _ in range(dice.choice([0, 0, 1, 3])):
        fault = dice.choice(FAULTS)
        print(f"damage: {fault.name}")
        # What was damaged before may be no victim for this one, which is made for a healthy project.
        with suppress(AssertionError, LookupError):
            fault.put_into(world.project, dice)
    if dice.random() < 0.2:
        ended(start_repair(world.project.file, dice.randrange(2**32), dice.randint(1, MOST_CALLS)))


def _reckon(world: World) -> None:
    """After a repair and a sync nothing is wrong, and a fresh project holds the same."""
    with world.project.open() as pipeline:
        repair(pipeline, Wanted(full=True))
    # In full: the services do not tell of all that happened to them.
    world.project.sync(full=True, allow_deletions=True)
    failures = {why.partition(";")[0] for why in quarantined(world.project).values()}
    assert failures <= EXPECTED_FAILURES
    with world.project.open() as pipeline:
        results = run_checks(look_at(pipeline, depth=Depth.FULL))
    wrong = {one.name: one.error or one.table.rows() for one in results if one.severity == "error" and not one.passed}
    assert wrong == {}
    assert_exact(world.project)
