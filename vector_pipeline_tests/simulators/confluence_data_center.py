"""The Confluence Data Center API: version 1 with lists by offset, whose next links count what was asked, not sent.

Beside what Cloud has there is `content/scan`, which pages by cursor and works where administrators have switched the
plain listing off, and files come from the server itself.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import tzinfo
from http import HTTPStatus
from typing import TYPE_CHECKING, ClassVar
from zoneinfo import ZoneInfo

from vector_pipeline_tests.simulators.atlassian_conditions import Refused
from vector_pipeline_tests.simulators.atlassian_http import Request, Response
from vector_pipeline_tests.simulators.confluence_content import Content
from vector_pipeline_tests.simulators.confluence_paging import query_text
from vector_pipeline_tests.simulators.confluence_rendering import Json
from vector_pipeline_tests.simulators.confluence_v1 import DEFAULT_EXPAND, V1, Found, PageSizes

if TYPE_CHECKING:
    from vector_pipeline_tests.simulators.confluence_server import ConfluenceServer

VERSION = "10.2.14"
_CURSOR = "content:false:"


class DataCenter(V1):
    """The handlers of Data Center."""

    content_search_error: ClassVar[int] = 404

    def __init__(self, server: ConfluenceServer) -> None:
        super().__init__(server, PageSizes(plain=500, with_body=100))

    def add_routes(self) -> None:
        self.add("/content/scan", self._scan)
        super().add_routes()
        self.add("/server-information", self._server_information)
        path = self._server.context_path
        self._server.route("DELETE", f"{path}/rest/api/content/{{id}}", self._delete)
        self._server.route("GET", f"{path}/download/attachments/{{id}}/{{name}}", self._download)

    def zone(self) -> tzinfo:
        return ZoneInfo(self._server.time_zone)

    def error(self, status: int, message: str, *, authorized: bool = True) -> Refused:
        data = {
            "authorized": authorized,
            "valid": True,
            "allowedInReadOnlyMode": True,
            "errors": [],
            "successful": False,
        }
        reason = HTTPStatus(status).phrase
        return Refused(status, {"statusCode": status, "data": data, "message": message, "reason": reason})

    def search_page(self, request: Request, found: Found, render: Callable[[Content], Json]) -> Json:
        first = next(iter(found.entries), None)
        beyond = request.number("start", 0) > 0
        if beyond and first is not None and first.type == "attachment" and self._server.attachment_pages_refused > 0:
            self._server.attachment_pages_refused -= 1
            raise self.error(400, f"Could not parse cql : {request.text('cql')}")
        contents = self._state.contents
        page = self.by_offset(request, found.entries, lambda entry: render(contents[entry.id]))
        return page | {"totalSize": len(found.entries)}

    def contents(self, request: Request) -> Json:
        if self._server.content_listing_off:
            raise self.error(403, "The server understood the request but refuses to authorize it.", authorized=False)
        return super().contents(request)

    def _scan(self, request: Request) -> Json:
        expand, rendering = self.expand(request, DEFAULT_EXPAND), self.rendering(request)
        rows, cursor = self.listed(request, ("page", "blogpost", "comment")), request.text("cursor")
        last = cursor.removeprefix(_CURSOR)
        if cursor and not (cursor.startswith(_CURSOR) and last.isdigit()):
            raise self.error(400, f"Invalid cursor: {cursor}")
        asked, size = self.size(request)
        rest = [content for content in rows if content.id > int(last or 0)]
        page, following = rest[:size], None
        if self._server.faults.take("empty_page"):
            page, following = [], cursor or f"{_CURSOR}0"
        elif len(rest) > size > 0:
            repeated = cursor and self._server.faults.take("repeated_token")
            following = cursor if repeated else f"{_CURSOR}{page[-1].id}"
        body: Json = {
            "results": [rendering.content(content, expand) for content in page],
            "cursor": cursor,
            "limit": size,
            "size": len(page),
        }
        links = self.links(request, None, 0, size)
        if following is not None:
            body["nextCursor"] = following
            path = request.path.removeprefix(self._server.context_path)
            links["next"] = f"{path}?{query_text(request.query, {'cursor': following, 'limit': asked})}"
        return body | {"_links": links}

    def _server_information(self, _request: Request) -> Json:
        return {
            "version": VERSION,
            "buildNumber": 10214,
            "buildDate": "2026-01-15",
            "baseUrl": self._server.url,
            "marketplaceBuildNumber": 10214,
        }

    def _delete(self, request: Request) -> Response:
        purge = request.text("status") == "trashed"
        content = self.find(request, statuses=("trashed",) if purge else ("current", "draft"))
        if purge or content.type not in ("page", "blogpost", "attachment") or content.status == "draft":
            self._state.purge(content)
        else:
            self._state.trash(content)
        return Response(None, 204)

    def _download(self, request: Request) -> Response:
        container, name = self.find(request, statuses=("current", "archived")), request.parts["name"]
        for attachment in self._state.below(container, "attachment"):
            if attachment.title == name and attachment.status == "current":
                number = request.number("version", attachment.current.number)
                for version in attachment.versions:
                    if version.number == number:
                        return Response(version.data, content_type=version.media_type)
        raise Refused(404, "<html><body>Page Not Found</body></html>", content_type="text/html;charset=UTF-8")
