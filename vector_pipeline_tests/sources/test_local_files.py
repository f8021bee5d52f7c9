"""Folders as a source: what is listed, in which version, and what a document says."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from vector_pipeline.documents import Document, Failure, Item, canonical_json, document_id, frame_items
from vector_pipeline.settings_sources import LocalFilesSettings
from vector_pipeline.sources import local_read, local_scan
from vector_pipeline.sources.base import Known, Listing, SourceMisconfigured, SourceUnreachable
from vector_pipeline.sources.local_files import LocalFiles
from vector_pipeline.sources.local_scan import FINE_WINDOW
from vector_pipeline_tests.converting import any_converter


def source_of(root: Path, **values: Any) -> LocalFiles:
    """The source for a folder with settings."""
    return LocalFiles("notes", LocalFilesSettings(path=root, **values), root, any_converter())


def fetched(source: LocalFiles, listing: Listing | None = None) -> dict[bytes, Document | Failure]:
    """All documents of a source by native id."""
    listing = listing or source.scan(Known())
    answers = list(source.fetch(list(frame_items(listing.items))))
    assert len(answers) == listing.items.height
    return {answer.native_id: answer for answer in answers}


def settled(root: Path) -> None:
    """Gives every file times long past; only their change time stays, which waits for nobody."""
    for folder, _, names in os.walk(os.fsencode(root)):
        for name in names:
            os.utime(os.path.join(folder, name), (1_700_000_000, 1_700_000_000), follow_symlinks=False)


def until_settled(source: LocalFiles) -> Listing:
    """A listing in which no version is still marked as fresh."""
    while True:
        listing = source.scan(Known())
        if not any("~" in version for version in listing.items["version"]):
            return listing


def test_names_that_look_alike_are_documents_of_their_own(tmp_path: Path) -> None:
    names = [
        *(
            "Caf\u00e9.md",
            "Cafe\u0301.md",
            "a#b.md",
            "a?b.md",
            "a b.md",
            "readme.md",
            "README.md",
            "a%20b.md",
            "new\nline.md",
        ),
        *("quote'\".md", "\\xff.md", "ünï/çødé.md"),
    ]
    raw = [name.encode() for name in names] + [b"\xff.md", b"\xfe.md"]
    for name in raw:
        path = os.path.join(os.fsencode(tmp_path), name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(name)
    documents = fetched(source_of(tmp_path))
    assert set(documents) == set(raw)
    assert len({document_id("local_files", "notes", name) for name in documents}) == len(raw)
    assert len({document.uri for document in documents.values()}) == len(raw)
    for name, document in documents.items():
        assert isinstance(document, Document)
        canonical_json(document.metadata).encode()
        assert document.text == name.decode("utf-8", "replace").replace("\ufffd", "ÿ" if name == b"\xff.md" else "þ")


def test_a_link_leads_to_the_file(tmp_path: Path) -> None:
    (tmp_path / "a #1?.md").write_text("x")
    document = fetched(source_of(tmp_path))[b"a #1?.md"]
    assert document.uri == f"file://{tmp_path}/a%20%231%3F.md"
    document = fetched(source_of(tmp_path, url_template="https://wiki.example/{path}?v=1"))[b"a #1?.md"]
    assert document.uri == "https://wiki.example/a%20%231%3F.md?v=1"


def test_a_document_carries_what_the_file_and_the_settings_say(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    note = tmp_path / "sub" / "note.md"
    note.write_text("---\ntags: [x]\nauthor: Ada\n---\nWords [[Other]].\n")
    os.utime(note, (1_700_000_000, 1_700_000_000))
    document = fetched(source_of(tmp_path, tags=("team",), access=("staff",)))[b"sub/note.md"]
    assert isinstance(document, Document)
    assert (document.title, document.text, document.kind, document.context) == (
        "note",
        "Words [[Other]].\n",
        "markdown",
        "",
    )
    assert document.metadata == {
        "path": "sub/note.md",
        "size": 47,
        "tags": ["x", "team"],
        "access": ["staff"],
        "author": "Ada",
        "links": ["Other"],
    }
    assert document.source_updated_at is not None
    assert document.source_updated_at.isoformat() == "2023-11-14T22:13:20+00:00"


def test_an_empty_file_is_an_empty_document(tmp_path: Path) -> None:
    (tmp_path / "empty.md").touch()
    document = fetched(source_of(tmp_path))[b"empty.md"]
    assert isinstance(document, Document)
    assert document.text == ""


def test_a_rename_changes_neither_text_nor_context(tmp_path: Path) -> None:
    (tmp_path / "one.md").write_text("# Words\n")
    before = fetched(source_of(tmp_path))[b"one.md"]
    (tmp_path / "one.md").rename(tmp_path / "two.md")
    after = fetched(source_of(tmp_path))[b"two.md"]
    assert isinstance(before, Document)
    assert isinstance(after, Document)
    assert (before.text, before.context, before.title) == (after.text, after.context, after.title)


def test_what_is_left_out_is_counted_by_reason(tmp_path: Path) -> None:
    for name in (".hidden.md", "~$draft.md", ".#lock.md", "old.md~", ".note.md.swp", "x.tmp", "y.part", ".DS_Store"):
        (tmp_path / name).write_text("x")
    for folder in (".git", ".obsidian", ".trash", "__pycache__", ".secret"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "inside.md").write_text("x")
    (tmp_path / "film.mp4").write_bytes(b"x")
    (tmp_path / "big.md").write_bytes(b"x" * 2000)
    (tmp_path / "kept.md").write_text("x")
    (tmp_path / ".gitignore").write_text("secret.md\n")
    (tmp_path / "secret.md").write_text("x")
    (tmp_path / "inside.md").symlink_to("kept.md")
    (tmp_path / "outside.md").symlink_to("/etc/hostname")
    (tmp_path / "folder").symlink_to("/etc")
    os.mkfifo(tmp_path / "pipe.md")
    with socket.socket(socket.AF_UNIX) as server:
        here = os.open(tmp_path, os.O_RDONLY)
        server.bind(f"/proc/self/fd/{here}/s.md")
        os.close(here)
    listing = source_of(tmp_path, max_file_size=1000).scan(Known())
    assert listing.items["native_id"].to_list() == [b"kept.md"]
    assert listing.complete
    assert dict(listing.skipped) == {
        "hidden": 3,
        "ignored": 12,
        "binary or unknown kind": 1,
        "too large": 1,
        "symlink": 3,
        "special file": 2,
    }


def test_hidden_files_are_taken_on_request_but_never_the_tools_own(tmp_path: Path) -> None:
    for name in (".github/x.md", ".note.md", ".git/x.md", ".obsidian/x.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    assert set(fetched(source_of(tmp_path, hidden=True))) == {b".github/x.md", b".note.md"}


def test_the_probe_says_what_the_scan_says_and_changes_only_with_the_folder(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("a")
    source = source_of(tmp_path)
    settled(tmp_path)
    listing = until_settled(source)
    assert source.probe() == listing.version == source.probe()
    (tmp_path / "film.mp4").write_bytes(b"not taken")
    assert source.probe() == listing.version
    assert source_of(tmp_path, exclude=("b.md",)).probe() != listing.version
    assert source_of(tmp_path, observe_every="5m").probe() == listing.version
    (tmp_path / "b.md").write_text("b")
    assert source.probe() != listing.version
    (tmp_path / "b.md").unlink()
    assert source.probe() == listing.version


def test_a_change_that_keeps_size_and_time_is_seen(tmp_path: Path) -> None:
    note = tmp_path / "a.md"
    note.write_text("first")
    source = source_of(tmp_path)
    settled(tmp_path)
    listing = until_settled(source)
    note.write_text("other")
    settled(tmp_path)
    assert source.scan(Known()).items["version"][0] != listing.items["version"][0]


def test_a_file_written_a_moment_ago_is_listed_anew_until_it_rests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    note = tmp_path / "a.md"
    source = source_of(tmp_path)
    note.write_text("x")
    written = note.stat().st_ctime_ns
    moments = itertools.count(written + 1_000, 1_000)
    with monkeypatch.context() as patched:
        patched.setattr(local_scan, "time", SimpleNamespace(time_ns=lambda: next(moments)))
        versions = [source.scan(Known()).items["version"][0] for _ in range(2)]
    assert len(set(versions)) == 2
    resting = until_settled(source)
    assert fetched(source)[b"a.md"].version == resting.items["version"][0]


def test_a_file_written_a_moment_before_it_was_read_is_no_older_after_a_long_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    note = tmp_path / "a.md"
    note.write_text("x")
    written = note.stat().st_ctime_ns
    clock, read = SimpleNamespace(now=written + 1_000), os.read

    def read_slowly(descriptor: int, size: int) -> bytes:
        clock.now = written + 2 * FINE_WINDOW
        return read(descriptor, size)

    with monkeypatch.context() as patched:
        patched.setattr(local_read, "time", SimpleNamespace(time_ns=lambda: clock.now))
        patched.setattr(os, "read", read_slowly)
        [answer] = source_of(tmp_path).fetch([Item(b"a.md", "1")])
    assert "~" in answer.version


def test_the_version_of_a_document_is_that_of_its_bytes_not_of_the_listing(tmp_path: Path) -> None:
    note = tmp_path / "a.md"
    note.write_text("old")
    source = source_of(tmp_path)
    listing = source.scan(Known())
    note.write_text("newer")
    document = fetched(source, listing)[b"a.md"]
    assert isinstance(document, Document)
    assert document.text == "newer"
    assert document.version.startswith("5:")


def test_a_file_that_is_gone_or_grew_or_is_no_text_is_a_failure_that_says_so(tmp_path: Path) -> None:
    for name in ("gone.md", "dir/gone.md", "grew.md", "binary.md", "link.md", "pipe.md", "broken.ipynb", "good.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    (tmp_path / "binary.md").write_bytes(b"\x00\x01\x02" * 50)
    source = source_of(tmp_path, max_file_size=500)
    listing = source.scan(Known())
    shutil.rmtree(tmp_path / "dir")
    for name in ("gone.md", "link.md", "pipe.md"):
        (tmp_path / name).unlink()
    (tmp_path / "link.md").symlink_to("/etc/hostname")
    os.mkfifo(tmp_path / "pipe.md")
    (tmp_path / "grew.md").write_bytes(b"x" * 501)
    answers = fetched(source, listing)
    reasons = {name.decode(): (a.reason, a.permanent) for name, a in answers.items() if isinstance(a, Failure)}
    assert isinstance(answers[b"good.md"], Document)
    assert reasons == {
        "gone.md": ("no longer there", False),
        "dir/gone.md": ("no longer there", False),
        "link.md": ("no longer there (replaced by a symbolic link)", False),
        "pipe.md": ("no longer there (not a file any more)", False),
        "grew.md": ("larger than max_file_size (500 bytes)", False),
        "binary.md": ("binary content in a text file; exclude it in the source's settings", True),
        "broken.ipynb": ("damaged notebook (not valid JSON); save it again in Jupyter", True),
    }


@pytest.mark.parametrize("path", ["../out.md", "a/../../out.md", "/etc/hostname", "", "a//b.md", "./a.md"])
def test_no_path_leads_out_of_the_folder(tmp_path: Path, path: str) -> None:
    root = tmp_path / "root"
    (root / "a").mkdir(parents=True)
    (tmp_path / "out.md").write_text("secret")
    source = source_of(root)
    items = list(frame_items(source.scan(Known()).items))
    assert items == []
    [answer] = source.fetch([Item(path.encode(), "1")])
    assert isinstance(answer, Failure)


def test_a_missing_folder_is_an_error_and_an_empty_one_an_empty_census(tmp_path: Path) -> None:
    with pytest.raises(SourceUnreachable, match=r"does not exist.*nothing is deleted"):
        source_of(tmp_path / "none").scan(Known())
    with pytest.raises(SourceUnreachable):
        list(source_of(tmp_path / "none").fetch([]))
    (tmp_path / "file").touch()
    with pytest.raises(SourceMisconfigured, match="is not a folder"):
        source_of(tmp_path / "file").probe()
    (tmp_path / "empty").mkdir()
    listing = source_of(tmp_path / "empty").scan(Known())
    assert listing.complete
    assert listing.items.height == 0


def _in_child(answers: Connection, work: Callable[[Path], Any], root: Path) -> None:
    os.setgid(65534)
    os.setuid(65534)
    answers.send(work(root))


def as_somebody_else(work: Callable[[Path], Any], root: Path) -> Any:
    """What `work` returns in a process that is not root, for whom file modes mean something."""
    if os.getuid() != 0:
        return work(root)
    context = multiprocessing.get_context("spawn")
    receiving, sending = context.Pipe(duplex=False)
    child = context.Process(target=_in_child, args=(sending, work, root), daemon=True)
    child.start()
    sending.close()
    answer = receiving.recv()  # ends with EOFError if the child fails
    child.join(60)
    return answer


@pytest.fixture
def shared_folder() -> Iterator[Path]:
    """A folder that other users may enter, which pytest's own are not."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        path.chmod(0o755)
        yield path


