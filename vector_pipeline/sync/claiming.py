"""Which configured source has the thing that a person names: a path, an address, a key or an id.

First every source is asked whether it may be its own, without a request; then only those that say so look.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from vector_pipeline.errors import PipelineError
from vector_pipeline.sources.base import Finds
from vector_pipeline.sync.errors import SyncError
from vector_pipeline.sync.pipeline import Pipeline

MOST_ASKED = 25
"""Sources that look for one thing; where more may have it, a person must say which."""

_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Claim:
    """A partition whose source has the thing, and the native id that it has there."""

    partition: str
    native_id: bytes


class NotClaimed(SyncError):
    """No source has it, or several have."""


def find_claim(pipeline: Pipeline, wanted: str, partitions: Sequence[str]) -> Claim:
    """The one of the partitions whose source has what is named so.

    Raises NotClaimed where none has it, more than one, or too many may; the SourceError of a source that did not answer
    where no other has it.
    """
    claiming = [name for name in partitions if _claims(pipeline, name, wanted)]
    if not claiming:
        raise NotClaimed(f"no configured source has {wanted!r}; there are: {_named(partitions)}", hint=_advice(wanted))
    if len(claiming) > MOST_ASKED:
        raise NotClaimed(
            f"{len(claiming)} sources may have {wanted!r}: {_named(claiming)}", hint="say which one with --source"
        )
    found: list[Claim] = []
    errors: list[PipelineError] = []
    for name in claiming:
        try:
            native_id = _identified(pipeline, name, wanted, alone=len(claiming) == 1)
        except PipelineError as error:
            errors.append(error)
            continue
        if native_id is not None:
            found.append(Claim(name, native_id))
    if not found and errors:
        raise errors[0]
    if not found:
        raise NotClaimed(f"{wanted!r} is not to be found in {_named(claiming)}", hint="is it there, and visible?")
    if len(found) > 1:
        names = _named([claim.partition for claim in found])
        raise NotClaimed(f"{wanted!r} is in {len(found)} sources: {names}", hint="say which one with --source")
    return found[0]


def _claims(pipeline: Pipeline, name: str, wanted: str) -> bool:
    with pipeline.source(name) as source:
        return isinstance(source, Finds) and source.claims(wanted)


def _identified(pipeline: Pipeline, name: str, wanted: str, *, alone: bool) -> bytes | None:
    """The native id of what is named so; where several sources may have it, only if this one really has."""
    with pipeline.source(name) as source:
        assert isinstance(source, Finds), "it claimed to have it"
        native_id = source.identify(wanted)
        if native_id is None or alone:
            return native_id
        return native_id if source.has(native_id) else None


def _named(partitions: Sequence[str]) -> str:
    more = f" and {len(partitions) - _SHOWN} more" if len(partitions) > _SHOWN else ""
    return (", ".join(partitions[:_SHOWN]) or "none") + more


def _advice(wanted: str) -> str:
    """What to add to the settings for a source to have it."""
    if wanted.startswith(("http://", "https://")):
        return (
            "add its site under sources.public_docs, its space under sources.confluence or its project under "
            "sources.jira in pipeline.yaml"
        )
    if re.fullmatch(r"[A-Z][A-Z0-9_]+-\d+", wanted):
        return (
            f"add the project {wanted.rpartition('-')[0]} to `projects` of a source under sources.jira in pipeline.yaml"
        )
    if wanted.isdigit():
        return "name its address instead of the id, or add its space under sources.confluence in pipeline.yaml"
    return "check the path; else add its folder under sources.local_files, or its repository under sources.git"
