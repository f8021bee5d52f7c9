"""A build: what a collection is made from besides the documents, as it is recorded beside the collection.

The record lets a collection of former settings be kept up and searched while the next one is being built. It holds no
secret: a key is recorded as the name of the variable it was written as, and looked up again when it is needed.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from pydantic import BaseModel, SecretStr, ValidationError

from vector_pipeline.settings import ChunkingSettings, EmbeddingSettings, Settings
from vector_pipeline.settings_file import masked_url

API_KEY = "embedding.api_key"
_SECRET = frozenset({"api_key"})


def settings_record(settings: Settings) -> dict[str, Any]:
    """The part of the settings that a collection is made from, as plain JSON values without secrets."""
    embedding = settings.embedding
    return {
        "chunking": _plain(settings.chunking),
        "embedding": {**_plain(embedding), "base_url": masked_url(embedding.base_url)},
        "api_key": settings.variable(API_KEY),
        "distance": settings.index.distance,
    }


def settings_at(record: Mapping[str, Any], current: Settings) -> Settings | None:
    """The settings in force, but for what a collection was made from: that is as recorded.

    None where the record can't be read (it is of another version). Where its key can't be found, the key is empty and
    the endpoint says so.
    """
    now = current.embedding
    try:
        chunking = ChunkingSettings.model_validate(record["chunking"])
        embedding = EmbeddingSettings.model_validate(record["embedding"])
        distance = current.index.model_validate({"distance": record["distance"]}).distance
    except (ValidationError, KeyError, TypeError):
        return None
    key = SecretStr(os.environ.get(str(record.get("api_key") or ""), ""))
    if (embedding.provider, embedding.base_url) == (now.provider, masked_url(now.base_url)):
        # The address may hold a name and password, which the record lacks.
        embedding = embedding.model_copy(update={"base_url": now.base_url})
        key = key if key.get_secret_value() else now.api_key
    return current.model_copy(
        update={
            "chunking": chunking,
            "embedding": embedding.model_copy(update={"api_key": key}),
            "index": current.index.model_copy(update={"distance": distance}),
        }
    )


def _plain(section: BaseModel) -> dict[str, Any]:
    values = section.model_dump(exclude=set(_SECRET & type(section).model_fields.keys()))
    return {name: value.total_seconds() if isinstance(value, timedelta) else value for name, value in values.items()}
