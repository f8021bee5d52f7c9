"""What other processes do in the tests: `python -m vector_pipeline_tests.index.worker FOLDER ACTION ARGUMENTS`.

Each line on standard output says what is done and acknowledged.
"""

from __future__ import annotations

import sys
from pathlib import Path

from vector_pipeline.index.base import Query
from vector_pipeline.index.edge import EdgeIndex
from vector_pipeline_tests.index.samples import make_point, terms


def write(index: EdgeIndex, first: int, batches: int, size: int) -> None:
    """Writes numbered points, batch after batch, and names the last number of each batch written."""
    for start in range(first, first + batches * size, size):
        index.upsert("c", [make_point(number) for number in range(start, start + size)])
        print(start + size - 1, flush=True)


def write_in_session(index: EdgeIndex, first: int, batches: int, size: int) -> None:
    """The same with the shard kept open."""
    with index.session("c"):
        write(index, first, batches, size)


def hold(index: EdgeIndex) -> None:
    """Keeps the shard locked until standard input ends."""
    frames = index.scroll("c")
    next(frames)
    print("held", flush=True)
    sys.stdin.read()


def keep_idle(index: EdgeIndex) -> None:
    """Has a session with nothing to do until standard input ends."""
    with index.session("c"):
        print(index.count("c"), flush=True)
        sys.stdin.read()


def search_until_closed(index: EdgeIndex) -> None:
    """Searches by the alias all the time; names the generation of points found, once per search."""
    while True:
        hits = index.search("live", Query(None, terms(1), limit=5))
        print(",".join(sorted({str(hit.payload["generation"]) for hit in hits})), flush=True)


def main(folder: str, action: str, *numbers: str) -> None:
    """Runs the action of that name."""
    index = EdgeIndex(Path(folder), lock_timeout=60)
    actions = {
        "write": write,
        "write_in_session": write_in_session,
        "hold": hold,
        "keep_idle": keep_idle,
        "search": search_until_closed,
    }
    actions[action](index, *map(int, numbers))  # type: ignore[operator]


if __name__ == "__main__":
    main(*sys.argv[1:])
