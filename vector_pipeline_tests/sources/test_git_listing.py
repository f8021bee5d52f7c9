"""What a Git source lists and reads: census and delta, filters, odd names and kinds, facts of the history."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from vector_pipeline.documents import frame_items
from vector_pipeline.sources.base import Known, SourceMisconfigured
from vector_pipeline_tests.git_repository import START, GitRepository, git
from vector_pipeline_tests.sources.git_follower import Follower, listed


@pytest.fixture
def repo(tmp_path: Path) -> GitRepository:
    return GitRepository(tmp_path / "repo.git")


@pytest.fixture
def follower(repo: GitRepository, tmp_path: Path) -> Follower:
    return Follower(repo.url, tmp_path / "mirrors")


def test_the_first_scan_is_a_census_with_blob_ids_and_history(repo: GitRepository, follower: Follower) -> None:
    repo.write("a.md", "# A\n").write("src/b.py", "b = 1\n")
    repo.commit(author="Ada")
    repo.write("a.md", "# A\n\nmore\n")
    repo.commit(author="Grace")
    listing = follower.sync()
    assert listing.complete
    assert listed(listing) == {b"a.md", b"src/b.py"}
    document = follower.document(b"a.md")
    assert document.text == "# A\n\nmore\n"
    assert document.title == "A"
    assert document.source_updated_at == datetime.fromtimestamp(START + 120, UTC)
    assert document.metadata["created_at"] == datetime.fromtimestamp(START + 60, UTC).isoformat()
    assert document.metadata["author"] == "Grace"
    assert document.metadata["path"] == "a.md"
    assert document.metadata["size"] == 10
    assert document.metadata["version"] == git(repo.path, "rev-parse", "main:a.md").decode().strip()
    assert "web_url" not in document.metadata
    assert follower.document(b"src/b.py").language == "python"


def test_an_unchanged_repository_is_an_empty_delta(repo: GitRepository, follower: Follower) -> None:
    repo.write("a.md", "a").commit()
    before = follower.source.probe()
    follower.sync()
    listing = follower.sync()
    assert follower.source.probe() == before
    assert not listing.complete
    assert listing.items.is_empty()
    assert listing.removed == ()


def test_a_commit_lists_only_the_file_it_touches(repo: GitRepository, follower: Follower) -> None:
    for number in range(20):
        repo.write(f"{number}.md", f"text {number}")
    repo.commit()
    follower.sync()
    repo.write("7.md", "changed").commit()
    listing = follower.sync()
    assert not listing.complete
    assert listed(listing) == {b"7.md"}
    assert follower.document(b"7.md").text == "changed"


def test_only_the_blobs_asked_for_are_read(
    repo: GitRepository, follower: Follower, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(20):
        repo.write(f"{number}.md", f"text {number}")
    repo.commit()
    follower.sync()
    repo.write("7.md", "changed").commit()
    items = list(frame_items(follower.sync().items))
    log = _git_that_records_its_input(tmp_path, monkeypatch)
    assert [answer.native_id for answer in follower.source.fetch(items)] == [b"7.md"]
    assert log.read_text().split() == [git(repo.path, "rev-parse", "main:7.md").decode().strip()]


def _git_that_records_its_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Puts a git in front of the real one that copies what `cat-file` is asked into the file returned."""
    real = next(Path(d) / "git" for d in os.environ["PATH"].split(":") if (Path(d) / "git").exists())
    log, folder = tmp_path / "asked", tmp_path / "bin"
    folder.mkdir()
    wrapper = folder / "git"
    # A line is noted before it goes on: once git has answered the last one, all of this is killed.
    noting = f"while read -r line; do echo $line >> {log}; echo $line; done"
    wrapper.write_text(
        f'#!/bin/sh\ncase "$*" in *cat-file*) {{ {noting}; }} | {real} "$@" ;; *) exec {real} "$@" ;; esac\n'
    )
    wrapper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return log


def test_a_rename_names_where_the_file_came_from(repo: GitRepository, follower: Follower) -> None:
    repo.write("old/name.md", "long enough to be recognized\n" * 5).commit()
    follower.sync()
    repo.rename("old/name.md", "new/name.md").append("new/name.md", "and edited\n").commit()
    listing = follower.sync()
    assert list(listing.removed) == [b"old/name.md"]
    [item] = frame_items(listing.items)
    assert (item.native_id, item.previous_id) == (b"new/name.md", b"old/name.md")


