"""Version 1 of the API on Cloud: search by cursor, which ignores `start`, and files that lie on another host."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, tzinfo
from http import HTTPStatus
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import quote

from vector_pipeline_tests.simulators.atlassian_conditions import Refused
from vector_pipeline_tests.simulators.atlassian_http import CLOUD_ID, Request, Response
from vector_pipeline_tests.simulators.confluence_content import Content, Version
from vector_pipeline_tests.simulators.confluence_paging import BadCursor, slice_after
from vector_pipeline_tests.simulators.confluence_rendering import Json
from vector_pipeline_tests.simulators.confluence_v1 import V1, Found, PageSizes

if TYPE_CHECKING:
    from vector_pipeline_tests.simulators.confluence_server import ConfluenceServer


class CloudV1(V1):
    """The handlers of /wiki/rest/api."""

    largest_start: ClassVar[int | None] = 100_000

    def __init__(self, server: ConfluenceServer) -> None:
        super().__init__(server, PageSizes(plain=1000, with_body=50))
        self._tokens: dict[str, tuple[int, int]] = {}

    def add_routes(self) -> None:
        super().add_routes()
        self.add("/settings/systemInfo", self._system_info)
        self.add("/content/{id}/child/attachment/{attachment}/download", self._download)
        path = f"{self._server.context_path}/download/attachments/{{id}}/{{name}}"
        self._server.route("GET", path, self._download_by_name)
        self._server.router.add("GET", "/media/file/{file}/binary", self._media, public=True)

    def zone(self) -> tzinfo:
        return UTC

    def error(self, status: int, message: str, *, authorized: bool = True) -> Refused:
        kind = {400: "BadRequestException", 404: "NotFoundException"}.get(status, "ServiceException")
        data = {"authorized": authorized, "valid": True, "errors": [], "successful": False}
        text = f"com.atlassian.confluence.api.service.exceptions.{kind}: {message}"
        return Refused(status, {"statusCode": status, "data": data, "message": text})

    def search_page(self, request: Request, found: Found, render: Callable[[Content], Json]) -> Json:
        asked, size = self.size(request)
        try:
            part = slice_after(
                found.entries,
                found.query.key,
                found.query.descending,
                request.text("cursor"),
                size,
                self._server.faults,
                eager=self._server.search_links_past_end,
            )
        except BadCursor:
            raise self.error(400, "Invalid cursor") from None
        following = None
        if part.cursor is not None:
            start = part.position + len(part.rows)
            following = {"next": "true", "cursor": part.cursor, "limit": asked, "start": start}
        rows = [render(self._state.contents[entry.id]) for entry in part.rows]
        body = {"results": rows, "start": part.position, "limit": size, "size": len(rows)}
        return body | {"_links": self.links(request, following, part.position, size)}

    def current_user(self, request: Request) -> Json:
        return super().current_user(request) | {"timeZone": request.who.time_zone, "email": request.who.email}

    def _system_info(self, _request: Request) -> Json:
        return {
            "cloudId": CLOUD_ID,
            "commitHash": "0" * 40,
            "baseUrl": self._server.url,
            "fallbackBaseUrl": self._server.url,
            "edition": "standard",
            "siteTitle": "Confluence",
            "defaultLocale": "en_US",
            "defaultTimeZone": "UTC",
        }

    # -- files

    def _download(self, request: Request) -> Response:
        container = self.find(request, statuses=("current", "archived"))
        for attachment in self._state.below(container, "attachment"):
            if attachment.public_id == request.parts["attachment"] and attachment.status == "current":
                return self._redirect(attachment, self._version(attachment, request))
        raise self.error(404, f"No attachment {request.parts['attachment']} found", authorized=False)

    def _download_by_name(self, request: Request) -> Response:
        container = self.find(request, statuses=("current", "archived"))
        for attachment in self._state.below(container, "attachment"):
            if attachment.title == request.parts["name"] and attachment.status == "current":
                return self._redirect(attachment, self._version(attachment, request))
        raise self.error(404, "There is no such attachment", authorized=False)

    def _version(self, attachment: Content, request: Request) -> Version:
        number = request.number("version", attachment.current.number)
        for version in attachment.versions:
            if version.number == number:
                return version
        raise self.error(404, f"No version {number} of {attachment.public_id}")

    def _redirect(self, attachment: Content, version: Version) -> Response:
        token = uuid.uuid5(uuid.NAMESPACE_OID, f"{attachment.id} {version.number}").hex
        self._tokens[token] = (attachment.id, version.number)
        path = f"/media/file/{self._server.file_id(attachment)}/binary"
        location = f"{self._server.other_origin}{path}?token={token}&name={quote(version.title, safe='')}&dl=true"
        return Response(None, HTTPStatus.FOUND, {"Location": location})

    def _media(self, request: Request) -> Response:
        with self._state.lock:
            known = self._tokens.get(request.text("token"))
            attachment = self._state.contents.get(known[0]) if known is not None else None
            if known is None or attachment is None or self._server.file_id(attachment) != request.parts["file"]:
                raise Refused(403, {"error": {"code": "JwtAuthoriser:TokenInvalid", "title": "Forbidden"}})
            version = next(one for one in attachment.versions if one.number == known[1])
        return Response(version.data, content_type=version.media_type)
