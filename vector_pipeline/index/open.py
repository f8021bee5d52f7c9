"""Chooses the engine: a Qdrant server where a URL is set, embedded shards below the data folder otherwise."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import SecretStr

from vector_pipeline.index.base import VectorIndex
from vector_pipeline.settings import IndexSettings


def open_index(settings: IndexSettings, data_dir: Path) -> VectorIndex:
    """The index the settings ask for; QDRANT_URL and QDRANT_API_KEY stand in for an empty url and api_key.

    Touches neither disk nor network. Raises VectorIndexError for a URL that is none.
    """
    url = settings.url or os.environ.get("QDRANT_URL", "")
    if not url:
        from vector_pipeline.index.edge import EdgeIndex

        return EdgeIndex(settings.path or data_dir / "qdrant", settings.lock_timeout.total_seconds())
    # Imported only here: loading the client takes more than a second.
    from vector_pipeline.index.server import ServerIndex, connect, public_location

    api_key = settings.api_key.get_secret_value() or os.environ.get("QDRANT_API_KEY", "")
    complete = settings.model_copy(update={"url": url, "api_key": SecretStr(api_key)})
    attempts = 1 + settings.max_retries
    return ServerIndex(connect(complete), public_location(url), attempts, api_key=api_key)
