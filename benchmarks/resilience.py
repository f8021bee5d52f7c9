"""How many runs end complete where every service fails now and then, and whether the others mend themselves.

    python -m benchmarks.resilience [--runs 2000] [--rate 0.05] [--workers 4] [--seed 1] [--minutes 120]

Each worker has a project of its own that follows five sources, all of them alive, over HTTP where that is how they are
read. A share `rate` of all requests to Confluence, Jira, the documentation site and the embedding endpoint goes wrong:
errors, dropped connections, cut and wrong answers. What is due is found by the sensors and run as the jobs that the
daemon runs, with Dagster's own retries of steps. A run is complete where it succeeded and no document was left for
later. Of those that are not, each must stand as failed in Dagster or have its documents in quarantine, and the
following ticks must bring its source in step without anyone's doing; in the end every project must hold what one
holds that is made afresh. The exit code is 1 where anything else was found, or fewer than 99.9 % were complete.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

import dagster as dg

from vector_pipeline.orchestration.sensors import SourceNotObserved
from vector_pipeline.sync.history import HELD_BACK, find_ingestion
from vector_pipeline_tests.chaos.world import ATLASSIAN_FAULTS, ENDPOINT_FAULTS, World
from vector_pipeline_tests.orchestration.dagster_project import NO_CAPTURE, DagsterProject
from vector_pipeline_tests.simulators import openai_server
from vector_pipeline_tests.simulators.docs_site_faults import cut_off, one_of, reset, status, unavailable
from vector_pipeline_tests.sync.exactness import assert_exact, quarantined, scratch_folder

COMPLETE = 0.999
MOST_ROUNDS_TO_REST = 200
ALLOW_TAG = "vector_pipeline/allow_deletions"
TYPES = ("git", "local_files", "confluence", "jira", "public_docs")
SITE_FAULTS = (unavailable(), status(500), status(502), reset(), cut_off())
OWN_FAULTS = {"redirects in a circle", "binary content in a text file"}
"""What the world does to itself, and no service is to blame for."""


@dataclass
class Tally:
    """What became of the runs: `ended` by kind, `retried` steps, `hidden` runs that failed without a trace, `stopped`
    ones that needed a person's word, ticks until nothing was due any more."""

    ended: Counter[str] = field(default_factory=Counter)
    retried: int = 0
    hidden: int = 0
    stopped: int = 0
    rounds_to_rest: int = 0
    wrong: str = ""
    errors: list[str] = field(default_factory=list)

    @property
    def runs(self) -> int:
        """All runs."""
        return self.ended.total()


@contextmanager
def dagster_of(world: World, folder: Path) -> Iterator[DagsterProject]:
    """Sensors and jobs of the world's project, in an instance of its own."""
    home = folder / "dagster"
    home.mkdir()
    config = resources.files("vector_pipeline.orchestration").joinpath("dagster.yaml").read_text("utf-8")
    (home / "dagster.yaml").write_text(config + NO_CAPTURE)
    os.environ.update(VECTOR_PIPELINE_CONFIG=str(world.project.file), DAGSTER_HOME=str(home))
    with dg.DagsterInstance.from_config(str(home)) as instance:
        yield DagsterProject(world.project, instance)


def give_patience(world: World) -> None:
    """The settings of someone who runs this: services are asked again for a while before a run fails."""
    sources = world.project.settings["sources"]
    for site in (sources["confluence"]["wiki"], sources["jira"]["work"]):
        site.update(max_wait="20s", timeout="5s")
    sources["public_docs"]["site"].update(max_retries=4, census_every="1h", revisit_soonest="1s")
    world.project.settings["embedding"].update(max_retries=5, max_wait="20s")
    world.project.settings["limits"]["quarantine_retry"] = "1s"
    world.project.write()


def fail_at(world: World, rate: float) -> None:
    """From now on a share of all requests goes wrong."""
    dice = world.dice
    for server in (world.confluence, world.jira):
        server.faults.at_random(ATLASSIAN_FAULTS, rate, dice.randrange(2**32))
    world.site.faults.add(one_of(*SITE_FAULTS, seed=dice.randrange(2**32)), rate=rate, seed=dice.randrange(2**32))
    for _ in range(200_000):
        good = dice.random() >= rate
        world.endpoint.faults.once(openai_server.Fault() if good else dice.choice(ENDPOINT_FAULTS))


def run_due(at: DagsterProject, world: World, tally: Tally) -> int:
    """One tick of every sensor, and the runs that were asked for; how many."""
    made = 0
    for source_type in TYPES:
        try:
            requests = at.tick(source_type).requests
        except SourceNotObserved:
            continue
        for request in requests:
            made += 1
            count(at, world, tally, source_type, str(request.partition_key), dict(request.tags))
    return made