def _listed_with_known(root: Path) -> tuple[dict[bytes, str], list[tuple[bytes, str]], bool]:
    known = Known(versions={b"locked/a.md": "v1", b"locked/deep/b.md": "v2", b"no stat/c.md": "v3", b"gone.md": "v4"})
    source = source_of(root)
    until_settled(source)
    listing = source.scan(known)
    assert source.probe() == listing.version
    rows = dict(zip(listing.items["native_id"].to_list(), listing.items["version"].to_list(), strict=True))
    return rows, [(failure.native_id, failure.reason) for failure in listing.failures], listing.complete


def test_documents_in_a_folder_that_cannot_be_read_stay_as_they_are(shared_folder: Path) -> None:
    for name in ("open.md", "locked/a.md", "locked/deep/b.md", "no stat/c.md", "no rules/.gitignore", "no rules/d.md"):
        (shared_folder / name).parent.mkdir(parents=True, exist_ok=True)
        (shared_folder / name).write_text("x")
    (shared_folder / "locked").chmod(0)
    (shared_folder / "no stat").chmod(0o444)
    (shared_folder / "no rules" / ".gitignore").chmod(0)
    rows, failures, complete = as_somebody_else(_listed_with_known, shared_folder)
    assert complete
    assert set(rows) == {b"open.md", b"locked/a.md", b"locked/deep/b.md", b"no stat/c.md"}
    assert (rows[b"locked/a.md"], rows[b"locked/deep/b.md"], rows[b"no stat/c.md"]) == ("v1", "v2", "v3")
    assert {native_id for native_id, _ in failures} == {b"locked/", b"no stat/", b"no rules/"}
    assert dict(failures)[b"locked/"] == "folder locked/ can't be read: permission denied"


