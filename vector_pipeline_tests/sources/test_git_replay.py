"""Deltas applied one after the other give exactly what a census gives, after every step of any history."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vector_pipeline_tests.git_repository import START, GitRepository, git
from vector_pipeline_tests.sources.git_follower import Follower

PATHS = [b"a.md", b"docs/b.md", b"docs/c.txt", b"docs/sub/d.md", b"e.bin", b"caf\xe9.md", b"docs"]
CONTENTS = ["", "one\n", "two\n", "a text of some length\n" * 8, "a text of some length\n" * 8 + "edited\n", "x" * 400]

paths = st.sampled_from(PATHS)
edits = st.one_of(
    st.tuples(st.just("write"), paths, st.sampled_from(CONTENTS)),
    st.tuples(st.just("delete"), paths),
    st.tuples(st.just("rename"), paths, paths),
    st.tuples(st.just("chmod"), paths),
    st.tuples(st.just("symlink"), paths),
)
commits = st.tuples(
    st.just("commit"),
    st.lists(edits, max_size=3),
    st.sampled_from(["Ada", "Grace"]),
    st.integers(0, 3).map(lambda n: START + n),  # times that collide and run backwards
)
steps = st.one_of(
    commits,
    commits,
    commits,
    st.tuples(st.just("merge"), st.lists(edits, max_size=2)),
    st.tuples(st.just("reset"), st.integers(0, 20)),
    st.tuples(st.just("restart"), st.sampled_from(CONTENTS)),
)


def _apply_edit(repo: GitRepository, edit: tuple[object, ...]) -> None:
    kind, path = edit[0], edit[1]
    assert isinstance(path, bytes)
    if kind == "write":
        _make_room(repo, path)
        repo.write(path, str(edit[2]))
    elif kind == "symlink":
        _make_room(repo, path)
        repo.symlink(path, "a.md")
    elif path in repo.files and kind == "delete":
        repo.delete(path)
    elif path in repo.files and kind == "chmod" and repo.files[path][0] != "120000":
        repo.chmod(path, repo.files[path][0] == "100644")
    elif path in repo.files and kind == "rename" and path != edit[2]:
        target = edit[2]
        assert isinstance(target, bytes)
        moved = repo.files.pop(path)
        _make_room(repo, target)
        repo.files[target] = moved


def _make_room(repo: GitRepository, path: bytes) -> None:
    """A file can't be where a folder is, nor below a file."""
    for other in list(repo.files):
        if other.startswith(path + b"/") or path.startswith(other + b"/"):
            repo.delete(other)


def _apply(repo: GitRepository, step: tuple[object, ...], commits: list[str]) -> None:
    match step:
        case ("commit", edits, author, time):
            for edit in edits:  # type: ignore[attr-defined]
                _apply_edit(repo, edit)
            repo.commit(author=str(author), time=int(str(time)))
        case ("merge", edits):
            git(repo.path, "update-ref", "refs/heads/side", commits[len(commits) // 2])
            repo.heads["side"] = commits[len(commits) // 2]
            repo.switch("side")
            for edit in edits:  # type: ignore[attr-defined]
                _apply_edit(repo, edit)
            repo.commit(author="Side", time=START + 1)
            ours = repo.switch("main").files
            theirs = repo.switch("side").files
            repo.switch("main")
            merged = {p: f for p, f in {**theirs, **ours}.items() if not any(o.startswith(p + b"/") for o in ours)}
            taken = {p: f for p, f in merged.items() if p in ours or not any(p.startswith(o + b"/") for o in merged)}
            repo.merge("side", taken)
        case ("reset", back):
            repo.reset(commits[int(str(back)) % len(commits)])
        case ("restart", content):
            repo.restart().write("fresh.md", str(content)).commit(author="New")
    commits.append(repo.head)


@settings(max_examples=12, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(steps, min_size=2, max_size=5), st.booleans())
def test_deltas_add_up_to_the_census_at_every_step(history: list[tuple[object, ...]], filtered: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        repo = GitRepository(root / "repo.git")
        repo.write("docs/b.md", "one\n").commit(time=START)
        options = {"subpath": "docs", "exclude": ["c.*"]} if filtered else {}
        follower = Follower(repo.url, root / "mirrors", max_file_size=300, **options)
        follower.sync()
        commits = [repo.head]
        for number, step in enumerate(history):
            _apply(repo, step, commits)
            if filtered and not any(path.startswith(b"docs/") for path in repo.files):
                _make_room(repo, b"docs/again.md")
                repo.write("docs/again.md", "x").commit()
            listing = follower.sync()
            assert not listing.complete
            assert follower.state() == follower.afresh(root / f"fresh-{number}")


@pytest.mark.realdata
def test_a_real_history_is_walked_forward_and_back(tmp_path: Path) -> None:
    data = os.environ.get("VECTOR_PIPELINE_TEST_DATA")
    if not data:
        pytest.skip("VECTOR_PIPELINE_TEST_DATA is not set")
    repo = tmp_path / "repo.git"
    git(tmp_path, "clone", "-q", "--bare", str(Path(data) / "git" / "small-drf.bundle"), str(repo))
    tags = git(repo, "tag", "--list", "replay/*").decode().split()
    git(repo, "symbolic-ref", "HEAD", "refs/heads/walk")
    follower = Follower(str(repo), tmp_path / "mirrors")
    expected: dict[str, dict[bytes, tuple[str, str, str]]] = {}
    for number, tag in enumerate([*tags, *tags[::-1][1:]]):
        git(repo, "update-ref", "refs/heads/walk", git(repo, "rev-parse", f"{tag}^{{commit}}").decode().strip())
        listing = follower.sync()
        assert listing.complete == (number == 0)
        if tag not in expected:
            expected[tag] = follower.afresh(tmp_path / f"fresh-{number}")
        assert follower.state() == expected[tag]
