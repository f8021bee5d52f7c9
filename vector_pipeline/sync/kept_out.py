"""Documents that a person keeps out: left out of a listing before anything is planned from it.

The source goes on being told of them as if they were held, so that what it counts and what it knows of its tree stays
right. What hangs on a document that is kept out (attachments, comments) is kept out with it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import polars as pl

from vector_pipeline.sources.base import Hangs, Listing, Source
from vector_pipeline.state.store import StateStore
from vector_pipeline.sync.planning import DocumentPlan

SKIPPED = "kept out"
"""Under what a listing counts what it leaves out for a person."""

_MOST_LEVELS = 5
"""A comment on an attachment of a page hangs two levels deep."""


@dataclass(frozen=True, slots=True)
class Barred:
    """What is kept out of a partition: uri and version by native id; version "" of what its source does not list.

    `is_changed`: this is not what is recorded.
    """

    documents: Mapping[bytes, tuple[str, str]]
    is_changed: bool = False

    @property
    def versions(self) -> dict[bytes, str]:
        """Those that the source listed last, for it to go on from."""
        return {native_id: version for native_id, (_, version) in self.documents.items() if version}


def read_barred(store: StateStore, partition_id: int) -> Barred:
    """What is kept out of a partition now."""
    return Barred({one.native_id: (one.uri, one.version) for one in store.kept_out(partition_id)})


def record_barred(store: StateStore, partition_id: int, barred: Barred) -> None:
    """Records what is kept out after a scan, in the versions that the scan listed."""
    if barred.is_changed:
        store.keep_out(partition_id, barred.documents)


def hanging_on(source: Source, owners: Collection[bytes], versions: Mapping[bytes, str]) -> set[bytes]:
    """Those of the documents (native id to version) that hang on one of the owners, directly or not."""
    if not isinstance(source, Hangs) or not owners:
        return set()
    above = {native_id: source.owner(native_id, version) for native_id, version in versions.items()}
    found: set[bytes] = set()
    for native_id in versions:
        owner = above[native_id]
        for _ in range(_MOST_LEVELS):
            if owner is None:
                break
            if owner in owners:
                found.add(native_id)
                break
            owner = above.get(owner)
    return found


def leave_out(listing: Listing, barred: Barred, source: Source) -> tuple[Listing, pl.DataFrame, Barred]:
    """The listing with what is kept out counted, its items without that, and what is to be kept out from now on."""
    if not barred.documents:
        return listing, listing.items, barred
    listed = _listed(listing.items)
    versions = {native_id: version for native_id, (_, version) in listed.items()}
    out = barred.documents.keys() | hanging_on(source, barred.documents.keys(), versions)
    present = out & listed.keys()
    gone = barred.documents.keys() - listed.keys() if listing.complete else barred.documents.keys() & {*listing.removed}
    still = {failure.native_id for failure in listing.failures}
    after = {
        **barred.documents,
        **{native_id: _named_still(listed[native_id], barred.documents.get(native_id)) for native_id in present},
        **{native_id: (barred.documents[native_id][0], "") for native_id in gone - still},
    }
    told = replace(
        listing,
        removed=[native_id for native_id in listing.removed if native_id not in out],
        failures=[failure for failure in listing.failures if failure.native_id not in out],
        skipped={**listing.skipped, **({SKIPPED: len(present)} if present else {})},
    )
    items = listing.items.filter(~pl.col("native_id").is_in(pl.Series(sorted(out), dtype=pl.Binary).implode()))
    return told, items, Barred(after, is_changed=after != dict(barred.documents))


def expel(plan: DocumentPlan, held: pl.DataFrame, failed: pl.DataFrame, barred: Barred) -> DocumentPlan:
    """The plan that also takes out what is held (HELD) though it is kept out: no loss, which the brake would count.

    What is kept out leaves the quarantine (`failed`, FAILED) too.
    """
    out = pl.col("native_id").is_in(pl.Series(list(barred.documents), dtype=pl.Binary).implode())
    inside = held.filter(out).with_columns(moved=pl.lit(True))
    release = failed.filter(out)["document_id"].to_list()
    return replace(
        plan,
        delete=pl.concat([plan.delete.filter(~out), inside]),
        release=list(dict.fromkeys([*plan.release, *release])),
    )


def _named_still(listed: tuple[str, str], former: tuple[str, str] | None) -> tuple[str, str]:
    """Uri and version as listed; the uri as it was where the listing does not tell it."""
    uri, version = listed
    return (uri or (former[0] if former else ""), version)


def _listed(items: pl.DataFrame) -> dict[bytes, tuple[str, str]]:
    rows = items.select("native_id", "uri", "version").iter_rows()
    return {native_id: (uri, version) for native_id, uri, version in rows}
