"""A documentation site on the command line: synced, listed, searched down to the section, and missed when away."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from vector_pipeline.settings_file import load_settings
from vector_pipeline_tests.cli.command import Command
from vector_pipeline_tests.conversion.office_files import make_docx, make_pptx, shape
from vector_pipeline_tests.conversion.pdf_files import make_pdf
from vector_pipeline_tests.project import Project
from vector_pipeline_tests.simulators.docs_site import DocsSite
from vector_pipeline_tests.simulators.docs_site_faults import unavailable
from vector_pipeline_tests.simulators.docs_site_pages import Page, Section

SOURCE = "public_docs/pumps"
NASTY = "Bad \x1b[31m\x07\u202etitle"
_FILES = {
    "/manual.pdf": make_pdf(["# Manual", "For all pumps.", "# Impeller", "It spins clockwise."]),
    "/talk.pptx": make_pptx(
        [
            shape([(title,)], "title") + shape([(text,)])
            for title, text in (("Start", "hello"), ("Bubbles", "eat steel"))
        ]
    ),
    "/locked.pdf": make_pdf(["Nine secret words."], password="open sesame"),
    "/cut.docx": make_docx()[:400],
    "/all.zip": b"PK",
}


@pytest.fixture
def site() -> Iterator[DocsSite]:
    """Pages with sections, linked files good and bad, and a title that would take over a terminal."""
    valves = Page(
        "/valves/",
        "Valves",
        (
            Section("Kinds", ("There are ball valves and gate valves.",)),
            Section("Valve torque", ("Tighten the brass valve to nine newton metres.",), "torque = 9"),
        ),
    )
    start = Page("/", "Pumps", (Section("Welcome", ("All about pumps.",)),), tuple((path, path) for path in _FILES))
    with DocsSite([start, valves, Page("/bad/", NASTY, (Section("Zebra", ("A zebra crossing.",)),))]) as site:
        for path, data in _FILES.items():
            site.serve(path, data, "application/octet-stream")
        yield site


@pytest.fixture
def command(tmp_path: Path, site: DocsSite) -> Command:
    """A project with the site, not synced yet."""
    project = Project(tmp_path)
    project.add_public_docs("pumps", site.url, discover="both", max_retries=0, timeout="60s")
    return Command(project)


def hit(command: Command, query: str) -> dict[str, Any]:
    """The best hit of a search."""
    found: dict[str, Any] = command.inside("search", query, "--json", "-n", "1").json()["hits"][0]
    return found


def test_a_site_is_synced_listed_searched_and_told_what_is_wrong_with_its_files(
    command: Command, site: DocsSite
) -> None:
    first = command.inside("sync")
    assert first.code == 1, "two files could not be brought in"
    assert "5 added" in first.out
    assert f"{SOURCE}: 2 documents could not be brought in" in first.err
    assert "\x1b" not in first.out + first.err

    # The status right after it: what the site was before the sync is old news.
    (row,) = command.inside("status", "--json").json()["sources"]
    assert (row["state"], row["documents"], row["quarantined"]) == ("in step", 5, 2)

    found = hit(command, "tighten brass valve torque")
    assert found["link"] == f"{site.url}valves/#valve-torque"
    assert found["headings"][-1] == "Valve torque"
    assert (hit(command, "impeller clockwise")["page"], hit(command, "bubbles eat steel")["slide"]) == (3, 2)
    shown = command.inside("search", "tighten brass valve torque", "-n", "1").out
    assert f"{site.url}valves/#valve-torque" in shown
    assert "› Slide 2" in command.inside("search", "bubbles eat steel", "-n", "1").out

    rows = {row["native_id"]: row for row in command.inside("quarantine", "list", "--json").json()["quarantined"]}
    assert rows.keys() == {f"{site.url}locked.pdf", f"{site.url}cut.docx"}
    assert "conversion.passwords" in rows[f"{site.url}locked.pdf"]["reason"]
    assert "damaged" in rows[f"{site.url}cut.docx"]["reason"]

    listed = command.inside("documents", "list").out
    assert "valves/" in listed
    assert "manual.pdf" in listed
    told = command.inside("documents", "show", "Valves").out
    assert re.search(r"sections +kinds, valve-torque\n", told), "names in place of offsets"
    for answer in (listed, told, command.on_terminal("search", "zebra crossing", columns=100).out):
        assert "\x1b[31m\x07" not in answer
        assert "\u202e" not in answer

    again = command.inside("sync")
    assert again.code == 1, "it stays so until somebody looks"
    assert "in step" in again.out


def test_a_site_that_is_away_is_told_and_nothing_is_lost(command: Command, site: DocsSite) -> None:
    command.project.settings["sources"]["public_docs"]["pumps"]["exclude"] = ["locked.pdf", "*.docx"]
    command.project.write()
    assert command.inside("sync").code == 0
    with site.failing(unavailable()):
        answer = command.inside("sync", "--full")
        assert answer.code == 1
        assert f"{SOURCE}: {site.url}" in answer.err
        assert "503" in answer.err
        probed = command.inside("status", "--probe")
        assert probed.code == 1
        assert "unreachable" in probed.out
    assert hit(command, "brass valve")["title"] == "Valves"
    assert command.inside("sync").code == 0
    site.remove("/valves/")
    gone = command.inside("sync", "--full")
    assert gone.code == 0, gone.err
    assert "1 deleted" in gone.out
    (row,) = command.inside("status", "--json").json()["sources"]
    assert (row["state"], row["documents"]) == ("in step", 4)
    site.edit("/bad/", "A changed crossing.")
    command.inside("status", "--probe")
    (row,) = command.inside("status", "--json").json()["sources"]
    assert row["state"] == "behind", "seen after the last sync"


def test_the_settings_that_init_writes_name_sites_and_conversion(command: Command) -> None:
    folder = command.project.folder / "new"
    made = command.inside("init", str(folder))
    assert made.code == 0, made.err
    text = (folder / "pipeline.yaml").read_text()
    assert re.search(r"^  public_docs:$", text, re.MULTILINE)
    assert re.search(r"^conversion:$", text, re.MULTILINE)
    assert re.search(r"^  #passwords: \[\]$", text, re.MULTILINE)
    load_settings(folder / "pipeline.yaml")
