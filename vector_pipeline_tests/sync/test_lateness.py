"""Which sources count as behind: what is proved to be in step never does, however long ago it last ran."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vector_pipeline.state.standings import Standing
from vector_pipeline.sync.lateness import Late, behind_since, in_step_at, late
from vector_pipeline_tests.project import Project

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
LONG_AGO = NOW - timedelta(days=30)


def standing(
    built: str = "v1",
    observed: str = "v1",
    seen: timedelta = timedelta(0),
    ran: timedelta = HOUR,
    status: str = "success",
) -> Standing:
    """A source seen and run so long ago."""
    return Standing("git/a", built, observed, NOW - seen, status, NOW - ran)


@pytest.mark.parametrize(
    ("found", "proved"),
    [
        (standing(), NOW),
        (standing(ran=30 * 24 * HOUR), NOW),
        (standing(status="partial"), NOW),
        (standing(observed="v2"), None),
        (standing(observed="v2", seen=2 * HOUR), NOW - HOUR),
        (standing(status="failed"), None),
        (standing(status="running"), None),
        (standing(built=""), None),
        (Standing("git/a", "", "", None, None, None), None),
    ],
    ids=[
        "seen as built",
        "ran long ago",
        "some documents failed",
        "changed since",
        "changed before it ran",
        "failed",
        "runs now",
        "nothing built",
        "never seen",
    ],
)
def test_what_is_known_of_a_source(found: Standing, proved: datetime | None) -> None:
    assert in_step_at(found) == proved


def watch(*looks: Standing | None, silent: bool = False) -> list[list[Late]]:
    """What looks in half an hour's distance say of a source with a limit of one hour, the last of them now."""
    since: dict[str, datetime] = {}
    said = []
    for place, found in enumerate(looks):
        now = NOW - HOUR / 2 * (len(looks) - 1 - place)
        known = [found] if found and not silent else []
        since = behind_since(known, ["git/a"], ["git/a"] if silent else [], since, now)
        said.append(late(known, since, {"git/a": HOUR}, LONG_AGO, now))
    return said


def test_a_source_that_changed_after_a_quiet_month_is_not_late_at_once() -> None:
    changed = standing(observed="v2", ran=30 * 24 * HOUR)
    said = watch(changed, changed, changed, changed)
    assert [bool(one) for one in said] == [False, False, False, True]
    assert said[-1] == [Late("git/a", NOW - 1.5 * HOUR, HOUR)]


def test_a_source_that_was_never_synced_and_one_that_does_not_answer_become_late() -> None:
    assert [bool(one) for one in watch(None, None, None, None)] == [False, False, False, True]
    assert [bool(one) for one in watch(*[standing()] * 4, silent=True)] == [False, False, False, True]


def test_a_source_that_nobody_looked_at_is_late_but_not_for_the_time_when_nothing_ran() -> None:
    unseen = standing(seen=2 * HOUR, ran=3 * HOUR)
    assert late([unseen], {}, {"git/a": HOUR}, LONG_AGO, NOW) == [Late("git/a", NOW - 2 * HOUR, HOUR)]
    assert late([unseen], {}, {"git/a": HOUR}, NOW - HOUR / 2, NOW) == []


@given(st.lists(st.sampled_from([standing(), standing(observed="v2"), standing(status="failed"), None]), max_size=8))
def test_what_is_in_step_is_never_late_and_what_is_late_was_not_for_all_the_limit(looks: list[Standing | None]) -> None:
    said = watch(*looks)
    for place, found in enumerate(said):
        if found:
            assert all(not one or not in_step_at(one) for one in looks[max(0, place - 2) : place + 1])


def test_the_store_says_where_every_source_stands(tmp_path: object) -> None:
    from pathlib import Path

    project = Project(Path(str(tmp_path)) / "project")
    notes = Path(str(tmp_path)) / "notes"
    partition = project.add_folder("notes", notes)
    (notes / "one.md").write_text("# One\n")
    project.sync()
    with project.open() as pipeline:
        pid = pipeline.store.partition(partition).partition_id
        built = pipeline.store.source_state(pid).built_version
        pipeline.store.record_observation(pid, built, NOW)
        pipeline.store.partition("git/never")
        never, found = pipeline.store.standings()
        [last] = pipeline.store.ingestions(pid)
    assert never == Standing("git/never", "", "", None, None, None)
    assert found == Standing(partition, built, built, NOW, "success", last.started_at)
