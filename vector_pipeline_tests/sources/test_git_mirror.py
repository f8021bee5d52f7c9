"""The kept mirror survives what happens to files: damage, kills, leftovers, loss, and others at the same time."""

from __future__ import annotations

import os
import random
import shlex
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import filelock
import psutil
import pytest

from vector_pipeline.documents import Document
from vector_pipeline.sources.base import Known, SourceUnreachable
from vector_pipeline.sources.git_remote import Remote, Tip
from vector_pipeline_tests.git_http import git_server
from vector_pipeline_tests.git_repository import GitRepository, git
from vector_pipeline_tests.sources.git_follower import Follower


@pytest.fixture
def repo(tmp_path: Path) -> GitRepository:
    repo = GitRepository(tmp_path / "served" / "docs.git")
    noise = random.Random(1)
    for number in range(120):
        repo.write(f"{number}.md", f"# {number}\n\n{noise.randbytes(200).hex()}\n")
    repo.commit()
    return repo


@pytest.fixture
def follower(repo: GitRepository, tmp_path: Path) -> Follower:
    follower = Follower(repo.url, tmp_path / "mirrors", timeout=60)
    follower.sync()
    return follower


def _truncate_packs(mirror: Path) -> None:
    packs = list(mirror.glob("objects/pack/*.pack"))
    assert packs
    for pack in packs:
        pack.chmod(0o644)
        os.truncate(pack, pack.stat().st_size // 2)


def _garble_packs(mirror: Path) -> None:
    for pack in mirror.glob("objects/pack/*.pack"):
        pack.chmod(0o644)
        size = pack.stat().st_size
        with pack.open("r+b") as file:
            file.seek(size // 4)
            file.write(b"\xff" * (size // 2))


def _drop_objects(mirror: Path) -> None:
    for pack in mirror.glob("objects/pack/*"):
        pack.unlink()


def _drop_head(mirror: Path) -> None:
    (mirror / "HEAD").unlink()


def _break_config(mirror: Path) -> None:
    (mirror / "config").write_text("[core\nnonsense")


def _leave_locks(mirror: Path) -> None:
    for name in ("packed-refs.lock", "HEAD.lock", "shallow.lock", "config.lock"):
        (mirror / name).touch()
    for ref in [path for path in (mirror / "refs").rglob("*") if path.is_file()]:
        ref.with_name(ref.name + ".lock").touch()
    (mirror / "objects" / "pack" / "tmp_pack_abc").write_bytes(b"PACK")


DAMAGES = [_truncate_packs, _garble_packs, _drop_objects, _drop_head, _break_config, _leave_locks, shutil.rmtree]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_mirror_is_made_whole_by_the_next_scan(
    repo: GitRepository, follower: Follower, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    [mirror] = follower.mirrors.glob("*.git")
    damage(mirror)
    repo.write("7.md", "changed").delete("8.md").commit()
    follower.sync()
    assert follower.state() == follower.afresh(tmp_path / "other")
    assert all(isinstance(answer, Document) for answer in follower.answers().values())
    git(mirror, "rev-list", "--objects", "--all", "--quiet")
    assert [path.name for path in follower.mirrors.glob("*.git*")] == [mirror.name]
    assert not list(mirror.glob("objects/pack/tmp_*"))


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_mirror_damaged_since_the_scan_is_made_whole_by_the_fetch(
    follower: Follower, damage: Callable[[Path], None]
) -> None:
    [mirror] = follower.mirrors.glob("*.git")
    damage(mirror)
    answers = follower.answers()
    assert len(answers) == 120
    assert all(isinstance(answer, Document) for answer in answers.values())


@pytest.mark.parametrize("damage", [b"", b"garbage" * 100])
def test_a_damaged_history_file_is_made_again(
    repo: GitRepository, follower: Follower, tmp_path: Path, damage: bytes
) -> None:
    [kept] = follower.mirrors.glob("*.cache/*.facts")
    kept.write_bytes(damage)
    repo.write("7.md", "changed").commit()
    follower.sync()
    assert follower.state() == follower.afresh(tmp_path / "other")


def test_a_blob_that_nobody_has_any_more_is_a_failure_not_a_new_clone(repo: GitRepository, follower: Follower) -> None:
    [mirror] = follower.mirrors.glob("*.git")
    inode = mirror.stat().st_ino
    item = follower.items[b"7.md"]
    gone = type(item)(item.native_id, item.version, item.uri, None, item.detail.replace(item.version[:40], "f" * 40))
    [answer] = follower.source.fetch([gone])
    assert not isinstance(answer, Document)
    assert (answer.reason, answer.permanent) == ("no longer there", False)
    assert mirror.stat().st_ino == inode


def test_a_scan_killed_during_the_first_clone_leaves_nothing_in_the_way(repo: GitRepository, tmp_path: Path) -> None:
    script = """
import sys
from pathlib import Path
from vector_pipeline.settings_sources import GitSettings
from vector_pipeline.sources.base import Known
from vector_pipeline.sources.git import GitSource
from vector_pipeline_tests.converting import any_converter
GitSource("docs", GitSettings(url=sys.argv[1]), Path(sys.argv[2]), any_converter()).scan(Known())
"""
    mirrors = tmp_path / "other mirrors"
    with git_server(tmp_path / "served") as server:
        url = f"{server.url}/docs.git"
        server.hold_at = "git-upload-pack"
        process = subprocess.Popen([sys.executable, "-c", script, url, str(mirrors)])
        try:
            _wait_for(lambda: not server.open.is_set())
            fetching = psutil.Process(process.pid).children(recursive=True)
        finally:
            process.kill()
            process.wait()
        assert fetching
        assert any(mirrors.glob("*.new/HEAD"))
        assert not any(mirrors.glob("*.git"))
        server.hold_at = ""
        server.open.set()
        _wait_for(lambda: not any(map(_runs, fetching)))  # or it would write where the next one clones
        follower = Follower(url, mirrors, timeout=60)
        follower.sync()
    assert len(follower.items) == 120
    assert not any(mirrors.glob("*.new"))


def test_a_mirror_in_use_is_waited_for_only_so_long(
    repo: GitRepository, follower: Follower, monkeypatch: pytest.MonkeyPatch
) -> None:
    [path] = follower.mirrors.glob("*.lock")
    follower.settings["timeout"] = 0.3
    with monkeypatch.context() as patched, filelock.FileLock(path):
        # The same time holds for each command of Git, which may need longer.
        patched.setattr(Remote, "tip", lambda _remote, branch: Tip("refs/heads/main", repo.head))
        begun = time.monotonic()
        with pytest.raises(SourceUnreachable, match="git/docs: another process"):
            follower.sync()
        assert time.monotonic() - begun < 30
    follower.settings["timeout"] = 60
    follower.sync()


def test_sources_that_share_a_mirror_may_run_at_the_same_time(repo: GitRepository, tmp_path: Path) -> None:
    mirrors = tmp_path / "shared"
    followers = [Follower(repo.url, mirrors, f"source-{number}", timeout=60) for number in range(4)]
    errors: list[BaseException] = []

    def follow(follower: Follower) -> None:
        try:
            follower.sync()
            assert len([a for a in follower.answers().values() if isinstance(a, Document)]) == 120
        except BaseException as error:  # noqa: BLE001  handed to the test's own thread
            errors.append(error)

    threads = [threading.Thread(target=follow, args=(follower,)) for follower in followers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(240)
    assert not errors
    assert len({str(sorted(follower.state())) for follower in followers}) == 1


def test_the_applied_commit_outlives_a_force_push_and_a_clean_up(repo: GitRepository, follower: Follower) -> None:
    first = repo.head
    repo.write("7.md", "lost").commit()
    follower.sync()
    repo.reset(first).write("8.md", "other").commit()
    follower.source.scan(Known(follower.cursor))  # fetched, but never applied
    [mirror] = follower.mirrors.glob("*.git")
    git(mirror, "reflog", "expire", "--expire=now", "--all")
    git(mirror, "gc", "--quiet", "--prune=now")
    listing = follower.sync()
    assert not listing.complete
    assert set(listing.items["native_id"].to_list()) == {b"7.md", b"8.md"}


@pytest.mark.parametrize(
    ("said", "clones"),
    [
        ("fatal: sha1 file 'objects/pack/tmp_pack' write error: No space left on device", 0),
        ("fatal: unable to create '.git/objects/pack/tmp_idx': Permission denied", 0),
        ("error: could not lock config file config: File exists", 0),
        ("fatal: bad object 8c0ff1ec0ff1ec0ff1ec0ff1ec0ff1ec0ff1ec0f", 1),
    ],
)
def test_a_clean_up_that_fails_costs_a_new_clone_only_where_objects_are_broken(
    repo: GitRepository,
    follower: Follower,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    said: str,
    clones: int,
) -> None:
    inits = _git_whose_clean_up_fails(tmp_path, monkeypatch, said)
    repo.write("7.md", "changed").commit()
    follower.sync()
    assert follower.document(b"7.md").text == "changed"
    assert (inits.read_text().count("init") if inits.exists() else 0) == clones
    assert "git/docs: the mirror" in caplog.text


def _git_whose_clean_up_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str) -> Path:
    """Puts a git in front of the real one that fails at `gc` and notes each `init` in the file returned."""
    real, inits, folder = shutil.which("git"), tmp_path / "inits", tmp_path / "bin"
    folder.mkdir()
    wrapper = folder / "git"
    wrapper.write_text(
        f'#!/bin/sh\ncase " $* " in *" gc "*) echo {shlex.quote(said)} >&2; exit 128 ;; '
        f'*" init "*) echo init >> {inits} ;; esac\nexec {real} "$@"\n'
    )
    wrapper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return inits


def _runs(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _wait_for(condition: Callable[[], bool], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        threading.Event().wait(0.02)
