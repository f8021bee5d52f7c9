"""Office and PDF files from every kind of source: found where they say it, and the same bytes converted once."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from vector_pipeline_tests.conversion import office_files as good
from vector_pipeline_tests.conversion.pdf_files import make_pdf
from vector_pipeline_tests.conversion.picture_files import make_jpeg, make_png, make_xmp
from vector_pipeline_tests.git_repository import GitRepository
from vector_pipeline_tests.project import Project, counts
from vector_pipeline_tests.simulators.confluence_server import ConfluenceServer
from vector_pipeline_tests.simulators.docs_site import DocsSite
from vector_pipeline_tests.simulators.docs_site_pages import Page
from vector_pipeline_tests.simulators.jira_server import JiraServer
from vector_pipeline_tests.sync.exactness import assert_consistent, assert_exact, due, settle


@dataclass(frozen=True)
class GoodFile:
    """A file, a question that it answers, and what its best passage says of its place."""

    data: bytes
    question: str
    place: Mapping[str, Any] = field(default_factory=dict)


def _talk() -> bytes:
    titles = ("Welcome", "Cavitation", "Farewell")
    texts = ("who we are", "bubbles eat the impeller", "questions please")
    slides = [
        good.shape([(title,)], "title") + good.shape([(text,)]) for title, text in zip(titles, texts, strict=True)
    ]
    return good.make_pptx(slides)


FILES: Mapping[str, GoodFile] = {
    "manual.pdf": GoodFile(
        make_pdf(["# Manual", "The gasket is made of copper.", "# Flywheel", "It weighs nine tons."]),
        "flywheel weighs nine tons",
        {"page": 3},
    ),
    "letter.docx": GoodFile(
        good.make_docx(
            good.paragraph("Complaint", style="Heading1") + good.paragraph("The walrus statue arrived broken.")
        ),
        "walrus statue",
    ),
    "old letter.doc": GoodFile(good.make_doc("The lighthouse keeper wants his lamp back.\r"), "lighthouse keeper lamp"),
    "talk.pptx": GoodFile(_talk(), "bubbles eat the impeller", {"slide": 2}),
    "old talk.ppt": GoodFile(
        good.make_ppt([("Bees", "Honey harvest begins in May")], free="An apiary"), "honey harvest", {"slide": 1}
    ),
    "talk.odp": GoodFile(
        good.make_odp(good.odp_page("One", "<text:p>tea</text:p>"), good.odp_page("Two", "<text:p>yak wool</text:p>")),
        "yak wool",
        {"slide": 2},
    ),
    "prices.xlsx": GoodFile(
        good.make_xlsx(
            {
                "Costs": f'<row r="1">{good.cell("A1", "rent")}</row>',
                "Sales": f'<row r="1">{good.cell("A1", "marzipan")}{good.cell("B1", 42)}</row>',
            }
        ),
        "marzipan",
        {"sheet": "Sales"},
    ),
    "old prices.xls": GoodFile(good.make_xls([("saffron", "12 euros a gram")]), "saffron euros", {"sheet": "Plain"}),
    "stock.ods": GoodFile(
        good.make_ods({"North": [["ink"]], "South": [["turpentine"]]}), "turpentine", {"sheet": "South"}
    ),
    "essay.odt": GoodFile(good.make_odt("<text:p>A glacier calves into the fjord.</text:p>"), "glacier calves fjord"),
    "novel.epub": GoodFile(
        good.make_epub("<h1>Dawn</h1><p>The zeppelin departs.</p>", "<h1>Dusk</h1><p>It lands in Oslo.</p>"),
        "zeppelin departs",
    ),
    "story.fb2": GoodFile(good.make_fb2().replace(b"First words", b"A samovar sings"), "samovar sings"),
    "memo.rtf": GoodFile(good.make_rtf("The orangutan signs the lease"), "orangutan lease"),
    "mail.eml": GoodFile(good.make_eml("The bassoon lesson moves to Friday", "Music"), "bassoon lesson"),
    "mail.msg": GoodFile(good.make_msg("The quince jelly is ready"), "quince jelly"),
    "photo.jpg": GoodFile(make_jpeg(xmp=make_xmp("Aqueduct", "A pelican on the aqueduct", "bird")), "pelican aqueduct"),
    "plan.png": GoodFile(make_png({"Title": "Floor plan", "Description": "The scullery faces north"}), "scullery"),
}


def write(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, file in FILES.items():
        (folder / name).write_bytes(file.data)


def conversions(project: Project) -> dict[str, int]:
    """Every kept conversion with the number of its file: one that is made again gets another number."""
    found = (path for path in (project.data / "conversions").rglob("*") if path.is_file())
    return {path.name: path.stat().st_ino for path in found}


def did(project: Project, partition: str) -> dict[str, int]:
    """What a sync did to documents and texts, without zeros."""
    results = project.sync(partition)
    found = {**counts(results, "documents"), "embedded": counts(results, "embeddings").get("embedded", 0)}
    return {name: number for name, number in found.items() if number}


@pytest.fixture
def project(folder: Path) -> Project:
    """The files in a folder, synced and at rest."""
    write(folder / "files")
    project = Project(folder / "project")
    partition = project.add_folder("files", folder / "files")
    settle(project, partition)
    return project


def test_every_kind_is_found_at_its_page_slide_or_sheet(project: Project) -> None:
    assert project.paths() == set(FILES)
    for name, file in FILES.items():
        (hit, *_) = project.search(file.question)
        assert hit["path"] == name, file.question
        assert {key: hit.get(key) for key in ("page", "slide", "sheet")} == {
            **dict.fromkeys(("page", "slide", "sheet")),
            **file.place,
        }, name
        if file.place:
            assert str(*file.place.values()) in hit["headings"][-1]
    assert_exact(project)


def test_nothing_is_converted_that_did_not_change(project: Project, folder: Path) -> None:
    before, points = conversions(project), project.snapshot()
    assert len(before) == len(FILES)
    shutil.rmtree(project.data / "conversions")
    assert did(project, "local_files/files") == {"unchanged": len(FILES)}
    assert due(project, "local_files/files") is None
    assert not conversions(project), "not even what is no longer kept"
    assert project.snapshot() == points


def test_touched_and_renamed_files_are_neither_converted_nor_embedded_again(project: Project, folder: Path) -> None:
    before, points = conversions(project), len(project.snapshot())
    for name in FILES:
        os.utime(folder / "files" / name, (1_700_000_000, 1_700_000_000))
    touched = did(project, "local_files/files")
    assert "embedded" not in touched
    assert conversions(project) == before
    for name in FILES:
        (folder / "files" / name).rename(folder / "files" / f"renamed {name}")
    renamed = did(project, "local_files/files")
    assert renamed["moved"] == len(FILES)
    assert conversions(project) == before
    assert "embedded" not in renamed
    assert len(project.snapshot()) == points
    assert_exact(project)


def test_the_same_files_from_every_source_say_the_same_and_are_converted_once(folder: Path) -> None:
    project = Project(folder / "project")
    with ExitStack() as stack:
        write(folder / "files")
        project.add_folder("files", folder / "files")
        repository = GitRepository(folder / "repository.git")
        for name, file in FILES.items():
            repository.write(name, file.data)
        repository.commit()
        project.add_git("code", repository.url)
        wiki = stack.enter_context(ConfluenceServer("cloud"))
        wiki.state.add_space("ENG")
        page = wiki.state.add_page("ENG", "Files", "<p>All files.</p>")
        tracker = stack.enter_context(JiraServer("data_center"))
        issue = tracker.state.create_issue(tracker.state.create_project("OPS"), "All files")
        links = tuple((f"/{name.replace(' ', '%20')}", name) for name in FILES if "." in name)
        site = stack.enter_context(DocsSite([Page("/", "All files", links=links)]))
        for name, file in FILES.items():
            wiki.state.attach(page, name, file.data)
            tracker.state.attach(issue, name, file.data)
            site.serve(f"/{name}", file.data, "application/octet-stream")
        project.add_confluence("wiki", wiki, "ENG")
        project.add_jira("work", tracker, "OPS")
        project.add_public_docs("guide", site.url, discover="crawl")
        project.discover()
        project.sync("local_files/files")
        before = conversions(project)
        assert len(before) == len(FILES)
        project.sync()
        assert conversions(project) == before, "by whom the bytes come does not matter"
        assert_consistent(project)
    texts = _texts(project)
    for name in FILES:
        pictures = name.endswith((".jpg", ".png"))
        sources = {"local_files/files", "git/code", "confluence/wiki.ENG", "jira/work.OPS", "public_docs/guide"}
        assert set(texts[name]) >= sources - ({"public_docs/guide"} if pictures else set()), name
        assert len(set(texts[name].values())) == 1, name


def _texts(project: Project) -> dict[str, dict[str, str]]:
    """By name of the file and source, what the file says."""
    found: dict[str, dict[str, str]] = {}
    with project.open() as pipeline:
        for held in pipeline.store.find_documents(limit=1000):
            document = pipeline.store.document(held.document_id)
            assert document is not None
            told = (str(held.metadata.get("path", "")), held.title, held.native_id.decode(errors="replace"), held.uri)
            for name in FILES:
                if any(one.replace("%20", " ").endswith(f"/{name}") or one == name for one in told):
                    found.setdefault(name, {})[held.partition] = document.text
    return found
