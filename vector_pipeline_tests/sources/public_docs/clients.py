"""Clients of simulated sites, with settings that let tests be quick."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from vector_pipeline.settings_public_docs import PublicDocsSettings
from vector_pipeline.sources.public_docs.client import SiteClient
from vector_pipeline.sources.public_docs.lookup import SYSTEM, Lookup

LABEL = "public_docs/handbook"


@contextlib.contextmanager
def client_of(url: str, cache: Path | None = None, *, lookup: Lookup = SYSTEM, **settings: Any) -> Iterator[SiteClient]:
    """A client of the site at `url`, on loopback, which its settings allow; waits are short and nothing is retried.

    It has time for answers that are to come, also where this machine stands still for seconds.
    """
    given = {"delay": "0.001s", "timeout": "60s", "max_retries": 0, "private_hosts": ("127.0.0.1",)} | settings
    with contextlib.ExitStack() as stack:
        folder = cache or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        client = SiteClient(LABEL, PublicDocsSettings(url=url, **given), folder, lookup=lookup)
        client._first_pause = 0.05  # it grows with the time-out
        stack.callback(client.close)
        yield client


def lookup_of(names: Mapping[str, Sequence[str]]) -> Lookup:
    """A resolver that knows only these names, with their addresses."""

    def resolve(host: str, port: int) -> list[Any]:
        if host not in names:
            raise OSError("unknown name")
        return [(0, 0, 0, "", (address, port)) for address in names[host]]

    return Lookup(resolve)
