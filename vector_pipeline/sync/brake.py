"""The brake on mass deletion: what a look at a source would take away for good, and whether a person must allow it.

Asked by the documents stage before it deletes, and by a plan that only says what would happen.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass

from vector_pipeline.settings_limits import LimitSettings
from vector_pipeline.sync.listing import Looked
from vector_pipeline.sync.planning import brake_holds, count_vanished


@dataclass(frozen=True, slots=True)
class Verdict:
    """`vanished` of `held` documents are gone and their text with them; `holds`: none may be deleted unasked."""

    vanished: int
    held: int
    holds: bool


def staying_contents(looked: Looked, read: Set[bytes]) -> set[bytes]:
    """Content hashes of what will be there: `read` just now, or held and neither read again nor deleted."""
    plan = looked.plan
    untouched = looked.held.join(plan.delete, on="native_id", how="anti").join(plan.fetch, on="native_id", how="anti")
    return {*read, *untouched["content_hash"].to_list()}


def judge(looked: Looked, staying: set[bytes], limits: LimitSettings) -> Verdict:
    """What the brake says of the deletions that follow from a look."""
    vanished = count_vanished(looked.plan.delete, staying)
    held = looked.held.height
    holds = brake_holds(
        vanished,
        held,
        documents=limits.brake_documents,
        share=limits.brake_share,
        nothing_listed=looked.listing.complete and looked.listing.items.is_empty(),
    )
    return Verdict(vanished, held, holds)


def releasing_command(source: str) -> str:
    """The command that deletes although the brake holds."""
    return f"vector-pipeline sync --source {source} --allow-deletions"
