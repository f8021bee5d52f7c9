"""The repository on the other side: how Git reaches it, which branches it has, and what its refusals mean.

Credentials travel only in the environment of the git process, never in arguments, files or messages, and Git hands
them to the host in the url alone, wherever it is redirected. The user's
own Git settings are not read, so that a source behaves the same for everybody (ssh still reads ~/.ssh, and the
proxy and certificate variables of the environment work); a private HTTPS repository needs `token`.
"""

from __future__ import annotations

import os
import re
import shlex
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from vector_pipeline.settings_sources import GitSettings
from vector_pipeline.sources.base import (
    SourceDenied,
    SourceError,
    SourceMisconfigured,
    SourceUnreachable,
)
from vector_pipeline.sources.git_command import GitCommand, GitFailed
from vector_pipeline.sources.git_url import RepositoryUrl, parse_repository_url

_TRIED_AGAIN = "check the network and the address; nothing is deleted meanwhile, and the next run tries again"
_BRANCHES_NAMED = 10
_OBJECT_ID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")

_CONFIG = """\
[safe]
\tdirectory = *
[core]
\thooksPath = /dev/null
\taskPass =
[credential]
\thelper =
[gc]
\tautoDetach = false
[maintenance]
\tauto = false
[fetch]
\trecurseSubmodules = false
[log]
\tshowSignature = false
"""
"""All the Git settings there are. `safe.directory` lets a local repository of another user be read: naming it
in the settings is the permission. The rest keeps hooks, prompts and background work out."""

_HELPER = (
    '!f() { test "$1" = get && printf "username=%s\\npassword=%s\\n" '
    '"$VECTOR_PIPELINE_GIT_USERNAME" "$VECTOR_PIPELINE_GIT_PASSWORD"; }; f'
)
"""A credential helper that knows one answer. As Git asks helpers by host, a redirect can't lure the token away,
which a fixed Authorization header would allow."""

