"""The `global` part of their file: Qdrant, the embedding endpoint, chunking, conversion."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from vector_pipeline.settings_import.outcomes import Given
from vector_pipeline.settings_import.references import Variables, has_reference, kept, without_credentials
from vector_pipeline.settings_import.rules import CHUNKING, EMBEDDING, SECTIONS, apply, put

_DIMENSIONS = {"text-embedding-3-small": "1536", "text-embedding-3-large": "3072", "text-embedding-ada-002": "1536"}
_MODEL = "text-embedding-3-small"
_SPOKEN = ("openai", "ollama", "custom", "openai_compat", "openai_compatible")
_CHARS_PER_TOKEN = 3


def services(given: Given, ours: dict[str, Any], variables: Variables) -> None:
    """Carries the part over into our settings."""
    _qdrant(given.inside("qdrant"), ours, variables)
    _chunking(given.inside("chunking"), ours)
    _embedding(given, ours, variables)
    conversion = given.inside("file_conversion")
    if isinstance(conversion.peek("conversion_timeout"), str):
        put(ours, "conversion.timeout", kept(conversion.take("conversion_timeout", target="conversion.timeout")))
    conversion.take("max_file_size", "not needed", "", "each source has its own max_file_size")
    conversion.take("markitdown", "not needed", "", "files are converted without a language model")
    for name, note in SECTIONS.items():
        given.take(name, "not needed", "", note)


def _qdrant(given: Given, ours: dict[str, Any], variables: Variables) -> None:
    put(ours, "index.url", "${QDRANT_URL:-http://localhost:6333}")
    if isinstance(value := given.peek("url"), str) and value:
        url, user, password = without_credentials(value)
        if url:
            put(ours, "index.url", kept(url))
            given.take("url", target="index.url")
        if not url or user or password:
            given.take("url", "secret", "index.url", "a secret in the address was left out; set QDRANT_URL or api_key")
    if isinstance(value := given.peek("api_key"), str) and value:
        reference, new = variables.reference(value, "QDRANT_API_KEY")
        put(ours, "index.api_key", reference)
        note = f"not copied; set {reference[2:-1]} in the environment" if new else ""
        given.take("api_key", "secret" if new else "carried", "index.api_key", note)
    name = given.peek("collection_name")
    if isinstance(name, str) and name:
        note = "searches use this alias; the collection of theirs stays, and `adopt` takes over its vectors"
        put(ours, "index.alias", f"{kept(name)}-live")
        given.take("collection_name", "differs", "index.alias", note)


def _chunking(given: Given, ours: dict[str, Any]) -> None:
    apply(CHUNKING, given, ours, "")
    size = given.peek("chunk_size")
    if isinstance(size, str) and re.fullmatch(r"\d{1,6}", size) and int(size) > 400 * _CHARS_PER_TOKEN:
        put(ours, "chunking.max_tokens", str(min(8192, int(size) // _CHARS_PER_TOKEN)))
        given.note("chunk_size", "differs", "chunking.max_tokens", "so many tokens hold a chunk of that size")
    for key in given.untaken():
        given.take(key, "not needed", "", "chunks are cut by rules of their own for markdown, code and text")


def _embedding(given: Given, ours: dict[str, Any], variables: Variables) -> None:
    """The endpoint, from `llm` where that says it, else from `embedding`."""
    old, new = given.inside("embedding"), given.inside("llm")
    models, vectors = new.inside("models"), new.inside("embeddings")
    put(ours, "embedding.provider", "openai")
    if not old and not new:
        note = "set nowhere: the model that qdrant-loader takes then; check embedding.* before the first sync"
        given.note("embedding", "differs", "embedding", note)
    provider = new.peek("provider")
    if isinstance(provider, str) and not has_reference(provider) and provider.lower() not in _SPOKEN:
        new.take("provider", "missing", "embedding.base_url", "give the provider's OpenAI-compatible address")
    else:
        new.take("provider", target="embedding.provider")
    address = _first((new, "base_url"), (old, "endpoint"), target="embedding.base_url")
    if address:
        put(ours, "embedding.base_url", _endpoint(address, new if new.peek("base_url") else old))
    model = _first((models, "embeddings"), (old, "model"), target="embedding.model") or _MODEL
    put(ours, "embedding.model", kept(model))
    size = _first((vectors, "vector_size"), (old, "vector_size"), target="embedding.dimensions")
    if size or model in _DIMENSIONS:
        put(ours, "embedding.dimensions", kept(size or _DIMENSIONS[model]))
    else:
        old.note("vector_size", "missing", "embedding.dimensions", "say how long the model's vectors are")
    key = _first((new, "api_key"), (old, "api_key"), target="embedding.api_key")
    put(ours, "embedding.api_key", "${OPENAI_API_KEY:-}")
    if key:
        reference, written = variables.reference(key, "EMBEDDING_API_KEY")
        put(ours, "embedding.api_key", reference)
        if written:
            where = new if new.peek("api_key") else old
            note = f"not copied; set {reference[2:-1]} in the environment"
            where.note("api_key", "secret", "embedding.api_key", note)
    apply(EMBEDDING, old, ours, "")
    _limits(new, ours)
    for part, known in ((models, "only the embedding model is used"), (new, "texts are only embedded"), (vectors, "")):
        for name in part.untaken():
            part.take(name, "not needed", "", known or "told by the model")


def _limits(new: Given, ours: dict[str, Any]) -> None:
    request, rates = new.inside("request"), new.inside("rate_limits")
    for part, name, target in (
        (request, "timeout_s", "timeout"),
        (request, "max_retries", "max_retries"),
        (rates, "rpm", "requests_per_minute"),
        (rates, "tpm", "tokens_per_minute"),
        (rates, "concurrency", "concurrency"),
    ):
        if isinstance(value := part.take(name, target=f"embedding.{target}"), str):
            put(ours, f"embedding.{target}", kept(value))
    for part in (request, rates):
        for name in part.untaken():
            part.take(name, "not needed", "", "waits grow by themselves; see embedding.max_wait")


def _first(*places: tuple[Given, str], target: str) -> str | None:
    """The first value that is set; the others are noted as said twice."""
    found: str | None = None
    for given, key in places:
        value = given.peek(key)
        if not isinstance(value, str) or not value:
            continue
        if found is None:
            found = value
            given.take(key, target=target)
        else:
            given.take(key, "not needed", target, "llm says it, and comes first")
    return found


def _endpoint(address: str, given: Given) -> str:
    """The address of the endpoint; Ollama's own has its OpenAI-compatible one below /v1."""
    key = "base_url" if given.peek("base_url") else "endpoint"
    url, user, password = without_credentials(address)
    if not url or user or password:
        given.note(key, "secret", "embedding.base_url", "a secret in the address was left out; use api_key")
    if not has_reference(url) and re.search(r":11434/?$", url) and urlsplit(url).path in ("", "/"):
        given.note(key, "differs", "embedding.base_url", "with /v1, where Ollama speaks OpenAI's way")
        url = url.rstrip("/") + "/v1"
    return kept(url)
