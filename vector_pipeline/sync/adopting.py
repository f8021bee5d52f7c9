"""Carries out an adoption: reads the sources up to their chunks, reads the other collection, keeps its vectors.

The other collection is only read. What is kept are embeddings in the state store, which the ordinary sync then finds
there as if it had made them; hence a run that is stopped or repeated does no harm.
"""

from __future__ import annotations

import math
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

import numpy as np

from vector_pipeline.embedding.base import EmbeddingError, Vectors
from vector_pipeline.errors import PipelineError
from vector_pipeline.index.base import ForeignPoint
from vector_pipeline.state.chunk_texts import ChunkText
from vector_pipeline.sync.adoption import (
    LIKENESS_WORDS,
    AddressMap,
    Claims,
    Likeness,
    OwnTexts,
    Sample,
    Verdict,
    address_key,
    judge,
    unit,
    value_at,
    vector_fault,
)
from vector_pipeline.sync.adoption_report import Adoption, ForeignCounts, SourceShare
from vector_pipeline.sync.chunks import run_chunks
from vector_pipeline.sync.discovery import discover
from vector_pipeline.sync.documents import run_documents
from vector_pipeline.sync.due import due_partition
from vector_pipeline.sync.errors import SyncError
from vector_pipeline.sync.observation import observe
from vector_pipeline.sync.partitions import site_sources
from vector_pipeline.sync.pipeline import Pipeline
from vector_pipeline.sync.progress import report
from vector_pipeline.sync.stages import Options

WINDOW = 2_000
"""Vectors written at once."""

CLAIM_BYTES = 256_000_000
"""Vectors held in memory at once; for more of them, the collection is read several times."""

_NAMED = 20
"""Addresses of unknown documents that are told."""

_PEEKED = 200
"""Points whose vectors are looked at to learn what vectors there are."""


class NotTheSameModel(SyncError):
    """The vectors are not what the configured model gives for the same texts, or nobody can tell."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to adopt and how.

    `text` and `uri` are payload fields there, dots lead into nested ones; `vector` names a vector where there are
    several. Without `take`, texts are only compared. With `headless`, chunks are also found by their own text without
    the headings. `trust` goes without comparing `sample` texts with the model; then only exact texts count.
    """

    collection: str
    text: str
    vector: str | None = None
    uri: str | None = None
    addresses: AddressMap = field(default_factory=AddressMap)
    take: bool = True
    headless: bool = False
    trust: bool = False
    dry_run: bool = False
    sample: int = 20


def adopt(pipeline: Pipeline, wanted: Wanted) -> Adoption:
    """Gives our chunks the vectors that another collection has for their texts.

    Raises SyncError where the collection or its vector is not there, NotTheSameModel where the vectors are of another
    model or the model can't be asked. A source that can't be read is told in the outcome.
    """
    vector = _find_vector(pipeline, wanted)
    errors = read_sources(pipeline)
    return _Adopting(pipeline, wanted, vector, errors).run()


def read_sources(pipeline: Pipeline) -> dict[str, PipelineError]:
    """Brings documents and chunks of all sources in step, without embedding anything; what went wrong, by source."""
    errors = dict(discover(pipeline, list(site_sources(pipeline.settings))).errors)
    observed = observe(pipeline, pipeline.partitions())
    errors |= observed.errors
    run_id = f"adopt-{uuid.uuid4()}"
    for name, version in observed.versions.items():
        if due_partition(pipeline, name, version) is None:
            continue
        try:
            # Not entered into the history, which is about runs of all stages; the next sync is one.
            with pipeline.store.lock(name):
                run_documents(pipeline, name, run_id, Options())
                run_chunks(pipeline, name, run_id, Options())
        except PipelineError as error:
            errors[name] = error
    return errors


def _find_vector(pipeline: Pipeline, wanted: Wanted) -> str:
    """The name of the vector to read. Raises SyncError where there is no such collection or vector."""
    index = pipeline.index
    if not index.exists(wanted.collection) and index.alias(wanted.collection) is None:
        known = ", ".join(index.collections()) or "none"
        raise SyncError(f"there is no collection {wanted.collection} in {index.location}", hint=f"there are: {known}")
    first = islice((point for page in index.foreign_points(wanted.collection) for point in page), _PEEKED)
    names = sorted({name for point in first for name in point.vectors})
    shown = ", ".join(name or "one without a name" for name in names) or "none"
    if wanted.vector is not None and wanted.vector not in names:
        raise SyncError(f"collection {wanted.collection} has no dense vector {wanted.vector}", hint=f"it has: {shown}")
    if len(names) > 1 and wanted.vector is None:
        raise SyncError(f"collection {wanted.collection} has several vectors: {shown}", hint="name one with --vector")
    return wanted.vector if wanted.vector is not None else names[0] if names else ""


