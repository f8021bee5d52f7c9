"""The settings: what `pipeline.yaml` may say, with every default. Reading the file is in `settings_file`.

Models only: validated values, no file or network access. Secrets are `SecretStr`, so that printing the
settings never shows one, and no message of a validator repeats the value it refuses.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pathspec import GitIgnoreSpec
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    field_validator,
    model_validator,
)

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_SIZES = {"b": 1, "kb": 1000, "mb": 1000**2, "gb": 1000**3, "kib": 1024, "mib": 1024**2, "gib": 1024**3}


def parse_duration(value: object) -> object:
    """ "30s", "15m", "6h", "1d" or a number of seconds as a timedelta. Raises ValueError on anything else."""
    if isinstance(value, timedelta):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    if isinstance(value, str) and (match := re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([smhdw]?)\s*", value)):
        try:
            return timedelta(seconds=float(match[1]) * _UNITS[match[2] or "s"])
        except OverflowError:
            raise ValueError("is longer than can be counted") from None
    raise ValueError('write a duration as "30s", "15m", "6h" or "1d"')


def parse_size(value: object) -> object:
    """ "10MB", "512KiB" or a number of bytes as an int. Raises ValueError on anything else."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and (match := re.fullmatch(r"\s*(\d{1,18}(?:\.\d{1,9})?)\s*([a-z]*)\s*", value.lower())):
        factor = _SIZES.get(match[2] or "b")
        if factor:
            return int(Decimal(match[1]) * factor)
    raise ValueError('write a size as "10MB", "512KiB" or a number of bytes')


def duration_text(value: timedelta) -> str:
    """The shortest spelling that `parse_duration` reads back: "15m", "1d", "1.5s"."""
    seconds = value.total_seconds()
    for unit in ("d", "h", "m"):
        if seconds and seconds % _UNITS[unit] == 0:
            return f"{seconds / _UNITS[unit]:.0f}{unit}"
    return f"{seconds:.6f}".rstrip("0").rstrip(".") + "s"


def size_text(value: int) -> str:
    """The shortest exact spelling that `parse_size` reads back: "10MB", "512KiB", "1234B"."""
    for unit in ("GB", "GiB", "MB", "MiB", "KB", "KiB"):
        factor = _SIZES[unit.lower()]
        if value and value % factor == 0:
            return f"{value // factor}{unit}"
    return f"{value}B"


def is_local_repository(url: str) -> bool:
    """Whether Git takes this as a path: no scheme, and no colon before the first slash as in host:path."""
    return bool(url) and "://" not in url and ":" not in url.partition("/")[0]


def _positive(value: timedelta) -> timedelta:
    if value <= timedelta(0):
        raise ValueError("must be longer than 0")
    return value


def _matching(pattern: str, words: str) -> AfterValidator:
    """A validator for text that must match, saying in words what is allowed."""
    compiled = re.compile(pattern)

    def check(value: str) -> str:
        if not compiled.fullmatch(value):
            raise ValueError(words)
        return value

    return AfterValidator(check)


def _path(value: object) -> object:
    """Refuses the empty path, which would silently mean the current folder."""
    if value == "":
        raise ValueError("must not be empty")
    if isinstance(value, str) and "\0" in value:
        raise ValueError("must not hold a NUL character")
    return value


def _path_or_none(value: object) -> object:
    """An empty text (an empty ${VARIABLE}) is no path."""
    return None if value == "" else _path(value)


def _web_address(value: str) -> str:
    if value and not re.fullmatch(r"https?://[^\s/]+\S*", value):
        raise ValueError("must start with http:// or https:// and name a host")
    return value


def _pattern(value: str) -> str:
    """Refuses what gitignore syntax can't say, and what it would read as a pattern that never matches."""
    try:
        matches_something = all(p.include is not None for p in GitIgnoreSpec.from_lines([value]).patterns)
    except ValueError:
        matches_something = False
    if not value.strip() or not matches_something or value.startswith(("./", "../")) or not value.isprintable():
        raise ValueError('is not a pattern that matches anything; write "*.md", "/docs/" or "**/drafts/*"')
    return value