def test_a_deleted_file_is_named_as_removed(repo: GitRepository, follower: Follower) -> None:
    repo.write("a.md", "a").write("b.md", "b").commit()
    follower.sync()
    repo.delete("b.md").commit()
    listing = follower.sync()
    assert list(listing.removed) == [b"b.md"]
    assert set(follower.items) == {b"a.md"}


def test_a_change_of_mode_alone_is_no_change(repo: GitRepository, follower: Follower) -> None:
    repo.write("run.sh", "echo").commit()
    follower.sync()
    before = follower.state()
    repo.chmod("run.sh").commit()
    listing = follower.sync()
    assert listing.items.is_empty()
    assert listing.removed == ()
    assert follower.state() == before == follower.afresh(follower.mirrors / "other")


def test_a_rename_in_case_only_is_another_document(repo: GitRepository, follower: Follower) -> None:
    repo.write("Readme.md", "text").commit()
    follower.sync()
    repo.rename("Readme.md", "README.md").commit()
    follower.sync()
    assert set(follower.items) == {b"README.md"}


def test_any_bytes_are_a_name(repo: GitRepository, follower: Follower, tmp_path: Path) -> None:
    names = [
        b"caf\xe9.md",
        "café.md".encode(),
        "cafe\u0301.md".encode(),
        b"new\nline.md",
        b'quote".md',
        b"tab\t.md",
        b"a b#c?d%e.md",
        b"-dash.md",
        b":(glob)x.md",
        b"back\\slash.md",
        b"*.md",
        b"CASE.md",
        b"case.md",
    ]
    for name in names:
        repo.write(name, name)
    repo.commit()
    follower.sync()
    assert set(follower.items) == set(names)
    assert len({item.uri for item in follower.items.values()}) == len(names)
    assert {p: a.text.encode() for p, a in follower.answers().items() if b"\xe9" not in p} == {  # type: ignore[union-attr]
        name: name.replace(b"\t", b"\t") for name in names if b"\xe9" not in name
    }
    assert follower.document(b"caf\xe9.md").metadata["path"] == "caf\\xe9.md"
    for name in names:
        repo.append(name, "!")
    repo.commit()
    listing = follower.sync()
    assert not listing.complete
    assert listed(listing) == set(names)
    assert follower.state() == follower.afresh(tmp_path / "other")


def test_links_and_submodules_are_counted_not_followed(repo: GitRepository, follower: Follower) -> None:
    repo.write("a.md", "a").symlink("link.md", "/etc/passwd").submodule("vendored")
    repo.commit()
    assert follower.sync().skipped == {"symlink": 1, "submodule": 1}
    assert set(follower.items) == {b"a.md"}


def test_a_file_that_becomes_a_link_is_removed_and_comes_back(
    repo: GitRepository, follower: Follower, tmp_path: Path
) -> None:
    repo.write("a.md", "a").commit()
    follower.sync()
    repo.symlink("a.md", "b.md").commit()
    listing = follower.sync()
    assert list(listing.removed) == [b"a.md"]
    assert listing.skipped == {"symlink": 1}
    repo.write("a.md", "b.md").commit()
    follower.sync()
    assert follower.state() == follower.afresh(tmp_path / "other")
    assert follower.document(b"a.md").text == "b.md"


def test_a_file_that_becomes_a_folder_is_removed(repo: GitRepository, follower: Follower, tmp_path: Path) -> None:
    repo.write("README", "a").commit()
    follower.sync()
    repo.delete("README").write("README/a.md", "a").commit()
    assert list(follower.sync().removed) == [b"README"]
    assert follower.state() == follower.afresh(tmp_path / "other")


def test_an_lfs_pointer_is_a_permanent_failure(repo: GitRepository, follower: Follower) -> None:
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "0" * 64 + "\nsize 12345\n"
    repo.write("big.md", pointer).commit()
    follower.sync()
    failure = follower.failure(b"big.md")
    assert failure.permanent
    assert "LFS" in failure.reason


