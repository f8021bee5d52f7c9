"""Forgetting what was kept of a source besides the state store: its mirror, where its type keeps one.

A mirror is a cache: the next scan makes it anew from the source.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from vector_pipeline.settings_public_docs import PublicDocsSettings
from vector_pipeline.settings_sources import GitSettings, SourceSettings
from vector_pipeline.sources.base import SourceUnreachable


def forget_mirror(partition: str, settings: SourceSettings, data_dir: Path) -> bool:
    """Removes the mirror of a source; True if there was one. `data_dir` is the one the source is opened with.

    Other Git sources of the same address share it, and make it anew as well. Raises SourceError where somebody keeps
    it for longer than the source's timeout.
    """
    name = partition.partition("/")[2]
    if isinstance(settings, GitSettings):
        return _forget_repository(partition, name, settings, data_dir / "mirrors")
    if isinstance(settings, PublicDocsSettings):
        return _forget_site(partition, name, settings, data_dir / "sites")
    return False


def _forget_repository(partition: str, name: str, settings: GitSettings, folder: Path) -> bool:
    from vector_pipeline.sources.git_mirror import Mirror
    from vector_pipeline.sources.git_remote import Remote

    mirror = Mirror(Remote(partition, settings, folder), folder, name)
    if not mirror.path.exists():
        return False
    with mirror.locked():
        for path in (mirror.path, mirror.caches):
            shutil.rmtree(path, ignore_errors=True)
    return True


def _forget_site(partition: str, name: str, settings: PublicDocsSettings, folder: Path) -> bool:
    from vector_pipeline.sources.public_docs.mirror import Mirror

    mirror = Mirror(folder, name, settings.url, partition)
    if not mirror.exists:
        return False
    with mirror.locked(settings.timeout.total_seconds()) as alone:
        if not alone:
            raise SourceUnreachable(f"{partition}: another process is visiting the site", hint="wait for its end")
        mirror.remove()
    return True