def _fetch_all(root: Path) -> dict[bytes, str]:
    return {i: a.reason if isinstance(a, Failure) else a.text for i, a in fetched(source_of(root)).items()}


def test_a_file_that_cannot_be_read_is_a_failure_and_the_others_are_not(shared_folder: Path) -> None:
    (shared_folder / "open.md").write_text("words")
    (shared_folder / "locked.md").write_text("words")
    (shared_folder / "locked.md").chmod(0)
    answers = as_somebody_else(_fetch_all, shared_folder)
    assert answers == {b"open.md": "words", b"locked.md": "not readable by this user (permission denied)"}


def test_folders_too_deep_are_reported_and_not_entered(tmp_path: Path) -> None:
    here = os.open(tmp_path, os.O_RDONLY)
    try:
        for _ in range(300):
            os.mkdir("d", dir_fd=here)
            below = os.open("d", os.O_RDONLY, dir_fd=here)
            os.close(here)
            here = below
    finally:
        os.close(here)
    (tmp_path / "a.md").write_text("x")
    listing = source_of(tmp_path).scan(Known())
    assert listing.items["native_id"].to_list() == [b"a.md"]
    assert [failure.reason.endswith("more than 256 folders deep") for failure in listing.failures] == [True]


NAMES = st.sampled_from(["a.md", "b.md", "A.md", "x.txt", "e\u0301.md", "\u00e9.md", "p#.md", "skip.mp4", ".h.md"])
FOLDERS = st.sampled_from(["", "d/", "d/e/", "f/"])
CONTENT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=30).map(
    lambda text: text.removeprefix("\ufeff").replace("---", "")
)


