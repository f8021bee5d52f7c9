"""The settings: what `pipeline.yaml` may say, with every default. Reading the file is in `settings_file`.

Models only: validated values, no file or network access. Secrets are `SecretStr`, so that printing the
settings never shows one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_SIZES = {"b": 1, "kb": 1000, "mb": 1000**2, "gb": 1000**3, "kib": 1024, "mib": 1024**2, "gib": 1024**3}


def parse_duration(value: object) -> object:
    """ "30s", "15m", "6h", "1d" or a number of seconds as a timedelta; anything else is left to pydantic."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return timedelta(seconds=value)
    if isinstance(value, str) and (match := re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([smhdw])\s*", value)):
        return timedelta(seconds=float(match[1]) * _UNITS[match[2]])
    if isinstance(value, timedelta):
        return value
    raise ValueError('write a duration as "30s", "15m", "6h" or "1d"')


def parse_size(value: object) -> object:
    """ "10MB", "512KiB" or a number of bytes as an int."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and (match := re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmg]?i?b)\s*", value.lower())):
        return int(float(match[1]) * _SIZES[match[2]])
    raise ValueError('write a size as "10MB", "512KiB" or a number of bytes')


def _positive(value: timedelta) -> timedelta:
    if value <= timedelta(0):
        raise ValueError("must be longer than 0")
    return value


Duration = Annotated[timedelta, BeforeValidator(parse_duration), AfterValidator(_positive)]
Size = Annotated[int, BeforeValidator(parse_size), Field(gt=0)]
SourceName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$")]
"""A partition key: letters, digits, "_", "." and "-" only, so that it is safe in Dagster's ranges and in paths."""


class Section(BaseModel):
    """A part of the settings: unknown keys are refused, values are immutable."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class SourceSettings(Section):
    """What every source has."""

    observe_every: Duration = Field(timedelta(seconds=30), description="How often the source is probed.")
    census_every: Duration = Field(timedelta(days=1), description="How often everything is listed again.")
    behind_limit: Duration = Field(timedelta(hours=1), description="When a source that is not in step is reported.")
    timeout: Duration = Field(timedelta(seconds=60), description="Longest wait for one answer of the source.")
    include: tuple[str, ...] = Field((), description="Patterns (gitignore syntax) of paths to take; empty takes all.")
    exclude: tuple[str, ...] = Field((), description="Patterns (gitignore syntax) of paths to leave out.")
    max_file_size: Size = Field(10_000_000, description="Larger files are left out and counted.")
    tags: tuple[str, ...] = Field((), description="Tags added to every document of this source.")
    access: tuple[str, ...] = Field((), description="Access labels put on every document of this source.")


class LocalFilesSettings(SourceSettings):
    """A folder or an Obsidian vault."""

    path: Path = Field(description="The folder; relative paths start at the settings file's folder.")
    observe_every: Duration = Field(timedelta(seconds=15), description="How often the folder is scanned.")
    ignore_files: tuple[str, ...] = Field(
        (".gitignore", ".ignore", ".minimaignore"), description="Names of files that hold ignore patterns."
    )
    hidden: bool = Field(False, description="Whether files and folders whose name starts with a dot are taken.")
    url_template: str = Field(
        "", description="Link to a document, with {path} for its quoted path; empty gives file:// links."
    )


class GitSettings(SourceSettings):
    """One branch of a Git repository, whole or below a folder."""

    url: str = Field(description="Repository: a URL (https, ssh, file) or a path.")
    branch: str = Field("", description="Branch to follow; empty follows the repository's default branch.")
    subpath: str = Field("", description="Only this folder of the repository.")
    observe_every: Duration = Field(timedelta(seconds=60), description="How often the branch is asked for.")
    timeout: Duration = Field(timedelta(minutes=10), description="Longest time for one Git command.")
    username: str = Field("", description="User name for HTTPS; hosts with tokens take any.")
    token: SecretStr = Field(SecretStr(""), description="Token or password for HTTPS, as ${VARIABLE}.")
    ssh_key: Path | None = Field(None, description="Private key file for SSH; empty uses the agent's.")
    ssh_known_hosts: Path | None = Field(None, description="Known hosts file for SSH; empty uses the user's.")
    web_url: str = Field("", description="Web address of the repository, where it can't be told from the URL.")


class Sources(Section):
    """The sources by type and name."""

    git: dict[SourceName, GitSettings] = Field(default_factory=dict, description="Git repositories.")
    local_files: dict[SourceName, LocalFilesSettings] = Field(default_factory=dict, description="Folders.")

    def by_type(self) -> Mapping[str, Mapping[str, SourceSettings]]:
        """Source type to name to settings, every type present."""
        return {name: getattr(self, name) for name in type(self).model_fields}

    def __iter__(self) -> Iterator[tuple[str, str, SourceSettings]]:  # type: ignore[override]
        """(type, name, settings) of every source, in the order of the file."""
        for source_type, sources in self.by_type().items():
            for name, settings in sources.items():
                yield source_type, name, settings


class ChunkingSettings(Section):
    """How documents are cut. A change of these chunks every document again."""

    max_tokens: int = Field(400, ge=32, le=8192, description="Most tokens of a chunk, heading path included.")
    target_chars: int = Field(1200, ge=100, le=32_000, description="Length chunks are filled up to, in characters.")

    @property
    def identity(self) -> str:
        """What chunks depend on, besides the code of the chunkers."""
        return f"max_tokens={self.max_tokens},target_chars={self.target_chars}"


class EmbeddingSettings(Section):
    """How texts become vectors. A change of provider, model, dimensions or prefix embeds every text again."""

    provider: Literal["wordllama", "openai"] = Field(
        "wordllama", description='"wordllama" is bundled and offline; "openai" is any OpenAI-compatible endpoint.'
    )
    model: str = Field("", description="Name of the model at the endpoint.")
    dimensions: int = Field(256, ge=1, le=65_536, description="Length of the vectors.")
    send_dimensions: bool = Field(False, description="Ask the endpoint to shorten vectors to `dimensions`.")
    base_url: str = Field("", description="Address of the endpoint, such as http://127.0.0.1:11434/v1.")
    api_key: SecretStr = Field(SecretStr(""), description="Key of the endpoint, as ${VARIABLE}.")
    document_prefix: str = Field("", description="Text some models want in front of documents.")
    query_prefix: str = Field("", description="Text some models want in front of queries.")
    batch_size: int = Field(64, ge=1, le=2048, description="Texts per request.")
    concurrency: int = Field(4, ge=1, le=64, description="Requests under way at once.")
    requests_per_minute: int = Field(0, ge=0, description="Limit of requests per minute; 0 is none.")
    tokens_per_minute: int = Field(0, ge=0, description="Limit of tokens per minute; 0 is none.")
    max_input_tokens: int = Field(8191, ge=1, description="Longest text the model reads, in tokens.")
    timeout: Duration = Field(timedelta(seconds=60), description="Longest wait for one answer.")
    max_retries: int = Field(5, ge=0, le=20, description="Tries after the first for one batch.")
    max_wait: Duration = Field(timedelta(minutes=5), description="Longest total wait for one batch.")
    bm25_language: str = Field("english", description="Language of stop words and stemming of the sparse vectors.")
    bm25_average_length: float = Field(150.0, gt=0, description="Usual length of a chunk in words, for BM25.")

    @model_validator(mode="after")
    def _complete(self) -> EmbeddingSettings:
        if self.provider == "openai" and not self.model:
            raise ValueError("embedding.model is needed with provider openai")
        if self.provider == "wordllama" and self.dimensions not in (64, 128, 256):
            raise ValueError("the bundled wordllama model has dimensions 256 (or 128 or 64, cut off)")
        return self


class IndexSettings(Section):
    """Where the points are kept."""

    url: str = Field("", description="Address of a Qdrant server; empty keeps the points in an embedded shard.")
    api_key: SecretStr = Field(SecretStr(""), description="Key of the Qdrant server, as ${VARIABLE}.")
    grpc_port: int = Field(6334, ge=1, le=65_535, description="Port of the server's gRPC interface.")
    prefer_grpc: bool = Field(True, description="Use gRPC rather than HTTP with a server.")
    alias: str = Field("knowledge", pattern=r"^[A-Za-z0-9_-]{1,80}$", description="Name that searches use.")
    path: Path | None = Field(None, description="Folder of the embedded shards; empty puts them below data_dir.")
    batch_size: int = Field(2000, ge=1, le=20_000, description="Points per write.")
    timeout: Duration = Field(timedelta(seconds=60), description="Longest wait for one answer of the server.")
    lock_timeout: Duration = Field(timedelta(seconds=60), description="Longest wait for the embedded shard.")
    optimize_above: int = Field(20_000, ge=1, description="Unindexed vectors above which the collection is optimized.")


class StateSettings(Section):
    """Where the state is kept."""

    url: SecretStr = Field(SecretStr(""), description="postgresql://… as ${VARIABLE}; empty keeps SQLite.")
    path: Path | None = Field(None, description="The SQLite file; empty puts it below data_dir.")
    table_prefix: str = Field("", pattern=r"^[a-z0-9_]{0,30}$", description="Put in front of every table name.")
    pool_size: int = Field(5, ge=1, le=100, description="Connections kept open to PostgreSQL.")
    timeout: Duration = Field(timedelta(seconds=60), description="Longest wait for a lock or a connection.")


class LimitSettings(Section):
    """What a run may do at most."""

    brake_documents: int = Field(20, ge=0, description="Deletions up to this number are never stopped.")
    brake_share: float = Field(0.2, ge=0, le=1, description="Deletions up to this share of a source are never stopped.")
    fetch_batch: int = Field(200, ge=1, le=10_000, description="Documents fetched and recorded at once.")
    sources_per_run: int = Field(1, ge=1, le=1000, description="Sources that share one Dagster run.")
    quarantine_retry: Duration = Field(
        timedelta(minutes=10), description="First delay before a failed document is retried."
    )


class Settings(Section):
    """Everything `pipeline.yaml` may say."""

    data_dir: Path | None = Field(None, description="Folder of all data; empty is the user's data folder.")
    sources: Sources = Field(default_factory=Sources, description="What is kept in step.")
    chunking: ChunkingSettings = Field(default_factory=ChunkingSettings, description="How documents are cut.")
    embedding: EmbeddingSettings = Field(default_factory=EmbeddingSettings, description="How texts become vectors.")
    index: IndexSettings = Field(default_factory=IndexSettings, description="Where the points are kept.")
    state: StateSettings = Field(default_factory=StateSettings, description="Where the state is kept.")
    limits: LimitSettings = Field(default_factory=LimitSettings, description="What a run may do at most.")

    def source(self, source_type: str, name: str) -> SourceSettings | None:
        """The settings of one source, or None where it is not (or no longer) configured."""
        return self.sources.by_type().get(source_type, {}).get(name)
