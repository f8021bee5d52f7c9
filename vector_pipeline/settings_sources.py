"""What `pipeline.yaml` may say of a source: what all have in common, folders, and Git repositories.

Models only. Secrets are `SecretStr`, so that printing the settings never shows one.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import ClassVar

from pydantic import Field, SecretStr, field_validator

from vector_pipeline.settings_values import Duration, GivenPath, OptionalPath, Pattern, Section, Size, WebAddress

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
    priority: int = Field(
        0, ge=-1000, le=1000, description="Runs of sources with a higher one start first, while runs wait in the queue."
    )
    include: tuple[Pattern, ...] = Field(
        (), description="Patterns (gitignore syntax) of paths to take; empty takes all."
    )
    exclude: tuple[Pattern, ...] = Field((), description="Patterns (gitignore syntax) of paths to leave out.")
    max_file_size: Size = Field(10_000_000, description="Larger files are left out and counted.")
    tags: tuple[str, ...] = Field((), description="Tags added to every document of this source.")
    access: tuple[str, ...] = Field((), description="Access labels put on every document of this source.")

    operational: ClassVar[frozenset[str]] = frozenset(
        {"observe_every", "census_every", "behind_limit", "timeout", "priority"}
    )
    """Settings that no document depends on; a change of any other one reads every document again."""

    ids_are_paths: ClassVar[bool] = False
    """Whether the source's own id of a document is its path, so that patterns are told by it alone."""

    @property
    def listing_every(self) -> timedelta:
        """How often everything is listed again, for whatever reason."""
        return self.census_every

    @property
    def fingerprint(self) -> str:
        """Names all settings that documents depend on, as JSON without secrets."""
        return _USER_INFO.sub("//", self.model_dump_json(exclude=set(self.operational)))


class LocalFilesSettings(SourceSettings):
    """A folder or an Obsidian vault."""

    ids_are_paths: ClassVar[bool] = True

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

    ids_are_paths: ClassVar[bool] = True

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
