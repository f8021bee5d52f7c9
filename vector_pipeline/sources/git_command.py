"""Running the git binary: one command, whole or as a stream, with a deadline and nothing of the user's surroundings.

GitPython starts the process; this module adds what long-lived use needs: the whole process group ends at the
deadline or when the caller leaves, stderr is drained so that no pipe fills up, and every exit status is looked at.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from vector_pipeline.sources.base import SourceError, SourceMisconfigured, SourceUnreachable

_KEPT_OF_STDERR = 8192

_INHERITED = (
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_NAMESPACE",
    "GIT_CONFIG_PARAMETERS",
    "GIT_CONFIG",
    "GIT_REPLACE_REF_BASE",
    "GIT_SHALLOW_FILE",
    "GIT_GRAFT_FILE",
    "GIT_QUARANTINE_PATH",
    "GIT_EXTERNAL_DIFF",
    "GIT_DIFF_OPTS",
    "GIT_DEFAULT_HASH",
    "GIT_PROXY_COMMAND",
    "GIT_SSH",
    "GIT_CURL_VERBOSE",
    "GIT_TRACE_CURL",
)
"""Variables of a surrounding Git process (a hook, an editor) that would redirect ours or print its headers."""


class GitFailed(SourceError):
    """A git command ended with another status than 0; `stderr` is what it said, not yet fit to be shown."""

    def __init__(self, label: str, command: str, status: int, stderr: str) -> None:
        super().__init__(f"{label}: git {command} ended with status {status}")
        self.status = status
        self.stderr = stderr


class GitTimedOut(SourceUnreachable):
    """A git command did not end in time and was killed."""

    def __init__(self, label: str, command: str, seconds: float) -> None:
        super().__init__(
            f"{label}: git {command} did not finish within {seconds:g} s",
            hint="raise the source's timeout if the repository is just large",
        )


@dataclass(frozen=True)
class GitCommand:
    """Runs git in `directory` with `environment` on top of the process's own.

    `label` opens every message, `timeout` is seconds per command, `prefix` goes in front of every command.
    """

    label: str
    directory: Path
    environment: Mapping[str, str]
    timeout: float
    prefix: tuple[str, ...] = ()

    def run(self, *arguments: str) -> bytes:
        """Everything the command prints. Raises GitFailed or GitTimedOut."""
        with self.stream(*arguments) as stdout:
            return stdout.read()

    @contextmanager
    def stream(self, *arguments: str) -> Iterator[IO[bytes]]:
        """The command's output while it runs, to be read to its end.

        Raises GitFailed or GitTimedOut when the block is left normally; the process never outlives the block.
        """
        with self._started(arguments, stdin=None) as running:
            deadline = threading.Timer(self.timeout, running.expire)
            deadline.daemon = True
            deadline.start()
            try:
                yield running.stdout
                running.finish(self.label, arguments[0], self.timeout)
            finally:
                deadline.cancel()

    @contextmanager
    def conversation(self, *arguments: str) -> Iterator[tuple[IO[bytes], IO[bytes]]]:
        """(stdin, stdout) of a command that answers requests. No deadline: its user sets the pace."""
        with self._started(arguments, stdin=subprocess.PIPE) as running:
            yield running.stdin, running.stdout

    @contextmanager
    def _started(self, arguments: Sequence[str], stdin: int | None) -> Iterator[_Running]:
        running = _Running(self._popen(arguments, stdin))
        try:
            yield running
        finally:
            running.end()

    def _popen(self, arguments: Sequence[str], stdin: int | None) -> Any:
        try:
            # Imported at first use: GitPython looks for the git binary while it is imported, and fails without one.
            from git import Git
            from git.exc import GitCommandNotFound
        except ImportError:
            raise SourceMisconfigured(f"{self.label}: git is not installed", hint="install git 2.32 or newer") from None
        drop = [name for name in _INHERITED if name in os.environ and name not in self.environment]
        wrapper = ["env", *(part for name in drop for part in ("-u", name))] if drop else []
        command = [*wrapper, Git.GIT_PYTHON_GIT_EXECUTABLE or "git", *self.prefix, *arguments]
        try:
            return Git(self.directory).execute(
                command, istream=stdin, as_process=True, env=dict(self.environment), start_new_session=True
            )
        except GitCommandNotFound:
            raise SourceMisconfigured(f"{self.label}: git is not installed", hint="install git 2.32 or newer") from None
        except OSError as error:
            raise SourceError(f"{self.label}: git could not be started: {error.strerror}") from error


class _Running:
    """One git process with the thread that drains its stderr."""

    def __init__(self, process: Any) -> None:
        self._process = process
        self.stdin: IO[bytes] = process.stdin
        self.stdout: IO[bytes] = process.stdout
        self._expired = False
        self._said = b""
        self._drain = threading.Thread(target=self._read_stderr, args=(process.stderr,), daemon=True)
        self._drain.start()

    def _read_stderr(self, stderr: IO[bytes]) -> None:
        # The last words matter: what the server sent comes first and may be long.
        with suppress(ValueError):  # closed under our hands when the process is abandoned
            while piece := stderr.read1(4096):  # type: ignore[attr-defined]
                self._said = (self._said + piece)[-_KEPT_OF_STDERR:]

    def expire(self) -> None:
        self._expired = True
        self._kill()

    def finish(self, label: str, command: str, timeout: float) -> None:
        """Waits for the end. Raises GitTimedOut or GitFailed."""
        status = self._process.proc.wait()
        self._drain.join(timeout=5)
        if self._expired:
            raise GitTimedOut(label, command, timeout)
        if status != 0:
            raise GitFailed(label, command, status, self._said.decode("utf-8", "replace"))

    def end(self) -> None:
        """The process and its children are gone and the pipes closed, whatever state they were in."""
        self._kill()
        process = self._process.proc
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with suppress(BrokenPipeError):
                    stream.close()
        process.wait()
        self._drain.join(timeout=5)
        process.stderr.close()

    def _kill(self) -> None:
        if self._process.proc.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.proc.pid, signal.SIGKILL)
