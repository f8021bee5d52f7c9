"""The version of a document: everything it depends on, in parts that the source reads back itself.

Pure. A cheap listing reads only some parts and takes the others over from the version that is held, so that it never
makes a document look changed. Together the versions held are also the tree of the space: each names what is above it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace

from vector_pipeline.documents import canonical_json, hash16

_SEPARATOR = "|"
_CONVERSION = "."


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of a version. All but `kind`, `number` and `above` are short hashes, "" for nothing."""

    kind: str
    number: str
    """Number of the version at the service."""
    title: str
    above: str
    """Id of the parent page, or of what a comment or an attachment hangs on."""
    place: str = ""
    """Ids and titles of all pages above."""
    labels: str = ""
    access: str = ""
    comments: str = ""
    """Of a page whose text holds its comments: their number and a hash. Of a comment: its state."""
    status: str = ""
    """Of a page that is not current but taken: "archived"."""
    identity: str = ""
    """The space's name, the settings and the form of documents; of some attachments also what converts them."""

    def text(self) -> str:
        """The version as one text."""
        return _SEPARATOR.join(getattr(self, name) for name in _NAMES)

    def same_content(self, other: Parts) -> bool:
        """Whether the two differ at most in where the content hangs and who may read it."""
        mine, others = (self.kind, self.number, self.title), (other.kind, other.number, other.title)
        return mine == others and self.conversion == other.conversion

    def converted_by(self, conversion: str) -> Parts:
        """The same with what converts the file."""
        return replace(self, identity=f"{_CONVERSION}{conversion}" if conversion else "")

    def identified(self, identity: str) -> Parts:
        """The same with the identity of the space; what converts the file stays."""
        return replace(self, identity=identity + (f"{_CONVERSION}{self.conversion}" if self.conversion else ""))

    @property
    def conversion(self) -> str:
        """What converts the file, "" where that is nothing of its own."""
        return self.identity.partition(_CONVERSION)[2]

    @property
    def comment_count(self) -> int:
        """How many comments the text of a page holds."""
        count = self.comments.partition(".")[0]
        return int(count) if count.isdecimal() else 0


_NAMES = tuple(field.name for field in fields(Parts))


def parse_version(version: str) -> Parts | None:
    """The parts of a version; None for one that is not of this form."""
    parts = version.split(_SEPARATOR)
    return Parts(*parts) if len(parts) == len(_NAMES) else None


def short_hash(value: object) -> str:
    """Names a JSON value in twelve characters."""
    return hash16(canonical_json(value).encode("utf-8", "surrogatepass"))[:6].hex()


def labels_hash(labels: Iterable[str]) -> str:
    """Names a set of labels, "" for none."""
    names = sorted(set(labels))
    return short_hash(names) if names else ""


def comments_state(comments: Iterable[tuple[str, int, str]]) -> str:
    """Names the comments of a page by (id, version, state): their number, and a hash; "" for none."""
    rows = sorted(comments)
    return f"{len(rows)}.{short_hash(rows)}" if rows else ""


def status_part(status: str) -> str:
    """The part of a version that names a status, "" for the usual one."""
    return "" if status == "current" else status
