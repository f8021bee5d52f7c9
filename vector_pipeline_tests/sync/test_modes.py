"""Modes: each run does exactly what its options say, and whatever it leaves out the next usual run brings in."""

from __future__ import annotations

import os
import re
import signal
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pathspec import GitIgnoreSpec

from vector_pipeline.state.records import Ingestion
from vector_pipeline.sync.due import IN_PART
from vector_pipeline.sync.errors import OptionError
from vector_pipeline.sync.modes import PREFIX, as_tags, read_given, read_options, read_since
from vector_pipeline.sync.runner import sync_partition
from vector_pipeline.sync.stages import Mode, Options, StageResult
from vector_pipeline_tests.git_repository import GitRepository
from vector_pipeline_tests.project import Project
from vector_pipeline_tests.sync.exactness import assert_consistent, assert_exact, due, scratch_folder
from vector_pipeline_tests.sync.killed_sync import KillPoint, sync_until

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
NAMES = ["a.md", "b.md", "docs/c.md", "docs/d.md", "docs/deep/e.md"]
PATTERNS = ["docs/", "*.md", "a.md", "/docs/deep/e.md", "docs/*.md", "no such"]
START = datetime(2024, 1, 1, tzinfo=UTC)

Held = dict[str, str]
"""Path to the number that its text holds."""


# ---- the options in words

moments = st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2026, 11, 20), timezones=st.just(UTC))
patterns = st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=12).filter(
    lambda text: not text.startswith(("#", "!", "./", "../", "/")) and not set(text) & set("\\[")
)
all_options = st.builds(
    Options,
    full=st.booleans(),
    allow_deletions=st.booleans(),
    force=st.booleans(),
    mode=st.sampled_from(Mode),
    since=st.none() | moments,
    limit=st.none() | st.integers(1, 10**9),
    only=st.lists(patterns | st.sampled_from(["[ab].md", '["a"]', "/docs/**"]), max_size=3).map(tuple),
)


@given(all_options)
def test_options_written_as_tags_are_read_back_the_same(options: Options) -> None:
    assert read_options({"dagster/partition": "x", **as_tags(options)}, now=NOW) == options
    assert Options() == options or as_tags(options), "what differs from the usual is written"


@given(st.dictionaries(st.sampled_from(["mode", "since", "limit", "force", "only"]), st.text(max_size=10)))
def test_any_words_are_read_or_refused_with_a_reason(words: dict[str, str]) -> None:
    told = ""
    try:
        read_given(words, lambda name: f"--{name}", now=NOW)
    except OptionError as error:
        told = error.message
    assert re.match(r"--(mode|since|limit|force|only): |$", told)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("24h", NOW - timedelta(hours=24)),
        ("90min", NOW - timedelta(minutes=90)),
        ("7d", NOW - timedelta(days=7)),
        ("2026-11-01", datetime(2026, 11, 1, tzinfo=UTC)),
        ("2026-11-01T08:00", datetime(2026, 11, 1, 8, tzinfo=UTC)),
        ("2026-11-01T08:00:00+02:00", datetime(2026, 11, 1, 6, tzinfo=UTC)),
    ],
)
def test_a_time_is_read_as_people_write_it(text: str, moment: datetime) -> None:
    assert read_since(text, NOW) == moment


@pytest.mark.parametrize(
    ("tag", "value", "told"),
    [
        ("mode", "adds", "'adds' is no mode; there are: auto, add-only, update-only, skip-existing"),
        ("since", "yesterday", "is no time"),
        ("since", "2031-01-01", "lies in the future"),
        ("limit", "0", "is no number of documents"),
        ("limit", "-3", "is no number of documents"),
        ("force", "yes", "is neither true nor false"),
        ("only", "!docs/", "only takes away"),
        ("only", "# all", "is no pattern"),
        ("modes", "add-only", "there is no such option"),
        ("allow-deletions", "true", "there is no such option"),
    ],
)
def test_a_wrong_tag_is_refused_by_its_name_with_what_is_allowed(tag: str, value: str, told: str) -> None:
    with pytest.raises(OptionError) as refused:
        read_options({PREFIX + tag: value}, now=NOW)
    assert f"tag {PREFIX}{tag}" in refused.value.message
    assert told in refused.value.message


def test_tag_and_config_may_say_the_same_but_not_different_things() -> None:
    tags = {f"{PREFIX}mode": "add-only"}
    assert read_options(tags, {"mode": "auto", "limit": 3}) == Options(mode=Mode.ADD_ONLY, limit=3)
    assert read_options(tags, {"mode": "add-only"}) == Options(mode=Mode.ADD_ONLY)
    with pytest.raises(OptionError, match="say different things"):
        read_options(tags, {"mode": "update-only"})


# ---- a source under changes


