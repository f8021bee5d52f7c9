"""What `pipeline.yaml` may say of a public documentation site: where it begins, what belongs to it, how it is visited.

Models only. What only says how politely or how often the site is asked is operational: no document depends on it.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, field_validator

from vector_pipeline.settings_sources import SourceSettings
from vector_pipeline.settings_values import Duration, OptionalPath, Pattern, Size, WebAddress, matching


def _page_address(value: str) -> str:
    if not value:
        raise ValueError("must start with http:// or https:// and name a host")
    if "@" in re.split(r"[/?#\\]", value.partition("://")[2], maxsplit=1)[0]:
        raise ValueError("must not hold a user or password")
    if not value.isprintable():
        raise ValueError("must not hold control characters")
    return value


PageAddress = Annotated[WebAddress, AfterValidator(_page_address)]
"""The address of a page or a sitemap."""

Host = Annotated[
    str,
    matching(
        r"[^\s/?#@\\:\[\],]+(:\d{1,5})?|\[[0-9A-Fa-f:.]+\](:\d{1,5})?",
        'write a host such as docs.example.org, or "docs.example.org:8080"',
    ),
]
"""A host, with a port where it is not the usual one."""

HeaderText = Annotated[
    str, matching(r"[\x20-\x7e]{0,200}", "holds only printable ASCII characters, at most 200 of them")
]
"""Text that may stand in a request header."""


class PublicDocsSettings(SourceSettings):
    """A public documentation site, found by its sitemap or by its links."""

    url: PageAddress = Field(description="Where the site begins; pages below its folder belong to the site.")
    start_urls: tuple[PageAddress, ...] = Field((), description="Further pages to begin at; each adds its folder.")
    discover: Literal["auto", "sitemap", "crawl", "both"] = Field(
        "auto", description='How pages are found: "auto" takes the sitemap where there is one, else follows links.'
    )
    sitemaps: tuple[PageAddress, ...] = Field(
        (), description="Addresses of sitemaps; empty asks robots.txt and the usual places."
    )
    hosts: tuple[Host, ...] = Field((), description="Further hosts that pages may come from.")
    include: tuple[Pattern, ...] = Field(
        (), description="Patterns (gitignore syntax) of URL paths to take; empty takes all."
    )
    exclude: tuple[Pattern, ...] = Field((), description="Patterns (gitignore syntax) of URL paths to leave out.")
    query_parameters: tuple[str, ...] = Field(
        (), description='Query parameters that make a page of its own; "*" takes all. Links with others are left out.'
    )
    versions: tuple[str, ...] = Field(
        (), description='Versions to take, by path segment: "latest", "v1.*", "*" for all; empty takes one of copies.'
    )
    languages: tuple[str, ...] = Field(
        (), description='Languages to take, by path segment: "en", "*" for all; empty takes that of `url`.'
    )
    content_selectors: tuple[str, ...] = Field(
        (), description="CSS selectors of the main content; empty finds it by rule."
    )
    remove_selectors: tuple[str, ...] = Field((), description="CSS selectors of what is dropped from pages.")
    files: bool = Field(True, description="Whether linked PDF and office files are taken.")
    robots: bool = Field(True, description="Whether robots.txt and noindex are obeyed.")
    max_depth: int = Field(20, ge=0, le=1000, description="Links followed from a start page.")
    max_pages: int = Field(50_000, ge=1, le=1_000_000, description="Pages asked for in one visit.")
    max_site_size: Size = Field(2_000_000_000, description="Bytes of pages read in one visit.")
    max_visit: Duration = Field(
        timedelta(hours=6), description="Longest time of a visit; the next run goes on where it stopped."
    )
    observe_every: Duration = Field(timedelta(minutes=10), description="How often sitemap and sample are looked at.")
    census_every: Duration = Field(timedelta(days=1), description="How often every page is asked for again.")
    revisit_soonest: Duration = Field(
        timedelta(hours=1), description="Least time between visits of every page that changes of a sample cause."
    )
    sample: int = Field(5, ge=0, le=1000, description="Pages looked at in each probe, in turn.")
    same_page_share: float = Field(
        0.1, ge=0, le=1, description="Share of pages that may turn into the same page before that is disbelieved."
    )
    timeout: Duration = Field(timedelta(seconds=60), description="Longest time for one answer, to its last byte.")
    delay: Duration = Field(
        timedelta(milliseconds=200), description="Least time between requests to a host; robots.txt may ask for more."
    )
    concurrency: int = Field(4, ge=1, le=32, description="Requests to the site under way at once.")
    max_retries: int = Field(2, ge=0, le=20, description="Tries after the first for one page.")
    user_agent: HeaderText = Field("", description="Name sent with requests; empty is vector-pipeline/<version>.")
    contact: HeaderText = Field("", description="URL or mail address sent along, for the people who run the site.")
    private_hosts: tuple[Host, ...] = Field(
        (), description="Hosts that may have private addresses; all others must be public."
    )
    proxy: WebAddress = Field("", description="HTTP proxy to send requests through; empty is none.")
    ca_bundle: OptionalPath = Field(None, description="Certificates to trust in place of the usual ones.")

    operational: ClassVar[frozenset[str]] = SourceSettings.operational | {
        "max_visit",
        "revisit_soonest",
        "sample",
        "same_page_share",
        "delay",
        "concurrency",
        "max_retries",
        "user_agent",
        "contact",
        "private_hosts",
        "proxy",
        "ca_bundle",
        "max_site_size",
    }

    @field_validator("query_parameters", "versions", "languages", "content_selectors", "remove_selectors")
    @classmethod
    def _holds_something(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(part.strip() and part.isprintable() for part in value):
            raise ValueError("must not hold empty texts or control characters")
        return value

    @field_validator("contact")
    @classmethod
    def _has_no_parentheses(cls, value: str) -> str:
        if "(" in value or ")" in value:
            raise ValueError("must not hold parentheses")
        return value
