"""Results as Dagster metadata: numbers as numbers, so that the UI plots them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from vector_pipeline.consistency.check_file import Check
from vector_pipeline.consistency.result import CheckResult, merged, offender_rows
from vector_pipeline.state.history_table import DocumentChange
from vector_pipeline.sync.stages import CHUNKS, DOCUMENTS, EMBEDDINGS, POINTS, StageResult
from vector_pipeline.sync.summary import Summary

ALWAYS_THERE: Mapping[str, tuple[str, ...]] = {
    DOCUMENTS: ("added", "changed", "deleted", "unchanged"),
    CHUNKS: ("chunked", "chunks", "removed"),
    EMBEDDINGS: ("embedded", "reused", "tokens"),
    POINTS: ("upserted", "deleted", "kept_back"),
}
"""Counts that every materialization of a stage has, so that their plots have no gaps."""


MOST_CHANGES = 50
"""Changed documents that a materialization names."""

_COLUMNS: Mapping[str, str] = {
    "partition": "source",
    "document": "document",
    "why": "why",
    "repair": "repair",
    "point_id": "point",
    "document_id": "document id",
}
"""The columns of `offender_rows`, as they are shown."""

_SAFE_LINK = re.compile(r"https?://[^\s<>|]+")
_MARKUP = re.compile(r"[\\`*_{}\[\]()#+!|<>&~]")


def stage_metadata(result: StageResult, url: str = "") -> dict[str, Any]:
    """The metadata of a materialization: rows, what changed, seconds, the source's version and address."""
    metadata: dict[str, Any] = {
        "dagster/row_count": dg.MetadataValue.int(result.rows),
        "seconds": dg.MetadataValue.float(round(result.seconds, 3)),
        "quarantined": dg.MetadataValue.int(result.failed),
        **{name: dg.MetadataValue.int(0) for name in ALWAYS_THERE[result.stage]},
        **{name.replace(": ", "_").replace(" ", "_"): _number(n) for name, n in result.counts.items()},
    }
    if result.source_version:
        metadata["source_version"] = dg.MetadataValue.text(result.source_version)
    if url:
        is_link = url.startswith(("https://", "http://"))
        metadata["url"] = dg.MetadataValue.url(url) if is_link else dg.MetadataValue.path(url)
    metadata["summary"] = dg.MetadataValue.md(_table(result))
    return metadata


def changes_metadata(changes: Sequence[DocumentChange]) -> dict[str, Any]:
    """The documents a run changed, the latest first, each with a link to where a person reads it; nothing for none."""
    if not changes:
        return {}
    rows = "\n".join(f"| {cell(one.change)} | {_link(one)} |" for one in changes)
    more = f"\n\nthe latest {MOST_CHANGES}" if len(changes) == MOST_CHANGES else ""
    return {"latest_changes": dg.MetadataValue.md(f"| change | document |\n|---|---|\n{rows}\n{more}")}


def summaries_markdown(summaries: Sequence[Summary]) -> dg.MetadataValue[Any]:
    """What runs did, a paragraph for each."""
    told = ("  \n".join(cell(line) for line in summary.lines()) for summary in summaries)
    return dg.MetadataValue.md("\n\n".join(told))


def _link(one: DocumentChange) -> str:
    """The document's own id, as a link where its address is one that a browser may open from a page."""
    name = cell(one.native_id.decode("utf-8", "replace"))
    return f"[{name}](<{one.uri}>)" if _SAFE_LINK.fullmatch(one.uri) else name


def cell(text: str) -> str:
    """Text of a source, in a cell: nothing in it is read as markup."""
    return _MARKUP.sub(r"\\\g<0>", printable(text))


def printable(text: str) -> str:
    """Text of a source on one line, without marks that hide or turn what follows."""
    return "".join(mark if mark.isprintable() else "\N{REPLACEMENT CHARACTER}" for mark in text)


def check_metadata(result: CheckResult) -> dict[str, Any]:
    """The metadata of a check: how much was compared, how many offend, the first of them as a table.

    Numbers are numbers, and every evaluation has the same ones whether it passed or not, so that the UI plots them.
    """
    metadata: dict[str, Any] = {
        "compared": dg.MetadataValue.int(result.compared),
        "offenders": dg.MetadataValue.int(result.offenders),
        "seconds": dg.MetadataValue.float(round(result.seconds, 3)),
        **{name: dg.MetadataValue.float(number) for name, number in result.numbers.items()},
    }
    if result.error:
        metadata["could_not_run"] = dg.MetadataValue.text(result.error)
    if result.offenders:
        metadata["first_offenders"] = _offenders(result)
    for partition, reasons in result.by_partition.items():
        metadata[f"offenders_in_{partition}"] = dg.MetadataValue.int(sum(reasons.values()))
    if result.unconfirmed:
        metadata["being_written"] = dg.MetadataValue.text(", ".join(result.unconfirmed))
    return metadata


def _offenders(result: CheckResult) -> dg.TableMetadataValue:
    """The first offenders: what a person reads in front, the long ids behind, where a narrow window cuts them off."""
    records = [
        dg.TableRecord({shown: printable(row[name]) for name, shown in _COLUMNS.items()})
        for row in offender_rows(result)
    ]
    schema = dg.TableSchema(columns=[dg.TableColumn(shown, "string") for shown in _COLUMNS.values()])
    return dg.MetadataValue.table(records=records, schema=schema)


def check_result(result: CheckResult, asset_key: dg.AssetKey) -> dg.AssetCheckResult:
    """A check's answer in Dagster's form."""
    return dg.AssetCheckResult(
        passed=result.passed,
        asset_key=asset_key,
        check_name=result.name,
        severity=dg.AssetCheckSeverity.ERROR if result.is_error else dg.AssetCheckSeverity.WARN,
        metadata=check_metadata(result),
        description=_description(result),
    )


def partition_check_result(
    check: Check, asset_key: dg.AssetKey, results: Mapping[str, CheckResult]
) -> dg.AssetCheckResult:
    """The answer of a run's check over its partitions: what offends in any of them."""
    if not results:
        return dg.AssetCheckResult(
            passed=True, asset_key=asset_key, check_name=check.name, description="nothing is left"
        )
    return check_result(merged(list(results.values())), asset_key)


def _description(result: CheckResult) -> str:
    """The invariant; where it does not hold, in which partitions."""
    if result.error:
        return f"could not run: {result.error}"
    if result.passed:
        return result.invariant
    where = ", ".join(list(result.by_partition)[:5]) + (", …" if len(result.by_partition) > 5 else "")
    return f"{result.offenders} offenders in {where}: {result.invariant}"


def _number(number: int | float) -> dg.MetadataValue[Any]:
    """A number of its own kind: the UI draws a series of one kind only."""
    return dg.MetadataValue.float(number) if isinstance(number, float) else dg.MetadataValue.int(number)


def _table(result: StageResult) -> str:
    """The counts as a markdown table."""
    rows = "\n".join(f"| {name} | {number:,} |" for name, number in result.counts.items())
    return f"**{result.partition}** · {result.stage} · {result.rows:,} rows\n\n| what | number |\n|---|--:|\n{rows}\n"
