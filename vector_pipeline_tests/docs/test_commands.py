"""Every command that the documentation prints does what it says it does: it runs, and ends as it should."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from vector_pipeline_tests.docs.checkout import Checkout, no_check_after_sync, small_clone
from vector_pipeline_tests.docs.fences import PAGES, ROOT, commands, fences

WITH_COMMANDS = [page for page in PAGES if commands(page)]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A checkout in step, for the pages to start from."""
    return Checkout.make(tmp_path_factory.mktemp("reader"), small_clone)


@pytest.fixture
def checkout(prepared: Checkout) -> Iterator[Checkout]:
    """The checkout as it was before the last page."""
    prepared.renew()
    with no_check_after_sync():
        yield prepared


@pytest.mark.parametrize("page", WITH_COMMANDS, ids=lambda page: page.name)
def test_the_commands_of_a_page_run_as_printed(page: Path, checkout: Checkout) -> None:
    for fence in commands(page):
        for line in fence.lines:
            if line.startswith("make"):
                continue
            answer = checkout.run(line)
            assert "Traceback" not in answer.out, f"{page.name}:{fence.line}: {line}\n{answer.out}"
            assert answer.code == fence.code, f"{page.name}:{fence.line}: {line}\n{answer.out}"


def test_make_has_the_targets_that_pages_name() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    lines = [line for page in PAGES for fence in commands(page) for line in fence.lines if line.startswith("make")]
    assert lines
    assert [line for line in lines if not {word for word in line.split()[1:] if "=" not in word} <= targets] == []


def test_commands_stand_in_blocks_that_say_they_are_commands() -> None:
    # A block without its language would be left out of the test above.
    apart = [
        f"{page.name}:{fence.line}"
        for page in PAGES
        for fence in fences(page)
        if not fence.language
        or (fence.language in ("bash", "shell") or set(fence.words) - {"no-run", "exit=1", "cure"})
    ]
    assert apart == []
