"""What Jira's answers hold, read without trusting them: fields may be missing, null or of another type.

Pure. Reading a value never fails; what can't be read is empty, and only an issue without an id is no issue.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,6})\d*)?(Z|[+-]\d\d:?\d\d)")
_NUMBER = re.compile(r"[0-9]{1,18}")
_MAIL = re.compile(r"(?:mailto:)?[^\s@<>]+@[^\s@<>]+\.[^\s@<>]+", re.IGNORECASE)
_KEY = re.compile(r"[A-Za-z][A-Za-z0-9_]*-[0-9]+")
_NO_FIELDS: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Issue:
    """One issue of an answer: its numeric id as text, its key, and whichever fields were asked for."""

    id: str
    key: str
    fields: Mapping[str, Any]
    changelog: Mapping[str, Any]

    @property
    def native_id(self) -> bytes:
        """What it is known by in the index; the key changes when the issue moves."""
        return self.id.encode()

    @property
    def updated(self) -> int:
        """The time of its last change in epoch milliseconds; 0 where the answer does not tell."""
        return milliseconds(self.fields.get("updated"))


def issue_of(value: Any) -> Issue | None:
    """The issue that a part of an answer describes; None for what is no issue."""
    if not isinstance(value, Mapping):
        return None
    number, key = id_text(value.get("id")), text(value.get("key"))
    if not number:
        return None
    return Issue(
        number, key if _KEY.fullmatch(key) else "", mapping(value.get("fields")), mapping(value.get("changelog"))
    )


def id_text(value: Any) -> str:
    """A numeric id as text, however the answer spells it; "" for anything else."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    return value if isinstance(value, str) and _NUMBER.fullmatch(value) else ""


def text(value: Any) -> str:
    """The text, "" for anything else."""
    return value if isinstance(value, str) else ""


def line(value: Any) -> str:
    """The text on one line, without spaces at its ends."""
    return " ".join(text(value).split())


def mapping(value: Any) -> Mapping[str, Any]:
    """The object, an empty one for anything else."""
    return value if isinstance(value, Mapping) else _NO_FIELDS


def objects(value: Any) -> list[Mapping[str, Any]]:
    """The objects of a list, nothing else in it."""
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []


def number(value: Any) -> int:
    """A whole number, 0 for anything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def moment(value: Any) -> datetime | None:
    """A time as Jira writes it, in UTC; None for anything else.

    It comes with the offset of whoever asks, so that it must never be compared as text.
    """
    found = _TIME.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return None
    zone = "+00:00" if found[3] == "Z" else found[3]
    try:
        return datetime.fromisoformat(f"{found[1]}.{(found[2] or '0').ljust(6, '0')}{zone}").astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def milliseconds(value: Any) -> int:
    """The same in epoch milliseconds, 0 for what is no time."""
    found = moment(value)
    return 0 if found is None else round((found - EPOCH).total_seconds() * 1000)


def utc_text(value: Any) -> str:
    """The same in ISO format in UTC, "" for what is no time."""
    found = moment(value)
    return "" if found is None else found.isoformat(timespec="milliseconds")


def day(value: Any) -> str:
    """The day of a time, in UTC."""
    found = moment(value)
    return "" if found is None else f"{found:%Y-%m-%d}"


def name_of(value: Any) -> str:
    """The name of a status, version, priority and the like."""
    return line(mapping(value).get("name"))


def names_of(value: Any) -> list[str]:
    """The names of a list of such."""
    return [found for found in map(name_of, objects(value)) if found]


def user_name(value: Any) -> str:
    """The display name of a user, never an e-mail address; users who were deleted have none."""
    user = mapping(value)
    names = (line(user.get("displayName")), line(user.get("name")))
    return next((name for name in names if name and not is_mail_address(name)), "")


def is_mail_address(value: str) -> bool:
    """Whether the text is nothing but an e-mail address."""
    return _MAIL.fullmatch(value.strip()) is not None


def digest(value: Any) -> str:
    """Names a JSON value, however deep it is nested. Times are named in UTC, links to the interface not at all."""
    found = hashlib.sha256()
    stack = [value]
    while stack:
        top = stack.pop()
        if isinstance(top, Mapping):
            keys = sorted((str(key), key) for key in top if key not in ("self", "avatarUrls", "iconUrl"))
            found.update(b"{%d" % len(keys))
            for name, key in keys:
                found.update(name.encode("utf-8", "surrogatepass") + b":")
                stack.append(top[key])
        elif isinstance(top, list | tuple):
            found.update(b"[%d" % len(top))
            stack.extend(top)
        else:
            written = utc_text(top) or repr(top)
            found.update(written.encode("utf-8", "surrogatepass") + b",")
    return found.hexdigest()[:16]