class _Adopting:
    """One adoption under way."""

    def __init__(self, pipeline: Pipeline, wanted: Wanted, vector: str, errors: Mapping[str, PipelineError]) -> None:
        self._pipeline, self._wanted, self._vector, self._errors = pipeline, wanted, vector, errors
        self._store = pipeline.store
        self._dimension = pipeline.embedder.dimension
        self._model = pipeline.model
        self._own = OwnTexts(headless=wanted.headless)
        self._embedded: set[int] = set()
        self._found: set[int] = set()
        self._best: dict[int, Likeness] = {}
        self._samples = {likeness: Sample(wanted.sample) for likeness in Likeness}
        self._refused: Counter[str] = Counter()

    def run(self) -> Adoption:
        """The outcome."""
        self._read_own()
        foreign = self._survey()
        verdicts = self._compare()
        adopted, contradicted = self._take(self._accepted(verdicts))
        return Adoption(
            self._wanted.collection,
            self._vector,
            self._wanted.dry_run,
            self._shares(adopted),
            foreign,
            len(adopted),
            contradicted,
            dict(self._refused),
            verdicts,
        )

    def _read_own(self) -> None:
        """Learns the texts of all sources: what they are found by, and which have a vector."""
        entered: set[int] = set()
        for name in self._pipeline.partitions():
            for rows in self._own_rows(name):
                self._embedded.update(row.text_no for row in rows if row.embedded)
                prefixes = {row.text_no: row.prefix for row in rows if row.text_no not in entered}
                for number, body in self._store.text_bodies(list(prefixes)).items():
                    self._own.add(number, body, prefixes[number])
                entered |= prefixes.keys()
                report(name, "own texts", "texts", len(entered))

    def _own_rows(self, name: str) -> Iterator[list[ChunkText]]:
        """The texts of a source, as the configuration in force cuts it."""
        partition = self._store.partition(name).partition_id
        return self._store.chunk_texts(partition, chunking=self._pipeline.chunking, model=self._model)

    def _survey(self) -> ForeignCounts:
        """Reads the collection once: what matches, which vectors fit, and a sample of them."""
        uris = self._own_uris() if self._wanted.uri else set()
        seen: Counter[str] = Counter()
        unknown: dict[str, None] = {}
        for point, text in self._texts(vectors=self._wanted.take):
            seen["points"] += 1
            if not text.strip():
                seen["without text"] += 1
            elif matches := self._own.find(text):
                seen["matched"] += 1
                self._consider(matches, point)
            else:
                seen["unmatched"] += 1
                address = str(value_at(point.payload, self._wanted.uri) or "") if self._wanted.uri else ""
                if self._wanted.addresses.key(address) in uris:
                    seen["of changed"] += 1
                elif self._wanted.uri:
                    seen["of unknown"] += 1
                    if len(unknown) < _NAMED:
                        unknown[address] = None
        return ForeignCounts(
            seen["points"],
            seen["without text"],
            seen["matched"],
            seen["unmatched"],
            seen["of changed"] if self._wanted.uri else None,
            seen["of unknown"] if self._wanted.uri else None,
            list(unknown),
        )

    def _texts(self, *, vectors: bool) -> Iterator[tuple[ForeignPoint, str]]:
        """All points there with their text, "" where there is none."""
        read = 0
        for page in self._pipeline.index.foreign_points(self._wanted.collection, vectors=vectors):
            for point in page:
                text = value_at(point.payload, self._wanted.text)
                yield point, text if isinstance(text, str) else ""
            read += len(page)
            report("", f"points of {self._wanted.collection}", "points", read)

    def _consider(self, matches: Sequence[tuple[int, Likeness]], point: ForeignPoint) -> None:
        """Notes which texts a point could give its vector to."""
        self._found.update(number for number, _ in matches)
        needed = [(number, likeness) for number, likeness in matches if number not in self._embedded]
        if not needed or not self._wanted.take:
            return
        given = point.vectors.get(self._vector)
        if given is None or (fault := vector_fault(given, self._dimension)):
            self._refused["no vector" if given is None else fault] += 1
            return
        vector = unit(given)
        for number, likeness in needed:
            self._best[number] = min(likeness, self._best.get(number, likeness))
            self._samples[likeness].add(number, vector)

    def _compare(self) -> dict[Likeness, Verdict]:
        """Asks the model for a sample of each likeness.

        Raises NotTheSameModel where exact texts have other vectors, or where the model does not answer.
        """
        verdicts: dict[Likeness, Verdict] = {}
        for likeness in [] if self._wanted.trust else sorted(set(self._best.values())):
            theirs = self._samples[likeness].chosen()
            try:
                ours = self._embed(list(theirs))
            except EmbeddingError as error:
                raise NotTheSameModel(
                    f"whether the vectors are of the same model can't be told: {error.message}",
                    hint="mend that, or take exact texts on your word with --trust",
                ) from error
            verdicts[likeness] = verdict = judge(theirs, ours)
            if likeness == Likeness.EXACT and verdict.compared and not verdict.is_same_model:
                raise NotTheSameModel(
                    f"{self._wanted.collection}: the vectors are of another model: of {verdict.compared} texts "
                    f"{verdict.same} have the vector that the configured model gives (lowest cosine "
                    f"{verdict.lowest:.3f})",
                    hint="check the embedding settings, document_prefix too; --embed-again goes on without the vectors",
                )
        return verdicts

    def _embed(self, numbers: list[int]) -> dict[int, Vectors]:
        """Our own vectors of some texts. They are paid for, hence kept."""
        bodies = self._store.text_bodies(numbers)
        found: dict[int, Vectors] = {}
        for batch in self._pipeline.embedder.embed([bodies[number] for number in numbers]):
            some = [numbers[position] for position in batch.positions]
            found |= dict(zip(some, batch.vectors, strict=True))
            if some and not self._wanted.dry_run:
                self._store.add_embeddings(self._model, some, batch.vectors)
        return found

    def _accepted(self, verdicts: Mapping[Likeness, Verdict]) -> set[int]:
        """The texts whose best vectors are of a kind that may be taken; the others are counted as refused."""
        kinds = {likeness for likeness, verdict in verdicts.items() if verdict.is_same_model}
        if self._wanted.trust:
            kinds = {Likeness.EXACT}
        for likeness in Likeness:
            number = sum(best == likeness for best in self._best.values())
            if number and likeness not in kinds:
                why = "can't be taken on trust" if self._wanted.trust else "the model gives another vector"
                self._refused[f"{LIKENESS_WORDS[likeness]}: {why}"] = number
        return {number for number, best in self._best.items() if best in kinds}

    def _take(self, accepted: set[int]) -> tuple[set[int], int]:
        """Reads the collection again and keeps the vectors; the texts that got one, and how many are contradicted."""
        adopted: set[int] = set()
        contradicted = 0
        rounds = math.ceil(len(accepted) * self._dimension * 4 / CLAIM_BYTES)
        for turn in range(rounds):
            claims = self._claims({number for number in accepted if number % rounds == turn})
            contradicted += claims.contradicted
            settled = [(number, claim.vector) for number, claim in claims.settled()]
            for start in range(0, len(settled), WINDOW):
                numbers = [number for number, _ in settled[start : start + WINDOW]]
                vectors = np.stack([vector for _, vector in settled[start : start + WINDOW]])
                if not self._wanted.dry_run:
                    self._store.add_embeddings(self._model, numbers, vectors)
                adopted.update(numbers)
                report("", "vectors kept", "texts", len(adopted), len(accepted))
        return adopted, contradicted

    def _claims(self, numbers: set[int]) -> Claims:
        """The vectors that the points there have for these texts."""
        claims = Claims()
        for point, text in self._texts(vectors=True):
            given = point.vectors.get(self._vector)
            if given is None or vector_fault(given, self._dimension):
                continue
            for number, likeness in self._own.find(text):
                if number in numbers and likeness == self._best[number]:
                    claims.add(number, likeness, unit(given))
        return claims

    def _own_uris(self) -> set[bytes]:
        """Names of the addresses of all documents held here."""
        return {
            address_key(uri)
            for name in self._pipeline.partitions()
            for uris in self._store.live_uris(self._store.partition(name).partition_id)
            for uri in uris
        }

    def _shares(self, adopted: set[int]) -> list[SourceShare]:
        """What each source has of it, in the order of the settings; sites that did not answer at the end."""
        shares = []
        for name in self._pipeline.partitions():
            counts: Counter[str] = Counter()
            for rows in self._own_rows(name):
                for row in rows:
                    before, now = row.text_no in self._embedded, row.text_no in adopted
                    counts["chunks"] += row.chunks
                    counts["embedded_before"] += row.chunks * before
                    counts["found"] += row.chunks * (row.text_no in self._found)
                    counts["adopted"] += row.chunks * now
                    counts["left"] += row.chunks * (not before and not now)
            error = str(self._errors[name]) if name in self._errors else ""
            shares.append(SourceShare(name, **counts, error=error))
        told = {share.partition for share in shares}
        return shares + [SourceShare(name, error=str(why)) for name, why in self._errors.items() if name not in told]
