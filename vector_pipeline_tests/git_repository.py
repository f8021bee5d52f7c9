"""Real Git repositories for tests, written through `git fast-import`: one process per commit, any bytes as names."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

START = 1_700_000_000
"""The time of a repository's first commit; each further one is a minute later."""

Tree = dict[bytes, tuple[str, bytes]]
"""Path to (mode, content); the content of a submodule is its commit id."""


def git(repository: Path, *arguments: str | bytes, stdin: bytes | None = None) -> bytes:
    """Runs git in a repository and returns what it prints."""
    done = subprocess.run(["git", "-C", str(repository), *arguments], input=stdin, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return done.stdout


class GitRepository:
    """A bare repository at `path`. Changes are collected on the current branch until `commit`."""

    def __init__(self, path: Path, branch: str = "main", object_format: str = "sha1") -> None:
        self.path = path
        self.branch = branch
        self.files: Tree = {}
        self._trees: dict[str, Tree] = {}
        self._now = START
        subprocess.run(
            [
                "git",
                "init",
                "-q",
                "--bare",
                f"--initial-branch={branch}",
                f"--object-format={object_format}",
                str(path),
            ],
            check=True,
        )
        self.heads: dict[str, str] = {}

    @property
    def url(self) -> str:
        """The path, as a source's url."""
        return str(self.path)

    @property
    def head(self) -> str:
        """The current branch's commit, "" before the first one."""
        return self.heads.get(self.branch, "")

    def write(self, path: str | bytes, content: str | bytes, mode: str = "100644") -> GitRepository:
        """Puts a file there."""
        data = content.encode() if isinstance(content, str) else content
        self.files[os.fsencode(path)] = (mode, data)
        return self

    def append(self, path: str | bytes, content: str) -> GitRepository:
        """Adds to the end of a file."""
        mode, data = self.files[os.fsencode(path)]
        return self.write(path, data + content.encode(), mode)

    def symlink(self, path: str | bytes, target: str) -> GitRepository:
        """Puts a symbolic link there."""
        return self.write(path, target, "120000")

    def submodule(self, path: str | bytes, commit: str = "1" * 40) -> GitRepository:
        """Puts a submodule there."""
        return self.write(path, commit, "160000")

    def chmod(self, path: str | bytes, executable: bool = True) -> GitRepository:
        """Changes only the mode."""
        return self.write(path, self.files[os.fsencode(path)][1], "100755" if executable else "100644")

    def delete(self, path: str | bytes) -> GitRepository:
        """Removes a file."""
        del self.files[os.fsencode(path)]
        return self

    def rename(self, old: str | bytes, new: str | bytes) -> GitRepository:
        """Moves a file."""
        self.files[os.fsencode(new)] = self.files.pop(os.fsencode(old))
        return self

    def commit(
        self, message: str = "change", *, author: str = "Ada", time: int | None = None, merge: tuple[str, ...] = ()
    ) -> str:
        """Commits the files as they are on the current branch, `merge` being further parents. Returns the commit."""
        self._now += 60
        when = self._now if time is None else time
        before = self._trees.get(self.head, {})
        lines = [b"commit refs/heads/%s\nmark :1\n" % self.branch.encode()]
        for role in (b"author", b"committer"):
            lines.append(b"%s %s <ada@example.org> %d +0000\n" % (role, author.encode(), when))
        lines.append(b"data %d\n%s\n" % (len(message.encode()), message.encode()))
        if self.head:
            lines.append(b"from %s\n" % self.head.encode())
        lines += [b"merge %s\n" % parent.encode() for parent in merge]
        lines += [b"D %s\n" % _quoted(path) for path in before if path not in self.files]
        for path, (mode, data) in self.files.items():
            if before.get(path) == (mode, data):
                continue
            if mode == "160000":
                lines.append(b"M 160000 %s %s\n" % (data, _quoted(path)))
            else:
                lines.append(b"M %s inline %s\ndata %d\n%s\n" % (mode.encode(), _quoted(path), len(data), data))
        lines.append(b"get-mark :1\ndone\n")
        commit = git(self.path, "fast-import", "--quiet", "--force", "--done", stdin=b"".join(lines)).decode().strip()
        self.heads[self.branch] = commit
        self._trees[commit] = dict(self.files)
        return commit

    def switch(self, branch: str, *, orphan: bool = False) -> GitRepository:
        """Goes to a branch, a new one starting where we are or, as an orphan, from nothing."""
        if branch not in self.heads and not orphan:
            git(self.path, "update-ref", f"refs/heads/{branch}", self.head)
            self.heads[branch] = self.head
        self.branch = branch
        self.files = dict(self._trees.get(self.head, {}))
        return self

    def merge(self, branch: str, files: Mapping[bytes, tuple[str, bytes]] | None = None, *, author: str = "Ada") -> str:
        """Merges a branch: its additional files come in, ours win, or exactly `files` are the result."""
        other = self.heads[branch]
        self.files = dict(files) if files is not None else {**self._trees[other], **self.files}
        return self.commit(f"merge {branch}", author=author, merge=(other,))

    def reset(self, commit: str) -> GitRepository:
        """Forces the current branch to another commit."""
        git(self.path, "update-ref", f"refs/heads/{self.branch}", commit)
        self.heads[self.branch] = commit
        self.files = dict(self._trees[commit])
        return self

    def restart(self) -> GitRepository:
        """The next commit of the branch has no parents, as after its history was replaced."""
        self.heads.pop(self.branch, None)
        return self

    def delete_branch(self, branch: str) -> GitRepository:
        """Removes a branch."""
        git(self.path, "update-ref", "-d", f"refs/heads/{branch}")
        self.heads.pop(branch, None)
        return self


def _quoted(path: bytes) -> bytes:
    return b'"%s"' % b"".join(
        b"\\%03o" % byte if byte < 33 or byte > 126 or byte in b'"\\' else bytes([byte]) for byte in path
    )
