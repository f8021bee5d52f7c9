"""The settings: what `pipeline.yaml` may say, with every default. Reading the file is in `settings_file`.

Models only: validated values, no file or network access. Secrets are `SecretStr`, so that printing the
settings never shows one, and no message of a validator repeats the value it refuses.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field, PrivateAttr, SecretStr, field_validator, model_validator

from vector_pipeline.settings_alerts import AlertsSettings
from vector_pipeline.settings_atlassian import ConfluenceSettings, JiraSettings
from vector_pipeline.settings_backup import BackupSettings
from vector_pipeline.settings_checks import ChecksSettings
from vector_pipeline.settings_limits import LimitSettings
from vector_pipeline.settings_logs import LogSettings
from vector_pipeline.settings_monitoring import MonitoringSettings
from vector_pipeline.settings_public_docs import PublicDocsSettings
from vector_pipeline.settings_queue import QueueSettings
from vector_pipeline.settings_retention import RetentionSettings
from vector_pipeline.settings_sources import GitSettings, LocalFilesSettings, SourceSettings
from vector_pipeline.settings_values import Duration, OptionalPath, Section, Size, SourceName, WebAddress, matching


class Sources(Section):
    """The sources by type and name."""

    git: dict[SourceName, GitSettings] = Field(default_factory=dict, description="Git repositories.")
    local_files: dict[SourceName, LocalFilesSettings] = Field(default_factory=dict, description="Folders.")
    confluence: dict[SourceName, ConfluenceSettings] = Field(default_factory=dict, description="Confluence sites.")
    jira: dict[SourceName, JiraSettings] = Field(default_factory=dict, description="Jira sites.")
    public_docs: dict[SourceName, PublicDocsSettings] = Field(
        default_factory=dict, description="Public documentation sites."
    )

    def by_type(self) -> Mapping[str, Mapping[str, SourceSettings]]:
        """Source type to name to settings, every type present."""
        return {name: getattr(self, name) for name in type(self).model_fields}

    def __iter__(self) -> Iterator[tuple[str, str, SourceSettings]]:  # type: ignore[override]
        """(type, name, settings) of every source, in the order of the file."""
        for source_type, sources in self.by_type().items():
            for name, settings in sources.items():
                yield source_type, name, settings


class ConversionSettings(Section):
    """How PDF and office files become text. A change of a limit or a password reads the files of these kinds again."""

    workers: int = Field(2, ge=1, le=32, description="Processes that convert PDF and office files at once.")
    timeout: Duration = Field(timedelta(seconds=60), description="Longest time for the conversion of one file.")
    max_memory: Size = Field(
        1_000_000_000, ge=100_000_000, description="Most memory that the conversion of one file may take (Linux)."
    )
    max_text: int = Field(20_000_000, ge=1000, description="Most characters of text that one file may give.")
    cache_size: Size = Field(
        1_000_000_000, description="Disk space for results that are kept, so that no file is converted twice."
    )
    passwords: tuple[SecretStr, ...] = Field(
        (), description="Passwords of encrypted PDF and office files, as ${VARIABLE}; tried in this order."
    )


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
    base_url: WebAddress = Field("", description="Address of the endpoint, such as http://127.0.0.1:11434/v1.")
    api_key: SecretStr = Field(SecretStr(""), description="Key of the endpoint, as ${VARIABLE}.")
    document_prefix: str = Field("", description="Text some models want in front of documents.")
    query_prefix: str = Field("", description="Text some models want in front of queries.")
    batch_size: int = Field(64, ge=1, le=2048, description="Texts per request.")
    concurrency: int = Field(4, ge=1, le=64, description="Requests under way at once.")
    requests_per_minute: int = Field(0, ge=0, description="Limit of requests per minute and process; 0 is none.")
    tokens_per_minute: int = Field(0, ge=0, description="Limit of tokens per minute and process; 0 is none.")
    max_input_tokens: int = Field(8191, ge=1, description="Longest text the model reads, in tokens.")
    price_per_million_tokens: float = Field(
        0.0, ge=0, allow_inf_nan=False, description="What the provider asks for a million tokens; 0 is nothing."
    )
    currency: Annotated[str, matching(r"[A-Za-z]{3}", "is the three letters of a currency, such as USD")] = Field(
        "USD", description="The currency of the price; only shown."
    )
    timeout: Duration = Field(timedelta(seconds=60), description="Longest wait for one answer.")
    max_retries: int = Field(5, ge=0, le=20, description="Tries after the first for one batch.")
    max_wait: Duration = Field(timedelta(minutes=5), description="Longest total wait for one batch.")
    bm25_language: str = Field("english", description="Language of stop words and stemming of the sparse vectors.")
    bm25_average_length: float = Field(
        150.0, gt=0, le=1_000_000, description="Usual length of a chunk in words, for BM25."
    )

    def cost(self, tokens: int) -> float:
        """What so many tokens cost, in `currency`."""
        return tokens * self.price_per_million_tokens / 1_000_000

    @model_validator(mode="after")
    def _complete(self) -> EmbeddingSettings:
        if self.provider == "openai" and not self.model:
            raise ValueError("model is needed with provider openai")
        if self.provider == "wordllama" and self.dimensions not in (64, 128, 256):
            raise ValueError("the bundled wordllama model has dimensions 256 (or 128 or 64, cut off)")
        return self


class IndexSettings(Section):
    """Where the points are kept."""

    url: str = Field("", description="Address of a Qdrant server; empty keeps the points in an embedded shard.")
    api_key: SecretStr = Field(SecretStr(""), description="Key of the Qdrant server, as ${VARIABLE}.")
    grpc_port: int = Field(6334, ge=1, le=65_535, description="Port of the server's gRPC interface.")
    prefer_grpc: bool = Field(True, description="Use gRPC rather than HTTP with a server.")
    alias: Annotated[
        str, matching(r"[A-Za-z0-9_-]{1,80}", 'holds only letters, digits, "_" and "-", at most 80 of them')
    ] = Field("knowledge", description="Name that searches use.")
    path: OptionalPath = Field(None, description="Folder of the embedded shards; empty puts them below data_dir.")
    distance: Literal["Cosine", "Dot", "Euclid", "Manhattan"] = Field(
        "Cosine", description="How vectors are compared. A change builds another collection."
    )
    batch_size: int = Field(2000, ge=1, le=20_000, description="Points per write.")
    timeout: Duration = Field(timedelta(seconds=60), description="Longest wait for one answer of the server.")
    max_retries: int = Field(3, ge=0, le=20, description="Tries after the first for one call to the server.")
    lock_timeout: Duration = Field(timedelta(seconds=60), description="Longest wait for the embedded shard.")
    optimize_above: int = Field(
        100_000, ge=1, description="Unindexed vectors above which the hourly job optimizes the embedded collection."
    )


class StateSettings(Section):
    """Where the state is kept."""

    url: SecretStr = Field(SecretStr(""), description="postgresql://… as ${VARIABLE}; empty keeps SQLite.")
    path: OptionalPath = Field(None, description="The SQLite file; empty puts it below data_dir.")
    table_prefix: Annotated[
        str, matching(r"[a-z0-9_]{0,30}", 'holds only small letters, digits and "_", at most 30 of them')
    ] = Field("", description="Put in front of every table name.")
    pool_size: int = Field(5, ge=1, le=100, description="Connections kept open to PostgreSQL.")
    timeout: Duration = Field(timedelta(seconds=60), description="Longest wait for a lock or a connection.")

    @field_validator("url")
    @classmethod
    def _is_postgresql(cls, value: SecretStr) -> SecretStr:
        if value.get_secret_value() and not re.match(r"postgres(ql)?(\+\w+)?://", value.get_secret_value()):
            raise ValueError("must start with postgresql://; leave it empty for SQLite and give its file as path")
        return value


class Settings(Section):
    """Everything `pipeline.yaml` may say."""

    data_dir: OptionalPath = Field(
        None, description="Folder of all data; empty is one for this file in the user's data folder."
    )
    sources: Sources = Field(default_factory=Sources, description="What is kept in step.")
    conversion: ConversionSettings = Field(
        default_factory=ConversionSettings, description="How PDF and office files become text."
    )
    chunking: ChunkingSettings = Field(default_factory=ChunkingSettings, description="How documents are cut.")
    embedding: EmbeddingSettings = Field(default_factory=EmbeddingSettings, description="How texts become vectors.")
    index: IndexSettings = Field(default_factory=IndexSettings, description="Where the points are kept.")
    state: StateSettings = Field(default_factory=StateSettings, description="Where the state is kept.")
    limits: LimitSettings = Field(default_factory=LimitSettings, description="What a run may do at most.")
    queue: QueueSettings = Field(default_factory=QueueSettings, description="How many runs go at once.")
    checks: ChecksSettings = Field(default_factory=ChecksSettings, description="How much the checks look at.")
    backup: BackupSettings = Field(
        default_factory=BackupSettings, description="When backups are made, where they are, how long they stay."
    )
    alerts: AlertsSettings = Field(default_factory=AlertsSettings, description="Who is told of troubles, and when.")
    retention: RetentionSettings = Field(
        default_factory=RetentionSettings, description="How long `prune` keeps what is no longer needed."
    )
    monitoring: MonitoringSettings = Field(
        default_factory=MonitoringSettings, description="How the pipeline is watched."
    )
    logs: LogSettings = Field(default_factory=LogSettings, description="What is logged, and where.")
    _variables: dict[str, str] = PrivateAttr(default_factory=dict)

    @model_validator(mode="after")
    def _sources_differ(self) -> Settings:
        seen: dict[tuple[str, str], str] = {}
        for source_type, name, source in self.sources:
            label = f"{source_type}.{name}"
            if (other := seen.setdefault((source_type, source.model_dump_json()), label)) != label:
                raise ValueError(f"sources.{other} and sources.{label} are the same source twice; remove one")
        return self

    def variable(self, setting: str) -> str:
        """The environment variable that a setting ("embedding.api_key") was written as, "" where it was none."""
        return self._variables.get(setting, "")

    def with_variables(self, variables: Mapping[str, str]) -> Settings:
        """The same settings, which also know the variables they were written as. Names only, never values."""
        told = self.model_copy()
        told._variables = dict(variables)
        return told

    def source(self, source_type: str, name: str) -> SourceSettings | None:
        """The settings of one source, or None where it is not (or no longer) configured."""
        return self.sources.by_type().get(source_type, {}).get(name)
