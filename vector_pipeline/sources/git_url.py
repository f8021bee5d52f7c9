"""Addresses of Git repositories: what a person wrote, taken apart and made safe to hand to Git.

Pure text, nothing is contacted. The one idea: credentials are split off at once, so that every other form of
the address (for Git, for people, for hashes) is without them.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from vector_pipeline.sources.base import SourceMisconfigured

_SCHEMES = frozenset({"https", "http", "ssh", "git", "file"})
_SCP_LIKE = re.compile(r"(?:(?P<user>[^@/:\s]+)@)?(?P<host>\[[0-9A-Fa-f:.]+\]|[^@/:\s\[\]]+):(?P<path>.*)", re.DOTALL)
_FORBIDDEN_IN_BRANCH = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|/\.|\.lock(?:/|$)|[./]$|^[./-]|^@$")


@dataclass(frozen=True, slots=True)
class RepositoryUrl:
    """A repository's address without credentials; `user` and `password` are what stood in it.

    `scheme` is "https", "http", "ssh", "git" or "path"; `path` is percent-decoded, for "path" it is absolute.
    `text` is what Git is given.
    """

    scheme: str
    host: str
    port: int | None
    path: str
    text: str
    user: str = ""
    password: str = field(default="", repr=False)

    @property
    def display(self) -> str:
        """The address as people may see it."""
        return Path(self.path).as_uri() if self.scheme == "path" else self.text

    @property
    def origin(self) -> str:
        """scheme://host[:port] of an http address: what credentials are bound to."""
        port = f":{self.port}" if self.port else ""
        return f"{self.scheme}://{with_ipv6_brackets(self).host}{port}"


def parse_repository_url(value: str) -> RepositoryUrl:
    """The address taken apart. Raises SourceMisconfigured for one that Git must not be given."""
    if not value or value.startswith("-") or re.search(r"[\x00-\x1f\x7f]", value):
        raise SourceMisconfigured("the repository's url is empty, starts with a dash or has control characters")
    if re.match(r"[A-Za-z0-9+.-]+::", value):
        raise SourceMisconfigured("remote helpers (name::address) are not allowed as a repository's url")
    if "://" in value:
        return _parse_with_scheme(value)
    match = _SCP_LIKE.fullmatch(value)
    if match and not value.startswith((".", "/", "~")):
        _refuse_dash(match["host"], match["path"], match["user"] or "")
        text = f"{match['user']}@{match['host']}:{match['path']}" if match["user"] else value
        return RepositoryUrl("ssh", match["host"].strip("[]").lower(), None, match["path"], text, match["user"] or "")
    path = str(Path(os.path.expanduser(value)).absolute())
    return RepositoryUrl("path", "", None, path, path)


def _parse_with_scheme(value: str) -> RepositoryUrl:
    scheme = value.partition("://")[0].lower()
    if scheme not in _SCHEMES:
        raise SourceMisconfigured(
            f"a repository's url can't start with {scheme}://", hint="write https, http, ssh, git, file or a path"
        )
    if scheme == "file":
        path = value.partition("://")[2]
        if not path.startswith("/"):
            raise SourceMisconfigured("a file:// url must name an absolute path", hint="write file:///path/to/it")
        return RepositoryUrl("path", "", None, unquote(path), unquote(path))
    try:
        parts = urlsplit(value)
        port, host = parts.port, parts.hostname or ""
    except ValueError:
        raise SourceMisconfigured("the repository's url can't be read", hint="check host and port") from None
    if not host:
        raise SourceMisconfigured("the repository's url has no host")
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    _refuse_dash(host, parts.path.lstrip("/"), user)
    shown_host = f"[{host}]" if ":" in host else host
    netloc = shown_host + (f":{port}" if port else "")
    if scheme == "ssh" and user:
        netloc = f"{quote(user)}@{netloc}"
    text = f"{scheme}://{netloc}{parts.path}" + (f"?{parts.query}" if parts.query else "")
    return RepositoryUrl(scheme, host, port, unquote(parts.path), text, user, password)


def _refuse_dash(*parts: str) -> None:
    """A host, user or path that starts with a dash would be an option to ssh or to the remote's Git."""
    if any(part.startswith("-") for part in parts):
        raise SourceMisconfigured("no part of a repository's url may start with a dash")


def with_ipv6_brackets(url: RepositoryUrl) -> RepositoryUrl:
    """The same address with an IPv6 host in brackets, as links need it."""
    return replace(url, host=f"[{url.host}]") if ":" in url.host else url


def checked_branch(name: str) -> str:
    """The branch's short name, or "" for the default branch. Raises SourceMisconfigured for an impossible one."""
    short = name.removeprefix("refs/heads/")
    if short and _FORBIDDEN_IN_BRANCH.search(short):
        raise SourceMisconfigured(f"{name!r} can't be the name of a branch")
    return short


def checked_subpath(name: str) -> bytes:
    """The folder as path bytes without slashes at the ends. Raises SourceMisconfigured for one that leaves the tree."""
    folder = name.strip("/")
    parts = folder.split("/") if folder else []
    if folder.startswith("-") or "\x00" in folder or any(part in ("", ".", "..") for part in parts):
        raise SourceMisconfigured(f"{name!r} can't be a folder of a repository", hint="write it as docs/guide")
    return folder.encode("utf-8", "surrogateescape")