def test_binary_content_under_a_text_name_is_a_permanent_failure(repo: GitRepository, follower: Follower) -> None:
    repo.write("a.md", b"\x00\x01\x02" * 100).write("b.md", "b").commit()
    follower.sync()
    assert follower.failure(b"a.md").permanent
    assert follower.document(b"b.md").text == "b"


def test_unknown_kinds_and_large_files_are_counted(repo: GitRepository, tmp_path: Path) -> None:
    repo.write("a.md", "a").write("film.mp4", b"\xff\xd8").write("large.md", "x" * 101).commit()
    follower = Follower(repo.url, tmp_path / "mirrors", max_file_size=100)
    assert follower.sync().skipped == {"binary or unknown kind": 1, "too large": 1}
    repo.write("a.md", "y" * 101).write("large.md", "small").commit()
    listing = follower.sync()
    assert list(listing.removed) == [b"a.md"]
    assert listing.skipped == {"too large": 1}
    assert set(follower.items) == {b"large.md"}


def test_patterns_choose_files_below_the_subpath(repo: GitRepository, tmp_path: Path) -> None:
    for path in ("docs/a.md", "docs/b.txt", "docs/drafts/c.md", "docs/x/drafts/d.md", "a.md", "docs2/e.md"):
        repo.write(path, path)
    repo.commit()
    mirrors = tmp_path / "mirrors"
    follower = Follower(repo.url, mirrors, subpath="docs/", include=["*.md"], exclude=["/drafts/"])
    listing = follower.sync()
    assert set(follower.items) == {b"docs/a.md", b"docs/x/drafts/d.md"}
    assert listing.skipped == {"ignored": 2}
    repo.rename("a.md", "docs/moved-in.md").rename("docs/a.md", "moved-out.md").commit()
    listing = follower.sync()
    assert [(i.native_id, i.previous_id) for i in frame_items(listing.items)] == [(b"docs/moved-in.md", None)]
    assert list(listing.removed) == [b"docs/a.md"]
    assert follower.state() == follower.afresh(tmp_path / "other")


def test_what_no_source_takes_is_left_out_of_a_repository_too(repo: GitRepository, tmp_path: Path) -> None:
    for path in (".obsidian/app.json", "notes/.trash/a.md", "x/.venv/lib/b.py", "__pycache__/c.py", ".github/d.md"):
        repo.write(path, path)
    repo.commit()
    follower = Follower(repo.url, tmp_path / "mirrors")
    assert follower.sync().skipped == {"ignored": 4}
    assert set(follower.items) == {b".github/d.md"}


def test_a_change_of_the_filters_is_seen_by_the_probe_and_lists_everything(
    repo: GitRepository, follower: Follower
) -> None:
    repo.write("a.md", "a").write("b.txt", "b").commit()
    follower.sync()
    before = follower.source.probe()
    follower.settings["exclude"] = ["*.txt"]
    assert follower.source.probe() != before
    assert follower.sync().complete
    assert set(follower.items) == {b"a.md"}


def test_tags_and_access_reach_the_documents_and_their_versions(repo: GitRepository, follower: Follower) -> None:
    repo.write("a.md", "a").commit()
    follower.sync()
    before = follower.items[b"a.md"].version
    follower.settings |= {"tags": ["team"], "access": ["staff"]}
    follower.sync()
    assert follower.items[b"a.md"].version != before
    metadata = follower.document(b"a.md").metadata
    assert (metadata["tags"], metadata["access"]) == (["team"], ["staff"])


def test_a_missing_subpath_is_an_error_that_deletes_nothing(repo: GitRepository, follower: Follower) -> None:
    repo.write("docs/a.md", "a").write("b.md", "b").commit()
    follower.settings["subpath"] = "docs"
    follower.sync()
    repo.delete("docs/a.md").commit()
    with pytest.raises(SourceMisconfigured, match=r"git/docs: the branch has no folder 'docs'"):
        follower.sync()


