"""A large space: what changes cost in requests, and how large what is remembered gets."""

from __future__ import annotations

import json

import pytest

from vector_pipeline.documents import Document, frame_items
from vector_pipeline.sources.base import Known
from vector_pipeline_tests.simulators.confluence_server import ConfluenceServer
from vector_pipeline_tests.sources.confluence.site import FLAVOURS, following

PAGES = 4_000
CHANGED = 20


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_twenty_changes_among_many_pages_cost_few_requests(flavour: str) -> None:
    with ConfluenceServer(flavour) as server, following(server) as follower:
        server.state.add_space("ENG", "Engineering")
        server.state.fill("ENG", PAGES)
        source = follower.source
        first = source.scan(Known())
        assert first.items.height == PAGES + 1
        listed = server.log.count()
        assert listed <= PAGES / 250 + PAGES / 100 + 10, "pages of the list, labels and restrictions by the hundred"
        held = {item.native_id: item.version for item in frame_items(first.items)}
        assert len(json.dumps(first.cursor)) < 10_000

        server.clock.advance(minutes=60)
        pages = [content for content in server.state.contents.values() if content.type == "page"]
        for number in range(CHANGED):
            server.state.edit(pages[number * 177 + 5], f"<p>Text {number}.</p>")
            server.clock.advance(seconds=20)
        server.log.clear()
        source.probe()
        delta = source.scan(Known(first.cursor, held))
        documents = list(source.fetch(list(frame_items(delta.items))))
        assert not delta.complete
        assert len(documents) == delta.items.height == CHANGED
        assert server.log.count() <= 1 + CHANGED + 2
        held |= {document.native_id: document.version for document in documents if isinstance(document, Document)}

        server.log.clear()
        server.state.purge(pages[100])
        census = source.scan(Known(delta.cursor, held))
        assert census.complete
        assert census.reasons == {str(pages[100].id).encode(): "deleted or no longer visible"}
        assert {i.native_id for i in frame_items(census.items) if held.get(i.native_id) != i.version} == set()
        assert server.log.count() <= PAGES / 250 + 15, "no labels and restrictions are read for a deletion"
