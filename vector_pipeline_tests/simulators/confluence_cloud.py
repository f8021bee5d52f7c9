"""Version 2 of the Confluence Cloud API: lists by cursor, single records, and the trash.

Every handler is reached through `ConfluenceServer`, which holds the state's lock meanwhile. What the account may not
see is answered like what is not there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from vector_pipeline_tests.simulators.atlassian_http import Request, Response
from vector_pipeline_tests.simulators.confluence_cloud_records import CloudRecords, Json, v2_error
from vector_pipeline_tests.simulators.confluence_content import Content, ContentType, Space, Version
from vector_pipeline_tests.simulators.confluence_links import timestamp
from vector_pipeline_tests.simulators.confluence_paging import BadCursor, Key, query_text, slice_after

if TYPE_CHECKING:
    from vector_pipeline_tests.simulators.confluence_server import ConfluenceServer

Row = TypeVar("Row")

_KINDS: dict[str, ContentType] = {"pages": "page", "blogposts": "blogpost"}
_BODY_FORMATS = ("storage", "atlas_doc_format")
_SINGLE_BODY_FORMATS = (*_BODY_FORMATS, "view", "export_view", "anonymous_export_view", "styled_view", "editor")
_DATES = ("created-date", "modified-date")
_RESOLUTIONS = ("open", "reopened", "resolved", "dangling")
_SORTS: dict[str, Callable[[Any], str | int]] = {
    "id": lambda row: row.id,
    "title": lambda row: row.title,
    "name": lambda row: row.name,
    "key": lambda row: row.key,
    "created-date": lambda row: timestamp(row.created_at),
    "modified-date": lambda row: timestamp(row.modified_at),
    "child-position": lambda row: row.position,
}


class CloudV2:
    """The handlers of /wiki/api/v2."""

    def __init__(self, server: ConfluenceServer) -> None:
        self._server = server
        self._state = server.state
        self._json = CloudRecords(server)

    def add_routes(self) -> None:
        """Makes the server answer."""
        add = self._add
        add("/spaces", self._spaces)
        add("/spaces/{id}", self._one_space)
        add("/spaces/{id}/permissions", self._permissions)
        for plural, kind in _KINDS.items():
            self._add_content_routes(plural, kind)
        add("/folders/{id}", lambda request: self._json.folder(self._find(request, "folder")))
        add("/pages/{id}/ancestors", self._ancestors)
        add("/pages/{id}/children", self._children)
        add("/pages/{id}/direct-children", self._children)
        add("/attachments", lambda request: self._attachments(request, None))
        add("/attachments/{id}", self._attachment)
        self._add_common_routes("/attachments/{id}", ("attachment",))
        for location in ("footer", "inline"):
            self._add_comment_routes(location)
        self._server.route("POST", "/wiki/api/v2/users-bulk", self._users)

    def _add(self, path: str, handler: Callable[[Request], Any]) -> None:
        self._server.route("GET", "/wiki/api/v2" + path, handler)

    def _add_content_routes(self, plural: str, kind: ContentType) -> None:
        self._add(f"/{plural}", lambda request: self._contents(request, kind, None))
        self._add(f"/spaces/{{id}}/{plural}", lambda request: self._contents(request, kind, self._space(request)))
        self._add(f"/{plural}/{{id}}", lambda request: self._content(request, kind))
        self._server.route("DELETE", f"/wiki/api/v2/{plural}/{{id}}", lambda request: self._delete(request, kind))
        self._add_common_routes(f"/{plural}/{{id}}", (kind,))
        self._add(
            f"/{plural}/{{id}}/attachments",
            lambda request: self._attachments(request, self._find(request, kind)),
        )
        self._add(
            f"/{plural}/{{id}}/inline-comments",
            lambda request: self._comments(request, self._find(request, kind), "inline"),
        )

    def _add_common_routes(self, path: str, kinds: tuple[ContentType, ...]) -> None:
        self._add(f"{path}/labels", lambda request: self._labels(request, self._find(request, *kinds)))
        self._add(f"{path}/versions", lambda request: self._versions(request, self._find(request, *kinds)))
        self._add(f"{path}/versions/{{number}}", lambda request: self._version(request, self._find(request, *kinds)))
        self._add(
            f"{path}/footer-comments",
            lambda request: self._comments(request, self._find(request, *kinds), "footer"),
        )

    def _add_comment_routes(self, location: str) -> None:
        self._add(f"/{location}-comments", lambda request: self._comments(request, None, location))
        self._add(f"/{location}-comments/{{id}}", lambda request: self._comment(request, location))
        self._add(f"/{location}-comments/{{id}}/children", lambda request: self._answers(request, location))
        self._add(
            f"/{location}-comments/{{id}}/versions",
            lambda request: self._versions(request, self._find(request, "comment")),
        )

    # -- finding

    def _space(self, request: Request) -> Space:
        space = self._state.spaces.get(self._id(request))
        if space is None or not self._server.sees_space(request, space):
            raise v2_error(404, "Not Found")
        return space

    def _find(self, request: Request, *kinds: ContentType, statuses: Sequence[str] = ()) -> Content:
        content = self._state.contents.get(self._id(request))
        allowed = statuses or ("current", "archived")
        if content is None or content.type not in kinds or not self._server.reads(request, content):
            raise v2_error(404, "Not Found")
        if content.status not in allowed or self._state.page_of(content).status not in allowed:
            raise v2_error(404, "Not Found")
        return content

    def _id(self, request: Request) -> int:
        text = request.parts["id"].removeprefix("att")
        if not text.isdigit():
            raise v2_error(400, f"Provided value {{{text}}} for 'id' is not the correct type. Expected type is long")
        return int(text)

    # -- parameters

    def _limit(self, request: Request, default: int) -> int:
        text = request.text("limit", str(default))
        if not text.isdigit() or not 1 <= int(text) <= 250:
            raise v2_error(400, f"Provided value {{{text}}} for 'limit' must be between 1 and 250")
        return self._server.faults.page_size(int(text))

    def _choices(self, request: Request, name: str, allowed: Iterable[str], default: Iterable[str]) -> list[str]:
        values = request.many(name) or list(default)
        if wrong := [value for value in values if value not in allowed]:
            raise v2_error(400, f"Provided value {{{wrong[0]}}} for '{name}' is not one of the allowed values")
        return values

    def _ids(self, request: Request, name: str) -> set[int]:
        values = request.many(name)
        if len(values) > 250 or any(not value.isdigit() for value in values):
            raise v2_error(400, f"Provided value for '{name}' must be at most 250 numbers")
        return {int(value) for value in values}

    def _body_format(self, request: Request, allowed: Sequence[str]) -> str:
        # "none" is what the client library sends for no body
        return self._choices(request, "body-format", (*allowed, "none"), ["none"])[0]

    # -- lists

    def _page(
        self,
        request: Request,
        rows: Sequence[Row],
        render: Callable[[Row], Json],
        sorts: Sequence[str] = ("id",),
        default_limit: int = 25,
        *,
        in_order: bool = False,
    ) -> Response:
        """One page of rows, which are sorted as asked unless they come so."""
        limit = self._limit(request, default_limit)
        sort = self._choices(request, "sort", [*sorts, *(f"-{name}" for name in sorts)], [sorts[0]])[0]
        value, down = _SORTS[sort.lstrip("-")], sort.startswith("-")

        def key(row: Row) -> Key:
            return [value(row), row.id]  # type: ignore[attr-defined]

        ordered = rows if in_order else sorted(rows, key=key, reverse=down)
        try:
            part = slice_after(ordered, key, [down, down], request.text("cursor"), limit, self._server.faults)
        except BadCursor:
            raise v2_error(400, "Provided cursor is not valid") from None
        links = {"base": self._server.url}
        header = f'<{self._server.url}>; rel="base"'
        if part.cursor is not None:
            query = query_text(request.query, {"cursor": part.cursor})
            links = {"next": f"{request.path}?{query}", **links}
            header = f'<{links["next"]}>; rel="next", {header}'
        body = {"results": [render(row) for row in part.rows], "_links": links}
        return Response(body, headers={"Link": header})

    def _spaces(self, request: Request) -> Response:
        ids, keys = self._ids(request, "ids"), {key.lower() for key in request.many("keys")}
        types = self._choices(request, "type", ("global", "collaboration", "knowledge_base", "personal"), [])
        statuses = self._choices(request, "status", ("current", "archived"), [])
        rows = [
            space
            for space in self._state.spaces.values()
            if self._server.sees_space(request, space)
            and (not ids or space.id in ids)
            and (not keys or space.key.lower() in keys)
            and (not types or space.type in types)
            and (not statuses or space.status in statuses)
        ]
        return self._page(request, rows, self._json.space, ("id", "key", "name"))

    def _permissions(self, request: Request) -> Response:
        space = self._space(request)
        readers = [("user", user) for user in sorted(space.readers.users)]
        readers += [("group", group) for group in sorted(space.readers.groups)]
        rows = [_Permission(n, kind, name) for n, (kind, name) in enumerate(readers or [("group", "all-users")], 1)]
        return self._page(request, rows, lambda row: row.json())

    def _contents(self, request: Request, kind: ContentType, space: Space | None) -> Response:
        some = ("current", "archived", "deleted", "trashed") if kind == "page" else ("current", "deleted", "trashed")
        default = ("current", "archived") if kind == "page" else ("current",)
        statuses = self._choices(request, "status", some, default)
        body_format = self._body_format(request, _BODY_FORMATS)
        sorts = ("id", *_DATES, "title") if kind == "page" else ("id", *_DATES)
        sort = self._choices(request, "sort", [*sorts, *(f"-{name}" for name in sorts)], ["id"])[0]
        root = self._choices(request, "depth", ("all", "root"), ["all"]) == ["root"]
        spaces = {space.id} if space is not None else self._ids(request, "space-id")
        ids, titles = self._ids(request, "id"), request.query.get("title", [])

        def wanted(content: Content) -> bool:
            return (
                content.type == kind
                and content.status in statuses
                and (not spaces or content.space_id in spaces)
                and (not ids or content.id in ids)
                and (not titles or content.title in titles)
                and not (root and content.parent_id is not None)
                and self._server.reads(request, content)
            )

        def select() -> list[Content]:
            value = _SORTS[sort.lstrip("-")]
            found = [content for content in self._state.contents.values() if wanted(content)]
            return sorted(found, key=lambda c: (value(c), c.id), reverse=sort.startswith("-"))

        name = (kind, *statuses, sort, root, frozenset(spaces), frozenset(ids), tuple(titles))
        rows = self._server.remembered(request, name, select)
        return self._page(request, rows, lambda content: self._json.content(content, body_format), sorts, in_order=True)

    def _ancestors(self, request: Request) -> Response:
        limit = self._limit(request, 25)
        above = self._state.ancestors(self._find(request, "page", statuses=("current", "archived", "trashed")))
        rows = [{"id": str(page.id), "type": "page"} for page in above[-limit:]]
        return Response({"results": rows, "_links": {"base": self._server.url}})

    def _children(self, request: Request) -> Response:
        rows = [
            child
            for child in self._state.below(self._find(request, "page"), "page")
            if child.status in ("current", "archived") and self._server.reads(request, child)
        ]
        return self._page(request, rows, self._json.child, ("child-position", "id", *_DATES))

    def _attachments(self, request: Request, on: Content | None) -> Response:
        statuses = self._choices(request, "status", ("current", "archived", "trashed"), ("current", "archived"))
        names, media = request.query.get("filename", []), request.query.get("mediaType", [])
        found = self._state.below(on, "attachment") if on is not None else self._state.contents.values()
        rows = [
            content
            for content in found
            if content.type == "attachment"
            and content.status in statuses
            and (not names or content.title in names)
            and (not media or content.current.media_type in media)
            and self._state.page_of(content).status in ("current", "archived")
            and self._server.reads(request, content)
        ]
        return self._page(request, rows, lambda row: self._json.attachment(row, row.current), _DATES, 50)

    def _comments(self, request: Request, on: Content | None, location: str) -> Response:
        body_format = self._body_format(request, _BODY_FORMATS)
        statuses = ("current", "archived", "trashed", "deleted", "historical", "draft")
        wanted = self._choices(request, "status", statuses, ["current"])
        resolutions = self._choices(request, "resolution-status", _RESOLUTIONS, _RESOLUTIONS)
        found = self._state.below(on, "comment") if on is not None else self._state.contents.values()
        rows = [
            content
            for content in found
            if content.type == "comment"
            and content.location == location
            and content.status in wanted
            and (location == "footer" or content.resolution in resolutions)
            and self._state.page_of(content).status in ("current", "archived")
            and self._server.reads(request, content)
        ]
        return self._page(request, rows, lambda row: self._json.comment(row, body_format), _DATES)

    def _answers(self, request: Request, location: str) -> Response:
        body_format, above = self._body_format(request, _BODY_FORMATS), self._one_comment(request, location)
        rows = self._state.below(above, "comment")
        return self._page(request, rows, lambda row: self._json.comment(row, body_format, answer=True), _DATES)

    def _labels(self, request: Request, content: Content) -> Response:
        prefixes = self._choices(request, "prefix", ("my", "team", "global", "system"), [])
        rows = [label for label in content.labels if not prefixes or label.prefix in prefixes]
        return self._page(request, rows, self._json.label, ("id", "name"))

    def _versions(self, request: Request, content: Content) -> Response:
        limit = self._limit(request, 25)
        down = self._choices(request, "sort", ("modified-date", "-modified-date"), ["-modified-date"])[0][0] == "-"
        rows = sorted(content.versions, key=lambda version: version.number, reverse=down)
        cursor = request.text("cursor")
        part = slice_after(rows, lambda version: [version.number], [down], cursor, limit, self._server.faults)
        links = {"base": self._server.url}
        if part.cursor is not None:
            links["next"] = f"{request.path}?{query_text(request.query, {'cursor': part.cursor})}"
        results = [
            self._json.version(v) | {content.type: {"id": content.public_id, "title": v.title}} for v in part.rows
        ]
        return Response({"results": results, "_links": links})

    # -- single records

    def _one_space(self, request: Request) -> Json:
        found = self._json.space(self._space(request))
        return found | {"_links": found["_links"] | {"base": self._server.url}}

    def _content(self, request: Request, kind: ContentType) -> Json:
        body_format = self._body_format(request, _SINGLE_BODY_FORMATS)
        asked = self._choices(
            request, "status", ("current", "archived", "trashed", "deleted", "historical", "draft"), []
        )
        drafts = request.text("get-draft").lower() == "true" or "draft" in asked
        content = self._find(request, kind, statuses=("current", "archived", "trashed", "draft"))
        draft = content.current if content.status == "draft" else content.draft
        if drafts and draft is not None:
            return self._json.content(content, body_format, draft, "draft") | self._extras(request, content)
        number = request.text("version")
        if number:
            version = self._numbered(content, number)
            status = content.status if version is content.current else "historical"
            return self._json.content(content, body_format, version, status) | self._extras(request, content)
        if content.status == "draft" or (asked and content.status not in asked):
            raise v2_error(404, "Not Found")
        return self._json.content(content, body_format) | self._extras(request, content)

    def _extras(self, request: Request, content: Content) -> Json:
        extras: Json = {}
        if request.text("include-labels").lower() == "true":
            labels = [self._json.label(label) for label in content.labels[:50]]
            more = {"hasMore": len(content.labels) > 50, "cursor": ""}
            extras["labels"] = {"results": labels, "meta": more, "_links": {"self": f"{request.path}/labels"}}
        if request.text("include-versions").lower() == "true":
            versions = [self._json.version(version) for version in content.versions[:-51:-1]]
            more = {"hasMore": len(content.versions) > 50, "cursor": ""}
            extras["versions"] = {"results": versions, "meta": more, "_links": {"self": f"{request.path}/versions"}}
        return extras | {"_links": self._json.links(content) | {"base": self._server.url}}

    def _numbered(self, content: Content, number: str) -> Version:
        for version in content.versions:
            if str(version.number) == number:
                return version
        raise v2_error(404, "Not Found")

    def _version(self, request: Request, content: Content) -> Json:
        version = self._numbered(content, request.parts["number"])
        numbers = [one.number for one in content.versions]
        place = numbers.index(version.number)
        found = self._json.version(version) | {"contentTypeModified": False, "collaborators": [version.author_id]}
        if place > 0:
            found["prevVersion"] = numbers[place - 1]
        if place + 1 < len(numbers):
            found["nextVersion"] = numbers[place + 1]
        return found

    def _attachment(self, request: Request) -> Json:
        content = self._find(request, "attachment", statuses=("current", "archived", "trashed"))
        number = request.text("version")
        version = self._numbered(content, number) if number else content.current
        found = self._json.attachment(content, version)
        return found | {"_links": found["_links"] | {"base": self._server.url}}

    def _one_comment(self, request: Request, location: str) -> Content:
        comment = self._find(request, "comment")
        if comment.location != location:
            raise v2_error(404, "Not Found")
        return comment

    def _comment(self, request: Request, location: str) -> Json:
        body_format = self._body_format(request, _SINGLE_BODY_FORMATS)
        found = self._json.comment(self._one_comment(request, location), body_format)
        return found | {"_links": found["_links"] | {"base": self._server.url}}

    def _users(self, request: Request) -> Json:
        asked = request.json().get("accountIds", [])
        people = [self._server.accounts.all[one] for one in asked if one in self._server.accounts.all]
        rows = [
            {
                "accountId": person.id,
                "accountType": "atlassian",
                "accountStatus": "active" if person.active else "inactive",
                "displayName": person.name,
                "publicName": person.name,
                "timeZone": None,
                "email": "",
            }
            for person in people
        ]
        return {"results": rows, "_links": {"base": self._server.url}}

    def _delete(self, request: Request, kind: ContentType) -> Response:
        content = self._find(request, kind, statuses=("current", "archived", "trashed", "draft"))
        purge, draft = request.text("purge").lower() == "true", request.text("draft").lower() == "true"
        if draft != (content.status == "draft") or purge != (content.status == "trashed"):
            raise v2_error(404, "Not Found")
        if purge or draft:
            self._state.purge(content)
        else:
            self._state.trash(content)
        return Response(None, 204)


class _Permission:
    """A right to read a space, as a row."""

    def __init__(self, number: int, kind: str, name: str) -> None:
        self.id, self._kind, self._name = number, kind, name

    def json(self) -> Json:
        """The row in the API's form."""
        operation = {"key": "read", "targetType": "space"}
        return {"id": str(self.id), "principal": {"type": self._kind, "id": self._name}, "operation": operation}
