"""Exactness by replay: a folder under hundreds of random file operations, compared with a database built afresh."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from vector_pipeline_tests.project import Project, counts
from vector_pipeline_tests.sync.exactness import assert_exact, scratch_folder

NAMES = [
    b"a.md",
    b"A.md",
    b"note #1? 100%.md",
    "caf\N{LATIN SMALL LETTER E WITH ACUTE}.md".encode(),
    "cafe\N{COMBINING ACUTE ACCENT}.md".encode(),
    b"raw\xff name.md",
    b"line\nbreak.txt",
    b"code.py",
    b"data.json",
    b"sub/b.md",
    b"sub/deep/c.md",
    b"other/b.md",
    b"README",
    b".gitignore",
]
FOLDERS = [b"sub", b"other", b"sub/deep", b"new", b"new/inner"]
PARAGRAPHS = [
    b"# Title\n\nWords about boats.\n\n",
    b"## Part\n\nWords about trains.\n\n",
    b"## Part\n\nWords about planes, in another version.\n\n",
    b"---\ntags: [travel]\n---\n\nWith front matter.\n\n",
    b"def main():\n    return 1\n\n",
    b"sub/\n",
    b"caf\xe9 in Latin-1\n\n",
    b"",
]

names = st.sampled_from(NAMES)
folders = st.sampled_from(FOLDERS)
texts = st.lists(st.sampled_from(PARAGRAPHS), max_size=4).map(b"".join)
operations = st.one_of(
    st.tuples(st.just("write"), names, texts),
    st.tuples(st.just("append"), names, st.sampled_from(PARAGRAPHS)),
    st.tuples(st.just("edit"), names),
    st.tuples(st.just("delete"), names),
    st.tuples(st.just("rename"), names, names),
    st.tuples(st.just("move"), folders, folders),
    st.tuples(st.just("rewrite"), names),
    st.tuples(st.just("touch"), names, st.integers(1, 2_000_000_000)),
    st.tuples(st.just("swap"), names, names),
    st.tuples(st.just("truncate"), names, st.integers(0, 60)),
    st.tuples(st.just("binary"), names),
    st.tuples(st.just("remove folder"), folders),
    st.tuples(st.just("link"), names, names),
)


class Files:
    """The folder, changed by operations; one that is impossible in the state it is in does nothing."""

    def __init__(self, root: Path) -> None:
        self.root = os.fsencode(root)

    def apply(self, operation: tuple[object, ...]) -> None:
        name, *arguments = operation
        paths = [os.path.join(self.root, a) if isinstance(a, bytes) else a for a in arguments[:1]]
        target = paths[0]
        assert isinstance(target, bytes)
        match name:
            case "write":
                self._write(target, arguments[1])
            case "append":
                self._write(target, self._read(target) + bytes(arguments[1]))  # type: ignore[call-overload]
            case "edit":
                self._write(target, self._read(target).replace(b"Words", b"Many words", 1))
            case "rewrite" if os.path.isfile(target):
                self._write(target, self._read(target))
            case "binary":
                self._write(target, b"\x00\x01\x02\x03" * 10)
            case "delete" if os.path.lexists(target) and not os.path.isdir(target):
                os.unlink(target)
            case "remove folder" if os.path.isdir(target):
                shutil.rmtree(target)
            case "touch" if os.path.isfile(target):
                os.utime(target, (arguments[1], arguments[1]))  # type: ignore[arg-type]
            case "truncate" if os.path.isfile(target):
                os.truncate(target, int(str(arguments[1])))
            case "rename" | "move" | "swap" | "link":
                self._pair(str(name), target, os.path.join(self.root, bytes(arguments[1])))  # type: ignore[call-overload]

    def _pair(self, name: str, one: bytes, two: bytes) -> None:
        inside = (two + b"/").startswith(one + b"/") or (one + b"/").startswith(two + b"/")
        if not os.path.lexists(one) or inside:
            return
        if name == "swap" and os.path.lexists(two):
            os.rename(one, one + b".tmp")
            os.rename(two, one)
            os.rename(one + b".tmp", two)
        elif name == "move" and not os.path.lexists(two) and self._make_parent(two):
            os.rename(one, two)
        elif name == "rename" and not os.path.isdir(one) and not os.path.isdir(two) and self._make_parent(two):
            os.replace(one, two)
        elif name == "link" and not os.path.lexists(two) and self._make_parent(two):
            os.symlink(one, two)

    def _make_parent(self, path: bytes) -> bool:
        parent = os.path.dirname(path)
        if os.path.lexists(parent) and not os.path.isdir(parent):
            return False
        os.makedirs(parent, exist_ok=True)
        return True

    def _read(self, path: bytes) -> bytes:
        if not os.path.isfile(path):
            return b""
        with open(path, "rb") as file:
            return file.read()

    def _write(self, path: bytes, content: object) -> None:
        assert isinstance(content, bytes)
        if os.path.isdir(path) or (os.path.islink(path) and not os.path.exists(path)) or not self._make_parent(path):
            return
        with open(path, "wb") as file:
            file.write(content)


@settings(max_examples=6, suppress_health_check=[HealthCheck.too_slow], phases=[Phase.generate, Phase.shrink])
@given(st.lists(st.lists(operations, min_size=10, max_size=40), min_size=2, max_size=4))
def test_a_folder_under_random_operations_stays_exact(batches: list[list[tuple[object, ...]]]) -> None:
    with scratch_folder() as folder:
        project = Project(folder / "project")
        project.add_folder("notes", folder / "notes")
        files = Files(folder / "notes")
        for number, name in enumerate(NAMES[:-1]):
            files.apply(("write", name, b"# Start\n\nOf number %d.\n" % number))
        project.sync()
        for batch in batches:
            for operation in batch:
                files.apply(operation)
            project.sync()
            assert_exact(project)


def test_a_scripted_day_stays_exact_and_embeds_only_new_texts(folder: Path) -> None:
    project = Project(folder / "project")
    notes = folder / "notes"
    project.add_folder("notes", notes)
    files = Files(notes)
    for number in range(30):
        files.apply(("write", b"plan/%d.md" % number, b"# Plan\n\nPart %d of the plan.\n" % number))
    project.sync()
    steps: list[tuple[list[tuple[object, ...]], int]] = [
        ([("move", b"plan", b"archive/plan")], 0),
        ([("swap", b"archive/plan/1.md", b"archive/plan/2.md")], 0),
        ([("rewrite", b"archive/plan/3.md"), ("touch", b"archive/plan/4.md", 1_000_000_000)], 0),
        ([("append", b"archive/plan/5.md", b"\n## Note\n\nAn addition.\n")], 1),
        ([("delete", b"archive/plan/6.md"), ("write", b"again.md", b"# Plan\n\nPart 6 of the plan.\n")], 0),
        ([("write", b".gitignore", b"again.md\n")], 0),
        ([("delete", b".gitignore")], 0),
        ([("binary", b"again.md")], 0),
        ([("remove folder", b"archive")], 0),
    ]
    for batch, embedded in steps[:-1]:
        for operation in batch:
            files.apply(operation)
        assert counts(project.sync(), "embeddings")["embedded"] == embedded, batch
        assert_exact(project)
    for operation in steps[-1][0]:
        files.apply(operation)
    project.sync(allow_deletions=True)
    assert assert_exact(project) == frozenset()
