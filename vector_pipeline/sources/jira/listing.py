"""What a project holds: by a delta from the newest change seen, or by a census, which may verify every version.

A delta reads what changed since the watermark, less the overlap; then the ids of the issues (where they fit on a page)
or their number must agree with what is held, or a census follows in the same scan. A census on Cloud lists ids only and
leaves the versions of what did not change as they are held, unless files are converted otherwise now. A verification
reads every issue that is held, for what changes without a change of its time. Where nothing is believed everything is
fetched, and so only ids are listed.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from typing import Any

from vector_pipeline.documents import Failure, Item, listing_frame
from vector_pipeline.sources.base import Known, Listing
from vector_pipeline.sources.jira.api import AT_ONCE, DELETED, Read
from vector_pipeline.sources.jira.attachments import CONTENT_HELD, AttachmentRules, is_attachment, issue_part, tells_all
from vector_pipeline.sources.jira.content import issue_version
from vector_pipeline.sources.jira.context import Context, batches, detail_text
from vector_pipeline.sources.jira.gone import Fate, find_fate
from vector_pipeline.sources.jira.probing import Look
from vector_pipeline.sources.jira.reading import read_in_pieces
from vector_pipeline.sources.jira.sections import Hanging, embedded
from vector_pipeline.sources.jira.values import Issue, mapping, moment, number, text
from vector_pipeline.sources.jira.versions import (
    FORMAT,
    IssueVersion,
    assumed_attachment,
    assumed_version,
    listed_version,
    unlike,
)

UNCLEAR = "the site can't say what became of it"

WITH_ATTACHMENTS = detail_text({"attachments": True})
"""The detail of an issue whose attachments no listing has read: its fetch gives them too."""


@dataclass(slots=True)
class _Held:
    """What is held or in quarantine, with the version that was tried last, attachments by their issue."""

    issues: dict[str, str] = field(default_factory=dict)
    files: dict[str, dict[bytes, str]] = field(default_factory=dict)

    @classmethod
    def of(cls, known: Known) -> _Held:
        held = cls()
        for versions in (known.versions, known.failed):
            for native_id, version in versions.items():
                if is_attachment(native_id) and issue_part(native_id):
                    held.files.setdefault(issue_part(native_id), {})[native_id] = version
                elif native_id.isdigit():
                    held.issues[native_id.decode()] = version
        return held


class Lister:
    """One scan of a project."""

    def __init__(self, context: Context, known: Known, look: Look) -> None:
        self._context, self._known, self._look = context, known, look
        self._api, self._settings = context.api, context.settings
        self._rules = AttachmentRules(context.settings, context.converter)
        self._held = _Held.of(known)
        self._contents = {} if known.full else known.versions
        self._due = {issue_part(native_id) for native_id in known.due} - {""}
        self._skipped: Counter[str] = Counter()
        cursor = known.cursor
        same = cursor.get("format") == FORMAT and mapping(cursor.get("project")).get("id") == context.project.id
        self._watermark = number(cursor.get("watermark")) if same else 0
        self._is_same = same and cursor.get("identity") == context.identity
        self._reads_files_otherwise = same and text(cursor.get("files")) != context.files_identity
        self._accepted = number(cursor.get("off"))
        self._verified_at = number(cursor.get("verified_at")) if same else 0

    def listing(self) -> Listing:
        """A delta where the cursor and the counts allow it, else a census. Raises SourceError."""
        changed = self._changed()
        if self._must_list_all:
            return self._census(changed)
        return self._delta(changed) or self._census(changed)

    @property
    def _must_list_all(self) -> bool:
        is_known_well = self._is_same and self._watermark and not self._reads_files_otherwise
        return self._known.census or self._known.full or not is_known_well

    # ---- delta

    def _changed(self) -> dict[str, Issue]:
        """What changed since the watermark; nothing where a listing of everything reads more.

        Epoch milliseconds know no time zone and no minute. Both ends of the window are inclusive, and
        what it holds is told apart by version only.
        """
        reads_all = self._known.full or (self._must_list_all and not self._api.site.cloud)
        if not self._watermark or reads_all:
            return {}
        return self._api.rows(f"{self._context.wanted} AND {self._since}", self._context.listed_fields)

    @property
    def _since(self) -> str:
        overlap = round(self._settings.overlap.total_seconds() * 1000)
        return f"updated >= {max(self._watermark - overlap, 1_000_000)}"

    def _delta(self, changed: dict[str, Issue]) -> Listing | None:
        """The listing of what changed; None when the number of issues says that more happened."""
        held = self._held.issues
        doubtful = (self._due | self._looked_newer()) - changed.keys()
        if self._context.is_filtered:
            anyhow = self._api.ids(f"{self._context.inside} AND {self._since}")
            doubtful |= (anyhow - changed.keys()) & held.keys()
        fate = find_fate(self._context, doubtful, doubtful) if doubtful else Fate()
        listed = changed | fate.present
        if not self._agrees((held.keys() | listed.keys()) - fate.reasons.keys()):
            return None
        items = [item for issue in listed.values() for item in self._items_of(issue)]
        items += [item for each in fate.unread & self._due for item in self._assumed_items(each)]
        there = {item.native_id for item in items}
        reasons = self._reasons(fate)
        for each in listed:
            reasons |= {file: DELETED for file in self._held.files.get(each, {}) if file not in there}
        return Listing(
            listing_frame(items),
            complete=False,
            version=self._look.version,
            cursor=self._cursor(self._accepted, self._verified_at),
            removed=tuple(reasons),
            skipped=dict(self._skipped),
            failures=self._failures(fate),
            reasons=reasons,
        )

    def _looked_newer(self) -> set[str]:
        """Issues that the look shows with a later change than is held: the search may have learned of it so late that
        no window reaches back to it.
        """
        newer = set()
        for issue in self._look.issues:
            held = IssueVersion.parse(self._held.issues.get(issue.id, ""))
            if held is not None and 0 < held.updated < issue.updated:
                newer.add(issue.id)
        return newer

    def _agrees(self, ours: Set[str]) -> bool:
        """Whether the site has just these issues. By number alone one that went and one that appeared, neither with a
        change of its time (archived, restored), look like none; a page of ids is worth its request.
        """
        counted = self._counted()
        if counted <= self._api.ids_at_once:
            return self._api.ids(self._context.wanted) == ours
        return counted - len(ours) == self._accepted

    def _counted(self) -> int:
        return self._api.count(self._context.wanted) if self._context.is_filtered else self._look.count

    # ---- census

    def _census(self, changed: dict[str, Issue]) -> Listing:
        held, full = self._held.issues, self._known.full
        verified_at, verify = self._verified_at, bool(held) and not full and self._must_verify()
        if (self._api.site.cloud and not self._reads_files_otherwise) or verify or full:
            rows, ids = dict(changed), self._api.ids(self._context.wanted) | changed.keys()
        else:
            rows = self._api.rows(self._context.wanted, self._context.listed_fields)
            ids = set(rows)
        absent = (held.keys() | self._held.files.keys()) - ids
        doubtful = self._due if full else self._due | self._looked_newer()
        fate = find_fate(self._context, absent | (doubtful - rows.keys()), ids)
        read: dict[str, list[Item]] = {}
        if verify or full:
            verified_at = round(time.time())
            read, lacking = self._read(self._to_read(verify) & (ids - fate.reasons.keys()), whole=verify)
            fate.add(find_fate(self._context, lacking))
        rows |= fate.present
        ids = (ids | fate.present.keys() | (fate.unread & (held.keys() | self._due))) - fate.reasons.keys()
        if not held:
            verified_at = round(time.time())
        items = [item for each in sorted(ids, key=int) for item in read.get(each) or self._listed_items(each, rows)]
        return Listing(
            listing_frame(items),
            complete=True,
            version=self._look.version,
            cursor=self._cursor(self._counted() - len(ids), verified_at),
            skipped=dict(self._skipped),
            failures=self._failures(fate),
            reasons=self._reasons(fate),
        )

    def _must_verify(self) -> bool:
        """Whether every issue is to be read: when it is time, or when nothing is known of its changes."""
        due = time.time() - self._verified_at >= self._settings.verify_every.total_seconds()
        return not self._watermark or due

    def _to_read(self, verify: bool) -> Set[str]:
        """What a census reads of its own: all issues that are held; or those with attachments, of which the fetch of an
        issue would not tell that they went.
        """
        if verify:
            return self._held.issues.keys()
        return self._held.files.keys() if self._settings.attachments else set()

    def _read(self, ids: Set[str], *, whole: bool) -> tuple[dict[str, list[Item]], set[str]]:
        """Items of the issues as they are now, and the ids of those that are not given out as this project's."""
        context = self._context
        fields = context.read_fields if whole else context.listed_fields  # looked up before threads ask for it
        items: dict[str, list[Item]] = {}
        lacking: set[str] = set()

        def read(some: list[str]) -> Read:
            return read_in_pieces(context, some, fields)

        for answer in self._api.site.each(read, batches(sorted(ids, key=int), AT_ONCE)):
            lacking.update(answer.absent)
            for each, issue in answer.found.items():
                if context.is_here(issue):
                    items[each] = self._items_of(issue, whole=whole)
                else:
                    lacking.add(each)
        return items, lacking

    def _listed_items(self, each: str, rows: Mapping[str, Issue]) -> list[Item]:
        issue = rows.get(each)
        return self._assumed_items(each) if issue is None else self._items_of(issue)

    # ---- items

    def _items_of(self, issue: Issue, *, whole: bool = False) -> list[Item]:
        """The issue and its attachments, of which a listing read at least the listed fields."""
        held = self._held.issues.get(issue.id)
        context = self._context
        if self._known.full:
            version = unlike(context.identity)
        else:
            version = self._whole_version(issue, held) if whole else listed_version(context.listed(issue), held)
        changed_at = moment(issue.fields.get("updated"))
        item = Item(issue.native_id, version, context.web_link(issue), updated_at=changed_at)
        told = self._rules.items(issue, context, self._skipped, self._contents)
        # The later of two wins: what is told stands, and what an answer does not tell of stays as it is held.
        return [item, *([] if tells_all(issue) else self._assumed_files(issue.id)), *told]

    def _assumed_items(self, each: str) -> list[Item]:
        """An issue of which only its id was read, and its attachments as far as they are held."""
        held = None if self._known.full else self._held.issues.get(each)
        detail = WITH_ATTACHMENTS if held is None else ""
        version = assumed_version(self._context.identity, held)
        return [Item(each.encode(), version, detail=detail), *self._assumed_files(each)]

    def _assumed_files(self, each: str) -> list[Item]:
        """The attachments of an issue as far as they are held."""
        identity = self._context.identity
        files = self._held.files.get(each, {}) if self._settings.attachments else {}
        return [
            Item(file, assumed_attachment(identity, version), detail=CONTENT_HELD if file in self._contents else "")
            for file, version in files.items()
        ]

    def _whole_version(self, issue: Issue, held: str | None) -> str:
        """The version of an issue that was read; of long lists of comments, which it carries in part, that held."""
        settings, context = self._settings, self._context
        lists = {}
        for name, rows, wanted in (
            ("comment", "comments", settings.comments),
            ("worklog", "worklogs", settings.worklogs),
        ):
            found, total = embedded(issue, name, rows) if wanted else ([], 0)
            lists[rows] = found if len(found) >= total else None
        version = issue_version(issue, Hanging(lists["comments"], lists["worklogs"]), context)
        if held is None or "?" not in version:
            return version
        now, before = version.split("|"), held.split("|")
        if len(now) != len(before):
            return version
        same = [
            old if new.endswith(".?") and old.startswith(new[:-1]) else new
            for new, old in zip(now, before, strict=True)
        ]
        return "|".join(same)

    def _failures(self, fate: Fate) -> tuple[Failure, ...]:
        """Held issues of which nothing could be learned. They stay, and are asked for again when they are due; what is
        due already is an item, whose fetch tells.
        """
        held = self._held.issues
        unclear = (fate.unread & held.keys()) - self._due
        return tuple(Failure(each.encode(), held[each], "", "scan", UNCLEAR) for each in sorted(unclear, key=int))

    def _reasons(self, fate: Fate) -> dict[bytes, str]:
        """Why issues went, and with them their attachments."""
        found: dict[bytes, str] = {}
        for each, reason in fate.reasons.items():
            found[each.encode()] = reason
            found.update(dict.fromkeys(self._held.files.get(each, {}), reason))
        return found

    def _cursor(self, off: int, verified_at: int) -> dict[str, Any]:
        """What the next scan needs. `off` is by how many issues the site's count and ours differ for good."""
        project = self._context.project
        newest = max((issue.updated for issue in self._look.issues), default=0)
        # A node whose clock is ahead would push the watermark beyond changes still to come.
        newest = min(newest, round(time.time() * 1000)) or self._watermark
        return {
            "format": FORMAT,
            "project": {"id": project.id, "key": project.key, "name": project.name},
            "identity": self._context.identity,
            "files": self._context.files_identity,
            "address": self._context.address_known or text(self._known.cursor.get("address")),
            "watermark": newest,
            "off": off,
            "verified_at": verified_at,
        }
