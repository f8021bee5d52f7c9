"""Which kind of document a file is, told from its name alone.

A table of suffixes and of whole names; no file is opened. What the table lacks is skipped by rule and counted, so
that a film or an archive is never read in vain.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True, slots=True)
class FileKind:
    """How a file is converted (`kind`) and the name of the language its text is written in ("" for prose)."""

    kind: str
    language: str = ""


_PROSE = {
    "markdown": "md markdown mdown mkd mkdn mdwn mdx rmd qmd",
    "text": "txt text log adoc asciidoc org tex textile nfo vtt srt",
    "rst": "rst rest",
    "html": "html htm xhtml",
    "notebook": "ipynb",
    "pdf": "pdf",
}
_OFFICE = {
    "docx": "docx docm dotx dotm",
    "doc": "doc",
    "pptx": "pptx pptm ppsx ppsm potx potm",
    "ppt": "ppt pps",
    "xlsx": "xlsx xlsm xltx xltm",
    "xls": "xls xlt",
    "odt": "odt ott",
    "ods": "ods ots",
    "odp": "odp otp",
    "epub": "epub",
    "fb2": "fb2",
    "rtf": "rtf",
    "eml": "eml",
    "msg": "msg",
    "image": "png jpg jpeg gif webp tif tiff",
}
"""Not among them: dot and pot, which are mostly graphs and translations; archives, which are not entered."""
NEEDS_OFFICE = frozenset(_OFFICE)
"""Kinds that only the office extra reads. PDF is better with it, but is read without it, too."""
_DATA = {
    "json": "json jsonl ndjson geojson json5 jsonc canvas webmanifest",
    "csv": "csv",
    "tsv": "tsv tab",
    "yaml": "yaml yml",
    "toml": "toml",
    "xml": "xml xsd xsl xslt rss atom opml plist dita",
    "ini": "ini cfg conf properties editorconfig",
}
_CODE = {
    "python": "py pyi pyw",
    "javascript": "js mjs cjs jsx",
    "typescript": "ts mts cts",
    "tsx": "tsx",
    "go": "go",
    "java": "java",
    "rust": "rs",
    "c": "c h",
    "cpp": "cc cpp cxx hh hpp hxx ino",
    "csharp": "cs",
    "fsharp": "fs fsx",
    "kotlin": "kt kts",
    "scala": "scala sc",
    "swift": "swift",
    "objectivec": "m mm",
    "ruby": "rb rake gemspec",
    "php": "php",
    "perl": "pl pm",
    "lua": "lua",
    "r": "r",
    "julia": "jl",
    "dart": "dart",
    "haskell": "hs lhs",
    "ocaml": "ml mli",
    "elixir": "ex exs",
    "erlang": "erl hrl",
    "clojure": "clj cljs cljc edn",
    "groovy": "groovy gradle",
    "shell": "sh bash zsh fish",
    "powershell": "ps1 psm1 psd1",
    "batch": "bat cmd",
    "sql": "sql ddl",
    "css": "css scss sass less",
    "vue": "vue",
    "svelte": "svelte",
    "zig": "zig",
    "nim": "nim",
    "lisp": "lisp cl el scm rkt",
    "fortran": "f f90 f95 f03 for",
    "pascal": "pas",
    "vb": "vb vbs",
    "assembly": "asm s",
    "terraform": "tf tfvars hcl",
    "protobuf": "proto",
    "graphql": "graphql gql",
    "thrift": "thrift",
    "cmake": "cmake",
    "make": "mk mak",
    "nix": "nix",
    "starlark": "bzl star",
    "jinja": "j2 jinja jinja2",
    "solidity": "sol",
    "verilog": "v sv",
    "vhdl": "vhd vhdl",
    "cuda": "cu cuh",
    "glsl": "glsl vert frag",
    "diff": "diff patch",
}
_NAMES = {
    "readme license licence copying copyright authors contributors maintainers changelog changes history news notice "
    "install todo version credits thanks codeowners owners": FileKind("text"),
    "makefile gnumakefile": FileKind("code", "make"),
    "dockerfile containerfile": FileKind("code", "dockerfile"),
    "jenkinsfile": FileKind("code", "groovy"),
    "rakefile gemfile vagrantfile brewfile podfile fastfile guardfile": FileKind("code", "ruby"),
    "cmakelists.txt": FileKind("code", "cmake"),
    "procfile justfile": FileKind("code", "shell"),
    "build.bazel workspace.bazel module.bazel": FileKind("code", "starlark"),
    "go.mod go.sum": FileKind("data", "go"),
    "pipfile": FileKind("data", "toml"),
}

_BY_SUFFIX = {
    suffix.encode(): kind
    for table, kind_name in ((_DATA, "data"), (_CODE, "code"))
    for language, suffixes in table.items()
    for kind in (FileKind(kind_name, language),)
    for suffix in suffixes.split()
} | {suffix.encode(): FileKind(kind) for kind, suffixes in (_PROSE | _OFFICE).items() for suffix in suffixes.split()}
_BY_NAME = {name.encode(): kind for names, kind in _NAMES.items() for name in names.split()}


def kind_of(path: bytes | str) -> FileKind | None:
    """The kind of the file at `path`, by name and suffix in any case; None for an unknown or binary kind."""
    raw = path.encode("utf-8", "surrogatepass") if isinstance(path, str) else path
    name = raw[raw.rfind(b"/") + 1 :].lower()
    by_name = _BY_NAME.get(name)
    if by_name is not None:
        return by_name
    stem, dot, suffix = name.rpartition(b".")
    if not dot:
        return None
    if stem:
        found = _BY_SUFFIX.get(suffix)
        if found is not None:
            return found
    return _by_first_part(name)


@lru_cache(maxsize=4096)
def _by_first_part(name: bytes) -> FileKind | None:
    """Dockerfile.dev, Makefile.am, README.fr: a well known name with something of the user's behind it."""
    first, _, rest = name.partition(b".")
    if rest.isalpha() and len(rest) <= 12 and first in (b"dockerfile", b"containerfile", b"makefile", b"jenkinsfile"):
        return _BY_NAME[first]
    return FileKind("text") if first == b"readme" and 2 <= len(rest) <= 3 and rest.isalpha() else None
