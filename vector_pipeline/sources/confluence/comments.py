"""Comments of pages: read in bulk, put in an order that depends on nothing but themselves, written below the page.

Threads begin in the order of their creation, answers follow what they answer. An inline comment quotes the words it is
about; a resolved one stays and says so.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from vector_pipeline.conversion.atlassian import References
from vector_pipeline.sources.atlassian.errors import AnswerRefused, SiteUnreachable, TooLarge
from vector_pipeline.sources.confluence.answers import Json, moment_at, number_at, rows_at, text_at
from vector_pipeline.sources.confluence.bodies import Body, body_of, body_or_unanswered, read_with_bodies
from vector_pipeline.sources.confluence.search import CURRENT_AND_ARCHIVED, Search, Unanswered, is_about_content

_EXPAND = (
    "version",
    "history",
    "container",
    "ancestors",
    "extensions.inlineProperties",
    "extensions.resolution",
)
_COMMENTS_PER_PAGE = 50
_DEEPEST = 50


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment. `answers` is the id of the comment it answers, "" for the first of a thread."""

    id: str
    page: str
    number: int
    author: str
    created: str
    answers: str
    state: str
    selection: str
    body: Body

    @property
    def order(self) -> tuple[str, int, str]:
        """By time of creation, then by id."""
        return self.created, len(self.id), self.id


@dataclass
class Comments:
    """The comments of a page.

    `listed` names all that the search has by (id, version, state), also one that went away a moment ago: a listing
    counts it just the same. `unreadable` says why one of them can't be read now, "" where all could.
    """

    comments: list[Comment] = field(default_factory=list)
    listed: list[tuple[str, int, str]] = field(default_factory=list)
    unreadable: str = ""


NO_COMMENTS = Comments()


def read_comments(search: Search, pages: Sequence[str], form: str) -> dict[str, Comments]:
    """The comments of pages, by page. Raises SourceError when the site itself fails."""
    found: defaultdict[str, Comments] = defaultdict(Comments)
    without: dict[str, str] = {}
    records, with_bodies = _list(search, f"type = comment and container in ({', '.join(pages)}) order by created", form)
    for record in records:
        number, page = text_at(record, "id"), text_at(record, "container", "id")
        body = body_of(record, form)
        if body is None:
            without[number] = page
        else:
            found[page].comments.append(comment_of(record, body))
        state = text_at(record, "extensions", "resolution", "status")
        found[page].listed.append((number, number_at(record, "version", "number"), state))
    for number, read in (_read_one_by_one if with_bodies else _read_parted)(search, list(without), form).items():
        if isinstance(read, Unanswered):
            found[without[number]].unreadable = read.reason
        elif read is not None:
            found[without[number]].comments.append(comment_of(read.record, read))
    return dict(found)


def _list(search: Search, cql: str, form: str) -> tuple[list[Json], bool]:
    """Records of comments and whether they have bodies: none has where the service fails at one of them."""
    expand = (f"body.{form}", *_EXPAND)
    try:
        return list(search.every(cql, expand, CURRENT_AND_ARCHIVED, limit=_COMMENTS_PER_PAGE)), True
    except (AnswerRefused, SiteUnreachable, TooLarge) as error:
        if not is_about_content(error):
            raise
    return list(search.every(cql, _EXPAND, CURRENT_AND_ARCHIVED)), False


def _read_one_by_one(search: Search, ids: Sequence[str], form: str) -> dict[str, Body | Unanswered | None]:
    """Bodies by id from the database: the search answered without them."""
    return {number: body_or_unanswered(search.record(number, (f"body.{form}", *_EXPAND)), form) for number in ids}


def _read_parted(search: Search, ids: Sequence[str], form: str) -> dict[str, Body | Unanswered | None]:
    """Bodies by id, in batches that are parted until the one at which the service fails is alone."""
    found: dict[str, Body | Unanswered | None] = {}
    for start in range(0, len(ids), _COMMENTS_PER_PAGE):
        found |= read_with_bodies(search, ids[start : start + _COMMENTS_PER_PAGE], _EXPAND, form)
    return found


def comment_of(record: Json, body: Body) -> Comment:
    """A comment out of a record of version 1."""
    created = moment_at(record, "history", "createdDate") or moment_at(record, "version", "when")
    above = [text_at(row, "id") for row in rows_at(record, "ancestors") if text_at(row, "type") in ("comment", "")]
    return Comment(
        id=text_at(record, "id"),
        page=text_at(record, "container", "id"),
        number=number_at(record, "version", "number"),
        author=text_at(record, "history", "createdBy", "displayName"),
        created=created.isoformat() if created else "",
        answers=above[-1] if above else "",
        state=text_at(record, "extensions", "resolution", "status"),
        selection=" ".join(text_at(record, "extensions", "inlineProperties", "originalSelection").split()),
        body=body,
    )


def comments_section(comments: Sequence[Comment], references: References) -> str:
    """The comments as a section of markdown, "" for none."""
    if not comments:
        return ""
    authors = {comment.id: comment.author for comment in comments}
    parts = ["## Comments"]
    for comment in _threaded(comments):
        parts.append(f"### {heading(comment, authors.get(comment.answers, ''))}")
        parts.append(comment_text(comment, references))
    return "\n\n".join(part for part in parts if part)


def heading(comment: Comment, answered: str = "") -> str:
    """Who commented and when, whom it answers, and whether it is resolved."""
    words = [comment.author or "Somebody"]
    words += [f"answering {answered}"] if answered else []
    line = ", ".join([" ".join(words), *([comment.created[:10]] if comment.created else [])])
    return line + (" (resolved)" if comment.state == "resolved" else "")


def comment_text(comment: Comment, references: References) -> str:
    """What a comment says, below the words it is about."""
    quote = f"> {comment.selection}\n\n" if comment.selection else ""
    return quote + comment.body.markdown(references).text.strip("\n")


def _threaded(comments: Sequence[Comment]) -> Iterator[Comment]:
    ids = {comment.id for comment in comments}
    below: defaultdict[str, list[Comment]] = defaultdict(list)
    for comment in sorted(comments, key=lambda one: one.order):
        below[comment.answers if comment.answers in ids else ""].append(comment)
    given: set[str] = set()

    def walk(above: str, depth: int) -> Iterator[Comment]:
        for comment in below.get(above, ()):
            if comment.id not in given:
                given.add(comment.id)
                yield comment
                if depth < _DEEPEST:
                    yield from walk(comment.id, depth + 1)

    yield from walk("", 0)
    yield from (comment for comment in sorted(comments, key=lambda one: one.order) if comment.id not in given)
