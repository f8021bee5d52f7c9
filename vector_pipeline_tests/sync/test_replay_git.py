"""Exactness by replay: a Git history walked forward and back, compared at every state with a database built afresh."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from vector_pipeline_tests.git_repository import GitRepository, git
from vector_pipeline_tests.project import Project, Snapshot, counts
from vector_pipeline_tests.sync.exactness import assert_exact, scratch_folder

GUIDE = "# Guide\n\nHow to begin.\n\n## Install\n\nRun the installer.\n\n## Use\n\nOpen the program.\n"
CODE = "def add(a, b):\n    return a + b\n\n\nclass Sum:\n    def of(self, values):\n        return sum(values)\n"


@pytest.fixture
def repository(folder: Path) -> GitRepository:
    return GitRepository(folder / "repo.git")


@pytest.fixture
def project(folder: Path, repository: GitRepository) -> Project:
    project = Project(folder / "project")
    project.add_git("docs", repository.url)
    return project


def history(repository: GitRepository) -> list[str]:
    """Commits of every kind, the last one of the branch as it is then."""
    repo = repository
    repo.write("README.md", "# Read me\n\nFirst words.\n").write("docs/guide.md", GUIDE).write("src/sum.py", CODE)
    commits = [repo.commit("start")]
    repo.append("docs/guide.md", "\n## Remove\n\nDelete the folder.\n")
    commits.append(repo.commit("edit", author="Grace"))
    repo.rename("docs/guide.md", "manual/guide.md")
    commits.append(repo.commit("rename"))
    repo.rename("manual/guide.md", "manual/GUIDE.md").append("manual/GUIDE.md", "\n## More\n\nRenamed and edited.\n")
    commits.append(repo.commit("rename in case, with an edit"))
    repo.write("copy of readme.md", "# Read me\n\nFirst words.\n").write(b"odd #?\xff \xc3\xa9.md", "# Odd\n\nName.\n")
    commits.append(repo.commit("a copy and an odd name"))
    repo.delete("README.md").symlink("README.md", "manual/GUIDE.md").chmod("src/sum.py")
    commits.append(repo.commit("a file becomes a link, another executable"))
    repo.switch("side").write("side.md", "# Side\n\nFrom a branch.\n").append("src/sum.py", "\n\nTOTAL = 0\n")
    repo.commit("side work", author="Linus")
    repo.switch("main").write("main.md", "# Main\n\nMeanwhile.\n")
    commits.append(repo.commit("meanwhile"))
    merged = {**repo.files, b"side.md": ("100644", b"# Side\n\nFrom a branch.\n")}
    repo.merge("side", merged)
    commits.append(repo.head)
    one, two = repo.files[b"main.md"], repo.files[b"side.md"]
    repo.files[b"main.md"], repo.files[b"side.md"] = two, one
    commits.append(repo.commit("two files swapped"))
    repo.delete("README.md").write("README.md/inner.md", "# A folder now\n\nWhere a file was.\n")
    commits.append(repo.commit("a file becomes a folder"))
    repo.write("film.mp4", b"\x89PNG\r\n\x1a\n").write("empty.md", "").write("side.md", "# Side\n")
    commits.append(repo.commit("nothing to read: a film, an empty file, a bare heading"))
    for path in [path for path in repo.files if path.startswith(b"manual/")]:
        repo.delete(path)
    commits.append(repo.commit("a folder goes"))
    repo.restart()
    repo.files = {b"new.md": ("100644", b"# New\n\nOther history.\n"), b"main.md": one}
    commits.append(repo.commit("history replaced"))
    return commits


def test_every_state_of_a_history_equals_a_fresh_build_forward_and_back(
    repository: GitRepository, project: Project
) -> None:
    commits = history(repository)
    seen: dict[str, Snapshot] = {}
    for commit in [*commits, *commits[::-1][1:]]:
        repository.reset(commit)
        results = project.sync()
        if commit in seen:
            assert project.snapshot() == seen[commit]
            assert counts(results, "embeddings")["embedded"] == 0, "a text that was embedded before"
        else:
            seen[commit] = assert_exact(project)
    assert len(set(seen.values())) >= len(commits) - 2  # most states really differ


def test_jumps_to_any_state_equal_a_fresh_build(repository: GitRepository, project: Project) -> None:
    commits = history(repository)
    for index in (5, 9, 2):
        repository.reset(commits[index % len(commits)])
        project.sync()
        assert_exact(project)


def test_an_emptied_branch_and_its_return(repository: GitRepository, project: Project) -> None:
    repository.write("a.md", "# A\n\nText.\n").commit()
    project.sync()
    full = project.snapshot()
    repository.delete("a.md").commit("all gone")
    project.sync()
    assert project.snapshot() == frozenset()
    repository.reset(git(repository.path, "rev-parse", "main~1").decode().strip())
    project.sync()
    assert project.snapshot() == full


def test_two_branches_and_a_folder_of_one_repository_stay_exact(folder: Path, repository: GitRepository) -> None:
    commits = history(repository)
    repository.reset(commits[1]).switch("next").write("docs/next.md", "# Next\n\nOnly here.\n").commit()
    repository.switch("main")
    project = Project(folder / "project")
    project.add_git("main", repository.url, branch="main")
    project.add_git("next", repository.url, branch="next")
    project.add_git("docs", repository.url, branch="next", subpath="docs")
    project.sync()
    assert_exact(project)
    repository.reset(commits[0]).switch("next").append("docs/next.md", "\nMore.\n").commit()
    project.sync()
    assert_exact(project)


@pytest.mark.realdata
def test_a_real_history_equals_a_fresh_build_forward_and_back(folder: Path) -> None:
    data = os.environ.get("VECTOR_PIPELINE_TEST_DATA")
    if not data:
        pytest.skip("VECTOR_PIPELINE_TEST_DATA is not set")
    repo = folder / "repo.git"
    git(folder, "clone", "-q", "--bare", str(Path(data) / "git" / "small-drf.bundle"), str(repo))
    tags = git(repo, "tag", "--list", "replay/*").decode().split()
    git(repo, "symbolic-ref", "HEAD", "refs/heads/walk")
    project = Project(folder / "project")
    project.add_git("real", repo)
    seen: dict[str, Snapshot] = {}
    for tag in [tags[0], tags[-1], tags[0]]:
        git(repo, "update-ref", "refs/heads/walk", git(repo, "rev-parse", f"{tag}^{{commit}}").decode().strip())
        project.sync(allow_deletions=True)
        if tag not in seen:
            with scratch_folder() as fresh:
                seen[tag] = project.rebuilt(fresh)
        assert project.snapshot() == seen[tag], tag
