"""Which URLs the settings of a site cover: hosts, folders, patterns, parameters, kinds, and a guard against traps.

Pure text, no request. The one idea: every rule answers with a reason in words, so that what is left out can be counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from urllib.parse import unquote_to_bytes, urlsplit

from vector_pipeline.sources.ignore_rules import rules_from_settings
from vector_pipeline.sources.public_docs.urls import MAX_URL, normal_url

MAX_SEGMENTS = 25
"""Segments of a path; deeper ones come from links that grow with each page (calendars, broken relative links)."""
MAX_REPETITIONS = 3
"""How often one segment may stand in a path, for the same reason."""

_PAGE_SUFFIXES = frozenset("html htm xhtml shtml php asp aspx jsp md txt xml pdf".split())
_NO_DOCUMENT = frozenset(
    # images
    "png jpg jpeg jpe gif svg svgz webp avif ico bmp tif tiff apng heic psd eps "
    # what pages are made with
    "css scss less js mjs map wasm woff woff2 ttf otf eot webmanifest "
    # archives and packages
    "zip gz tgz bz2 tbz xz txz zst lz lzma 7z rar tar jar war ear whl egg gem deb rpm apk dmg iso img pkg msi "
    "cab crate "
    # media
    "mp3 mp4 m4a m4v mov avi mkv webm ogg oga ogv opus wav flac aac wmv mpg mpeg swf "
    # programs and data
    "exe dll so dylib bin dat class pyc o a lib sqlite db parquet npz npy h5 pkl onnx safetensors pt ckpt "
    "sig asc sha256 "
    # calendars, certificates and search indexes of doc generators
    "ics pem crt key inv torrent".split()
)


class Scope:
    """What a site covers: URLs in or below the folder of one of `roots`, and those of further `hosts`.

    A root that ends with a slash, or whose last segment names a page ("index.html"), covers its folder; any other root
    covers itself and what is below it. A host in `hosts` ("docs.example.org", "example.org:8080") without a root of its
    own is covered whole. `include` and `exclude` are gitignore patterns on the decoded path. Links with parameters
    that are not in `query_parameters` are left out; "*" allows all.
    """

    def __init__(
        self,
        roots: Sequence[str],
        hosts: Sequence[str] = (),
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
        query_parameters: Sequence[str] = (),
    ) -> None:
        self._roots = frozenset(filter(None, map(normal_url, roots)))
        self._folders: dict[str, tuple[str, ...]] = {}
        for url in sorted(self._roots):
            parts = urlsplit(url)
            for host in _ports(parts.netloc):
                self._folders[host] = (*self._folders.get(host, ()), _folder(parts.path))
        for entry in hosts:
            for host in _ports(urlsplit(normal_url(f"https://{entry}")).netloc):
                self._folders.setdefault(host, ("/",))
        self._include = rules_from_settings(include)
        self._exclude = rules_from_settings(exclude)
        self._parameters = frozenset(query_parameters)

    def reason_to_skip(self, url: str, *, listed: bool = False) -> str:
        """Why a URL in normal form is left out, "" for one that is covered.

        "too long", "other host", "outside the site", "too deep", "kind", "ignored" or "query". `listed` says that the
        site's own sitemap names the URL: then its parameters are wanted, as are those of a root.
        """
        if len(url) > MAX_URL:
            return "too long"
        parts = urlsplit(url)
        folders = self._folders.get(_with_port(parts.scheme, parts.netloc))
        if folders is None:
            return "other host"
        path = parts.path
        if not any(path.startswith(folder) or path == folder[:-1] for folder in folders):
            return "outside the site"
        segments = path[1:].split("/")
        if len(segments) > MAX_SEGMENTS or max(Counter(segments).values()) > MAX_REPETITIONS:
            return "too deep"
        _, dot, suffix = segments[-1].rpartition(".")
        if dot and suffix.lower() in _NO_DOCUMENT:
            return "kind"
        if (self._include or self._exclude) and self._is_ignored(path):
            return "ignored"
        if parts.query and not listed and url not in self._roots and not self._takes_query(parts.query):
            return "query"
        return ""

    def _is_ignored(self, path: str) -> bool:
        """Patterns match a path as Git matches that of a file: each folder on the way counts, and the page itself."""
        included, covered = -1, b""
        segments = unquote_to_bytes(path[1:].removesuffix("/")).split(b"/")
        for number, segment in enumerate(segments, 1):
            covered = covered + b"/" + segment if covered else segment
            is_folder = number < len(segments) or path.endswith("/")
            if self._exclude.decides(covered, segment, is_folder):
                return True
            included = max(included, self._include.last_match(covered, segment, is_folder))
        return bool(self._include) and not self._include.takes(included)

    def _takes_query(self, query: str) -> bool:
        if "*" in self._parameters:
            return True
        return all(piece.partition("=")[0] in self._parameters for piece in query.split("&"))


def _folder(path: str) -> str:
    folder, _, name = path.rpartition("/")
    _, dot, suffix = name.rpartition(".")
    is_page = bool(dot) and suffix.lower() in _PAGE_SUFFIXES
    return f"{folder}/" if is_page or not name else f"{path}/"


def _with_port(scheme: str, netloc: str) -> str:
    return netloc if _has_port(netloc) else f"{netloc}:{443 if scheme == 'https' else 80}"


def _ports(netloc: str) -> list[str]:
    """The host with each port it is covered on: http and https of one host are one site, another port is another."""
    if not netloc:
        return []
    return [netloc] if _has_port(netloc) else [f"{netloc}:443", f"{netloc}:80"]


def _has_port(netloc: str) -> bool:
    return netloc.rpartition(":")[2].isdigit() and not netloc.endswith("]")
