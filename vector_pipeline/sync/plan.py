"""What a plan says: per source what a sync would do, and what that would cost. Values only.

Numbers have the names that the history of a run gives them ("documents: added", "embeddings: tokens"), so that what
was planned and what was done can be held side by side.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from vector_pipeline.sync.brake import Verdict, releasing_command


class Outlook(StrEnum):
    """What would become of a source."""

    PLANNED = "planned"
    """A sync would have something to look at; what it would do is said."""
    IN_STEP = "in step"
    """A sync would leave it alone."""
    HELD_BACK = "held back"
    """The brake would stop the sync; what is said would happen once it is released."""
    REMOVED = "removed"
    """It left the settings: all of it would go."""
    KEPT = "kept"
    """It left the settings, and this kind of run removes nothing."""
    FAILED = "failed"
    """It could not be looked at."""


class Change(StrEnum):
    """What would become of a document. A renamed one is one document, not one that goes and one that comes."""

    ADDED = "added"
    CHANGED = "changed"
    RENAMED = "renamed"
    METADATA = "metadata only"
    """Its text stays: nothing of it is cut or embedded."""
    MOVED = "moved"
    """It goes; its text stays, as that of another document."""
    DELETED = "deleted"
    FAILED = "failed"
    """It can't be read: it goes to quarantine, and its last good version stays."""
    TO_READ = "to read"
    """Not read by an estimate: new or changed, perhaps not at all."""

    @property
    def is_cut(self) -> bool:
        """Whether such a document is cut because of it."""
        return self in (Change.ADDED, Change.CHANGED, Change.RENAMED, Change.TO_READ)


@dataclass(frozen=True, slots=True)
class DocumentChange:
    """What would become of one document. `name` is its address or path; `former` that of a renamed one before."""

    change: Change
    name: str
    former: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class SourcePlan:
    """What a sync would do to one source.

    `reason` says why it is looked at. `changes` counts documents by what would become of them, `counts` holds the
    numbers that the run's history would have. `unchanged` and `skipped` (by reason) are the rest. `cost` is in the
    settings' currency; `seconds` is None where nothing was ever measured. With `is_estimate` the documents were not
    read and the numbers of texts, tokens and points are guessed from earlier runs.
    """

    source: str
    outlook: Outlook
    reason: str = ""
    is_new: bool = False
    is_estimate: bool = False
    changes: Mapping[Change, int] = field(default_factory=dict)
    unchanged: int = 0
    skipped: Mapping[str, int] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    cost: float = 0.0
    seconds: float | None = None
    brake: Verdict | None = None
    documents: tuple[DocumentChange, ...] = ()
    notes: tuple[str, ...] = ()
    error: str = ""
    hint: str = ""

    @property
    def release(self) -> str:
        """The command that deletes although the brake holds, "" where the brake would not stop the sync."""
        return releasing_command(self.source) if self.outlook == Outlook.HELD_BACK else ""

    @property
    def goes_ahead(self) -> bool:
        """Whether a sync would do what is said."""
        return self.outlook in (Outlook.PLANNED, Outlook.REMOVED)

    @property
    def does_nothing(self) -> bool:
        """Whether a sync would find that there is nothing to do."""
        return not any(self.changes.values()) and not any(self.counts.values())

    def count(self, name: str) -> int:
        """The number of that name, 0 where there is none; what is done to a former collection beside it included."""
        stage, _, what = name.partition(": ")
        return self.counts.get(name, 0) + self.counts.get(f"{stage}: live {what}", 0)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a sync would do. `dropped` are parts of sites that are gone and of which nothing is held."""

    sources: tuple[SourcePlan, ...]
    currency: str
    dropped: tuple[str, ...] = ()

    @property
    def failed(self) -> bool:
        """Whether a source could not be looked at."""
        return any(one.outlook == Outlook.FAILED for one in self.sources)

    @property
    def held_back(self) -> list[SourcePlan]:
        """The sources that the brake would stop."""
        return [one for one in self.sources if one.outlook == Outlook.HELD_BACK]

    def total(self, name: str) -> int:
        """The sum of a number over the sources that would go ahead."""
        return sum(one.count(name) for one in self.sources if one.goes_ahead)

    @property
    def cost(self) -> float:
        """What the sources that would go ahead would cost."""
        return sum((one.cost for one in self.sources if one.goes_ahead), 0.0)

    @property
    def seconds(self) -> float | None:
        """How long they would take one after the other; None where that is not known of one of them."""
        known = [one.seconds for one in self.sources if one.goes_ahead]
        return None if None in known else sum((seconds or 0.0 for seconds in known), 0.0)