def test_a_force_push_is_a_delta_to_the_new_history(repo: GitRepository, follower: Follower, tmp_path: Path) -> None:
    first = repo.write("a.md", "a").write("b.md", "b").commit()
    repo.write("a.md", "a2").write("c.md", "c").commit()
    follower.sync()
    repo.reset(first).write("b.md", "b3").commit(author="Grace")
    listing = follower.sync()
    assert not listing.complete
    assert listed(listing) == {b"a.md", b"b.md"}
    assert list(listing.removed) == [b"c.md"]
    assert follower.state() == follower.afresh(tmp_path / "other")


def test_an_unrelated_history_replaces_the_old_one(repo: GitRepository, follower: Follower, tmp_path: Path) -> None:
    repo.write("a.md", "a").write("same.md", "same").commit()
    follower.sync()
    repo.restart().delete("a.md").write("z.md", "z").commit(author="Grace")
    follower.sync()
    assert set(follower.items) == {b"same.md", b"z.md"}
    assert follower.document(b"same.md").metadata["author"] == "Grace"
    assert follower.state() == follower.afresh(tmp_path / "other")


def test_an_edit_and_its_revert_change_the_times_but_not_the_blob(
    repo: GitRepository, follower: Follower, tmp_path: Path
) -> None:
    repo.write("a.md", "a").write("b.md", "b").commit()
    follower.sync()
    repo.write("a.md", "a2").commit()
    repo.write("a.md", "a").commit(author="Grace")
    listing = follower.sync()
    assert listed(listing) == {b"a.md"}
    assert follower.document(b"a.md").metadata["author"] == "Grace"
    assert follower.state() == follower.afresh(tmp_path / "other")


def test_a_merge_brings_the_facts_of_both_sides(repo: GitRepository, follower: Follower, tmp_path: Path) -> None:
    repo.write("a.md", "a").commit()
    repo.switch("topic").write("b.md", "b").commit(author="Grace")
    repo.switch("main").write("c.md", "c").commit()
    follower.sync()
    repo.merge("topic")
    assert listed(follower.sync()) == {b"b.md"}
    assert follower.document(b"b.md").metadata["author"] == "Grace"
    assert follower.state() == follower.afresh(tmp_path / "other")


def test_a_file_that_only_a_merge_made_has_no_facts(repo: GitRepository, follower: Follower, tmp_path: Path) -> None:
    repo.write("a.md", "a").commit()
    repo.switch("topic").write("b.md", "b").commit()
    repo.switch("main").write("c.md", "c").commit()
    follower.sync()
    repo.merge("topic", {**repo.files, b"evil.md": ("100644", b"from nowhere")})
    follower.sync()
    document = follower.document(b"evil.md")
    assert document.source_updated_at is None
    assert "created_at" not in document.metadata
    assert follower.state() == follower.afresh(tmp_path / "other")


def test_commits_of_the_same_second_have_one_order(repo: GitRepository, follower: Follower, tmp_path: Path) -> None:
    for number in range(8):
        repo.write("a.md", f"text {number}").commit(author=f"Author {number}", time=START)
        follower.sync()
        assert follower.state() == follower.afresh(tmp_path / f"other-{number}")


def test_a_commit_of_an_impossible_time_is_survived(repo: GitRepository, follower: Follower) -> None:
    repo.write("a.md", "a").commit(time=2**40)
    follower.sync()
    assert follower.document(b"a.md").source_updated_at is None


def test_an_empty_repository_is_an_empty_census(repo: GitRepository, follower: Follower) -> None:
    listing = follower.sync()
    assert listing.complete
    assert listing.items.is_empty()
    assert listing.version.startswith("empty+")
    repo.write("a.md", "a").commit()
    follower.sync()
    assert set(follower.items) == {b"a.md"}
    repo.delete_branch("main")
    assert follower.sync().complete
    assert follower.items == {}


def test_a_commit_without_files_is_a_delta_that_removes(repo: GitRepository, follower: Follower) -> None:
    repo.write("a.md", "a").commit()
    follower.sync()
    repo.delete("a.md").commit()
    assert list(follower.sync().removed) == [b"a.md"]
    assert follower.items == {}


def test_a_missing_branch_names_those_there_are(repo: GitRepository, follower: Follower) -> None:
    repo.write("a.md", "a").commit()
    repo.switch("release/1")
    follower.settings["branch"] = "nope"
    with pytest.raises(SourceMisconfigured, match=r"git/docs: branch 'nope' does not exist .* main, release/1"):
        follower.source.probe()


