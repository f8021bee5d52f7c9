"""How much there is: documents, chunks, points, texts, vectors, bytes, and what embedding has cost so far.

All numbers come from the state store and from file sizes; neither the index nor a source is asked.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from vector_pipeline.sync.pipeline import Pipeline

MOST_FILES = 500_000
"""Files whose sizes are added up at most, per place: beyond that the size is a lower bound."""


@dataclass(frozen=True, slots=True)
class Amounts:
    """What is held of one source, or of all. `texts` are different texts of chunks: each is embedded once.

    `tokens` and `cost` were spent by the runs that the history still knows.
    """

    source: str
    documents: int
    chunks: int
    points: int
    texts: int
    quarantined: int
    tokens: int
    cost: float

    @property
    def chunks_per_text(self) -> float:
        """How often a text is used: 1.0 where no two chunks are the same, 0.0 where there are none."""
        return self.chunks / self.texts if self.texts else 0.0


@dataclass(frozen=True, slots=True)
class Stats:
    """Amounts by source and in total, `vectors` of the model in use, bytes on disk by what they are for."""

    sources: tuple[Amounts, ...]
    total: Amounts
    vectors: int
    sizes: dict[str, int]
    currency: str


def collect(pipeline: Pipeline, sources: Sequence[str] | None = None) -> Stats:
    """The amounts of these sources, or of all that are held. The total and the sizes are always of everything."""
    store = pipeline.store
    record = store.find_target(pipeline.collection)
    held = store.summaries(record.number if record else None, pipeline.chunking).to_dicts()
    texts = store.count_texts(pipeline.chunking, pipeline.model)
    spent = {one.partition: one for one in store.spent()}
    rows = []
    for row in held:
        name, cost = row["name"], spent.get(row["name"])
        rows.append(
            Amounts(
                name,
                row["documents"] or 0,
                row["chunks"] or 0,
                row["points"] or 0,
                texts.by_partition.get(name, 0),
                row["quarantined"] or 0,
                cost.tokens if cost else 0,
                cost.cost if cost else 0.0,
            )
        )
    chosen = [row for row in rows if sources is None or row.source in sources]
    currency = pipeline.settings.embedding.currency
    return Stats(tuple(chosen), _total(rows, texts.shared), texts.vectors, disk_sizes(pipeline), currency)


def disk_sizes(pipeline: Pipeline) -> dict[str, int]:
    """Bytes on disk by purpose. What is kept on a server is not counted."""
    data, state = pipeline.data_dir, pipeline.store.location.path
    sizes = {}
    if state is not None:
        sizes["state"] = sum(_size(path) for path in (state, _beside(state, "-wal"), _beside(state, "-shm")))
    places = {
        "index": pipeline.settings.index.path or data / "qdrant",
        "mirrors": data / "mirrors",
        "sites": data / "sites",
        "conversions": data / "conversions",
        "dagster": Path(os.environ.get("DAGSTER_HOME") or data / "dagster"),
        "backups": pipeline.settings.backup.folder or data / "backups",
    }
    return sizes | {name: folder_size(folder) for name, folder in places.items() if folder.is_dir()}


def folder_size(folder: Path, most_files: int = MOST_FILES) -> int:
    """Bytes of the files below a folder, at most so many of them. What vanishes meanwhile counts for nothing."""
    total = 0
    for number, entry in enumerate(_files(folder)):
        if number >= most_files:
            break
        try:
            total += _on_disk(entry.stat(follow_symlinks=False))
        except FileNotFoundError:
            continue
    return total


def _files(folder: Path) -> Iterator[os.DirEntry[str]]:
    waiting = [str(folder)]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    else:
                        yield entry
        except OSError:
            continue


def _total(rows: Sequence[Amounts], texts: int) -> Amounts:
    return Amounts(
        "",
        sum(row.documents for row in rows),
        sum(row.chunks for row in rows),
        sum(row.points for row in rows),
        texts,
        sum(row.quarantined for row in rows),
        sum(row.tokens for row in rows),
        sum(row.cost for row in rows),
    )


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(f"{path.name}{ending}")


def _size(path: Path) -> int:
    try:
        return _on_disk(path.stat())
    except FileNotFoundError:
        return 0


def _on_disk(facts: os.stat_result) -> int:
    """Bytes that a file takes: Qdrant makes files much longer than what it writes into them."""
    blocks = getattr(facts, "st_blocks", None)
    return facts.st_size if blocks is None else blocks * 512