_DENIED = re.compile(
    r"authentication failed|could not read (?:username|password)|terminal prompts disabled|permission denied"
    r"|returned error: 40[13]|http 40[13]|access denied|authorization failed|invalid credentials|not authorized",
    re.IGNORECASE,
)
_HOST_KEY = re.compile(r"host key verification failed|remote host identification has changed", re.IGNORECASE)
_NOT_FOUND = re.compile(
    r"repository .{0,500}not found|repository not found|returned error: 404|does not appear to be a git repository"
    r"|not valid: is this a git repository|could not be found or you don't have permission|not a git repository"
    r"|unable to update url base from redirection|project not found|no such repository",
    re.IGNORECASE,
)
_BRANCH_GONE = re.compile(r"couldn't find remote ref", re.IGNORECASE)
_UNREACHABLE = re.compile(
    r"could not resolve|couldn't resolve|connection (?:refused|timed out|reset|closed)|failed to connect"
    r"|couldn't connect|no route to host|network is unreachable|timed out|operation too slow|early eof"
    r"|the remote end hung up|rpc failed|unexpected disconnect|unable to access|empty reply"
    r"|could not read from remote repository",
    re.IGNORECASE,
)
_NO_SPACE = re.compile(r"no space left on device|disk quota exceeded", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Tip:
    """What a branch points at: its full name ("HEAD" where nothing better is known) and its commit, "" if unborn."""

    ref: str
    commit: str

    @property
    def branch(self) -> str:
        """The short name of the branch."""
        return self.ref.removeprefix("refs/heads/")


class Remote:
    """One repository as `settings` reach it; `label` ("git/name") opens every message."""

    def __init__(self, label: str, settings: GitSettings, working_dir: Path) -> None:
        self.label = label
        self.url: RepositoryUrl = parse_repository_url(settings.url)
        self.timeout = settings.timeout.total_seconds()
        self._working_dir = working_dir
        self._password = settings.token.get_secret_value() or self.url.password
        self._user = settings.username or self.url.user
        self._ssh_key, self._ssh_known_hosts = settings.ssh_key, settings.ssh_known_hosts

    def command(self, *prefix: str) -> GitCommand:
        """Git with this repository's surroundings; `prefix` goes in front of every command."""
        self._working_dir.mkdir(parents=True, exist_ok=True)
        return GitCommand(self.label, self._working_dir.resolve(), self._environment(), self.timeout, prefix)

    def tip(self, branch: str) -> Tip:
        """Where `branch` stands now ("" is the default branch). One request, a second one only to explain a failure.

        Raises SourceMisconfigured for a missing branch, and SourceUnreachable or SourceDenied.
        """
        wanted = f"refs/heads/{branch}" if branch else "HEAD"
        listed, default = self._ls_remote("--symref", wanted)
        if wanted in listed:
            return Tip(default or wanted, listed[wanted])
        heads, _ = self._ls_remote("--heads")
        if not heads:
            return Tip(wanted, "")
        names = sorted(name.removeprefix("refs/heads/") for name in heads)
        shown = ", ".join(_printable(name, 80) for name in names[:_BRANCHES_NAMED])
        more = f" and {len(names) - _BRANCHES_NAMED} more" if len(names) > _BRANCHES_NAMED else ""
        missing = f"branch {branch!r} does not exist" if branch else "the default branch does not exist"
        raise SourceMisconfigured(f"{self.label}: {missing} in {self.url.display}", hint=f"there are: {shown}{more}")

    def raise_for(self, error: GitFailed) -> NoReturn:
        """Raises what a failed conversation with the repository means to the user."""
        known = self.meaning(error)
        raise known or SourceUnreachable(
            f"{self.label}: {self.url.display} could not be read: {self.last_words(error)}", hint=_TRIED_AGAIN
        ) from None

    def meaning(self, error: GitFailed) -> SourceError | None:
        """The refusal in words of ours, or None for one that is not understood."""
        said, where = error.stderr, f"{self.label}: {self.url.display}"
        if (full := self.out_of_space(error)) is not None:
            return full
        if self.url.scheme == "path" and not os.path.lexists(self.url.path):
            return SourceUnreachable(f"{where} does not exist", hint="check the path, and that its disk is mounted")
        if _BRANCH_GONE.search(said):
            return SourceMisconfigured(f"{where} no longer has the branch", hint="check the branch in the settings")
        if _HOST_KEY.search(said):
            return SourceDenied(
                f"{where}: the host's key is not known or has changed",
                hint="add it to ~/.ssh/known_hosts, or name a file in ssh_known_hosts",
            )
        if _DENIED.search(said):
            return SourceDenied(f"{where} refused access", hint=self._credentials_hint())
        if _NOT_FOUND.search(said):
            return SourceMisconfigured(
                f"{where} is not a repository", hint="check the url; hosts also say so where the token lacks access"
            )
        if _UNREACHABLE.search(said):
            return SourceUnreachable(f"{where} can't be reached: {self.last_words(error)}", hint=_TRIED_AGAIN)
        return None

    def out_of_space(self, error: GitFailed) -> SourceError | None:
        """The error of a full disk, if that is what `error` is."""
        if not _NO_SPACE.search(error.stderr):
            return None
        return SourceError(f"{self.label}: no space left for the mirror", hint="free disk space and run again")

    def last_words(self, error: GitFailed) -> str:
        """The most telling line git printed, without secrets and control characters, cut to 300 characters."""
        lines = [line.strip() for line in error.stderr.splitlines() if line.strip()]
        telling = [line for line in lines if line.startswith(("fatal:", "error:"))] or lines[-1:]
        return _printable(self._scrubbed(telling[0]), 300) if telling else f"status {error.status}"

    def _scrubbed(self, text: str) -> str:
        text = re.sub(r"://[^/\s@]+@", "://", text)
        return text.replace(self._password, "***") if self._password else text

    def _credentials_hint(self) -> str:
        if self.url.scheme == "ssh":
            return "check ssh_key, or that the agent holds a key the host accepts"
        if self.url.scheme == "path":
            return "check the rights on the folder"
        if self._password:
            return "check that the token is valid and may read the repository"
        return "set token if the repository is private"

    def _ls_remote(self, option: str, *patterns: str) -> tuple[dict[str, str], str]:
        """(commit by full ref name, the ref HEAD stands for or "") of refs that match exactly."""
        try:
            out = self.command().run("ls-remote", "--quiet", option, "--", self.url.text, *patterns)
        except GitFailed as error:
            self.raise_for(error)
        refs, default = {}, ""
        for line in out.decode("utf-8", "surrogateescape").split("\n"):
            value, _, name = line.partition("\t")
            if value.startswith("ref: refs/heads/") and name == "HEAD":
                default = value.removeprefix("ref: ")
            elif _OBJECT_ID.fullmatch(value) and (not patterns or name in patterns):
                refs[name] = value
        return refs, default

    def _environment(self) -> Mapping[str, str]:
        config = self._working_dir / "gitconfig"
        if not config.exists() or config.read_text() != _CONFIG:
            partial = config.with_name(f"gitconfig.{os.getpid()}-{threading.get_ident()}.part")
            partial.write_text(_CONFIG)
            partial.replace(config)
        given = {
            "http.lowSpeedLimit": "1",
            "http.lowSpeedTime": str(max(1, min(60, int(self.timeout)))),
        }
        if self._password and self.url.scheme in ("http", "https"):
            given[f"credential.{self.url.origin}.helper"] = _HELPER
        environment: dict[str, str] = {
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": str(config.resolve()),
            "GIT_CONFIG_COUNT": str(len(given)),
            "GIT_CEILING_DIRECTORIES": str(self._working_dir.resolve().parent),
            "GIT_ALLOW_PROTOCOL": "https:http:ssh:git:file",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ASKPASS": "",
            "GIT_SSH_COMMAND": self._ssh_command(),
            "GIT_SSH_VARIANT": "ssh",
            "GIT_NO_REPLACE_OBJECTS": "1",
            "GIT_NO_LAZY_FETCH": "1",
            "GIT_LITERAL_PATHSPECS": "1",
            "GIT_TRACE_REDACT": "1",
            "LC_ALL": "C",
        }
        if self._password:
            environment |= self._credentials()
        for number, (key, value) in enumerate(given.items()):
            environment[f"GIT_CONFIG_KEY_{number}"] = key
            environment[f"GIT_CONFIG_VALUE_{number}"] = value
        return environment

    def _credentials(self) -> Mapping[str, str]:
        """What the helper prints. Hosts that take tokens want a user name all the same, some a certain one."""
        host = self.url.host
        usual = "x-token-auth" if "bitbucket" in host else "oauth2" if "gitlab" in host else "x-access-token"
        user = self._user or usual
        if re.search(r"[\x00-\x1f\x7f]", user + self._password):
            raise SourceMisconfigured(
                f"{self.label}: username or token holds a control character", hint="look for a line end at its end"
            )
        return {"VECTOR_PIPELINE_GIT_USERNAME": user, "VECTOR_PIPELINE_GIT_PASSWORD": self._password}

    def _ssh_command(self) -> str:
        options = ["ssh", "-o", "BatchMode=yes", "-o", f"ConnectTimeout={max(1, min(30, int(self.timeout)))}"]
        options += ["-o", "ServerAliveInterval=15"]
        if self._ssh_key is not None and self.url.scheme == "ssh":
            options += ["-i", _ssh_file(self._ssh_key, self.label, "ssh_key"), "-o", "IdentitiesOnly=yes"]
        if self._ssh_known_hosts is not None and self.url.scheme == "ssh":
            hosts = _ssh_file(self._ssh_known_hosts, self.label, "ssh_known_hosts")
            options += ["-o", f'UserKnownHostsFile="{hosts}"']
        return shlex.join(options)


def _ssh_file(path: Path, label: str, setting: str) -> str:
    """The file as ssh reads it: absolute, with its own % escaped."""
    path = path.expanduser().absolute()
    if not path.is_file():
        raise SourceMisconfigured(f"{label}: the file of {setting} does not exist: {path}")
    return str(path).replace("%", "%%")


def _printable(text: str, limit: int) -> str:
    """Text of a server as one short line: no control characters, no escape sequences."""
    clean = "".join(character if character.isprintable() else "?" for character in text)
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"
