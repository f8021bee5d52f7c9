"""The examples of the page on extending work: written into a copy of the package, they sync, answer and are checked."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from vector_pipeline_tests.docs.fences import ROOT, Fence, fences

PAGE = ROOT / "docs" / "extending.md"

FAQ = """\
question,answer
How do I reset my password?,"Windows: press Ctrl, Alt and Del.

Mac: choose the apple, then your name."
Where is the printer?,On the second floor.
"""


def target(fence: Fence) -> str:
    """The file that a block belongs to, as the paragraph in front of it says; "" for none."""
    found = re.search(r"`(vector_pipeline/[^`]+)`", fence.before)
    return found[1] if found else ""


def applied(text: str, diff: str) -> str:
    """The text with the hunks of a diff applied, each where its lines stand, and they must stand there once."""
    for hunk in diff.split("@@\n"):
        lines = hunk.splitlines(keepends=True)
        old = "".join(line[1:] for line in lines if line[0] in " -")
        new = "".join(line[1:] for line in lines if line[0] in " +")
        assert text.count(old) == 1, f"these lines are not there, or more than once:\n{old}"
        text = text.replace(old, new)
    return text


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package with everything that the page says."""
    copy = tmp_path_factory.mktemp("extended")
    shutil.copytree(ROOT / "vector_pipeline", copy / "vector_pipeline", ignore=shutil.ignore_patterns("__pycache__"))
    for fence in fences(PAGE):
        if name := target(fence):
            file = copy / name
            if fence.language == "diff":
                file.write_text(applied(file.read_text("utf-8"), fence.text), "utf-8")
            else:
                assert not file.exists(), f"{name} is there already"
                file.write_text(fence.text, "utf-8")
    return copy


def test_every_kind_of_extension_has_its_example() -> None:
    files = {target(fence) for fence in fences(PAGE)} - {""}
    parts = {"sources", "chunking", "embedding", "consistency"}
    assert parts <= {name.split("/")[1] for name in files}


def test_the_examples_are_written_as_our_own_code_is(extended: Path) -> None:
    files = [str(extended / name) for fence in fences(PAGE) if (name := target(fence)).endswith(".py")]
    ruff = [sys.executable, "-m", "ruff"]
    settings = ["--config", str(ROOT / "pyproject.toml")]
    subprocess.run([*ruff, "check", *settings, *files], check=True, cwd=extended)
    subprocess.run([*ruff, "format", "--check", *settings, *files], check=True, cwd=extended)


def test_the_examples_sync_answer_and_are_checked(extended: Path) -> None:
    project = extended / "project"
    project.mkdir()
    (settings,) = (fence.text for fence in fences(PAGE) if fence.language == "yaml")
    (project / "pipeline.yaml").write_text(settings)
    (project / "faq.csv").write_text(FAQ)
    (commands,) = (fence.lines for fence in fences(PAGE) if fence.language == "sh")
    printed = {line.split()[1]: run_json(line, project, extended) for line in commands}

    (source,) = printed["sync"]["sources"]
    assert (source["source"], source["status"]) == ("table/faq", "success")
    (hit,) = printed["search"]["hits"]
    assert hit["headings"][0] in ("Windows", "Mac"), "the chunker's labels are the headings"
    (check,) = printed["check"]["checks"]
    assert (check["name"], check["passed"], check["compared"]) == ("answers_short", True, 3)


def run_json(line: str, folder: Path, packages: Path) -> dict[str, Any]:
    """What a command prints as JSON, run with the package that lies in `packages`."""
    done = subprocess.run(
        [sys.executable, "-m", "vector_pipeline", *shlex.split(line)[1:], "--json"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(packages)},
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer
