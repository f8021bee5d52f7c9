"""Where the state is kept: a SQLite file or a PostgreSQL database.

Holds the secret of the URL without ever showing it; everything that prints a location prints `safe`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa

from vector_pipeline.settings import StateSettings
from vector_pipeline.state.errors import StateError

FILE_NAME = "state.sqlite3"
_SQLITE = "sqlite:///"


@dataclass(frozen=True, slots=True)
class Location:
    """One state store: `url` (with its secret), table name `prefix`, `pool_size`, `timeout_s` for every wait.

    `cache` is the memory in bytes that each of the few connections to a SQLite file may keep pages in.

    Raises StateError for a URL of another database.
    """

    url: str = field(repr=False)
    prefix: str = ""
    pool_size: int = 5
    timeout_s: float = 60.0
    cache: int = 64 * 1024**2

    def __post_init__(self) -> None:
        if not self.url.startswith((_SQLITE, "postgresql://", "postgresql+psycopg://", "postgres://")):
            raise StateError("state.url names no supported database", hint="use postgresql://user:password@host/name")
        self.engine_url()

    @classmethod
    def from_settings(cls, settings: StateSettings, data_dir: Path) -> Location:
        """The location the settings name; by default a SQLite file in `data_dir`."""
        url = settings.url.get_secret_value()
        if not url:
            url = f"{_SQLITE}{(settings.path or data_dir / FILE_NAME).expanduser().absolute()}"
        return cls(url, settings.table_prefix, settings.pool_size, settings.timeout.total_seconds())

    @classmethod
    def file(cls, path: Path, prefix: str = "", timeout_s: float = 60.0) -> Location:
        """A SQLite file."""
        return cls(f"{_SQLITE}{path.absolute()}", prefix, timeout_s=timeout_s)

    @property
    def path(self) -> Path | None:
        """The SQLite file, or None for PostgreSQL."""
        return Path(self.url.removeprefix(_SQLITE)) if self.url.startswith(_SQLITE) else None

    @property
    def safe(self) -> str:
        """The location for messages: path, or URL without password and options."""
        if self.path is not None:
            return str(self.path)
        return self.engine_url().set(query={}).render_as_string(hide_password=True)

    def engine_url(self) -> sa.URL:
        """The URL for SQLAlchemy. The path of a file may hold `?`, `#` or `%`: it is never parsed."""
        if self.path is not None:
            return sa.URL.create("sqlite+pysqlite", database=str(self.path))
        try:
            return sa.make_url(self.url).set(drivername="postgresql+psycopg")
        except (sa.exc.ArgumentError, ValueError):
            # The library's message repeats the URL with its password.
            raise StateError(
                "state.url can't be read", hint="write postgresql://user:password@host:5432/name"
            ) from None
