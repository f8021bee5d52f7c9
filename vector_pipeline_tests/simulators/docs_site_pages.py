"""Pages of the simulated documentation site: records of what they say, and the theme that makes HTML of them.

What a page says (title, sections, code) and what surrounds it (navigation, versions, build stamps, asset hashes) are
apart, so that a test can change one and leave the other.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from html import escape
from typing import Literal

BEGINNING = datetime(2024, 1, 1, tzinfo=UTC)
"""When all sites begin; each change moves a site's clock on."""

Layout = Literal["material", "sphinx", "bare"]


@dataclass(frozen=True, slots=True)
class Section:
    """A heading with what is below it; `code` is shown as it is, `language` names it."""

    heading: str
    paragraphs: tuple[str, ...] = ()
    code: str = ""
    language: str = "python"

    @property
    def anchor(self) -> str:
        """The id of the heading."""
        return re.sub(r"[^a-z0-9]+", "-", self.heading.lower()).strip("-") or "section"


@dataclass(frozen=True, slots=True)
class Page:
    """A page: `path` ends with a slash or in a file name. `links` (path or URL, text) stand in the content.

    `aliases` are paths that answer with the same bytes. `canonical` and `refresh` are URLs or paths for the head,
    `robots` the words of the meta element, `alternates` (hreflang, URL). A `hidden` page is in no navigation.
    """

    path: str
    title: str
    sections: tuple[Section, ...] = ()
    links: tuple[tuple[str, str], ...] = ()
    aliases: tuple[str, ...] = ()
    canonical: str = ""
    robots: str = ""
    refresh: str = ""
    language: str = "en"
    alternates: tuple[tuple[str, str], ...] = ()
    hidden: bool = False
    lastmod: datetime = BEGINNING

    @property
    def words(self) -> list[str]:
        """Every word of the content, in order; the code's lines too."""
        texts = [self.title]
        for section in self.sections:
            texts += [section.heading, *section.paragraphs, section.code]
        texts += [text for _, text in self.links]
        return " ".join(texts).split()


@dataclass(frozen=True, slots=True)
class Theme:
    """What surrounds the content. All of it changes the bytes of every page and nothing that they say."""

    layout: Layout = "material"
    name: str = "Example"
    version: str = "1.0"
    build: int = 1
    footer: str = "Copyright Example authors."

    @property
    def asset_hash(self) -> str:
        """The hash in the names of stylesheets and scripts."""
        return hashlib.sha256(f"{self.version}/{self.build}".encode()).hexdigest()[:8]

    def released(self) -> Theme:
        """The next release: another version, build stamp, asset hashes and footer."""
        build = self.build + 1
        return replace(
            self,
            version=f"1.{build - 1}",
            build=build,
            footer=f"Copyright Example authors. Built by theme {build}.{build}.",
        )


def render(page: Page, theme: Theme, navigation: Sequence[tuple[str, str]]) -> bytes:
    """The page as HTML in UTF-8; `navigation` is (path, title) of what the menu shows."""
    menu = "".join(
        f'<li class="nav-item"><a href="{escape(path)}">{escape(title)}</a></li>' for path, title in navigation
    )
    title = escape(page.title)
    suffix = f"{theme.name} {theme.version} documentation" if theme.layout == "sphinx" else theme.name
    built = f"2024-01-{theme.build % 28 + 1:02d} 10:{theme.build % 60:02d}"
    return (
        f'<!doctype html>\n<html lang="{escape(page.language)}">\n<head>\n<meta charset="utf-8">\n'
        f"<title>{title} - {escape(suffix)}</title>\n{_head(page, theme)}</head>\n"
        f'<body class="theme-{theme.build}" data-build="{built}">\n'
        f'<header class="md-header"><a href="/">{escape(theme.name)} {theme.version}</a>'
        f'<form role="search"><input placeholder="Search {theme.version}"></form></header>\n'
        f"{_LAYOUTS[theme.layout].format(menu=menu, content=_content(page, theme))}"
        f"<footer><p>{escape(theme.footer)} Last built {built}.</p></footer>\n"
        f'<script src="/assets/app.{theme.asset_hash}.js"></script>\n</body>\n</html>\n'
    ).encode()


_LAYOUTS: dict[str, str] = {
    "material": '<nav class="md-nav"><ul>{menu}</ul></nav>\n<main class="md-main">'
    '<article class="md-content__inner md-typeset">\n{content}</article></main>\n',
    "sphinx": '<div class="sphinxsidebar" role="navigation"><ul>{menu}</ul></div>\n<div class="document">'
    '<div class="documentwrapper"><div class="bodywrapper"><div class="body" role="main">\n'
    "{content}</div></div></div></div>\n",
    "bare": "<nav><ul>{menu}</ul></nav>\n<main>\n{content}</main>\n",
}


def _head(page: Page, theme: Theme) -> str:
    generator = "mkdocs-1.6, mkdocs-material-9.5" if theme.layout == "material" else "made by hand"
    lines = [
        f'<meta name="generator" content="{generator}">',
        f'<link rel="stylesheet" href="/assets/main.{theme.asset_hash}.css">',
    ]
    if page.canonical:
        lines.append(f'<link rel="canonical" href="{escape(page.canonical)}">')
    if page.robots:
        lines.append(f'<meta name="robots" content="{escape(page.robots)}">')
    if page.refresh:
        lines.append(f'<meta http-equiv="refresh" content="0; url={escape(page.refresh)}">')
    lines += [f'<link rel="alternate" hreflang="{tag}" href="{escape(url)}">' for tag, url in page.alternates]
    return "\n".join(lines) + "\n"


def _content(page: Page, theme: Theme) -> str:
    parts = [f"<h1>{escape(page.title)}</h1>\n"]
    parts += [_section(section, theme) for section in page.sections]
    if page.links:
        links = ", ".join(f'<a href="{escape(target)}">{escape(text)}</a>' for target, text in page.links)
        parts.append(f"<p>{links}</p>\n")
    return "".join(parts)


def _section(section: Section, theme: Theme) -> str:
    heading, anchor = escape(section.heading), section.anchor
    link = f'<a class="headerlink" href="#{anchor}" title="Permanent link">¶</a>'
    body = "".join(f"<p>{escape(paragraph)}</p>\n" for paragraph in section.paragraphs)
    if section.code:
        code = escape(section.code, quote=False)
        kind = f"highlight-{section.language}" if theme.layout == "sphinx" else f"language-{section.language}"
        body += f'<div class="{kind} highlight"><pre><code>{code}\n</code></pre></div>\n'
    if theme.layout == "sphinx":
        return f'<section id="{anchor}"><h2>{heading}{link}</h2>\n{body}</section>\n'
    return f'<h2 id="{anchor}">{heading}{link}</h2>\n{body}'