Duration = Annotated[timedelta, BeforeValidator(parse_duration), AfterValidator(_positive)]
Size = Annotated[int, BeforeValidator(parse_size), Field(gt=0)]
GivenPath = Annotated[Path, BeforeValidator(_path)]
OptionalPath = Annotated[Path | None, BeforeValidator(_path_or_none)]
Pattern = Annotated[str, AfterValidator(_pattern)]
WebAddress = Annotated[str, AfterValidator(_web_address)]
SourceName = Annotated[
    str,
    _matching(
        r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}",
        'a name holds letters, digits, "_", "." and "-", starts with a letter or digit and has at most 100 characters',
    ),
]
"""A partition key: letters, digits, "_", "." and "-" only, so that it is safe in Dagster's ranges and in paths."""


class Section(BaseModel):
    """A part of the settings: unknown keys are refused, values are immutable."""

    model_config = ConfigDict(extra="forbid", frozen=True)


_USER_INFO = re.compile(r"(?<=:)//[^/@\"\s]*@")
"""User and password in front of a URL's host."""


class SourceSettings(Section):
    """What every source has."""

    observe_every: Duration = Field(timedelta(seconds=30), description="How often the source is probed.")
    census_every: Duration = Field(timedelta(days=1), description="How often everything is listed again.")
    behind_limit: Duration = Field(
        timedelta(hours=1), description="How long a source may be behind before `status` fails."
    )
    timeout: Duration = Field(timedelta(seconds=60), description="Longest wait for one answer of the source.")
    include: tuple[Pattern, ...] = Field(
        (), description="Patterns (gitignore syntax) of paths to take; empty takes all."
    )
    exclude: tuple[Pattern, ...] = Field((), description="Patterns (gitignore syntax) of paths to leave out.")
    max_file_size: Size = Field(10_000_000, description="Larger files are left out and counted.")
    tags: tuple[str, ...] = Field((), description="Tags added to every document of this source.")
    access: tuple[str, ...] = Field((), description="Access labels put on every document of this source.")

    operational: ClassVar[frozenset[str]] = frozenset({"observe_every", "census_every", "behind_limit", "timeout"})
    """Settings that no document depends on; a change of any other one reads every document again."""

    @property
    def fingerprint(self) -> str:
        """Names all settings that documents depend on, as JSON without secrets."""
        return _USER_INFO.sub("//", self.model_dump_json(exclude=set(self.operational)))


class LocalFilesSettings(SourceSettings):
    """A folder or an Obsidian vault."""

    path: GivenPath = Field(description="The folder; relative paths start at the settings file's folder.")
    observe_every: Duration = Field(timedelta(seconds=15), description="How often the folder is scanned.")
    ignore_files: tuple[str, ...] = Field(
        (".gitignore", ".ignore", ".minimaignore"), description="Names of files that hold ignore patterns."
    )
    hidden: bool = Field(False, description="Whether files and folders whose name starts with a dot are taken.")
    url_template: str = Field(
        "", description="Link to a document, with {path} for its quoted path; empty gives file:// links."
    )

    @field_validator("url_template")
    @classmethod
    def _has_place_for_path(cls, value: str) -> str:
        if value and "{path}" not in value:
            raise ValueError("must hold {path}, where the path of the document goes")
        return value


