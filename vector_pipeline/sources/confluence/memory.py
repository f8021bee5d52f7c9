"""The cursor of a space: what is remembered between scans besides the versions of what is held.

Small whatever the size of the space: it names only pages with restrictions, and pages that are not held but lie above
others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from vector_pipeline.sources.confluence.answers import moment_at, number_at, text_at, value_at
from vector_pipeline.sources.confluence.space import Space

_MOST_RECENT = 5_000
_FORM = 2
_PAUSE = timedelta(minutes=15)


@dataclass
class Memory:
    """A cursor taken apart."""

    space: Space
    identity: str
    """What the versions say that every document depends on."""
    files: str
    """What attachments are converted by."""
    container: list[str]
    """Access labels of what has no restriction."""
    readers: frozenset[str] = frozenset()
    """Who may see the space as principals, with the settings' labels; empty where that is not known."""
    watermark: datetime | None = None
    """The newest change seen in answers, in the service's own time."""
    others: int = 0
    """How many more contents the service counts than are held: those left out, and what it miscounts."""
    labelled: int = 0
    """How many pages have a label that decides what is taken."""
    recent: set[str] = field(default_factory=set)
    """What was left out and changed shortly before the watermark: already counted among the others."""
    restricted: dict[str, frozenset[str]] = field(default_factory=dict)
    """Principals named by the view restriction of each page that has one."""
    bridges: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Pages and folders that are not held and lie above others: (parent, title)."""
    verified_at: datetime | None = None
    """When labels and restrictions of all pages were last read."""
    unindexed: set[str] = field(default_factory=set)
    """What is held and was not counted yet by the search."""
    counted_at: datetime | None = None
    """When, by the local clock, a census that only the count asked for last found nothing."""

    @property
    def counted_lately(self) -> bool:
        """Whether a count that differs is no reason for a census, as one has just found nothing."""
        return self.counted_at is not None and abs(datetime.now(UTC) - self.counted_at) < _PAUSE

    def saved(self) -> dict[str, Any]:
        """The cursor."""
        return {
            "form": _FORM,
            "space": self.space.saved(),
            "identity": self.identity,
            "files": self.files,
            "container": self.container,
            "readers": sorted(self.readers),
            "watermark": _saved(self.watermark),
            "others": self.others,
            "labelled": self.labelled,
            "recent": sorted(self.recent)[-_MOST_RECENT:],
            "restricted": {page: sorted(names) for page, names in sorted(self.restricted.items())},
            "bridges": {page: list(bridge) for page, bridge in sorted(self.bridges.items())},
            "verified_at": _saved(self.verified_at),
            "unindexed": sorted(self.unindexed)[-_MOST_RECENT:],
            "counted_at": _saved(self.counted_at),
        }

    @staticmethod
    def load(cursor: Mapping[str, Any]) -> Memory | None:
        """What a cursor holds; None for none, or one that is not whole: then everything is read again."""
        space = Space.load(cursor.get("space"))
        restricted, bridges = cursor.get("restricted"), cursor.get("bridges")
        if (
            cursor.get("form") != _FORM
            or space is None
            or not isinstance(restricted, Mapping)
            or not isinstance(bridges, Mapping)
        ):
            return None
        others = value_at(cursor, "others")
        return Memory(
            space=space,
            identity=text_at(cursor, "identity"),
            files=text_at(cursor, "files"),
            container=[str(label) for label in cursor.get("container") or ()],
            watermark=moment_at(cursor, "watermark"),
            others=others if isinstance(others, int) else 0,
            labelled=number_at(cursor, "labelled"),
            recent={str(one) for one in cursor.get("recent") or ()},
            restricted={str(page): frozenset(map(str, names)) for page, names in restricted.items()},
            bridges={str(page): (str(one[0]), str(one[1])) for page, one in bridges.items() if len(one) == 2},
            verified_at=moment_at(cursor, "verified_at"),
            readers=frozenset(map(str, cursor.get("readers") or ())),
            unindexed={str(one) for one in cursor.get("unindexed") or ()},
            counted_at=moment_at(cursor, "counted_at"),
        )


def _saved(moment: datetime | None) -> str:
    return moment.astimezone(UTC).isoformat() if moment else ""
