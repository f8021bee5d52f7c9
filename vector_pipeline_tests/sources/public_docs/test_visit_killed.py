"""A visit whose process is killed goes on with exactly the pages that were not recorded."""

from __future__ import annotations

import itertools
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from vector_pipeline_tests.project import Project
from vector_pipeline_tests.simulators.docs_site import DocsSite
from vector_pipeline_tests.simulators.docs_site_http import Reply, Request

PAGES = 60


def wait_until(holds: Callable[[], bool], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def kill_after(project: Project, site: DocsSite, requests: int) -> None:
    """Runs a sync in a process of its own and kills it once so many pages were asked for; no more are answered."""
    site.log.clear()
    numbers, killed = itertools.count(1), threading.Event()

    def hold_the_rest(_: Request, reply: Reply) -> Reply:
        if next(numbers) > requests:
            killed.wait(120)
        return reply

    command = [sys.executable, "-m", "vector_pipeline_tests.sources.public_docs.killed_visit", str(project.file)]
    with site.failing(hold_the_rest):
        process = subprocess.Popen(command, cwd=Path(__file__).parents[3])
        try:
            wait_until(lambda: site.log.count() >= requests or process.poll() is not None)
            assert process.poll() is None, "it ended by itself"
        finally:
            process.kill()
            process.wait()
            killed.set()


def asked_pages(site: DocsSite) -> set[str]:
    return {one.path for one in site.log.all() if one.path in set(site.paths())}


def test_a_killed_visit_goes_on_where_it_stood(tmp_path: Path) -> None:
    with DocsSite(generated=PAGES) as site:
        project = Project(tmp_path / "project")
        partition = project.add_public_docs("guide", site.url, delay="0.02s", concurrency=2)
        kill_after(project, site, PAGES // 2)
        first = asked_pages(site)
        assert 0 < len(first) < PAGES

        site.log.clear()
        project.settings["sources"]["public_docs"]["guide"]["delay"] = "0.001s"
        project.write()
        project.sync(partition)
        again = asked_pages(site) & first
        assert len(again) <= 2 * 2 * 2, "only what was under way is asked for twice"
        assert asked_pages(site) | first == set(site.paths())
        assert project.snapshot() == project.rebuilt(tmp_path / "fresh")