@dataclass
class Upstream:
    """A folder or a repository, with what it holds: path to (number in the text, when it was written)."""

    root: Path
    repository: GitRepository | None
    files: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    clock: int = 0

    def change(self, operations: Sequence[tuple[str, str, str]]) -> None:
        for name, path, other in operations:
            self.clock += 1
            if name == "write":
                self._write(path, str(self.clock))
            elif name == "delete" and path in self.files:
                self._delete(path)
            elif name == "rename" and path in self.files and path != other:
                number, _ = self.files[path]
                self._delete(path)
                self._write(other, number)
        if self.repository:
            self.repository.commit("changes")

    def _write(self, path: str, number: str) -> None:
        at = START + timedelta(minutes=self.clock)
        text = f"# Number {number}\n\nAll about {number}.\n\n" + "And more of it, as always.\n" * 5
        if self.repository:
            self.repository.write(path, text)
        else:
            file = self.root / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
            os.utime(file, (at.timestamp(), at.timestamp()))
        self.files[path] = (number, at)

    def _delete(self, path: str) -> None:
        if self.repository:
            self.repository.delete(path)
        else:
            (self.root / path).unlink()
        del self.files[path]


def start(folder: Path, *, git: bool) -> tuple[Project, str, Upstream]:
    project = Project(folder / "project", {"limits": {"brake_documents": 100, "fetch_batch": 2}})
    if git:
        repository = GitRepository(folder / "repository")
        partition = project.add_git("docs", repository.url)
        return project, partition, Upstream(folder, repository)
    partition = project.add_folder("notes", folder / "notes")
    return project, partition, Upstream(folder / "notes", None)


def sync(project: Project, partition: str, options: Options) -> list[StageResult]:
    with project.open() as pipeline:
        return sync_partition(pipeline, partition, str(uuid.uuid4()), options)


def held(project: Project, partition: str) -> Held:
    """What the store holds of a partition."""
    with project.open() as pipeline:
        known = pipeline.store.known_documents(pipeline.store.partition(partition).partition_id)
        found: Held = {}
        for key, native_id in known.select("document_id", "native_id").iter_rows():
            stored = pipeline.store.document(key)
            assert stored is not None
            found[native_id.decode()] = re.findall(r"about (\d+)", stored.text)[0]
        return found


def last_run(project: Project, partition: str) -> Ingestion:
    with project.open() as pipeline:
        return pipeline.store.ingestions(pipeline.store.partition(partition).partition_id, 1)[0]


def meant(path: str, options: Options) -> bool:
    return not options.only or GitIgnoreSpec.from_lines(options.only).match_file(path)


def expected(before: Held, upstream: Mapping[str, tuple[str, datetime]], options: Options) -> Held:
    """What a run with these options makes of what was held: said again, file by file."""
    after = dict(before)
    changes = [path for path, (number, _) in upstream.items() if before.get(path) != number and meant(path, options)]
    if options.mode in (Mode.ADD_ONLY, Mode.SKIP_EXISTING):
        changes = [path for path in changes if path not in before]
    if options.mode == Mode.UPDATE_ONLY:
        changes = [path for path in changes if path in before]
    if options.since is not None:
        changes = [path for path in changes if upstream[path][1] >= options.since]
    if options.limit is not None:
        changes = sorted(changes, key=lambda path: upstream[path][1], reverse=True)[: options.limit]
    after |= {path: upstream[path][0] for path in changes}
    if options.mode in (Mode.AUTO, Mode.SKIP_EXISTING) and options.since is None and options.limit is None:
        for path in before:
            if path not in upstream and meant(path, options):
                del after[path]
    return after


paths = st.sampled_from(NAMES)
operations = st.lists(st.tuples(st.sampled_from(["write", "write", "delete", "rename"]), paths, paths), max_size=4)
partial_options = st.builds(
    Options,
    force=st.booleans(),
    full=st.sampled_from([False, False, True]),
    mode=st.sampled_from(Mode),
    since=st.none() | st.integers(0, 20).map(lambda minutes: START + timedelta(minutes=minutes)),
    limit=st.none() | st.integers(1, 3),
    only=st.just(()) | st.lists(st.sampled_from(PATTERNS), min_size=1, max_size=2).map(tuple),
)
kills = st.none() | st.builds(
    KillPoint, st.just("store"), st.sampled_from(["apply_documents", "delete_documents", "set_cursor", "record_points"])
)
steps = st.lists(st.tuples(operations, partial_options, kills), min_size=1, max_size=3)


@settings(max_examples=4, suppress_health_check=[HealthCheck.too_slow], phases=[Phase.generate, Phase.shrink])
@given(steps, st.booleans(), st.booleans())
def test_whatever_partial_runs_leave_out_the_next_usual_run_brings_in(
    plan: list[tuple[list[tuple[str, str, str]], Options, KillPoint | None]], is_synced: bool, git: bool
) -> None:
    with scratch_folder() as folder:
        project, partition, upstream = start(folder, git=git)
        upstream.change([("write", name, "") for name in NAMES[:4]])
        if is_synced:
            sync(project, partition, Options())
        for changes, options, kill in plan:
            upstream.change(changes)
            project.let_age()
            before = held(project, partition)
            if kill is not None:
                code = sync_until(project, partition, kill, options)
                assert code in (0, -signal.SIGKILL)
                if code:
                    continue
            if kill is None:
                sync(project, partition, options)
            if not git:
                assert held(project, partition) == expected(before, upstream.files, options), options
            assert_consistent(project)
            left_out = any("left out" in name for name in last_run(project, partition).counts)
            reason = due(project, partition)
            assert (reason is not None and reason.reason == IN_PART) == left_out
        sync(project, partition, Options())
        assert held(project, partition) == {path: number for path, (number, _) in upstream.files.items()}
        assert_exact(project)
