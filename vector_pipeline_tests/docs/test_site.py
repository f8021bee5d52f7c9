"""The documentation builds without a warning, is complete, and loads nothing from elsewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from mkdocs.commands.build import build
from mkdocs.config import load_config

from vector_pipeline_tests.docs.fences import PAGES, ROOT
from vector_pipeline_tests.docs.reference import FOLDER
from vector_pipeline_tests.docs.reference import PAGES as GENERATED
from vector_pipeline_tests.docs.reference_commands import commands_page
from vector_pipeline_tests.docs.reference_settings import setting_names, settings_page

_LOADED = re.compile(r"<(?:script|img|iframe|link)[^>]*\s(?:src|href)=[\"']?((?:https?:)?//[^\"'\s>]+)")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built strictly: a page that is not listed, a link or an anchor that leads nowhere is an error."""
    folder = tmp_path_factory.mktemp("site")
    config = load_config(str(ROOT / "mkdocs.yml"), site_dir=str(folder), strict=True)
    config.plugins.on_startup(command="build", dirty=False)
    build(config)
    return folder


def test_it_builds_and_holds_every_page(site: Path) -> None:
    built = {str(page.relative_to(site).with_suffix(".md")) for page in site.rglob("*.html")}
    assert {str(page.relative_to(ROOT / "docs")) for page in PAGES if ROOT / "docs" in page.parents} <= built


def test_no_page_loads_anything_from_elsewhere(site: Path) -> None:
    found = {page.name: _LOADED.findall(page.read_text("utf-8")) for page in site.rglob("*.html")}
    assert {name: urls for name, urls in found.items() if urls} == {}
    styles = "".join(style.read_text("utf-8") for style in site.rglob("*.css"))
    assert re.findall(r"@import|url\([\"']?(?:https?:)?//", styles) == []


def test_fences_lists_and_tables_are_rendered_as_such(site: Path) -> None:
    # What Python-Markdown does not recognize it shows as text: a fence with words behind it, a list without a gap.
    odd = re.compile(r"<p>[^<]*```|```\w*\n|<p>(?:[^<]|<(?!/p>))*\n(?:- |\d\. |\|)")
    wrong = {page.name: found[0][:80] for page in site.rglob("*.html") if (found := odd.findall(_body(page)))}
    assert wrong == {}


@pytest.mark.parametrize("name", GENERATED)
def test_the_reference_is_what_the_code_says(name: str) -> None:
    committed = (FOLDER / name).read_text("utf-8")
    assert committed == GENERATED[name](), "run `make docs` and commit what it wrote"


def test_the_reference_has_every_setting_and_every_command() -> None:
    text = settings_page()
    missing = [name for name in setting_names() if f"`{name.rpartition('.')[2]}`" not in _section(text, name)]
    assert missing == []
    assert "## `sync`" in commands_page()


def _section(text: str, name: str) -> str:
    """What the page of settings says below the heading of the section of a setting."""
    heading = name.rpartition(".")[0]
    return text.partition(f"## `{heading}`\n" if heading else "## The file\n")[2].partition("\n## ")[0]


def _body(page: Path) -> str:
    """The page without its code blocks, which may hold anything."""
    return re.sub(r"<(pre|code)[^>]*>.*?</\1>", "", page.read_text("utf-8"), flags=re.DOTALL)