class GitSettings(SourceSettings):
    """One branch of a Git repository, whole or below a folder."""

    url: str = Field(description="Repository: a URL (https, ssh, file) or a path.")
    branch: str = Field("", description="Branch to follow; empty follows the repository's default branch.")
    subpath: str = Field("", description="Only this folder of the repository.")
    observe_every: Duration = Field(timedelta(seconds=60), description="How often the branch is asked for.")
    timeout: Duration = Field(timedelta(minutes=10), description="Longest time for one Git command.")
    username: str = Field("", description="User name for HTTPS; hosts with tokens take any.")
    token: SecretStr = Field(SecretStr(""), description="Token or password for HTTPS, as ${VARIABLE}.")
    ssh_key: OptionalPath = Field(None, description="Private key file for SSH; empty uses the agent's.")
    ssh_known_hosts: OptionalPath = Field(None, description="Known hosts file for SSH; empty uses the user's.")
    web_url: WebAddress = Field("", description="Web address of the repository, where it can't be told from the URL.")

    operational: ClassVar[frozenset[str]] = SourceSettings.operational | {
        "username",
        "token",
        "ssh_key",
        "ssh_known_hosts",
    }


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
    base_url: WebAddress = Field("", description="Address of the endpoint, such as http://127.0.0.1:11434/v1.")
    api_key: SecretStr = Field(SecretStr(""), description="Key of the endpoint, as ${VARIABLE}.")
    document_prefix: str = Field("", description="Text some models want in front of documents.")
    query_prefix: str = Field("", description="Text some models want in front of queries.")
    batch_size: int = Field(64, ge=1, le=2048, description="Texts per request.")
    concurrency: int = Field(4, ge=1, le=64, description="Requests under way at once.")
    requests_per_minute: int = Field(0, ge=0, description="Limit of requests per minute and process; 0 is none.")
    tokens_per_minute: int = Field(0, ge=0, description="Limit of tokens per minute and process; 0 is none.")
    max_input_tokens: int = Field(8191, ge=1, description="Longest text the model reads, in tokens.")
    timeout: Duration = Field(timedelta(seconds=60), description="Longest wait for one answer.")
    max_retries: int = Field(5, ge=0, le=20, description="Tries after the first for one batch.")
    max_wait: Duration = Field(timedelta(minutes=5), description="Longest total wait for one batch.")
    bm25_language: str = Field("english", description="Language of stop words and stemming of the sparse vectors.")
    bm25_average_length: float = Field(
        150.0, gt=0, le=1_000_000, description="Usual length of a chunk in words, for BM25."
    )

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
        str, _matching(r"[A-Za-z0-9_-]{1,80}", 'holds only letters, digits, "_" and "-", at most 80 of them')
    ] = Field("knowledge", description="Name that searches use.")
    path: OptionalPath = Field(None, description="Folder of the embedded shards; empty puts them below data_dir.")
    batch_size: int = Field(2000, ge=1, le=20_000, description="Points per write.")
    timeout: Duration = Field(timedelta(seconds=60), description="Longest wait for one answer of the server.")
    lock_timeout: Duration = Field(timedelta(seconds=60), description="Longest wait for the embedded shard.")
    optimize_above: int = Field(
        100_000, ge=1, description="Unindexed vectors above which the hourly job optimizes the embedded collection."
    )


class StateSettings(Section):
    """Where the state is kept."""

    url: SecretStr = Field(SecretStr(""), description="postgresql://… as ${VARIABLE}; empty keeps SQLite.")
    path: OptionalPath = Field(None, description="The SQLite file; empty puts it below data_dir.")
    table_prefix: Annotated[
        str, _matching(r"[a-z0-9_]{0,30}", 'holds only small letters, digits and "_", at most 30 of them')
    ] = Field("", description="Put in front of every table name.")
    pool_size: int = Field(5, ge=1, le=100, description="Connections kept open to PostgreSQL.")
    timeout: Duration = Field(timedelta(seconds=60), description="Longest wait for a lock or a connection.")

    @field_validator("url")
    @classmethod
    def _is_postgresql(cls, value: SecretStr) -> SecretStr:
        if value.get_secret_value() and not re.match(r"postgres(ql)?(\+\w+)?://", value.get_secret_value()):
            raise ValueError("must start with postgresql://; leave it empty for SQLite and give its file as path")
        return value


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

    data_dir: OptionalPath = Field(
        None, description="Folder of all data; empty is one for this file in the user's data folder."
    )
    sources: Sources = Field(default_factory=Sources, description="What is kept in step.")
    chunking: ChunkingSettings = Field(default_factory=ChunkingSettings, description="How documents are cut.")
    embedding: EmbeddingSettings = Field(default_factory=EmbeddingSettings, description="How texts become vectors.")
    index: IndexSettings = Field(default_factory=IndexSettings, description="Where the points are kept.")
    state: StateSettings = Field(default_factory=StateSettings, description="Where the state is kept.")
    limits: LimitSettings = Field(default_factory=LimitSettings, description="What a run may do at most.")

    @model_validator(mode="after")
    def _sources_differ(self) -> Settings:
        seen: dict[SourceSettings, str] = {}
        for source_type, name, source in self.sources:
            label = f"{source_type}.{name}"
            if (other := seen.setdefault(source, label)) != label:
                raise ValueError(f"sources.{other} and sources.{label} are the same source twice; remove one")
        return self

    def source(self, source_type: str, name: str) -> SourceSettings | None:
        """The settings of one source, or None where it is not (or no longer) configured."""
        return self.sources.by_type().get(source_type, {}).get(name)
