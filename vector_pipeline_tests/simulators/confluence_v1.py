"""Version 1 of the Confluence API as far as Cloud and Data Center agree: single content and what hangs on it, search.

Where they differ — how lists are paged, what an error looks like, how files are sent — a subclass answers.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from vector_pipeline_tests.simulators.atlassian_conditions import Refused
from vector_pipeline_tests.simulators.atlassian_http import Request
from vector_pipeline_tests.simulators.confluence_content import Content, ContentType, Space, Version
from vector_pipeline_tests.simulators.confluence_cql import CqlContext, CqlError, parse_cql
from vector_pipeline_tests.simulators.confluence_index import Entry, Query
from vector_pipeline_tests.simulators.confluence_paging import query_text
from vector_pipeline_tests.simulators.confluence_rendering import Expansions, Json, Rendering

if TYPE_CHECKING:
    from vector_pipeline_tests.simulators.confluence_server import ConfluenceServer

Row = TypeVar("Row")

DEFAULT_EXPAND = ["history", "space", "version"]


@dataclass
class PageSizes:
    """The longest pages a service gives, whatever is asked: of records, and of records with bodies."""

    plain: int
    with_body: int


@dataclass(frozen=True)
class Found:
    """What a query found: its entries in order, and the query."""

    query: Query
    entries: Sequence[Entry]


class V1(ABC):
    """The handlers of /rest/api."""

    def __init__(self, server: ConfluenceServer, sizes: PageSizes) -> None:
        self._server = server
        self._state = server.state
        self.sizes = sizes

    # -- what the flavours differ in

    @abstractmethod
    def zone(self) -> tzinfo:
        """The zone times are written in."""

    @abstractmethod
    def error(self, status: int, message: str, *, authorized: bool = True) -> Refused:
        """An error in the flavour's form."""

    @abstractmethod
    def search_page(self, request: Request, found: Found, render: Callable[[Content], Json]) -> Json:
        """One page of what a query found."""

    # -- routes

    def add_routes(self) -> None:
        """Makes the server answer."""
        add = self.add
        add("/content", self.contents)
        add("/content/search", self._content_search)
        add("/search", self._search)
        add("/space", self._spaces)
        add("/space/{key}", lambda request: self.rendering(request).space(self._space(request)))
        add("/user/current", self.current_user)
        add("/user", self._user)
        add("/content/{id}", self._content)
        add("/content/{id}/history", self._history)
        add("/content/{id}/label", self._labels)
        add("/content/{id}/child/comment", self._comments)
        add("/content/{id}/child/{type}", self._children)
        add("/content/{id}/restriction", self._restrictions)
        add("/content/{id}/restriction/byOperation", self._by_operation)
        add("/content/{id}/restriction/byOperation/{operation}", self._one_operation)

    def add(self, path: str, handler: Callable[[Request], Any]) -> None:
        """Adds a GET route below /rest/api."""
        self._server.route("GET", f"{self._server.context_path}/rest/api{path}", handler)

    # -- parts that subclasses use too

    def rendering(self, request: Request) -> Rendering:
        """Makes JSON for a request."""
        return Rendering(self._server, request, self.zone())

    def expand(self, request: Request, default: Sequence[str] = ()) -> Expansions:
        """What the request wants expanded."""
        return Expansions(request.many("expand") if "expand" in request.query else list(default))

    def size(self, request: Request, default: int = 25) -> tuple[int, int]:
        """The asked size of a page and the size it really gets: too large ones are clamped, silently."""
        asked = request.number("limit", default)
        if asked < 0 or request.number("start", 0) < 0:
            raise self.error(400, "limit and start must not be negative")
        expand = self.expand(request)
        largest = self.sizes.with_body if "body" in expand or "content.body" in expand else self.sizes.plain
        return asked, self._server.faults.page_size(min(asked, largest))

    def find(self, request: Request, *types: ContentType, statuses: Sequence[str] = ("current",)) -> Content:
        """The content of the path. Raises Refused (404), also for what the account may not see."""
        text = request.parts["id"]
        number = text.removeprefix("att")
        content = self._state.contents.get(int(number)) if number.isdigit() else None
        if (
            content is None
            or content.public_id != text
            or (types and content.type not in types)
            or content.status not in statuses
            or self._state.page_of(content).status not in statuses
            or not self._server.reads(request, content)
        ):
            message = f"No content found with id: ContentId{{id={text}}}"
            raise self.error(404, message, authorized=False)
        return content

    def by_offset(
        self,
        request: Request,
        rows: Sequence[Row],
        render: Callable[[Row], Json],
        *,
        default: int = 25,
        largest_start: int | None = None,
    ) -> Json:
        """One page of a list that is paged by `start`, with its links."""
        start = request.number("start", 0)
        if largest_start is not None and start > largest_start:
            raise self.error(400, "Start of this size is no longer supported")
        asked, size = self.size(request, default)
        if start >= len(rows) > 0 and self._server.faults.take("rows_past_end"):
            start = max(0, len(rows) - size)
        page = [] if self._server.faults.take("empty_page") else rows[start : start + size]
        more = start + len(page) < len(rows) and size > 0
        step = asked if self._server.wrong_start_in_links or self._server.faults.paging.wrong_start else len(page)
        changes = {"start": start + step, "limit": asked} if more else None
        body: Json = {"results": [render(row) for row in page], "start": start, "limit": size, "size": len(page)}
        return body | {"_links": self.links(request, changes, start, size)}

    def links(self, request: Request, following: dict[str, Any] | None, start: int, size: int) -> Json:
        """The links of a page: `following` are the parameters of the next one."""
        path = request.path.removeprefix(self._server.context_path)
        found = {
            "base": self._server.url,
            "context": self._server.context_path,
            "self": f"{self._server.url}{path}" + (f"?{query_text(request.query, {})}" if request.query else ""),
        }
        if following is not None:
            found["next"] = f"{path}?{query_text(request.query, following)}"
        if start > 0:
            before = {"start": max(0, start - size), "limit": size, "cursor": None, "next": None, "prev": "true"}
            found["prev"] = f"{path}?{query_text(request.query, before)}"
        return found

    def run_cql(self, request: Request, status: int, *, archived_spaces: bool = False) -> Found:
        """What the query of a request finds, of what the account may see. Raises Refused for a bad query."""
        cql, account = request.text("cql"), request.who
        time, now = self._state.index.time, self._server.clock.now()
        context = CqlContext(account.zone, now, time, lambda number: self._words(number))
        try:
            query = parse_cql(cql, context)
        except CqlError:
            raise self.error(status, f"Could not parse cql : {cql}") from None
        statuses = self._context_statuses(request)
        name = (cql, account.id, account.time_zone, frozenset(account.groups), statuses, archived_spaces)
        matches = query.matches

        def visible(entry: Entry) -> bool:
            if entry.status not in statuses or (entry.space_archived and not archived_spaces) or not matches(entry):
                return False
            content = self._state.contents.get(entry.id)
            return content is not None and self._server.reads(request, content)

        found = self._state.index.find(Query(visible, query.order, query.since, query.until, query.ids), name)
        return Found(query, found)

    # -- handlers

    def current_user(self, request: Request) -> Json:
        """The account that asks."""
        return self.rendering(request).person(request.who.id)

    def _words(self, number: int) -> str:
        content = self._state.contents.get(number)
        return content.current.body.as_text() if content is not None else ""

    def _context_statuses(self, request: Request) -> tuple[str, ...]:
        listed = re.search(r'"contentStatuses"\s*:\s*\[([^]]*)\]', request.text("cqlcontext"))
        found = re.findall(r'"(\w+)"', listed[1]) if listed else []
        return tuple(sorted(set(found) & {"current", "archived"})) or ("current",)

    def _content_search(self, request: Request) -> Json:
        expand, rendering = self.expand(request), self.rendering(request)
        found = self.run_cql(request, self.content_search_error)
        return self.search_page(request, found, lambda content: rendering.content(content, expand))

    content_search_error: ClassVar[int] = 400

    def _search(self, request: Request) -> Json:
        expand, rendering = self.expand(request), self.rendering(request)
        archived = request.text("includeArchivedSpaces").lower() == "true"
        found = self.run_cql(request, 400, archived_spaces=archived)
        body = self.search_page(request, found, lambda content: rendering.search_result(content, expand))
        return body | {"totalSize": len(found.entries), "cqlQuery": request.text("cql"), "searchDuration": 1}

    def contents(self, request: Request) -> Json:
        """The list of all pages or blog posts."""
        expand, rendering = self.expand(request, DEFAULT_EXPAND), self.rendering(request)
        rows = self.listed(request)
        return self.by_offset(
            request, rows, lambda content: rendering.content(content, expand), largest_start=self.largest_start
        )

    largest_start: ClassVar[int | None] = None

    def listed(self, request: Request, types: Sequence[str] = ("page", "blogpost")) -> Sequence[Content]:
        """The content of one type that a request to list names, by id."""
        kind = request.text("type", "page")
        if kind not in types:
            raise self.error(400, f"content type {kind} is not supported")
        statuses = self.list_statuses(request)
        key, titles = request.text("spaceKey"), request.query.get("title", [])
        if key and not (self._state.has_space(key) and self._server.sees_space(request, self._state.space(key))):
            raise self.error(404, f"No space with key : {key}", authorized=False)
        space = self._state.space(key).id if key else None

        def select() -> list[Content]:
            return [
                content
                for content in self._state.contents.values()
                if content.type == kind
                and content.status in statuses
                and (space is None or content.space_id == space)
                and (not titles or content.title in titles)
                and self._server.reads(request, content)
            ]

        return self._server.remembered(request, ("v1", kind, statuses, space, tuple(titles)), select)

    def list_statuses(self, request: Request) -> tuple[str, ...]:
        """The statuses a list asks for. Raises Refused (400) for ones that lists can't have."""
        asked = request.many("status") or ["current"]
        if "any" in asked:
            return ("current", "trashed")
        if wrong := [status for status in asked if status not in ("current", "trashed", "archived", "draft")]:
            raise self.error(400, f"Status {wrong[0]} is not supported")
        return tuple(sorted(set(asked) - {"draft"}))

    def _spaces(self, request: Request) -> Json:
        rendering, keys = self.rendering(request), {key.lower() for key in request.many("spaceKey")}
        kind, status = request.text("type"), request.text("status")
        rows = [
            space
            for space in self._state.spaces.values()
            if self._server.sees_space(request, space)
            and (not keys or space.key.lower() in keys)
            and kind in ("", space.type)
            and status in ("", space.status)
        ]
        return self.by_offset(request, rows, rendering.space)

    def _space(self, request: Request) -> Space:
        key = request.parts["key"]
        if not (self._state.has_space(key) and self._server.sees_space(request, self._state.space(key))):
            raise self.error(404, f"No space with key : {key}", authorized=False)
        return self._state.space(key)

    def _user(self, request: Request) -> Json:
        asked = request.text("accountId") or request.text("key")
        people = self._server.accounts.all
        known = [
            one.id for one in people.values() if asked == one.id or (one.user and request.text("username") == one.user)
        ]
        if not known:
            raise self.error(404, f"No user found with key : {asked}", authorized=False)
        return self.rendering(request).person(known[0])

    def _content(self, request: Request) -> Json:
        statuses = request.many("status") or ["current"]
        if "any" in statuses:
            statuses = ["current", "archived", "trashed", "draft"]
        number, version = request.text("version"), None
        content = self.find(request, statuses=["current", "archived"] if "historical" in statuses else statuses)
        if number:
            version = self._numbered(content, number)
        found = self.rendering(request).content(content, self.expand(request, DEFAULT_EXPAND), version)
        found["_links"] |= {"base": self._server.url, "context": self._server.context_path}
        return found

    def _numbered(self, content: Content, number: str) -> Version:
        for version in content.versions:
            if str(version.number) == number:
                return version
        raise self.error(404, f"No version {number} of {content.public_id}")

    def _history(self, request: Request) -> Json:
        return self.rendering(request).history(self.find(request), Expansions(["lastUpdated"]))

    def _labels(self, request: Request) -> Json:
        prefixes = request.many("prefix")
        labels = [one for one in self.find(request).labels if not prefixes or one.prefix in prefixes]
        return self.by_offset(request, labels, self.rendering(request).label, default=200)

    def _comments(self, request: Request) -> Json:
        content, expand, rendering = self.find(request), self.expand(request), self.rendering(request)
        rows = self._state.below(content, "comment")
        if request.text("depth") == "all":
            rows = [one for one in self._state.descendants(content) if one.type == "comment"]
            rows = [one for one in rows if self._state.page_of(one) is self._state.page_of(content)]
        if locations := request.many("location"):
            rows = [one for one in rows if self._location(one) in locations]
        rows = [one for one in rows if one.status == "current"]
        return self.by_offset(request, rows, lambda one: rendering.content(one, expand))

    def _location(self, comment: Content) -> str:
        inline = comment.location == "inline"
        return "resolved" if inline and comment.resolution == "resolved" else comment.location

    def _children(self, request: Request) -> Json:
        kind = request.parts["type"]
        if kind not in ("page", "attachment"):
            raise self.error(400, f"Unknown content type : {kind}")
        expand, rendering = self.expand(request), self.rendering(request)
        names, media = request.query.get("filename", []), request.query.get("mediaType", [])
        rows = [
            child
            for child in self._state.below(self.find(request), "page" if kind == "page" else "attachment")
            if child.status == "current"
            and self._server.reads(request, child)
            and (not names or child.title in names)
            and (not media or child.current.media_type in media)
        ]
        default = 50 if kind == "attachment" else 25
        return self.by_offset(request, rows, lambda child: rendering.content(child, expand), default=default)

    def _restrictions(self, request: Request) -> Json:
        content, rendering, expand = self.find(request), self.rendering(request), self.expand(request)
        wanted = expand.below("restrictions") if expand else Expansions(["user", "group"])
        rows = [("read", content.readers), ("update", content.editors)]
        return self.by_offset(
            request,
            rows,
            lambda row: rendering.restriction(content, row[0], row[1], wanted),
            default=100,
        )

    def _by_operation(self, request: Request) -> Json:
        content, expand = self.find(request), self.expand(request)
        if not expand:
            expand = Expansions(
                [f"{one}.restrictions.{kind}" for one in ("read", "update") for kind in ("user", "group")]
            )
        found = self.rendering(request).restrictions(content, expand)
        return found | {"_links": {"self": f"{self._server.url}{request.path}", "base": self._server.url}}

    def _one_operation(self, request: Request) -> Json:
        content, operation = self.find(request), request.parts["operation"]
        if operation not in ("read", "update"):
            raise self.error(400, f"Unknown operation : {operation}")
        named = content.readers if operation == "read" else content.editors
        expand = self.expand(request, ["restrictions.user", "restrictions.group"]).below("restrictions")
        return self.rendering(request).restriction(content, operation, named, expand)
