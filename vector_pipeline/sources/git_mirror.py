"""The kept mirror: one bare repository per address, fetched incrementally, shared by the sources of that address.

Everything that changes it happens under a file lock. The one idea: the mirror is a cache. Whatever is wrong with it
(a killed clone, a truncated pack, a stale lock file) is answered by building a new one beside it and swapping.
"""

from __future__ import annotations

import hashlib
import logging
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import filelock

from vector_pipeline.sources.base import SourceError, SourceUnreachable
from vector_pipeline.sources.git_command import GitCommand, GitFailed, GitTimedOut
from vector_pipeline.sources.git_remote import Remote, Tip

_log = logging.getLogger(__name__)

_CORRUPTION = re.compile(
    r"^(?!remote:).*(?:bad object|corrupt|inflate|invalid sha1 pointer|not point to a valid object|packfile"
    r"|unable to read|could not read [0-9a-f]{40}|missing (?:blob|tree|commit)|index file|bad tree|not a valid object)",
    re.IGNORECASE | re.MULTILINE,
)
_OBJECT_ID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


class MirrorDamaged(SourceError):
    """The mirror lacks or garbles something it must hold. Cured by `Mirror.rebuild`."""


class Mirror:
    """The local copy of `remote` below `folder`, as the source with this `name` uses it.

    Each source keeps two refs: what it fetched last, and the commit its last applied scan described, so that
    no clean-up takes the objects the next comparison starts from.
    """

    def __init__(self, remote: Remote, folder: Path, name: str) -> None:
        self._remote = remote
        folder = folder.absolute()
        key = hashlib.sha256(f"{remote.url.scheme} {remote.url.text}".encode("utf-8", "surrogateescape")).hexdigest()
        self.path = folder / f"{key[:24]}.git"
        self.caches = folder / f"{key[:24]}.cache"
        owner = hashlib.sha256(name.encode()).hexdigest()[:16]
        self._fetched = f"refs/vp/{owner}/fetched"
        self._applied = f"refs/vp/{owner}/applied"
        self._lock = filelock.FileLock(folder / f"{key[:24]}.lock", timeout=remote.timeout)

    @property
    def git(self) -> GitCommand:
        """Git inside the mirror."""
        return self._remote.command(f"--git-dir={self.path}")

    @contextmanager
    def locked(self) -> Iterator[None]:
        """The mirror for this source alone. Raises SourceUnreachable where another one keeps it too long."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._lock.acquire()
        except filelock.Timeout:
            raise SourceUnreachable(
                f"{self._remote.label}: another process has used the mirror for {self._remote.timeout:g} s",
                hint="wait for it, or raise the source's timeout",
            ) from None
        try:
            yield
        finally:
            self._lock.release()

    def fetch(self, tip: Tip) -> str:
        """Brings the mirror up to the branch and returns its commit, which may be newer than `tip` says.

        To be called under the lock. Raises SourceUnreachable, SourceDenied or SourceMisconfigured.
        """
        if not self._is_whole():
            return self.rebuild(tip)
        self._remove_leftovers()
        try:
            if self._commit_of(self._fetched) == tip.commit:
                return tip.commit
            commit = self._fetch_into(self.path, tip)
        except GitFailed as error:
            if (known := self._remote.meaning(error)) is not None and not _CORRUPTION.search(error.stderr):
                raise known from None
            # Not a refusal that we know: the mirror may be what is wrong. A fresh one tells.
            return self.rebuild(tip)
        self._collect_garbage()
        return commit

    def rebuild(self, tip: Tip) -> str:
        """Makes the mirror anew beside the old one, which stays until the new one is whole. Returns its commit."""
        fresh = self.path.with_suffix(".new")
        _remove(fresh)
        try:
            object_format = "sha256" if len(tip.commit) == 64 else "sha1"
            self._remote.command().run(
                "init", "--quiet", "--bare", "--template=", f"--object-format={object_format}", str(fresh)
            )
            commit = self._fetch_into(fresh, tip)
        except GitFailed as error:
            self._remote.raise_for(error)
        old = self.path.with_suffix(".old")
        _remove(old)
        if self.path.exists():
            self.path.rename(old)
        fresh.rename(self.path)
        _remove(old)
        return commit

    def holds(self, commit: str) -> bool:
        """Whether the commit is here."""
        return bool(_OBJECT_ID.fullmatch(commit)) and self._commit_of(commit) == commit

    def fetched_commit(self) -> str:
        """The commit fetched last for this source. Raises MirrorDamaged where there is none."""
        return self.read("rev-parse", "--verify", "--quiet", f"{self._fetched}^{{commit}}").decode().strip()

    def keep_applied(self, commit: str) -> None:
        """Holds on to the commit that the last applied scan described."""
        self.read("update-ref", self._applied, commit)

    def read(self, *arguments: str) -> bytes:
        """What a command that needs only the mirror prints. Raises MirrorDamaged when it fails."""
        with self.reading(*arguments) as stdout:
            return stdout.read()

    @contextmanager
    def reading(self, *arguments: str) -> Iterator[IO[bytes]]:
        """Like `read`, as a stream."""
        try:
            with self.git.stream(*arguments) as stdout:
                yield stdout
        except GitFailed as error:
            if (full := self._remote.out_of_space(error)) is not None:
                raise full from None
            raise MirrorDamaged(
                f"{self._remote.label}: the mirror is damaged: {self._remote.last_words(error)}",
                hint=f"remove {self.path} and run again",
            ) from None

    def is_ancestor(self, old: str, new: str) -> bool:
        """Whether `new` contains `old`. False where `old` is not here."""
        return self._succeeds("merge-base", "--is-ancestor", old, new)

    def shallow_state(self) -> str:
        """Where the history is cut off, as a short hash; "" for a whole history."""
        shallow = self.path / "shallow"
        return hashlib.sha256(shallow.read_bytes()).hexdigest()[:16] if shallow.exists() else ""

    def _fetch_into(self, path: Path, tip: Tip) -> str:
        """Fetches the branch into the mirror at `path`. Tags and other branches stay away."""
        git = self._remote.command(f"--git-dir={path}", "-c", "gc.auto=0")
        options = ("--quiet", "--no-tags", "--no-write-fetch-head", "--update-shallow", "--no-recurse-submodules")
        git.run("fetch", *options, "--", self._remote.url.text, f"+{tip.ref}:{self._fetched}")
        return git.run("rev-parse", "--verify", "--quiet", f"{self._fetched}^{{commit}}").decode().strip()

    def _is_whole(self) -> bool:
        """Whether there is a repository at all that Git recognizes."""
        return self.path.is_dir() and self._succeeds("rev-parse", "--git-dir")

    def _commit_of(self, name: str) -> str:
        try:
            return self.git.run("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}").decode().strip()
        except GitFailed:
            return ""  # --verify answers "there is none" by its status

    def _succeeds(self, *arguments: str) -> bool:
        try:
            self.git.run(*arguments)
        except GitFailed:
            return False
        return True

    def _remove_leftovers(self) -> None:
        """Deletes what killed commands left: we hold the lock, so nobody is using them."""
        for pattern in ("*.lock", "refs/**/*.lock", "objects/**/*.lock", "objects/pack/tmp_*", "objects/tmp_*"):
            for leftover in self.path.glob(pattern):
                _remove(leftover)

    def _collect_garbage(self) -> None:
        """Packs what many small fetches left, where Git thinks it is time. Objects stay at least two weeks.

        The fetch itself is done, and an unpacked mirror is only slower: where packing fails (a full disk, a file of
        another user) the next fetch tries again. Raises MirrorDamaged where Git found objects that are broken.
        """
        try:
            self.git.run("gc", "--auto", "--quiet")
        except GitTimedOut as error:
            _log.warning("%s", error)
        except GitFailed as error:
            said = self._remote.last_words(error)
            if self._remote.out_of_space(error) is None and _CORRUPTION.search(error.stderr):
                raise MirrorDamaged(f"{self._remote.label}: the mirror can't be packed: {said}") from error
            _log.warning("%s: the mirror could not be packed: %s", self._remote.label, said)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
