"""The page of a report: whole without anything from outside, readable without seeing it, safe whatever sources say."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from vector_pipeline.documents import Failure
from vector_pipeline.reporting.escape import safe
from vector_pipeline.reporting.figures import CheckAnswer
from vector_pipeline.reporting.page import page
from vector_pipeline.reporting.report import Report, make_report
from vector_pipeline.reporting.scale import nice_ticks, number_words, time_ticks
from vector_pipeline.reporting.svg import Bars, Curve, curves, grid, stacked
from vector_pipeline.sync.pipeline import Pipeline
from vector_pipeline_tests.project import Project

NOW = datetime.now(UTC)
NASTY = "<script>alert(1)</script>\"'><img src=x onerror=y>&amp;\x1b[31m\u202e\x00\x85"


@dataclass
class _Elements(HTMLParser):
    """The elements of a page with their attributes, and whether they are closed as they were opened."""

    found: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    opened: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in ("meta", "br"):
            self.opened.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.opened.pop() == tag


def elements(text: str) -> list[tuple[str, dict[str, str | None]]]:
    parser = _Elements()
    parser.feed(text)
    parser.close()
    assert parser.opened == []
    return parser.found


def assert_harmless(text: str) -> None:
    """Nothing runs, nothing is loaded, and every plot says what it shows."""
    found = elements(text)
    tags = {tag for tag, _ in found}
    assert not tags & {"script", "img", "link", "iframe", "object", "embed", "base", "form", "a", "use", "image"}
    for _, attributes in found:
        assert not {name for name in attributes if name.startswith("on") or name in ("href", "src", "xlink:href")}
    assert not re.search(r"url\(|@import|https?:", text)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", text)
    drawings = re.findall(r"<svg.*?</svg>", text, re.DOTALL)
    for drawing in drawings:
        tree = etree.fromstring(drawing)
        assert [child.tag for child in tree[:2]] == ["title", "desc"]
        assert tree[0].text
        assert tree.get("role") == "img"


def add_runs(pipeline: Pipeline, name: str, number: int, **facts: object) -> None:
    """Ends so many runs of a source, one every few minutes up to now."""
    store = pipeline.store
    pid, table = store.partition(name).partition_id, store._t.ingestion_history
    counts = {"documents: rows": 5, "documents: seconds": 0.5, "embeddings: tokens": 10, "embeddings: cost": 0.1}
    rows = []
    for back in range(number, 0, -1):
        at = NOW - timedelta(minutes=5 * back)
        row = {"partition_id": pid, "run_id": f"r{back}", "mode": "auto", "status": "success", "started_at": at}
        rows.append({**row, "finished_at": at, "counts": counts, "seconds": 1.0, "error": "", "hint": "", **facts})
    with store._db.write() as connection:
        connection.execute(sa.insert(table), rows)


def report_of(
    project: Project, answers: Sequence[CheckAnswer] = (), days: int = 60, sources: list[str] | None = None
) -> Report:
    with project.open() as pipeline:
        return make_report(pipeline, NOW - timedelta(days=days), NOW + timedelta(days=1), sources, answers)


def test_a_report_on_nothing_is_a_page_that_says_so(tmp_path: Path) -> None:
    text = page(report_of(Project(tmp_path)))
    assert_harmless(text)
    assert "There were no runs." in text


def test_one_run_is_drawn(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.add_folder("notes", tmp_path / "notes")
    (tmp_path / "notes" / "a.md").write_text("# A\n\nalpha\n")
    project.sync()
    text = page(report_of(project))
    assert_harmless(text)
    assert "local_files/notes: success in" in text
    assert text.count("<svg") >= 6


def test_hostile_names_reasons_and_errors_stay_text(tmp_path: Path) -> None:
    project = Project(tmp_path)
    with project.open() as pipeline:
        add_runs(pipeline, f"git/{NASTY}", 3, status="failed", error=f"documents: {NASTY}", hint=NASTY)
        pid = pipeline.store.partition(f"git/{NASTY}").partition_id
        failure = Failure(b"x", "1", NASTY, "documents", NASTY)
        pipeline.store.quarantine(pid, [(bytes(16), failure)], first_delay=timedelta(minutes=1))
    answers = [CheckAnswer(f"check {NASTY}", f"git/{NASTY}", NOW - timedelta(hours=1), passed=False, offenders=2)]
    text = page(report_of(project, answers))
    assert_harmless(text)
    assert text.count("&lt;script&gt;alert(1)") >= 5


def test_ten_thousand_runs_make_a_page_of_bounded_size_in_bounded_time(tmp_path: Path) -> None:
    project = Project(tmp_path)
    with project.open() as pipeline:
        add_runs(pipeline, "git/a", 5_000)
        add_runs(pipeline, "git/b", 5_000, status="failed", error="documents: no answer")
    began = time.process_time()
    made = report_of(project)
    text = page(made)
    assert time.process_time() - began < 5
    assert made.runs == 10_000
    assert made.faults[0].runs == 5_000
    assert len(text) < 300_000
    assert_harmless(text)


def test_only_the_sources_and_the_time_that_were_asked_for_are_reported(tmp_path: Path) -> None:
    project = Project(tmp_path)
    with project.open() as pipeline:
        add_runs(pipeline, "git/a", 1_000)
        add_runs(pipeline, "git/b", 500)
    assert report_of(project).runs == 1_500
    only = report_of(project, sources=["git/b"])
    assert only.runs == 500
    assert [one.source for one in only.freshness] == ["git/b"]
    with project.open() as pipeline:
        some = make_report(pipeline, NOW - timedelta(hours=10), NOW - timedelta(hours=5))
    # A run every five minutes for five hours, of two sources.
    assert some.runs == 2 * 60
    assert some.growth[0].documents == 10, "what there was before"


def test_a_source_that_is_behind_for_longer_than_its_limit_is_late(tmp_path: Path) -> None:
    project = Project(tmp_path)
    notes = project.add_folder("notes", tmp_path / "notes", behind_limit="1h")
    (tmp_path / "notes" / "a.md").write_text("# A\n\nalpha\n")
    project.sync()
    (one,) = report_of(project).freshness
    assert (one.source, one.is_late) == (notes, False)
    with project.open() as pipeline:
        store = pipeline.store
        pid = store.partition(notes).partition_id
        table = store._t.ingestion_history
        long_ago = {"started_at": NOW - timedelta(hours=5), "finished_at": NOW - timedelta(hours=5)}
        with store._db.write() as connection:
            connection.execute(sa.update(table).values(**long_ago))
        store.record_observation(pid, "another version", NOW - timedelta(hours=3))
    (one,) = report_of(project).freshness
    assert one.is_late
    assert "late" in page(report_of(project))


@given(st.text())
def test_any_text_is_safe_in_an_element_and_in_an_attribute(value: str) -> None:
    text = safe(value)
    assert not set("<>\"'") & set(text)
    assert elements(f'<p title="{text}">{text}</p>') == [("p", {"title": elements_text(value)})]


def elements_text(value: str) -> str:
    """What a reader sees of it."""
    import html

    return html.unescape(safe(value))


@given(st.floats(0, 1e15), st.booleans())
def test_ticks_reach_above_every_value_in_few_round_steps(top: float, whole: bool) -> None:
    ticks = nice_ticks(top, whole=whole)
    assert ticks[0] == 0
    assert ticks[-1] >= top * (1 - 1e-9) - 1e-12
    assert 2 <= len(ticks) <= 8
    assert ticks == sorted(set(ticks))
    assert not whole or all(tick == int(tick) for tick in ticks)


@given(st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)), st.timedeltas(timedelta(0), timedelta(days=4_000)))
def test_a_time_axis_has_few_marks_within_it(begin: datetime, span: timedelta) -> None:
    begin = begin.replace(tzinfo=UTC)
    ticks = time_ticks(begin, begin + span)
    assert len(ticks) <= 9
    assert all(begin <= moment <= begin + span for moment, _ in ticks)


@pytest.mark.parametrize(("value", "words"), [(0, "0"), (0.25, "0.25"), (1500, "1.5k"), (3e6, "3M"), (2e9, "2G")])
def test_numbers_are_written_short(value: float, words: str) -> None:
    assert number_words(value) == words


def test_empty_plots_are_drawn_without_data() -> None:
    day = NOW.date()
    for drawn in (
        curves("a", "b", [], NOW, NOW),
        curves("a", "b", [Curve("c", [(NOW, 0.0)], "a")], NOW, NOW),
        stacked("a", "b", [], []),
        stacked("a", "b", [day], [Bars("c", [0.0], "a")]),
        grid("a", "b", [], [], [], []),
        grid("a", "b", ["x"], [day], [[None]], []),
    ):
        assert_harmless(drawn)
