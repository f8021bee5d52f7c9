"""Links to a file of a repository at its host, from the address Git uses.

Pure text. The one idea: a link is a prefix, the quoted path and a suffix, so that a listing of many files
works out its repository once. Links name the branch, not the commit: they change only when the file moves.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote, unquote_to_bytes, urlsplit

from vector_pipeline.sources.git_url import RepositoryUrl, with_ipv6_brackets

_AZURE_SSH = re.compile(r"/?v3/(?P<org>[^/]+)/(?P<project>[^/]+)/(?P<repository>[^/]+?)/?")
_AZURE_HTTP = re.compile(r"(?P<base>/.*?/?_git/[^/]+?)/?")
_BITBUCKET_SERVER = re.compile(
    r"(?P<context>/.*?)?/(?:scm/)?(?P<owner>~?[^/]+)/(?P<repository>[^/]+?)(?:\.git)?/?", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class FileLinks:
    """`prefix` + quoted path + `suffix` is where a person finds a file; `web` says whether a browser opens it."""

    prefix: str
    suffix: str = ""
    web: bool = True

    def link(self, path: bytes) -> str:
        """The link to the file at the path, whatever its bytes are."""
        return self.prefix + quote(path, safe="/") + self.suffix

    def path(self, link: str) -> bytes | None:
        """The path that a link leads to, None for one that leads elsewhere. A part of the file (#L10) is let go."""
        if not link.startswith(self.prefix):
            return None
        rest = link[len(self.prefix) :].partition("#")[0]
        if not rest.endswith(self.suffix):
            return None
        return unquote_to_bytes(rest.removesuffix(self.suffix)) or None


def file_links(url: RepositoryUrl, branch: str, web_url: str = "") -> FileLinks:
    """The links of a repository's branch.

    `web_url` says where the repository is on the web when `url` doesn't: its address, or a pattern
    with {path} and {branch}. Where no host is recognized, links are the repository's url, "#" and the path.
    """
    shown = quote(branch, safe="/")
    if "{path}" in web_url:
        prefix, _, suffix = web_url.replace("{branch}", shown).partition("{path}")
        return FileLinks(prefix, suffix)
    if web_url:
        base = web_url.rstrip("/").removesuffix(".git")
        parts = urlsplit(base)
        return _known_host(parts.hostname or "", base, parts.path, shown) or FileLinks(f"{base}/blob/{shown}/")
    if url.scheme == "path":
        root = Path(url.path)
        separator = "/" if (root / ".git").exists() else "#"
        return FileLinks(root.as_uri() + separator, web=False)
    return _from_address(with_ipv6_brackets(url), shown) or FileLinks(url.text + "#", web=False)


def _from_address(url: RepositoryUrl, branch: str) -> FileLinks | None:
    host, path = url.host, "/" + url.path.strip("/")
    if url.scheme == "ssh" and (host.endswith(("dev.azure.com", "visualstudio.com"))):
        match = _AZURE_SSH.fullmatch(path)
        if match is None:
            return None
        org, project, repository = (quote(unquote(match[name])) for name in ("org", "project", "repository"))
        base = f"https://dev.azure.com/{org}/{project}/_git/{repository}"
        if host.endswith("visualstudio.com"):
            base = f"https://{org}.visualstudio.com/{project}/_git/{repository}"
        return _azure(base, branch)
    # The port of ssh or git:// is not the port of the web site.
    scheme = url.scheme if url.scheme in ("http", "https") else "https"
    port = f":{url.port}" if url.port and url.scheme in ("http", "https") else ""
    site = f"{scheme}://{host}{port}"
    if host != "bitbucket.org" and ("bitbucket" in host or "stash" in host or "/scm/" in path):
        match = _BITBUCKET_SERVER.fullmatch(path)
        if match is None:
            return None
        context = (match["context"] or "").removesuffix("/scm")
        owner, repository = match["owner"], quote(match["repository"])
        kind = f"users/{quote(owner[1:])}" if owner.startswith("~") else f"projects/{quote(owner.upper())}"
        return _bitbucket_server(f"{site}{quote(context)}/{kind}/repos/{repository}", branch)
    return _known_host(host, site + quote(path.removesuffix(".git")), path, branch)


def _known_host(host: str, base: str, path: str, branch: str) -> FileLinks | None:
    """The links below `base` by the habits of its host, or None for a host that is not known."""
    host = host.lower()
    if (host == "dev.azure.com" or host.endswith(".visualstudio.com")) and _AZURE_HTTP.fullmatch(path):
        return _azure(base, branch)
    if host == "bitbucket.org":
        return FileLinks(f"{base}/src/{branch}/")
    if "bitbucket" in host or "stash" in host:
        return _bitbucket_server(base.removesuffix("/browse"), branch)
    if "gitlab" in host:
        return FileLinks(f"{base}/-/blob/{branch}/")
    if "github" in host:
        return FileLinks(f"{base}/blob/{branch}/")
    if any(name in host for name in ("codeberg", "gitea", "forgejo")):
        return FileLinks(f"{base}/src/branch/{branch}/")
    return None


def _azure(base: str, branch: str) -> FileLinks:
    return FileLinks(f"{base}?path=/", f"&version=GB{branch}")


def _bitbucket_server(base: str, branch: str) -> FileLinks:
    return FileLinks(f"{base}/browse/", f"?at=refs/heads/{branch}")
