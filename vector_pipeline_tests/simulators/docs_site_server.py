"""A documentation site in a process of its own, for scale and for kills; steered by requests below /-/.

`python -m vector_pipeline_tests.simulators.docs_site_server --pages 20000 --port 0` prints its address and serves until
it is interrupted. `DocsSiteProcess` starts that and steers it.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlencode

from vector_pipeline_tests.simulators.docs_site import DocsSite
from vector_pipeline_tests.simulators.docs_site_faults import status

_SECONDS_TO_START = 60


@dataclass(frozen=True, slots=True)
class Counts:
    """What was asked since the last `clear`."""

    requests: int
    conditional: int
    by_status: dict[int, int]
    sent: int
    most_at_once: int
    shortest_gap: float
    seconds: float
    most_of_one_path: int


class DocsSiteProcess:
    """A generated site in a child process, from `with` to its end."""

    def __init__(self, pages: int, *, seed: int = 0, port: int = 0) -> None:
        self._command = [sys.executable, "-m", __spec__.name if __spec__ else __name__]
        self._command += ["--pages", str(pages), "--seed", str(seed), "--port", str(port)]
        self._process: subprocess.Popen[str] | None = None
        self.url = ""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        timer = threading.Timer(_SECONDS_TO_START, self._process.kill)
        timer.start()
        self.url = self._process.stdout.readline().strip()
        timer.cancel()
        if not self.url:
            raise RuntimeError("the site's process ended before it served")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.communicate(timeout=30)
            self._process = None

    def edit(self, count: int) -> list[str]:
        """Lets so many pages, spread over the site, say something else; gives their paths."""
        edited: list[str] = self._ask("edit", count=count)
        return edited

    def release(self) -> None:
        """Changes the bytes of every page and nothing that they say."""
        self._ask("release")

    def fail(self, code: int = 503) -> None:
        """Answers everything with this status until `recover`."""
        self._ask("fail", code=code)

    def recover(self) -> None:
        """All is well again."""
        self._ask("recover")

    def counts(self) -> Counts:
        """What was asked since the last `clear`."""
        answer = self._ask("counts")
        by_status = {int(code): count for code, count in answer.pop("by_status").items()}
        return Counts(by_status=by_status, **answer)

    def clear(self) -> None:
        """Forgets what was asked."""
        self._ask("clear")

    def _ask(self, control: str, **parameters: object) -> Any:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"{self.url}-/{control}?{urlencode(parameters)}", timeout=60) as answer:
            return json.load(answer)


def add_controls(site: DocsSite) -> None:
    """Lets the site be steered by requests."""

    def edit(query: str) -> bytes:
        paths = site.paths()
        count = int(parse_qs(query)["count"][0])
        chosen = paths[:: max(1, len(paths) // count)][:count]
        for path in chosen:
            site.edit(path)
        return json.dumps(chosen).encode()

    def counts(_query: str) -> bytes:
        asked = site.log.all()
        times = [line.at for line in asked]
        summary = {
            "requests": len(asked),
            "conditional": sum(line.conditional for line in asked),
            "by_status": site.log.by_status(),
            "sent": site.log.sent,
            "most_at_once": site.log.most_at_once,
            "shortest_gap": min(site.log.shortest_gap, 1e9),
            "seconds": max(times) - min(times) if times else 0.0,
            "most_of_one_path": max(site.log.by_path().values(), default=0),
        }
        return json.dumps(summary).encode()

    def fail(query: str) -> bytes:
        code = int(parse_qs(query)["code"][0])
        site.faults.add(status(code))
        return b"null"

    site.controls |= {"edit": edit, "counts": counts, "fail": fail}
    for name, action in (("release", site.release), ("recover", site.faults.clear), ("clear", site.log.clear)):
        site.controls[name] = _plain(action)


def _plain(action: Callable[[], None]) -> Callable[[str], bytes]:
    def control(_query: str) -> bytes:
        action()
        return b"null"

    return control


def main() -> None:
    """Serves until it is interrupted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--port", type=int, default=0)
    options = parser.parse_args()
    with DocsSite(generated=options.pages, seed=options.seed, port=options.port) as site:
        add_controls(site)
        print(site.url, flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            print(f"{len(site.log.all())} requests answered", file=sys.stderr)


if __name__ == "__main__":
    main()
