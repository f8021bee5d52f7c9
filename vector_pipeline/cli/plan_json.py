"""A plan as JSON."""

from __future__ import annotations

from typing import TypedDict

from vector_pipeline.sync.plan import Plan, SourcePlan


class PlannedDocumentJson(TypedDict):
    """What would become of one document; named with `--verbose`."""

    # Added, changed, renamed, moved, metadata only, deleted, failed, or to read (estimates).
    change: str
    # Its path or address.
    name: str
    # What a renamed document was called before, else empty.
    former: str
    # Why, where the source knows.
    reason: str


class PlannedBrakeJson(TypedDict):
    """What the brake on mass deletion says of a source."""

    # Whether a sync would stop before it deletes.
    holds: bool
    # Documents that would go, and their text with them.
    vanished: int
    # Documents held now.
    held: int
    # The command that deletes all the same, empty where the brake does not hold.
    release: str


class PlannedSourceJson(TypedDict):
    """What a sync would do to one source."""

    # Type and name, such as git/handbook.
    source: str
    # Planned, in step, held back, removed, kept or failed.
    outlook: str
    # Why a sync would look at it.
    reason: str
    # Whether discovery found it just now.
    is_new: bool
    # Whether texts, tokens and points are guessed from earlier runs.
    is_estimate: bool
    # Documents by what would become of them; only what there is.
    changes: dict[str, int]
    # Documents that stay as they are.
    unchanged: int
    # What is left out by rule, by reason.
    skipped: dict[str, int]
    # The numbers that the history of the run would have.
    counts: dict[str, int]
    # Texts that would be embedded.
    texts: int
    # Tokens of these texts.
    tokens: int
    # Points that would be written.
    points_written: int
    # Points that would be removed.
    points_removed: int
    # What that costs, in the currency of the settings.
    cost: float
    # About how many seconds it takes, null where nothing was measured yet.
    seconds: float | None
    # The verdict of the brake, null where nothing would be deleted.
    brake: PlannedBrakeJson | None
    # The documents, with --verbose.
    documents: list[PlannedDocumentJson]
    # What else is to be known.
    notes: list[str]
    # Why it could not be looked at, else empty.
    error: str
    # What to do about that.
    hint: str


class PlanTotalsJson(TypedDict):
    """The sources that would go ahead, together."""

    # Texts that would be embedded, each once.
    texts: int
    # Tokens of these texts.
    tokens: int
    # Points that would be written.
    points_written: int
    # Points that would be removed.
    points_removed: int
    # What that costs.
    cost: float
    # About how many seconds it takes, null where that is not known of one of them.
    seconds: float | None


class PlanJson(TypedDict):
    """What a sync would do now."""

    # The sources in the order of a sync.
    sources: list[PlannedSourceJson]
    # Spaces and projects that are gone and of which nothing is held.
    dropped: list[str]
    # All of it together.
    totals: PlanTotalsJson
    # The currency of every cost.
    currency: str


def plan_as_json(plan: Plan) -> PlanJson:
    """The plan for machines; the keys are always the same."""
    return {
        "sources": [_source(one) for one in plan.sources],
        "dropped": list(plan.dropped),
        "totals": {
            "texts": plan.total("embeddings: embedded"),
            "tokens": plan.total("embeddings: tokens"),
            "points_written": plan.total("points: upserted"),
            "points_removed": plan.total("points: deleted"),
            "cost": round(plan.cost, 6),
            "seconds": _rounded(plan.seconds),
        },
        "currency": plan.currency,
    }


def _source(one: SourcePlan) -> PlannedSourceJson:
    brake = one.brake
    return {
        "source": one.source,
        "outlook": one.outlook.value,
        "reason": one.reason,
        "is_new": one.is_new,
        "is_estimate": one.is_estimate,
        "changes": {change.value: number for change, number in one.changes.items()},
        "unchanged": one.unchanged,
        "skipped": dict(one.skipped),
        "counts": dict(one.counts),
        "texts": one.count("embeddings: embedded"),
        "tokens": one.count("embeddings: tokens"),
        "points_written": one.count("points: upserted"),
        "points_removed": one.count("points: deleted"),
        "cost": round(one.cost, 6),
        "seconds": _rounded(one.seconds),
        "brake": None
        if brake is None
        else {"holds": brake.holds, "vanished": brake.vanished, "held": brake.held, "release": one.release},
        "documents": [
            {"change": each.change.value, "name": each.name, "former": each.former, "reason": each.reason}
            for each in one.documents
        ],
        "notes": list(one.notes),
        "error": one.error,
        "hint": one.hint,
    }


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)