def test_a_default_branch_that_moves_is_followed(repo: GitRepository, follower: Follower, tmp_path: Path) -> None:
    repo.write("a.md", "a").commit()
    follower.sync()
    repo.switch("next").write("b.md", "b").commit()
    git(repo.path, "symbolic-ref", "HEAD", "refs/heads/next")
    follower.sync()
    assert set(follower.items) == {b"a.md", b"b.md"}
    assert follower.state() == follower.afresh(tmp_path / "other")


def test_branches_and_folders_of_one_repository_share_a_mirror(repo: GitRepository, tmp_path: Path) -> None:
    repo.write("docs/a.md", "a").write("src/a.py", "a = 1").commit()
    repo.switch("topic").write("docs/b.md", "b").commit()
    mirrors = tmp_path / "mirrors"
    main = Follower(repo.url, mirrors, "main", branch="main")
    topic = Follower(repo.url, mirrors, "topic", branch="topic", subpath="docs")
    for follower, expected in ((main, {b"docs/a.md", b"src/a.py"}), (topic, {b"docs/a.md", b"docs/b.md"})):
        follower.sync()
        assert set(follower.items) == expected
    assert len(list(mirrors.glob("*.git"))) == 1


def test_a_census_can_be_asked_for(repo: GitRepository, follower: Follower) -> None:
    repo.write("a.md", "a").commit()
    follower.sync()
    before = follower.state()
    assert follower.sync(census=True).complete
    assert follower.state() == before


def test_items_without_details_are_looked_up_as_the_branch_has_them(repo: GitRepository, follower: Follower) -> None:
    repo.write("a.md", "a").write("b.md", "b").commit()
    follower.sync()
    repo.write("a.md", "a2").delete("b.md").commit()
    bare = [type(item)(item.native_id, item.version, item.uri) for item in follower.items.values()]
    answers = {answer.native_id: answer for answer in follower.source.fetch(bare)}
    follower.sync()
    assert answers[b"a.md"].version == follower.items[b"a.md"].version
    assert answers[b"b.md"].reason == "no longer there"  # type: ignore[union-attr]


def test_a_file_written_over_since_the_scan_is_still_read(repo: GitRepository, follower: Follower) -> None:
    first = repo.write("a.md", "a").commit()
    follower.sync()
    item = follower.items[b"a.md"]
    repo.write("a.md", "a2").commit()
    follower.sync()
    [answer] = follower.source.fetch([item])
    assert answer.version == item.version
    assert first in git(repo.path, "rev-list", "main").decode()


def test_a_repository_with_sha256_ids_is_read(tmp_path: Path) -> None:
    repo = GitRepository(tmp_path / "repo.git", object_format="sha256")
    repo.write("a.md", "a").commit()
    follower = Follower(repo.url, tmp_path / "mirrors")
    follower.sync()
    repo.write("a.md", "a2").commit()
    follower.sync()
    assert follower.document(b"a.md").text == "a2"


def test_a_shallow_repository_is_read_as_far_as_it_goes(repo: GitRepository, tmp_path: Path) -> None:
    for number in range(4):
        repo.write("a.md", f"a{number}").write(f"{number}.md", "x").commit()
    shallow = tmp_path / "shallow"
    git(tmp_path, "clone", "-q", "--bare", "--depth=2", f"file://{repo.path}", str(shallow))
    follower = Follower(str(shallow), tmp_path / "mirrors")
    follower.sync()
    assert len(follower.items) == 5
    repo.write("a.md", "new").commit()
    git(shallow, "fetch", "-q", f"file://{repo.path}", "+main:main")
    assert listed(follower.sync()) == {b"a.md"}


def test_a_scan_that_was_not_applied_is_repeated_in_full(repo: GitRepository, follower: Follower) -> None:
    repo.write("a.md", "a").commit()
    follower.sync()
    repo.write("b.md", "b").commit()
    follower.source.scan(Known(follower.cursor))  # and then the run was killed
    repo.write("c.md", "c").commit()
    assert listed(follower.sync()) == {b"b.md", b"c.md"}
