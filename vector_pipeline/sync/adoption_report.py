"""What an adoption did, in numbers: for each source, for the collection of the others, and for all texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from vector_pipeline.sync.adoption import Likeness, Verdict


@dataclass(frozen=True, slots=True)
class SourceShare:
    """What a source has of the adoption, in chunks.

    `embedded_before` had a vector already, of `found` the other collection holds the text, `adopted` got their vector
    from there now, and `left` is for the next sync to embed. `error` says why the source could not be read.
    """

    partition: str
    chunks: int = 0
    embedded_before: int = 0
    found: int = 0
    adopted: int = 0
    left: int = 0
    error: str = ""


@dataclass(frozen=True, slots=True)
class ForeignCounts:
    """The points there: all, those without text, those that match a chunk of ours and those that match none.

    With addresses given, of those that match none: `of_changed` belong to documents that are held here too (changed
    since, or cut otherwise), `of_unknown` to documents that no source has; `unknown` names some of these.
    """

    points: int = 0
    without_text: int = 0
    matched: int = 0
    unmatched: int = 0
    of_changed: int | None = None
    of_unknown: int | None = None
    unknown: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Adoption:
    """The outcome. `adopted` texts need no embedding any more (in a dry run: would need none).

    `contradicted` texts have several vectors there that differ. `refused` says why vectors were not taken over, with
    how many. `verdicts` holds the comparison of a sample for each kind of likeness, where one was made.
    """

    collection: str
    vector: str
    dry_run: bool
    sources: Sequence[SourceShare]
    foreign: ForeignCounts
    adopted: int = 0
    contradicted: int = 0
    refused: Mapping[str, int] = field(default_factory=dict)
    verdicts: Mapping[Likeness, Verdict] = field(default_factory=dict)

    @property
    def failed(self) -> bool:
        """Whether a source could not be read: what it holds was not compared."""
        return any(source.error for source in self.sources)

    @property
    def left(self) -> int:
        """Chunks that the next sync has to embed."""
        return sum(source.left for source in self.sources)
