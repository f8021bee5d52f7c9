"""The versions of issues and attachments: composites of which a listing may know only some parts.

`jira-2|u…|p…|a…|d…|c…|w…`: `u` is the time of the last change, `p` names the project and how documents are made, `a`
who may read the issue, `d` what of the fields reached the document, `c` and `w` the comments and work logs. Only `u`,
`p` and `a` are cheap to read. The rest changes without `u` where Jira changes things silently, and is taken over from
the version held until a listing reads it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

FORMAT = "jira-2"
"""Names what is made of an issue: another value means that every issue is read again."""


@dataclass(frozen=True, slots=True)
class IssueVersion:
    """`access` is "" where only the id was read, `rest` where what only the whole issue tells is not known."""

    updated: int
    project: str
    access: str = ""
    rest: str = ""

    def __str__(self) -> str:
        return f"{FORMAT}|u{self.updated}|p{self.project}|a{self.access}|{self.rest or '?'}"

    @classmethod
    def parse(cls, version: str) -> IssueVersion | None:
        """The version behind the text; None for one that another release wrote."""
        parts = version.split("|", 4)
        if len(parts) != 5 or parts[0] != FORMAT or [part[:1] for part in parts[1:4]] != ["u", "p", "a"]:
            return None
        changed = parts[1][1:]
        if not changed.isdigit():
            return None
        return cls(int(changed), parts[2][1:], parts[3][1:], "" if parts[4] == "?" else parts[4])


def listed_version(listed: IssueVersion, held: str | None) -> str:
    """The version of an issue of which a listing read only the cheap parts: the one held, if these still fit."""
    known = IssueVersion.parse(held) if held is not None else None
    if held is not None and known is not None and replace(known, rest="") == listed:
        return held
    return str(listed)


def unlike(project: str) -> str:
    """A version that no document has: what is listed with it is read anyway."""
    return str(IssueVersion(0, project))


def assumed_version(project: str, held: str | None) -> str:
    """The version of an issue of which a listing read only that it is there: the one held, of this project."""
    known = IssueVersion.parse(held) if held is not None else None
    return unlike(project) if known is None else str(replace(known, project=project))


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
