"""A sync in a process of its own under a memory limit that the kernel enforces.

    python -m vector_pipeline_tests.sync.limited_sync FOLDER CORPUS_MB ROOM_MB GOVERNED SLACK_MB

Small documents are synced first, so that everything is loaded: what that takes is the base. Then comes the corpus, with
`limits.max_memory` and the kernel's limit (RLIMIT_DATA: an allocation beyond it fails) both at the base and `ROOM_MB`
more. The kernel counts addresses, of which allocators keep some that they have given back: a long run needs `SLACK_MB`
beyond. Prints one line of JSON.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from vector_pipeline.sync.runner import sync_partition
from vector_pipeline_tests.project import Project

PARAGRAPH = "Boats sail over the sea, and trains run on rails through the hills of the north. " * 12 + "\n\n"
STACKS = 48_000_000
"""What the kernel counts of threads that are begun later, ours and the engine's: their stacks, hardly ever touched."""

_PAGE = 500_000


def limited_sync(
    folder: Path, corpus: int, room: int, seconds: float, *, governed: bool = True, slack: int = 0
) -> dict[str, Any]:
    """Syncs so many MB with so much room in a process of its own: `exit`, `error`, and what it printed."""
    command = [sys.executable, "-m", __name__, str(folder), str(corpus), str(room), str(int(governed)), str(slack)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
    told = json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 else {}
    return {"exit": done.returncode, "error": done.stderr[-2000:], **told}


def _bytes(name: str) -> int:
    """A value of this process's status, in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))


class _Watch:
    """The most memory that was ever seen to be this process's own."""

    def __init__(self) -> None:
        self.peak = 0
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            self.peak = max(self.peak, _bytes("RssAnon"))
            time.sleep(0.005)


def main(folder: Path, corpus: int, room: int, governed: bool, slack: int) -> None:
    """Runs it here."""
    threading.stack_size(1_000_000)
    cut = {"target_chars": 8000, "max_tokens": 4000}
    project = Project(folder / "project", {"chunking": cut, "limits": {"stream_above": 0}})
    small = project.add_folder("small", folder / "small")
    (folder / "small" / "one.md").write_text("# One\n\n" + PARAGRAPH)
    large = project.add_folder("large", folder / "large")
    pages = max(1, corpus * 1_000_000 // _PAGE)
    for number in range(pages):
        (folder / "large" / f"{number:05}.md").write_text(
            f"# Page {number}\n\n" + PARAGRAPH * (_PAGE // len(PARAGRAPH))
        )
    project.sync(small)
    watch = _Watch()
    base, data = _bytes("RssAnon"), _bytes("VmData")
    ceiling = base + room * 1_000_000
    if governed:
        project.settings["limits"]["max_memory"] = ceiling
        project.write()
    most = data + (room + slack) * 1_000_000 + STACKS
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    with project.open() as pipeline:
        results = sync_partition(pipeline, large, "large")
    added, points = results[0].counts["added"], results[-1].rows
    told = {"base": base, "ceiling": ceiling, "peak": watch.peak, "pages": pages, "added": added, "points": points}
    print(json.dumps(told))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4] == "1", int(sys.argv[5]))
