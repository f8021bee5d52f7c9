"""Which backups go: only those beyond both limits, and never the newest good one."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from vector_pipeline.consistency.backup.keeping import Dated, plan_retention, prune_backups
from vector_pipeline.consistency.backup.making import make_backup
from vector_pipeline.consistency.backup.manifest import MANIFEST
from vector_pipeline_tests.project import Project

NOW = datetime(2024, 5, 1, tzinfo=UTC)
BACKUPS = st.lists(
    st.builds(
        Dated,
        st.uuids().map(lambda uuid: Path(str(uuid))),
        st.integers(-5, 100).map(lambda days: NOW - timedelta(days=days)),
        st.booleans(),
        st.booleans(),
    ),
    max_size=30,
    unique_by=lambda one: one.path,
)


@given(BACKUPS, st.integers(1, 10), st.integers(1, 60))
def test_only_those_beyond_both_limits_go_and_never_the_newest_good_one(
    backups: list[Dated], keep: int, days: int
) -> None:
    going = plan_retention(backups, keep, timedelta(days=days), NOW)
    gone = {one.path for one in going}
    staying = [one for one in backups if one.path not in gone]
    known = [one for one in backups if one.is_known]
    assert all(one.is_known and NOW - one.made_at > timedelta(days=days) for one in going)
    assert sum(one.is_known for one in staying) >= min(keep, len(known))
    for one in going:
        assert sum(other.made_at >= one.made_at for other in known) > keep
    good = [one.made_at for one in known if one.is_good]
    assert not good or max(good) in {one.made_at for one in staying if one.is_good and one.is_known}
    # What is left over all limits is that good one alone.
    for one in staying:
        newer = sum(other.made_at >= one.made_at for other in known if other is not one)
        beyond = one.is_known and newer >= keep and NOW - one.made_at > timedelta(days=days)
        same_age = sum(other.made_at == one.made_at for other in known)
        assert not beyond or (good and one.made_at == max(good)) or same_age > 1
    assert going == sorted(going, key=lambda one: one.made_at)


@given(BACKUPS, st.integers(1, 10), st.integers(1, 60))
def test_pruning_again_removes_nothing_more(backups: list[Dated], keep: int, days: int) -> None:
    gone = {one.path for one in plan_retention(backups, keep, timedelta(days=days), NOW)}
    rest = [one for one in backups if one.path not in gone]
    assert plan_retention(rest, keep, timedelta(days=days), NOW) == []


def test_backups_go_from_the_disk_those_of_others_and_unreadable_ones_stay(folder: Path) -> None:
    shared = folder / "backups"
    settings = {"backup": {"keep": 1, "keep_for": "0.001s"}}
    project, other = Project(folder / "one", dict(settings)), Project(folder / "two", dict(settings))
    with project.open() as pipeline, other.open() as second:
        unreadable = make_backup(pipeline, shared).path
        (unreadable / MANIFEST).write_text("{")
        theirs = make_backup(second, shared).path
        mine = [make_backup(pipeline, shared).path for _ in range(3)]
        aside = pipeline.data_dir / "state.sqlite3.before-restore-20240101T000000Z"
        aside.write_bytes(bytes(100))
        os.utime(aside, (1_700_000_000, 1_700_000_000))
        planned = prune_backups(pipeline, shared, dry_run=True)
        assert len(list(shared.iterdir())) == 5
        pruned = prune_backups(pipeline, shared)
    assert pruned == planned
    assert list(pruned.backups) == mine[:2]
    assert pruned.bytes > 100
    assert list(pruned.unreadable) == [unreadable]
    assert set(shared.iterdir()) == {unreadable, theirs, mine[2]}
    assert not list(project.data.glob("*.before-restore-*"))
