"""Ignore rules against the real Git: what it ignores is what we leave out."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from vector_pipeline.settings_sources import GitSettings, LocalFilesSettings
from vector_pipeline.sources.base import Known, SourceUnreachable
from vector_pipeline.sources.git_tree import TreeFilter
from vector_pipeline.sources.ignore_rules import MAX_IGNORE_FILE, MAX_RULES, parse_rules
from vector_pipeline.sources.local_files import LocalFiles
from vector_pipeline_tests.converting import any_converter

FILES = [
    "a.md",
    "b.md",
    "ab.md",
    "c.txt",
    "doc/a.md",
    "doc/b.md",
    "doc/deep/a.md",
    "doc/deep/er/c.txt",
    "build/a.md",
    "build/keep/b.md",
    "abc/a.md",
    "abc/b/a.md",
    "a/b/c/d.md",
    "x[1].md",
    "x1.md",
    "sp/t.md",
    "b/a.md",
    "b/doc/a.md",
]


def _make(root: Path, ignore_files: dict[str, str]) -> None:
    for name in FILES:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("x")
    for name, content in ignore_files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content.encode())


def _as_git_lists(root: Path) -> set[bytes]:
    subprocess.run(["git", "init", "-q", root], check=True)
    listed = subprocess.run(
        ["git", "-C", root, "ls-files", "-z", "--others", "--exclude-standard"], check=True, capture_output=True
    ).stdout
    return {path for path in listed.split(b"\0") if path and not path.endswith(b".gitignore")}


def _as_we_list(root: Path, **values: object) -> set[bytes]:
    source = LocalFiles("notes", LocalFilesSettings(path=root, **values), root, any_converter())  # type: ignore[arg-type]
    return set(source.scan(Known()).items["native_id"])


PIECES = st.sampled_from(
    "a b ab abc doc deep build keep * ** ? *.md *.txt a* *b* [ab] [!a]* [a-c]* **a a** x\\[1\\].md x[[:digit:]].md "
    "x[[]1].md d?c *e*r* a.md b.md c.txt".split()
)
PATTERNS = st.builds(
    lambda negated, rooted, pieces, folder, end: negated + rooted + "/".join(pieces) + folder + end,
    st.sampled_from(["", "", "", "!"]),
    st.sampled_from(["", "", "/"]),
    st.lists(PIECES, min_size=1, max_size=4),
    st.sampled_from(["", "", "/"]),
    st.sampled_from(["", "", "", "  ", "\r"]),
)
IGNORE_FILES = st.dictionaries(
    st.sampled_from([".gitignore", "doc/.gitignore", "doc/deep/.gitignore", "build/.gitignore", "a/b/.gitignore"]),
    st.lists(PATTERNS, min_size=1, max_size=5).map("\n".join),
    min_size=1,
    max_size=3,
)


@settings(max_examples=80)
@given(ignore_files=IGNORE_FILES)
def test_what_git_ignores_is_left_out(tmp_path_factory: pytest.TempPathFactory, ignore_files: dict[str, str]) -> None:
    root = tmp_path_factory.mktemp("tree")
    _make(root, ignore_files)
    assert _as_we_list(root) == _as_git_lists(root)


ODD_PATTERNS = (
    "trailing\\ ",
    "trailing \\",
    *("\\#a.md", "\\!a.md", "a.md\\", "[a", "[]a]*", "[^a]*", "[[:nope:]]*", "[a\\]]*", "[b-a]*", "[a-]*", "[]-a]*"),
    *("/", "//", "!", "**", "/**", "**/", "*/", "/*", "doc/**", "**/deep/**", "a/**/d.md", "/a/**/", "doc/", "# note"),
    *(
        "***/a.md",
        "a/***/d.md",
        "[[:alpha:]-z]*",
        "x[[1]*",
        "a/*",
        "a**/*",
        "ab**/**",
        "/a**",
        "/a**/b",
        "do**/er/*",
        "doc/*.md",
        "/doc/a.md",
        "deep/er",
        "*.md/",
    ),
)


@pytest.mark.parametrize("pattern", ODD_PATTERNS)
def test_the_odd_corners_of_the_syntax_are_those_of_git(tmp_path: Path, pattern: str) -> None:
    _make(tmp_path, {".gitignore": pattern + "\n"})
    for name in ("trailing ", "#a.md", "!a.md", "a.md\\", "]a.md", "[a.md"):
        (tmp_path / name).write_text("x")
    kinds = {path for path in _as_git_lists(tmp_path) if path.endswith((b".md", b".txt"))}
    assert _as_we_list(tmp_path) == kinds


def test_patterns_match_bytes_so_that_names_in_any_encoding_can_be_left_out(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_bytes("à\nGrüße/\n".encode() + b"\xe9*.md\n")
    for name in ("à/x.md".encode(), "Grüße/x.md".encode(), b"\xe9t\xe9.md", b"rest.md"):
        path = os.path.join(os.fsencode(tmp_path), name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        Path(os.fsdecode(path)).write_text("x")
    assert _as_we_list(tmp_path) == {b"rest.md"} == _as_git_lists(tmp_path)


def test_a_deeper_file_takes_back_what_a_higher_one_leaves_out(tmp_path: Path) -> None:
    _make(tmp_path, {".gitignore": "a.md\n", "doc/.minimaignore": "!a.md\nb.md\n", "doc/deep/.ignore": "a.md\n"})
    listed = _as_we_list(tmp_path)
    assert b"doc/a.md" in listed
    assert not listed & {b"a.md", b"doc/b.md", b"doc/deep/a.md"}


def test_nothing_below_a_folder_that_is_left_out_comes_back(tmp_path: Path) -> None:
    _make(tmp_path, {".gitignore": "build/\n!build/keep/b.md\n", "build/.gitignore": "!*\n"})
    assert not {path for path in _as_we_list(tmp_path) if path.startswith(b"build/")}


def test_settings_exclude_more_than_any_ignore_file_takes_back(tmp_path: Path) -> None:
    _make(tmp_path, {"doc/.gitignore": "!a.md\n"})
    assert b"doc/a.md" not in _as_we_list(tmp_path, exclude=("a.md",))


def test_only_included_paths_are_taken_and_the_last_pattern_decides(tmp_path: Path) -> None:
    _make(tmp_path, {})
    assert _as_we_list(tmp_path, include=("/doc/", "!*.txt", "/a.md")) == {
        *(b"a.md", b"doc/a.md", b"doc/b.md", b"doc/deep/a.md"),
    }
    assert _as_we_list(tmp_path, include=("c.txt",)) == {b"c.txt", b"doc/deep/er/c.txt"}


@settings(max_examples=40)
@given(
    include=st.lists(PATTERNS.filter(str.isprintable), max_size=4),
    exclude=st.lists(PATTERNS.filter(str.isprintable), max_size=4),
)
@example(include=["!a.md", "doc/"], exclude=[])
@example(include=["*", "!deep/"], exclude=[])
@example(include=[], exclude=["*", "!a.md"])
@example(include=[], exclude=["!*.md", "/doc/*"])
def test_patterns_mean_the_same_for_a_repository_and_a_folder(
    tmp_path_factory: pytest.TempPathFactory, include: list[str], exclude: list[str]
) -> None:
    root = tmp_path_factory.mktemp("tree")
    _make(root, {})
    try:
        settings = GitSettings(url="https://git.example/docs.git", include=include, exclude=exclude)
        git = TreeFilter(settings, any_converter())
    except ValidationError:
        assume(False)
    taken = {name.encode() for name in FILES if not git.reason_by_name(name.encode(), "100644")}
    assert _as_we_list(root, include=include, exclude=exclude) == taken


@pytest.mark.parametrize(
    ("rules", "reason"),
    [
        ("\n".join(f"*a{n}*" for n in range(MAX_RULES + 1)), "more than 2,000 patterns"),
        ("# note\n" * (MAX_IGNORE_FILE // 7 + 1), "more than 100,000 bytes"),
    ],
)
def test_an_ignore_file_too_long_to_be_followed_is_a_failure_that_deletes_nothing(
    tmp_path: Path, rules: str, reason: str
) -> None:
    _make(tmp_path, {"doc/.gitignore": rules})
    source = LocalFiles("notes", LocalFilesSettings(path=tmp_path), tmp_path, any_converter())
    listing = source.scan(Known(versions={b"doc/a.md": "1"}))
    assert [failure.reason for failure in listing.failures] == [f"folder doc/ can't be read: .gitignore has {reason}"]
    listed = set(listing.items["native_id"])
    assert {path for path in listed if path.startswith(b"doc/")} == {b"doc/a.md"}
    assert b"a.md" in listed
    (tmp_path / ".gitignore").write_text(rules)
    with pytest.raises(SourceUnreachable, match=f"can't be listed: .gitignore has {reason}; shorten"):
        source.probe()


def test_an_ignore_file_may_be_as_long_as_the_limit(tmp_path: Path) -> None:
    _make(tmp_path, {".gitignore": "\n".join([*(f"x{n}" for n in range(MAX_RULES - 1)), "*.txt", "# and a note"])})
    assert b"c.txt" not in _as_we_list(tmp_path)


def test_an_ignore_file_that_is_a_link_or_a_pipe_is_no_ignore_file(tmp_path: Path) -> None:
    _make(tmp_path, {"rules": "a.md\n"})
    (tmp_path / ".gitignore").symlink_to(tmp_path / "rules")
    os.mkfifo(tmp_path / ".ignore")
    assert b"a.md" in _as_we_list(tmp_path)


@pytest.mark.parametrize(
    "pattern", ["a*" * 60 + "b", "**/a*" * 30 + "/b", "/" + "*/**/" * 30 + "b", "[a-z]*" * 60 + "!"]
)
def test_a_hostile_pattern_costs_no_more_than_another(pattern: str) -> None:
    rules = parse_rules(pattern.encode())
    name = b"a" * 250
    path = b"/".join([b"aaaa"] * 200) + b"/" + name
    begun = time.thread_time()
    assert rules.decides(path, name, False) is None
    assert time.thread_time() - begun < 20
