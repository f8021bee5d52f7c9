"""Real pages through the whole source: their words in order, their code byte for byte, nothing in quarantine."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

from vector_pipeline_tests.conversion.atlassian.test_real_content import (
    CODE,
    number_in_order,
    source_words,
)
from vector_pipeline_tests.conversion.markdown_code import code_blocks
from vector_pipeline_tests.simulators.confluence_server import ConfluenceServer, load_storage_pages
from vector_pipeline_tests.sources.confluence.site import FLAVOURS, following

PAGES_FILE = "confluence/storage_pages_with_known_text.jsonl.gz"


@pytest.mark.realdata
@pytest.mark.parametrize("flavour", FLAVOURS)
def test_real_pages_come_through_the_source_with_99_percent_of_their_words_and_all_code(flavour: str) -> None:
    root = os.environ.get("VECTOR_PIPELINE_TEST_DATA")
    if not root:
        pytest.skip("VECTOR_PIPELINE_TEST_DATA is not set")
    with ConfluenceServer(flavour) as server, following(server, "REAL", spaces=["REAL"]) as follower:
        pages = load_storage_pages(server.state, Path(root) / PAGES_FILE, "REAL")
        follower.sync()
        assert not follower.failures
        total = kept = 0
        for page in pages:
            document = follower.documents[page.public_id.encode()]
            storage = page.current.body.as_storage()
            words = source_words(storage)
            in_order = number_in_order(words, document.text)
            assert in_order >= 0.99 * len(words), page.title
            code = [body + "\n" for body in CODE.findall(storage) if body.strip()]
            assert Counter(code_blocks(document.text)) >= Counter(code), page.title
            total, kept = total + len(words), kept + in_order
        assert len(pages) == 127
        assert kept >= 0.999 * total
