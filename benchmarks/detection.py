"""How surely and how fast the checks find damage, and how often they cry wolf.

    python -m benchmarks.detection [--times 20] [--healthy 200] [--seed 1] [--documents 12] [--only WORDS]

Every fault that the tests know is put into a healthy project so many times, each time into another victim; then the
checks of the collection run. Besides, a project is edited at random and synced so many times; after each sync nothing
may be found. Prints markdown tables; the exit code is 1 where anything was missed or found for nothing.
"""

from __future__ import annotations

import argparse
import random
import shutil
import statistics
import sys
import time
from pathlib import Path

from benchmarks.corpus import document
from vector_pipeline.consistency.checks import look_at, run_checks
from vector_pipeline.consistency.look import Depth
from vector_pipeline.consistency.result import CheckResult
from vector_pipeline.sync.runner import run_stage
from vector_pipeline.sync.stages import STAGES, Options
from vector_pipeline_tests.consistency.faults import FAULTS, Fault
from vector_pipeline_tests.project import Project
from vector_pipeline_tests.sync.exactness import scratch_folder

FOLDERS = ("a", "b")
MOST_LOOKS = 60


def make_project(folder: Path, documents: int) -> Project:
    """Two synced folders of so many documents each."""
    project = Project(folder / "project")
    for name in FOLDERS:
        project.add_folder(name, folder / name)
        for number in range(documents):
            write(folder / name, number, random.Random(f"{name}{number}"))
    project.sync()
    return project


def write(folder: Path, number: int, chance: random.Random) -> None:
    """One document."""
    (folder / f"{number}.md").write_text(document(chance, number))


def check(project: Project, seed: int) -> tuple[list[CheckResult], float]:
    """The results of all checks of the collection, and the seconds they took."""
    started = time.monotonic()
    with project.open() as pipeline:
        results = run_checks(look_at(pipeline, depth=Depth.SAMPLE, seed=seed))
    return results, time.monotonic() - started


def detect(project: Project, copy: Path, fault: Fault, times: int, seed: int) -> tuple[int, set[str], float, float]:
    """How often a fault was found by all that must find it, which checks found it, median looks and seconds of one.

    Some checks look at samples, another one each time: they are asked again until they have found it.
    """
    found, by, looks, seconds = 0, set[str](), [], []
    for number in range(times):
        shutil.rmtree(project.data)
        shutil.copytree(copy, project.data)
        fault.put_into(project, random.Random(f"{seed}:{fault.name}:{number}"))
        failed = set[str]()
        for look in range(1, MOST_LOOKS + 1):
            results, took = check(project, seed + number * MOST_LOOKS + look)
            failed |= {result.name for result in results if not result.passed}
            seconds.append(took)
            if fault.found_by <= failed:
                found += 1
                break
        looks.append(look)
        by |= failed
    return found, by, statistics.median(looks), statistics.median(seconds)


def edit(folder: Path, chance: random.Random, documents: int) -> None:
    """Writes, rewrites, renames or removes some documents."""
    for _ in range(chance.randint(1, 4)):
        place = folder / chance.choice(FOLDERS)
        present = sorted(place.glob("*.md"))
        kind = chance.choice(["write", "write", "append", "rename", "remove"])
        if kind == "write" or len(present) <= documents // 2:
            write(place, chance.randrange(2 * documents), chance)
            continue
        path = chance.choice(present)
        if kind == "append":
            path.write_text(f"{path.read_text()}\n\n## Added\n\n{chance.random()} of it.\n")
        elif kind == "rename":
            path.rename(path.with_name(f"{chance.randrange(10**6)}.md"))
        else:
            path.unlink()


def false_alarms(folder: Path, rounds: int, documents: int, seed: int) -> list[str]:
    """What was found in a healthy project, round by round; in every fifth one run has stopped half way."""
    project = make_project(folder, documents)
    alarms = []
    for number in range(rounds):
        chance = random.Random(f"{seed}:healthy:{number}")
        edit(folder, chance, documents)
        for name in (f"local_files/{folder}" for folder in FOLDERS):
            if number % 5 == 4 and chance.random() < 0.5:
                with project.open() as pipeline:
                    for stage in STAGES[: chance.randint(1, 3)]:
                        run_stage(pipeline, stage, name, f"stopped-{number}", Options(allow_deletions=True))
            else:
                project.sync(name, allow_deletions=True)
        results, _ = check(project, seed + number)
        alarms += [f"round {number}: {r.name}: {r.error or r.by_partition}" for r in results if not r.passed]
    return alarms


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--times", type=int, default=20, help="how often each fault is put in")
    parser.add_argument("--healthy", type=int, default=200, help="rounds of edits without any fault")
    parser.add_argument("--documents", type=int, default=12, help="documents in each of the two folders")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="only faults whose name holds these words")
    given = parser.parse_args()
    words = given.only.replace(" ", "_")
    faults = [fault for fault in FAULTS if fault.found_by and words in fault.name]
    print("| fault | found | by | looks | seconds of a look |\n|---|--:|---|--:|--:|")
    missed = 0
    with scratch_folder() as folder:
        project = make_project(folder, given.documents)
        shutil.copytree(project.data, folder / "copy")
        for fault in faults:
            found, by, looks, seconds = detect(project, folder / "copy", fault, given.times, given.seed)
            missed += given.times - found
            names = ", ".join(f"`{name}`" for name in sorted(by))
            name = fault.name.replace("_", " ")
            print(f"| {name} | {found} of {given.times} | {names} | {looks:g} | {seconds:.1f} |", flush=True)
    with scratch_folder() as folder:
        alarms = false_alarms(folder, given.healthy, given.documents, given.seed)
    total = given.times * len(faults)
    print(f"\n{total - missed:,} of {total:,} found; {len(alarms)} false alarms in {given.healthy} healthy rounds.")
    print("\n".join(alarms))
    sys.exit(1 if missed or alarms else 0)


if __name__ == "__main__":
    main()
