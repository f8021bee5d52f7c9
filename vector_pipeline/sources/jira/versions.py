"""The versions of issues and attachments: composites of which a listing may know only some parts.

`jira-1|u…|p…|d…|c…|w…`: `u` is the time of the last change, `p` names the project and how documents are made, `d` what
of the fields reached the document, `c` and `w` the comments and work logs. Only `u` and `p` are cheap to read. The rest
changes without `u` where Jira changes things silently, and is taken over from the version held until a listing reads
it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

FORMAT = "jira-1"
"""Names what is made of an issue: another value means that every issue is read again."""


@dataclass(frozen=True, slots=True)
class IssueVersion:
    """`rest` is "" where the parts that only the whole issue tells are not known."""

    updated: int
    project: str
    rest: str = ""

    def __str__(self) -> str:
        return f"{FORMAT}|u{self.updated}|p{self.project}|{self.rest or '?'}"

    @classmethod
    def parse(cls, version: str) -> IssueVersion | None:
        """The version behind the text; None for one that another release wrote."""
        parts = version.split("|", 3)
        if len(parts) != 4 or parts[0] != FORMAT or not (parts[1][:1] == "u" and parts[2][:1] == "p"):
            return None
        changed = parts[1][1:]
        if not changed.isdigit():
            return None
        return cls(int(changed), parts[2][1:], "" if parts[3] == "?" else parts[3])


def listed_version(updated: int, project: str, held: str | None) -> str:
    """The version of an issue of which a listing read only the time of change: the one held, if that still fits."""
    known = IssueVersion.parse(held) if held is not None else None
    if held is not None and known is not None and (known.updated, known.project) == (updated, project):
        return held
    return str(IssueVersion(updated, project))


def assumed_version(project: str, held: str | None) -> str:
    """The version of an issue of which a listing read only that it is there: the one held, of this project."""
    known = IssueVersion.parse(held) if held is not None else None
    return str(IssueVersion(0, project)) if known is None else str(replace(known, project=project))


@dataclass(frozen=True, slots=True)
class AttachmentVersion:
    """An attachment never changes: `content` names all of it, `place` its issue's key and who may read it, which do."""

    content: str
    project: str
    place: str

    def __str__(self) -> str:
        return f"{FORMAT}|f{self.content}|p{self.project}|{self.place}"


def same_content(one: str, other: str) -> bool:
    """Whether two versions of an attachment differ in its place and readers at most."""
    parts, others = one.split("|", 3), other.split("|", 3)
    return len(parts) == len(others) == 4 and parts[:2] == others[:2]


def assumed_attachment(project: str, held: str) -> str:
    """The version of an attachment that a listing did not read: the one held, of this project."""
    parts = held.split("|", 3)
    if len(parts) != 4 or parts[0] != FORMAT:
        return f"{FORMAT}|?"
    return "|".join((parts[0], parts[1], f"p{project}", parts[3]))
