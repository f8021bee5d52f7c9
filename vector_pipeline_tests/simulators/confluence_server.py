"""A loopback server that behaves like Confluence, Cloud or Data Center, with a state that tests change.

`with ConfluenceServer("cloud") as server:` gives `server.url` to clients and `server.state` to the test; what goes
wrong is switched on in `server.faults` and the attributes below. Run alone it lets a user try the pipeline without an
account: `python -m vector_pipeline_tests.simulators.confluence_server --flavour cloud --pages 1000`.
"""

from __future__ import annotations

import argparse
import gzip
import json
import uuid
from collections import OrderedDict
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any, TypeVar

from vector_pipeline_tests.simulators.atlassian_conditions import (
    API_TOKEN,
    EMAIL,
    PASSWORD,
    PERSONAL_ACCESS_TOKEN,
    USER,
    Clock,
    Fault,
    Flavour,
)
from vector_pipeline_tests.simulators.atlassian_http import AtlassianServer, Request, Response
from vector_pipeline_tests.simulators.confluence_cloud import CloudV2
from vector_pipeline_tests.simulators.confluence_cloud_v1 import CloudV1
from vector_pipeline_tests.simulators.confluence_content import Content, Space
from vector_pipeline_tests.simulators.confluence_data_center import DataCenter
from vector_pipeline_tests.simulators.confluence_state import ConfluenceState
from vector_pipeline_tests.simulators.confluence_v1 import V1

List = TypeVar("List")

_LISTS_KEPT = 16


class ConfluenceServer(AtlassianServer):
    """A running Confluence; the attributes are what its answers can be bent by, beside `faults` and `state`."""

    product = "confluence"

    def __init__(
        self, flavour: Flavour | str, *, clock: Clock | None = None, port: int = 0, context_path: str = "", **more: Any
    ) -> None:
        """`context_path` is Data Center's, "" or like "/confluence"; Cloud's is always /wiki."""
        super().__init__(flavour, clock=clock, port=port, **more)
        cloud = self.flavour is Flavour.CLOUD
        self.context_path = "/wiki" if cloud else context_path
        self.state = ConfluenceState(self.clock, self.faults, self.accounts.ada.id)
        self.time_zone = "UTC"
        """Data Center: the zone its JSON has times in."""
        self.wrong_start_in_links = not cloud
        """Next links of offset paging count the asked size even where a smaller page was sent (fact 33)."""
        self.search_links_past_end = False
        """Cloud: a full page of a search has a next link though nothing follows (fact 24)."""
        self.content_listing_off = False
        """Data Center: an administrator switched `/rest/api/content` off (fact 35)."""
        self.attachment_pages_refused = 0
        """Data Center: how many more searches for attachments are answered 400 beyond the first page (fact 34)."""
        self._lists: OrderedDict[Hashable, Any] = OrderedDict()
        self.v1: V1 = CloudV1(self) if cloud else DataCenter(self)
        """Version 1 of the API; its `sizes` are the longest pages."""
        self.v1.add_routes()
        if cloud:
            CloudV2(self).add_routes()

    def route(self, method: str, path: str, handler: Callable[[Request], Any]) -> None:
        """Adds a route whose handler sees the state at one moment."""

        def answer(request: Request) -> Any:
            with self.state.lock:
                return handler(request)

        self.router.add(method, path, answer)

    def answer(self, request: Request, fault: Fault | None) -> tuple[str, Response]:
        """As in every service; the gateway also takes version 1 without /wiki."""
        if request.gateway and request.path.startswith("/rest/"):
            request.path = self.context_path + request.path
        return super().answer(request, fault)

    def sees_space(self, request: Request, space: Space) -> bool:
        """Whether the account that asks may see a space."""
        return self.state.may_see_space(space, request.who.id, frozenset(request.who.groups))

    def reads(self, request: Request, content: Content) -> bool:
        """Whether the account that asks may read a content."""
        return self.state.may_read(content, request.who.id, frozenset(request.who.groups))

    def file_id(self, content: Content) -> str:
        """The id of an attachment's file."""
        return str(uuid.uuid5(uuid.NAMESPACE_OID, f"file {content.id}"))

    def remembered(self, request: Request, name: Hashable, make: Callable[[], List]) -> List:
        """A list made for this account, kept as long as nothing in the state changes."""
        key = (name, request.who.id, frozenset(request.who.groups), self.state.revision)
        if key not in self._lists:
            self._lists[key] = make()
            while len(self._lists) > _LISTS_KEPT:
                self._lists.popitem(last=False)
        found: List = self._lists[key]
        return found


def load_storage_pages(state: ConfluenceState, file: Path, space_key: str) -> list[Content]:
    """Makes a page of every line of a JSON-lines file (gzip) with `title` and `storage`."""
    if not state.has_space(space_key):
        state.add_space(space_key)
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        records = [json.loads(line) for line in lines]
    return [
        state.add_page(space_key, record["title"], record["storage"], labels=record.get("labels") or ())
        for record in records
    ]


def main() -> None:
    """Serves until it is interrupted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8766)
    parser.add_argument("--flavour", choices=[flavour.value for flavour in Flavour], default="cloud")
    parser.add_argument("--pages", type=int, default=100)
    parser.add_argument("--space", default="DEMO")
    options = parser.parse_args()
    server = ConfluenceServer(options.flavour, port=options.port)
    server.state.add_space(options.space, "Demonstration")
    server.state.fill(options.space, options.pages)
    print(f"{server.flavour}: {server.url}, space {options.space} with {options.pages} pages", flush=True)
    if server.flavour is Flavour.CLOUD:
        print(f"e-mail {EMAIL}, API token {API_TOKEN}; gateway {server.gateway_url}", flush=True)
    else:
        print(f"personal access token {PERSONAL_ACCESS_TOKEN}; or {USER} / {PASSWORD}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        print(f"{len(server.log.all())} requests answered")
    finally:
        server.stop()


if __name__ == "__main__":
    main()
