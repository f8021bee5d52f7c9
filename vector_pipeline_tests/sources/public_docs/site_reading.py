"""A source beside its simulated site, without a pipeline: what its scans list and its fetches answer."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vector_pipeline.conversion.converter import Converter
from vector_pipeline.documents import Document, frame_items
from vector_pipeline.settings import ConversionSettings
from vector_pipeline.settings_public_docs import PublicDocsSettings
from vector_pipeline.sources.base import Known, Listing
from vector_pipeline.sources.public_docs.source import PublicDocs
from vector_pipeline_tests.simulators.docs_site import DocsSite
from vector_pipeline_tests.simulators.docs_site_pages import Page, Section


def page(path: str, text: str = "", **more: Any) -> Page:
    title = path.strip("/").rpartition("/")[2] or "Home"
    return Page(
        path, title.title(), (Section(f"About {title}", (text or f"All there is to say about {path}.",)),), **more
    )


class Reading:
    """A source beside its site, without a pipeline."""

    def __init__(self, folder: Path, site: DocsSite, **settings: Any) -> None:
        host = site.url.split("/")[2]
        given = {"url": site.url, "private_hosts": (host,), "delay": "0.001s", "max_retries": 0, **settings}
        self.site, self.converter = site, Converter(ConversionSettings(), folder / "conversions")
        self.folder, self.settings = folder, PublicDocsSettings(**given)
        self.source = PublicDocs("guide", self.settings, folder / "data", self.converter)

    def close(self) -> None:
        self.source.close()
        self.converter.close()

    def scan(self, **known: Any) -> Listing:
        return self.source.scan(Known(**known))

    def documents(self) -> Mapping[str, Document]:
        items = list(frame_items(self.scan().items))
        found = list(self.source.fetch(items))
        assert all(isinstance(answer, Document) for answer in found), found
        return {
            document.uri.removeprefix(self.site.url): document for document in found if isinstance(document, Document)
        }


def paths(listing: Listing, site: DocsSite) -> set[str]:
    return {uri.removeprefix(site.url) for uri in listing.items["uri"].to_list()}
