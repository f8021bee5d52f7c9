"""The fenced blocks of the documentation, and how one is run: in order, as printed, in a checkout."""

from __future__ import annotations

import io
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from vector_pipeline.cli import main

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]

_FENCE = re.compile(r"^```(\w*)(?: ([^\n`]*))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_OURS = re.compile(r"(?:\.venv/bin/)?vector-pipeline (.*)")
_SHELL = re.compile(r"[|&;<>$`]")
_SECONDS = 200


@dataclass(frozen=True)
class Fence:
    """A fenced block: its language, the words behind it, its text, and the paragraph and heading in front of it."""

    language: str
    words: tuple[str, ...]
    text: str
    before: str
    heading: str
    line: int

    @property
    def lines(self) -> list[str]:
        """The commands in it, each on one line."""
        joined = self.text.replace("\\\n", " ")
        return [line.strip() for line in joined.splitlines() if line.strip() and not line.strip().startswith("#")]

    @property
    def code(self) -> int:
        """The exit code that each of its commands ends with."""
        return next((int(word.partition("=")[2]) for word in self.words if word.startswith("exit=")), 0)


@dataclass(frozen=True)
class Answer:
    """What a command of a fence printed, and its exit code."""

    line: str
    code: int
    out: str


def fences(page: Path) -> Iterator[Fence]:
    """All fenced blocks of a page, in order."""
    text = page.read_text("utf-8")
    for match in _FENCE.finditer(text):
        above = text[: match.start()]
        before = above.rstrip().rpartition("\n\n")[2] if above.endswith("\n\n") else above.rpartition("\n\n")[2]
        headings = re.findall(r"^#+ (.+)$", re.sub(_FENCE, "", above), re.MULTILINE)
        yield Fence(
            match[1],
            tuple((match[2] or "").split()),
            match[3],
            before.strip(),
            headings[-1] if headings else "",
            above.count("\n") + 1,
        )


def commands(page: Path) -> list[Fence]:
    """The blocks of a page whose commands are run in a healthy checkout."""
    return [fence for fence in fences(page) if fence.language == "sh" and not {"no-run", "cure"} & set(fence.words)]


def run(line: str, folder: Path, environment: Mapping[str, str]) -> Answer:
    """Runs one line in a folder: our own command in this process, which is quick, anything else by the shell."""
    ours = _OURS.fullmatch(line)
    if ours is None or _SHELL.search(line):
        return _by_shell(line, folder, environment)
    words = ["vector-pipeline", *shlex.split(ours[1], comments=True)]
    out = io.StringIO()
    with ExitStack() as stack:
        stack.enter_context(patch.object(sys, "argv", words))
        stack.enter_context(patch.object(sys, "stdin", stack.enter_context(open(os.devnull))))
        stack.enter_context(patch.dict(os.environ, environment))
        stack.enter_context(chdir(folder))
        stack.enter_context(redirect_stdout(out))
        stack.enter_context(redirect_stderr(out))
        try:
            main()
        except SystemExit as end:
            return Answer(line, int(end.code or 0), out.getvalue())
    return Answer(line, 0, out.getvalue())


def _by_shell(line: str, folder: Path, environment: Mapping[str, str]) -> Answer:
    done = subprocess.run(
        ["sh", "-c", line],
        cwd=folder,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_SECONDS,
    )
    return Answer(line, done.returncode, done.stdout)