class _Folder(RuleBasedStateMachine):
    """Random work in a folder beside a model of it; the listing and the texts must be those of the model."""

    base: Path
    runs = 0

    @initialize()
    def begin(self) -> None:
        type(self).runs += 1
        self.root = self.base / str(self.runs)
        self.root.mkdir()
        self.model: dict[str, str] = {}
        self.known: dict[bytes, tuple[str, str]] = {}
        self.source = source_of(self.root)

    @rule(folder=FOLDERS, name=NAMES, content=CONTENT)
    def write(self, folder: str, name: str, content: str) -> None:
        (self.root / folder).mkdir(parents=True, exist_ok=True)
        (self.root / folder / name).write_text(content, encoding="utf-8")
        self.model[folder + name] = content

    @rule(data=st.data(), folder=FOLDERS, name=NAMES)
    def move(self, data: st.DataObject, folder: str, name: str) -> None:
        if self.model:
            path = data.draw(st.sampled_from(sorted(self.model)))
            (self.root / folder).mkdir(parents=True, exist_ok=True)
            (self.root / path).rename(self.root / folder / name)
            self.model[folder + name] = self.model.pop(path)

    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        if self.model:
            path = data.draw(st.sampled_from(sorted(self.model)))
            (self.root / path).unlink()
            del self.model[path]

    @rule()
    def remove_folder(self) -> None:
        shutil.rmtree(self.root / "d", ignore_errors=True)
        self.model = {path: text for path, text in self.model.items() if not path.startswith("d/")}

    @invariant()
    def agrees(self) -> None:
        """Fetches only what the versions ask for, and holds exactly the texts of the model."""
        expected = {p.encode(): t for p, t in self.model.items() if not p.endswith((".mp4", ".h.md"))}
        listing = self.source.scan(Known(versions={path: version for path, (version, _) in self.known.items()}))
        items = {item.native_id: item for item in frame_items(listing.items)}
        assert set(items) == set(expected)
        asked = [item for path, item in items.items() if path not in self.known or self.known[path][0] != item.version]
        self.known = {path: held for path, held in self.known.items() if path in items}
        for answer in self.source.fetch(asked):
            assert isinstance(answer, Document)
            self.known[answer.native_id] = answer.version, answer.text
        assert {path: text for path, (_, text) in self.known.items()} == expected


