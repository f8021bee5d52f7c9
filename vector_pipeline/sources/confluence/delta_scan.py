"""A delta: the newest changes, read newest first until nothing new comes, and what they mean for the rest of the space.

What a change does to pages below, attachments and comments is worked out from the versions held, which are also the
tree of the space. It ends by counting: where the service has more or fewer contents than that leaves, a census is
needed.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import replace

from vector_pipeline.documents import Failure, Item
from vector_pipeline.sources.base import Listing
from vector_pipeline.sources.confluence.bridges import Bridges
from vector_pipeline.sources.confluence.census import list_comments, read_pages_by_id
from vector_pipeline.sources.confluence.ground import Ground, counted
from vector_pipeline.sources.confluence.memory import Memory
from vector_pipeline.sources.confluence.picture import Picture, bridge_node, node_of, nodes_of
from vector_pipeline.sources.confluence.presence import ARCHIVED, LEFT_OUT, sort_out
from vector_pipeline.sources.confluence.rows import ATTACHMENT, COMMENT, PAGE, PAGES, Row
from vector_pipeline.sources.confluence.tree import Node, Tree
from vector_pipeline.sources.confluence.versions import Parts, comments_state, labels_hash, short_hash, status_part

_CONTAINERS_AT_ONCE = 50
_FIRST_VERSION = 1


class Delta:
    """One delta of a space since the scan that `memory` is the cursor of."""

    def __init__(self, ground: Ground, memory: Memory) -> None:
        self._ground, self._memory = ground, memory
        self._scope, self._search = ground.scope, ground.search
        overlap = self._scope.settings.overlap
        self._bound = memory.watermark - overlap if memory.watermark else None
        self._rows: dict[str, Row] = {}
        self._due: set[str] = set()
        self._touched: set[str] = set()
        self._removed: dict[str, str] = {}
        self._failures: dict[str, Failure] = {}
        self._skipped: Counter[str] = Counter()
        self._left_out: dict[str, Row] = {}
        self._total: int | None = None
        """How many contents there were when the changes were read."""
        self.only_the_count_differs = False
        """Whether `listing` gave None because the service counts otherwise, and for nothing else."""

    def listing(self) -> Listing | None:
        """What changed, None where a delta can't tell. Raises SourceError."""
        ground, memory = self._ground, self._memory
        self._read_changes()
        picture, bridges = self._drawn()
        entries = picture.entries
        if self._came_back(entries):
            return None
        adds_up = self._adds_up(entries)
        if not adds_up and not memory.counted_lately:
            self.only_the_count_differs = True
            return None
        numbers = sorted(number for number in self._touched if number in entries)
        return Listing(
            items=ground.items(picture, numbers, ground.addresses(memory.space), changed_only=True),
            complete=False,
            # What does not add up is looked at again soon, though the service shows no new change.
            version=ground.version if adds_up else f"{ground.version}?",
            cursor=self._new_memory(picture, bridges).saved(),
            removed=[number.encode() for number in self._removed],
            skipped=dict(self._skipped),
            failures=tuple(self._failures.values()),
            reasons={number.encode(): reason for number, reason in self._removed.items()},
        )

    def one(self, number: str) -> Item | None:
        """The content of that id, which must be due, as a listing tells of it; None where it is not taken.

        Raises SourceError.
        """
        picture, _ = self._drawn()
        if number not in self._due or number not in picture.entries:
            return None
        addresses = self._ground.addresses(self._memory.space)
        return picture.item(number, picture.finished(number).text(), addresses, detailed=True)

    def _drawn(self) -> tuple[Picture, Bridges]:
        """The space with what was read, and what lies above pages without being held."""
        ground, memory = self._ground, self._memory
        self._read_due()
        self._read_parents()
        entries = dict(ground.held)
        restricted = dict(memory.restricted)
        nodes = nodes_of(entries) | {number: bridge_node(bridge) for number, bridge in memory.bridges.items()}
        changed = self._change_tree(nodes, restricted)
        tree = Tree(nodes, restricted, memory.container, memory.readers)
        bridges = Bridges(ground.site, self._search, memory.bridges, afresh=False)
        bridges.complete(tree, restricted, self._rows.values())
        picture = Picture(tree, memory.identity, entries, contents=self._ground.contents(memory))
        self._enter_titles(picture, bridges)
        self._enter_pages(picture)
        self._enter_rest(picture)
        self._enter_comments_of_pages(picture)
        self._drop_what_hangs_on_nothing(picture)
        if changed:
            self._touched |= entries.keys()
            self._drop_restricted(picture)
        return picture, bridges

    # -- reading

    def _read_changes(self) -> None:
        """Changes, newest first, until a page of them holds nothing new and is older than the overlap."""
        cql = self._scope.everything(self._memory.space.key)
        for total, rows in self._search.changes(cql, self._scope.statuses):
            self._total = total if self._total is None else self._total
            for row in rows:
                self._rows.setdefault(row.id, row)
            if all(self._is_old(row) and not self._is_news(row) for row in rows):
                return

    def _is_old(self, row: Row) -> bool:
        return self._bound is not None and row.modified is not None and row.modified < self._bound

    def _is_news(self, row: Row) -> bool:
        """Whether a row shows something that is not held. Only whether to read on depends on it, nothing else."""
        held = self._ground.held.get(row.id)
        if held is None:
            counts = row.kind in PAGES or (row.kind == ATTACHMENT and not self._scope.file_reason(row.title, row.size))
            return counts and row.id not in self._memory.recent and not self._scope.reads_all
        return held.number != str(row.number) or (row.kind != COMMENT and held.title != short_hash(row.title))

    def _read_due(self) -> None:
        """Looks up what is to be tried again; what is there is listed whatever its version."""
        wanted = {native.decode("ascii", "replace") for native in self._ground.known.due} - self._rows.keys()
        presence = sort_out(self._search.rows(sorted(wanted)), self._memory.space.key)
        self._rows |= presence.rows
        for number, reason in presence.reasons.items():
            self._removed[number] = reason
        for number, unanswered in presence.unanswered.items():
            self._failures[number] = self._ground.failure(number, unanswered.reason, self._memory.space)
        self._due = set(presence.rows)
        self._touched |= presence.rows.keys()

    def _read_parents(self) -> None:
        """Cloud: version, title and parent of changed pages from the database; the search does not name folders."""
        if not self._ground.site.cloud:
            return
        wanted = [row.id for row in self._rows.values() if row.kind == PAGE and self._is_changed(row)]
        if not wanted:
            return
        found = read_pages_by_id(self._ground.site, PAGE, wanted, ("current", "archived"))
        for number in wanted:
            page = found.get(number)
            if page is None or page.space != self._memory.space.id:
                del self._rows[number]  # gone a moment ago: the count shows it
                continue
            row = self._rows[number]
            self._rows[number] = replace(
                row,
                above=page.above,
                above_kind=page.above_kind,
                title=page.title,
                number=page.number,
                status=page.status,
            )

    def _is_changed(self, row: Row) -> bool:
        held = self._ground.held.get(row.id)
        if held is None or row.id in self._due:
            return True
        labels = labels_hash(row.labels) if row.labels is not None else held.labels
        readers = row.readers if row.readers is not None else self._memory.restricted.get(row.id, frozenset())
        return (
            held.number != str(row.number)
            or held.title != short_hash(row.title)
            or held.above != row.above
            or held.labels != labels
            or held.status != status_part(row.status)
            or self._memory.restricted.get(row.id, frozenset()) != readers
        )

    # -- what the changes mean

    def _pages(self) -> Iterator[Row]:
        return (row for row in self._rows.values() if row.kind in PAGES)

    def _change_tree(self, nodes: dict[str, Node], restricted: dict[str, frozenset[str]]) -> bool:
        """Puts changed pages in their places; whether anything changed that pages below depend on."""
        changed = False
        for row in self._pages():
            node = node_of(row.kind, row.above, short_hash(row.title))
            before = restricted.pop(row.id, None)
            after = row.readers or None
            if row.readers is None:
                # Who may read it was not told: as before, and nobody where nothing was known.
                after = before if row.id in self._ground.held else frozenset()
            changed |= (row.id in nodes and nodes[row.id] != node) or before != after
            nodes[row.id] = node
            if after is not None:
                restricted[row.id] = after
        return changed

    def _enter_titles(self, picture: Picture, bridges: Bridges) -> None:
        for row in self._pages():
            picture.titles |= dict(row.ancestors or ())
        picture.titles |= bridges.titles()
        picture.titles |= {row.id: row.title for row in self._pages()}

    def _enter_pages(self, picture: Picture) -> None:
        for row in self._pages():
            reason = self._scope.page_reason(row.status, row.labels, bool(picture.tree.levels(row.id)))
            if reason:
                self._leave_out(picture, row, reason)
                continue
            held = self._ground.held.get(row.id)
            if row.labels is None and held is None:
                self._failures[row.id] = self._ground.failure(
                    row.id, "its labels could not be read", self._memory.space
                )
                continue
            self._touched.add(row.id)
            picture.entries[row.id] = Parts(
                kind=row.kind,
                number=str(row.number),
                title=short_hash(row.title),
                above=row.above,
                labels=held.labels if row.labels is None and held else labels_hash(row.labels or ()),
                comments=held.comments if held else "",
                status=status_part(row.status),
            )

    def _enter_rest(self, picture: Picture) -> None:
        for row in sorted(self._rows.values(), key=lambda one: one.kind):  # attachments before comments on them
            if row.kind in PAGES or (row.kind == COMMENT and not self._scope.comment_documents):
                continue
            if row.above not in picture.entries:
                self._leave_out(picture, row, "on a page that is left out")
                continue
            reason = self._scope.file_reason(row.title, row.size) if row.kind == ATTACHMENT else ""
            if reason:
                self._leave_out(picture, row, reason)
                continue
            held = self._ground.held.get(row.id)
            state = held.comments if held and row.kind == COMMENT and not row.state else row.state
            title = short_hash(row.title) if row.kind == ATTACHMENT else ""
            self._touched.add(row.id)
            parts = Parts(row.kind, str(row.number), title, row.above, comments=state)
            conversion = self._scope.file_identity(row.title) if row.kind == ATTACHMENT else ""
            picture.entries[row.id] = parts.converted_by(conversion)

    def _enter_comments_of_pages(self, picture: Picture) -> None:
        """Reads the comments of pages that are new or were commented on."""
        if not self._scope.comments_in_pages:
            return
        pages = {row.id for row in self._pages() if row.id not in self._ground.held}
        for row in self._rows.values():
            if row.kind == COMMENT:
                holder = picture.entries.get(row.above)
                if holder is None or holder.kind not in PAGES:
                    self._left_out[row.id] = row
                elif not self._is_old(row):
                    pages.add(row.above)
        wanted = sorted(page for page in pages if page in picture.entries)
        found: defaultdict[str, list[tuple[str, int, str]]] = defaultdict(list)
        for start in range(0, len(wanted), _CONTAINERS_AT_ONCE):
            batch = wanted[start : start + _CONTAINERS_AT_ONCE]
            for row in list_comments(self._search, f"container in ({', '.join(batch)})"):
                found[row.above].append((row.id, row.number, row.state))
        for page in wanted:
            picture.entries[page] = replace(picture.entries[page], comments=comments_state(found[page]))
            self._touched.add(page)

    def _leave_out(self, picture: Picture, row: Row, reason: str) -> None:
        self._skipped[reason] += 1
        self._left_out[row.id] = row
        if picture.entries.pop(row.id, None) is not None:
            self._removed[row.id] = ARCHIVED if reason == "archived" else LEFT_OUT

    def _drop_what_hangs_on_nothing(self, picture: Picture) -> None:
        """Takes out removed pages, and attachments and comments of pages that went."""
        for number in self._removed:
            picture.entries.pop(number, None)
        gone = [number for number in self._removed if self._kind(number) in PAGES]
        hanging = [(number, picture.page_of(number)) for number in picture.hanging_on(gone)] if gone else []
        for number, page in hanging:
            del picture.entries[number]
            self._removed[number] = self._removed[page]

    def _drop_restricted(self, picture: Picture) -> None:
        """Takes out what a new restriction above covers, where the settings leave restricted pages out."""
        if self._scope.settings.restricted_pages:
            return
        for number in [number for number in picture.entries if picture.is_restricted(number)]:
            del picture.entries[number]
            self._removed[number] = LEFT_OUT

    def _kind(self, number: str) -> str:
        held = self._ground.held.get(number)
        return held.kind if held else ""

    # -- counting

    def _adds_up(self, entries: dict[str, Parts]) -> bool:
        """Whether the service has as many contents as this leaves, and as many with the labels that decide."""
        total = self._ground.newest.total if self._total is None else self._total
        unindexed = self._memory.unindexed - self._rows.keys()
        expected = counted(entries) + self._others() - len(unindexed & entries.keys())
        return total == expected and self._ground.labelled == self._labelled()

    def _labelled(self) -> int:
        """How many pages with labels that decide are to be expected."""
        return self._memory.labelled + sum(
            1 for row in self._pages() if self._is_first_seen(row) and self._scope.has_deciding_label(row.labels or ())
        )

    def _came_back(self, entries: dict[str, Parts]) -> bool:
        """Whether something is there that is neither held nor new: out of the trash, or from another space.

        What hangs on it comes with it without being a change of its own, so that a count may fit by chance.
        """
        return any(
            row.id in entries and row.id not in self._ground.held and not self._is_first_seen(row)
            for row in self._rows.values()
        )

    def _others(self) -> int:
        """How many contents are left out now: one that was held before, and new ones."""
        new = sum(1 for row in self._left_out.values() if row.id in self._removed or self._is_first_seen(row))
        gone = [number for number, reason in self._removed.items() if reason == LEFT_OUT]
        hanging = sum(1 for number in gone if number not in self._left_out)
        comments = sum(held.comment_count for number in gone if (held := self._ground.held.get(number)))
        return self._memory.others + new + hanging + comments

    def _is_first_seen(self, row: Row) -> bool:
        if row.id in self._ground.held or row.id in self._memory.recent or self._is_old(row):
            return False
        young = self._bound is None or (row.created is not None and row.created >= self._bound)
        return young or row.number == _FIRST_VERSION

    def _new_memory(self, picture: Picture, bridges: Bridges) -> Memory:
        memory = self._memory
        moments = [memory.watermark, self._ground.newest_change, *(row.modified for row in self._rows.values())]
        return replace(
            memory,
            watermark=max((moment for moment in moments if moment), default=None),
            others=self._others(),
            labelled=self._labelled(),
            recent=set(self._left_out),
            unindexed=self._memory.unindexed - self._rows.keys(),
            restricted={page: names for page, names in picture.tree.restricted.items() if page in picture.tree.nodes},
            bridges=bridges.found | self._left_out_bridges(picture),
        )

    def _left_out_bridges(self, picture: Picture) -> dict[str, tuple[str, str]]:
        """Bridges that stay, and pages that were just left out and lie above others."""
        parents = {node.above for node in picture.tree.nodes.values()}
        kept = {
            number: bridge
            for number, bridge in self._memory.bridges.items()
            if number in parents and number not in picture.entries
        }
        pages = {row.id: row for row in self._pages() if row.id in self._left_out and row.id in parents}
        return kept | {number: (row.above, row.title) for number, row in pages.items()}
