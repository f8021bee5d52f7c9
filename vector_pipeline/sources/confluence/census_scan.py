"""A census: everything in the space, from the database, with what is missing confirmed before it is left out.

Labels and restrictions change without a new version. A census that verifies reads them for every page; any other one
only for pages that are new or changed, and takes over the rest.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime

from vector_pipeline.documents import Failure
from vector_pipeline.sources.base import Listing
from vector_pipeline.sources.confluence.answers import moment_at, text_at
from vector_pipeline.sources.confluence.bridges import Bridges
from vector_pipeline.sources.confluence.census import list_attachments, list_comments, list_pages
from vector_pipeline.sources.confluence.ground import Ground, counted
from vector_pipeline.sources.confluence.memory import Memory
from vector_pipeline.sources.confluence.picture import Picture, node_of
from vector_pipeline.sources.confluence.presence import ARCHIVED, LEFT_OUT, find_out
from vector_pipeline.sources.confluence.rows import ATTACHMENT, BLOG_POST, COMMENT, PAGE, PAGES, Row, content_id
from vector_pipeline.sources.confluence.search import Unanswered, quoted
from vector_pipeline.sources.confluence.space import Space, read_readers
from vector_pipeline.sources.confluence.tree import Tree
from vector_pipeline.sources.confluence.versions import Parts, comments_state, labels_hash, short_hash, status_part


class Census:
    """One census of a space. `memory` is the cursor of the last scan, None at first."""

    def __init__(
        self, ground: Ground, space: Space, memory: Memory | None, *, verify: bool, only_counting: bool = False
    ) -> None:
        """`only_counting` says that nothing but a count that differs asks for it."""
        self._ground, self._space, self._memory = ground, space, memory
        self._scope, self._search = ground.scope, ground.search
        self._verify = verify or memory is None or self._scope.reads_all
        self._only_counting = only_counting
        self._rows: dict[str, Row] = {}
        self._comments: defaultdict[str, list[tuple[str, int, str]]] = defaultdict(list)
        self._restricted = dict(memory.restricted) if memory else {}
        self._reasons: dict[str, str] = {}
        self._failures: dict[str, Failure] = {}
        self._skipped: Counter[str] = Counter()
        self._left_out: list[Row] = []
        self._young_comments: list[Row] = []

    def listing(self) -> Listing:
        """The space as a complete listing. Raises SourceError rather than leave something out."""
        self._list()
        self._confirm()
        self._read_details()
        tree, bridges = self._tree()
        contents = self._ground.contents(self._memory)
        picture = Picture(tree, self._scope.identity(self._space), contents=contents)
        picture.titles |= bridges.titles()
        self._enter_pages(picture)
        self._enter_rest(picture)
        for number in self._ground.held.keys() - picture.entries.keys() - self._failures.keys():
            self._reasons.setdefault(number, LEFT_OUT)
        return Listing(
            items=self._ground.items(picture, picture.entries, self._ground.addresses(self._space), changed_only=False),
            complete=True,
            version=self._ground.version,
            cursor=self._new_memory(picture, tree, bridges).saved(),
            skipped=dict(self._skipped),
            failures=tuple(self._failures.values()),
            reasons={number.encode(): reason for number, reason in self._reasons.items()},
        )

    def _list(self) -> None:
        """Everything the lists of the service name."""
        ground, settings = self._ground, self._scope.settings
        for row in list_pages(ground.site, self._search, self._space, settings, ground.label):
            self._rows[row.id] = row
        if settings.attachments:
            for row in list_attachments(self._search, self._space):
                self._rows.setdefault(row.id, row)
        if settings.comments != "none":
            for row in list_comments(self._search, f"space = {quoted(self._space.key)}"):
                if self._scope.comment_documents:
                    self._rows.setdefault(row.id, row)
                else:
                    self._comments[row.above].append((row.id, row.number, row.state))
                    self._note_recent(row)

    def _note_recent(self, comment: Row) -> None:
        """A comment so young that the next delta meets it again, which may not count it twice."""
        since = self._since()
        if since is None or comment.modified is None or comment.modified >= since:
            self._young_comments.append(comment)

    def _since(self) -> datetime | None:
        """From when on the next delta looks at changes."""
        watermark = self._ground.newest_change
        return watermark - self._scope.settings.overlap if watermark else None

    def _confirm(self) -> None:
        """Asks the service what became of what is held and was not listed."""
        wanted = {BLOG_POST: self._scope.settings.blog_posts, ATTACHMENT: self._scope.settings.attachments}
        wanted[COMMENT] = self._scope.comment_documents
        absent = {
            number: parts
            for number, parts in self._ground.held.items()
            if number not in self._rows and wanted.get(parts.kind, True)
        }
        if not absent:
            return
        presence = find_out(self._ground.site, self._search, self._space, absent)
        self._rows |= presence.rows
        self._reasons |= presence.reasons
        for number, unanswered in presence.unanswered.items():
            self._fail(number, unanswered)

    def _read_details(self) -> None:
        """Labels and restrictions: of all pages, or of those that are new or changed."""
        pages = [row for row in self._rows.values() if row.kind in PAGES]
        if not self._verify:
            pages = [row for row in pages if self._is_changed(row)]
        above = self._above_taken_pages()
        wanted = [row.id for row in pages if row.status in self._scope.statuses or row.id in above]
        for number, row in self._search.rows(wanted).items():
            listed = self._rows[number]
            if isinstance(row, Row):
                merged = replace(listed, labels=row.labels, readers=row.readers)
                self._rows[number] = merged if self._ground.site.cloud else replace(row, modified=listed.modified)
            elif isinstance(row, Unanswered):
                self._fail(number, row)
            self._note_restriction(number, row)

    def _above_taken_pages(self) -> set[str]:
        """Pages above those of a status that is taken: their restrictions hold below whatever their own status."""
        found: set[str] = set()
        for row in self._rows.values():
            above = row.above if row.kind == PAGE and row.status in self._scope.statuses else ""
            while above in self._rows and above not in found:
                found.add(above)
                above = self._rows[above].above
        return found

    def _is_changed(self, row: Row) -> bool:
        held = self._ground.held.get(row.id)
        return held is None or held.number != str(row.number) or held.title != short_hash(row.title)

    def _note_restriction(self, number: str, row: Row | Unanswered | None) -> None:
        """Takes down who may read a page. Where that was not told, what was known before stands.

        A page of which nothing was known is hidden, with all below it, until the service tells.
        """
        readers = row.readers if isinstance(row, Row) else None
        if readers is None:
            earlier = self._memory.restricted.get(number) if self._memory else None
            is_new = row is not None and (self._memory is None or number not in self._ground.held)
            readers = frozenset() if earlier is None and is_new else earlier
            hidden = readers is not None
        else:
            hidden = bool(readers)
        self._restricted.pop(number, None)
        if hidden and readers is not None:
            self._restricted[number] = readers

    def _tree(self) -> tuple[Tree, Bridges]:
        pages = [row for row in self._rows.values() if row.kind in PAGES]
        readers = read_readers(self._ground.site, self._space, self._ground.label)
        own = self._scope.settings.access
        container = sorted({f"space:{self._space.key}", *readers.principals, *own})
        nodes = {row.id: node_of(row.kind, row.above, short_hash(row.title)) for row in pages}
        tree = Tree(
            nodes, self._restricted, container, readers.principals | set(own) if readers.are_all else frozenset()
        )
        known = self._memory.bridges if self._memory and not self._verify else {}
        bridges = Bridges(self._ground.site, self._search, known, afresh=True)
        bridges.complete(tree, self._restricted, pages)
        for number in self._restricted.keys() - tree.nodes.keys():
            del self._restricted[number]
        return tree, bridges

    def _enter_pages(self, picture: Picture) -> None:
        for row in self._rows.values():
            if row.kind not in PAGES:
                continue
            picture.titles[row.id] = row.title
            if row.id in self._failures:
                continue
            reason = self._scope.page_reason(row.status, row.labels, bool(picture.tree.levels(row.id)))
            if reason:
                self._leave_out(row, reason)
                continue
            held = self._ground.held.get(row.id)
            if row.labels is None and held is None:
                continue  # it went away while it was listed
            picture.entries[row.id] = Parts(
                kind=row.kind,
                number=str(row.number),
                title=short_hash(row.title),
                above=row.above,
                labels=held.labels if row.labels is None and held else labels_hash(row.labels or ()),
                comments=comments_state(self._comments[row.id]) if self._scope.comments_in_pages else "",
                status=status_part(row.status),
            )

    def _enter_rest(self, picture: Picture) -> None:
        for row in sorted(self._rows.values(), key=lambda one: one.kind):  # attachments before comments on them
            if row.kind in PAGES or row.id in self._failures:
                continue
            if row.above in self._failures:
                self._fail(row.id, Unanswered(self._failures[row.above].reason))
                continue
            if row.above not in picture.entries:
                self._leave_out(row, "on a page that is left out")
                continue
            reason = self._scope.file_reason(row.title, row.size) if row.kind == ATTACHMENT else ""
            if reason:
                self._leave_out(row, reason)
                continue
            title = short_hash(row.title) if row.kind == ATTACHMENT else ""
            parts = Parts(row.kind, str(row.number), title, row.above, comments=row.state)
            conversion = self._scope.file_identity(row.title) if row.kind == ATTACHMENT else ""
            picture.entries[row.id] = parts.converted_by(conversion)

    def _leave_out(self, row: Row, reason: str) -> None:
        self._skipped[reason] += 1
        self._left_out.append(row)
        if row.id in self._ground.held:
            self._reasons[row.id] = ARCHIVED if reason == "archived" else LEFT_OUT

    def _fail(self, number: str, unanswered: Unanswered) -> None:
        self._failures[number] = self._ground.failure(number, unanswered.reason, self._space)

    def _new_memory(self, picture: Picture, tree: Tree, bridges: Bridges) -> Memory:
        now = datetime.now(UTC)
        held = picture.entries.keys()
        left_out = [*self._left_out, *(row for row in self._young_comments if not _is_page(picture, row.above))]
        total, unindexed = self._count(picture)
        return Memory(
            space=self._space,
            identity=picture.identity,
            files=self._scope.files_identity,
            container=list(tree.container),
            readers=tree.readers,
            watermark=self._ground.newest_change,
            others=total - counted(picture.entries) + len(unindexed),
            labelled=self._ground.labelled,
            recent=_recent(left_out, self._since()),
            restricted=self._restricted,
            bridges=bridges.found | self._archived_bridges(tree, held),
            verified_at=now if self._memory is None or self._verify else self._memory.verified_at,
            unindexed=unindexed,
            counted_at=now
            if self._only_counting and held | self._failures.keys() == self._ground.held.keys()
            else None,
        )

    def _count(self, picture: Picture) -> tuple[int, set[str]]:
        """How many of what was listed the search has now, with what it does not list; and what it has not indexed yet.

        What changed while the census ran is counted by the next delta: new things are new to it, too, and what went
        makes its count differ.
        """
        newest = self._search.newest(self._scope.everything(self._space.key), self._scope.statuses)
        shown = {content_id(text_at(hit, "content", "id")) for hit in newest.hits}
        listed = self._rows.keys() | {number for rows in self._comments.values() for number, _, _ in rows}
        moments = [moment for hit in newest.hits if (moment := moment_at(hit, "lastModified"))]
        if len(newest.hits) == newest.total:
            moments = []  # all there is
        oldest = min(moments, default=None)
        unindexed = {
            number
            for number in picture.entries.keys() & self._rows.keys() - shown - self._ground.held.keys()
            if _is_new_since(self._rows[number], oldest)
        }
        return newest.total - len(shown - listed - {""}), unindexed

    def _archived_bridges(self, tree: Tree, held: Iterable[str]) -> dict[str, tuple[str, str]]:
        """Pages that are left out and lie above ones that are not."""
        taken = set(held)
        above = {tree.nodes[number].above for number in taken if number in tree.nodes} - {""}
        found: dict[str, tuple[str, str]] = {}
        while above:
            above = {one for one in above if one not in taken and one not in found and one in self._rows}
            found |= {one: (self._rows[one].above, self._rows[one].title) for one in above}
            above = {self._rows[one].above for one in above} - {""}
        return found


def _is_page(picture: Picture, number: str) -> bool:
    parts = picture.entries.get(number)
    return parts is not None and parts.kind in PAGES


def _is_new_since(row: Row, moment: datetime | None) -> bool:
    """Whether a page was made after a moment; None stands for the beginning."""
    made = row.created or (row.modified if row.number == 1 else None)
    return row.kind in PAGES and made is not None and (moment is None or made > moment)


def _recent(rows: Iterable[Row], since: datetime | None) -> set[str]:
    return {row.id for row in rows if since is None or row.modified is None or row.modified >= since}