def test_after_any_work_in_the_folder_the_texts_are_those_on_disk(tmp_path: Path) -> None:
    machine = type("Folder", (_Folder,), {"base": tmp_path})
    checks = [HealthCheck.too_slow, HealthCheck.data_too_large]
    run_state_machine_as_test(
        machine, settings=settings(max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=checks)
    )


@pytest.mark.realdata
def test_a_real_vault_is_read_in_full(tmp_path: Path) -> None:
    data = os.environ.get("VECTOR_PIPELINE_TEST_DATA")
    if not data:
        pytest.skip("VECTOR_PIPELINE_TEST_DATA is not set")
    shutil.unpack_archive(Path(data) / "local" / "obsidian_help_en_vault.tar.xz", tmp_path)
    source = source_of(tmp_path)
    listing = source.scan(Known())
    answers = fetched(source, listing)
    documents = [answer for answer in answers.values() if isinstance(answer, Document)]
    assert len(documents) == len(answers) >= 170
    assert not [path for path in answers if b".obsidian/" in path]
    notes = [document for document in documents if document.native_id.endswith((b".md", b".canvas"))]
    assert len(notes) >= 170
    assert all(note.text and not note.text.startswith("---\n") for note in notes)
    assert sum(len(document.metadata.get("links", ())) for document in documents) > 500