def count(at: DagsterProject, world: World, tally: Tally, source_type: str, key: str, tags: dict[str, str]) -> None:
    """Makes a run and adds it to the tally."""
    result = at.run(source_type, key, tags=tags)
    tally.retried += sum(event.is_step_up_for_retry for event in result.all_events)
    with world.project.open() as pipeline:
        pid = pipeline.store.partition(f"{source_type}/{key}").partition_id
        row = find_ingestion(pipeline.store, pid, result.run_id)
        reasons = set(pipeline.store.quarantined(pid)["reason"].to_list())
    left = {why for why in reasons if why.partition(";")[0] not in OWN_FAULTS}
    if row is not None and HELD_BACK in row.counts:
        # The world deleted so much that a person has to say it is right, which is no fault of a service.
        tally.stopped += 1
        count(at, world, tally, source_type, key, {**tags, ALLOW_TAG: "true"})
    elif not result.success:
        tally.ended["failed"] += 1
        tally.errors.append(f"{source_type}/{key}: {row.error if row else 'no row'}")
        tally.hidden += row is None or row.status != "failed" or not row.error
    else:
        tally.ended["with documents left for later" if left else "complete"] += 1


def work(folder: Path, seed: int, runs: int, rate: float, minutes: float) -> Tally:
    """Lives, fails and runs until there were so many runs or the time is up, then comes to rest, faults still on."""
    tally, ends = Tally(), time.monotonic() + 60 * minutes
    with World(folder, seed) as world:
        give_patience(world)
        with dagster_of(world, folder) as at:
            fail_at(world, rate)
            while tally.runs < runs and time.monotonic() < ends:
                for _ in range(random.Random(tally.runs + seed).randint(1, 3)):
                    world.live()
                world.pages.settle()
                run_due(at, world, tally)
            quiet = 0
            while quiet < 3 and tally.rounds_to_rest < MOST_ROUNDS_TO_REST:
                tally.rounds_to_rest += 1
                quiet = 0 if run_due(at, world, tally) else quiet + 1
                time.sleep(1)  # a source that failed has its pause
            failing = {why.partition(";")[0] for why in quarantined(world.project).values()} - OWN_FAULTS
            world.calm()
            world.site.faults.clear()
            # Services do not tell of all that happens to them: the listing that comes once a day comes now.
            world.project.sync(full=True, allow_deletions=True)
            try:
                assert not failing, f"still in quarantine: {failing}"
                assert_exact(world.project)
            except AssertionError as error:
                tally.wrong = f"seed {seed}: {str(error)[:500]}"
    return tally


def in_a_process(arguments: tuple[int, int, float, float]) -> Tally:
    """`work` in a folder of its own."""
    seed, runs, rate, minutes = arguments
    with scratch_folder() as folder:
        return work(folder, seed, runs, rate, minutes)


def main() -> int:
    """Runs the workers and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--rate", type=float, default=0.05)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=120)
    wanted = parser.parse_args()
    each = -(-wanted.runs // wanted.workers)
    started = time.monotonic()
    with multiprocessing.get_context("spawn").Pool(wanted.workers) as pool:
        orders = [(wanted.seed + n, each, wanted.rate, wanted.minutes) for n in range(wanted.workers)]
        tallies = pool.map(in_a_process, orders, 1)
    ended: Counter[str] = sum((tally.ended for tally in tallies), Counter())
    total, complete = ended.total(), ended["complete"]
    print(f"{total} runs, {wanted.rate:.0%} of all requests failing, {time.monotonic() - started:.0f} s\n")
    print("| ended | runs | share |\n|---|---|---|")
    for kind, number in ended.most_common():
        print(f"| {kind} | {number} | {number / total:.2%} |")
    print(f"\nsteps tried again by Dagster: {sum(tally.retried for tally in tallies)}")
    print(f"stopped by the brake until deletions were allowed, not counted above: {sum(t.stopped for t in tallies)}")
    print(f"failed without a trace: {sum(tally.hidden for tally in tallies)}")
    print(f"ticks until all was at rest: {[tally.rounds_to_rest for tally in tallies]}")
    for error in (error for tally in tallies for error in tally.errors):
        print(f"failed: {error}")
    wrong = [tally.wrong for tally in tallies if tally.wrong]
    print("in the end: " + ("exact everywhere" if not wrong else "; ".join(wrong)))
    return int(bool(wrong) or complete < COMPLETE * total or any(tally.hidden for tally in tallies))


if __name__ == "__main__":
    sys.exit(main())
