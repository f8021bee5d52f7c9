"""A documentation site through the whole pipeline: what it holds, what changes, what is unknown, what is gone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from vector_pipeline.sources.base import SourceError
from vector_pipeline_tests.project import Project, counts
from vector_pipeline_tests.simulators.docs_site import DocsSite
from vector_pipeline_tests.simulators.docs_site_faults import (
    Fault,
    captcha,
    cut_off,
    empty,
    maintenance,
    not_found,
    sign_in,
    status,
    unavailable,
)
from vector_pipeline_tests.simulators.docs_site_pages import Page, Section

FRUITS = ("apple", "pear", "plum", "fig", "nut", "date", "kiwi", "lime")


def fruit_page(fruit: str) -> Page:
    text = f"The {fruit} grows on a tree. Wash every {fruit} before you eat it, and store {fruit}s in the cellar."
    return Page(f"/fruit/{fruit}/", fruit.title(), (Section(f"About the {fruit}", (text,)),))


@pytest.fixture
def site() -> Iterator[DocsSite]:
    pages = [Page("/", "Fruit", (Section("Welcome", ("All fruit of this guide, one page for each.",)),))]
    with DocsSite([*pages, *map(fruit_page, FRUITS)]) as site:
        yield site


class Follower:
    """A project that follows the site."""

    def __init__(self, folder: Path, site: DocsSite, **settings: Any) -> None:
        self.site, self.folder = site, folder
        self.project = Project(folder / "project")
        self.partition = self.project.add_public_docs("fruit", site.url, max_retries=0, **settings)

    def sync(self, **options: bool) -> Mapping[str, int]:
        """The counts of the documents stage, with what was embedded."""
        results = self.project.sync(**options)
        found = counts(results, "documents")
        embedded = counts(results, "embeddings").get("embedded", 0)
        return {key: value for key, value in {**found, "embedded": embedded}.items() if value}

    def revisit(self) -> Mapping[str, int]:
        """A sync for which a whole visit is due."""
        self.change(census_every="0.001s", revisit_soonest="0.001s")
        found = self.sync()
        self.change(census_every="1d", revisit_soonest="1h")
        return found

    def change(self, **settings: Any) -> None:
        self.project.settings["sources"]["public_docs"]["fruit"].update(settings)
        self.project.write()

    def probe(self) -> str:
        with self.project.open() as pipeline, pipeline.source(self.partition) as source:
            return source.probe()

    def outage_shows(self) -> bool:
        """Whether a visit says that something is wrong: the site as a whole, or nearly every page."""
        try:
            self.revisit()
        except SourceError as error:
            self.change(census_every="1d", revisit_soonest="1h")
            return "does not answer as it should" in str(error)
        return len(self.quarantine) >= len(FRUITS)

    @property
    def built(self) -> str:
        with self.project.open() as pipeline:
            return pipeline.store.source_state(pipeline.store.partition(self.partition).partition_id).built_version

    @property
    def quarantine(self) -> dict[str, str]:
        with self.project.open() as pipeline:
            rows = pipeline.store.quarantined().iter_rows(named=True)
            return {row["uri"].removeprefix(self.site.url): row["reason"] for row in rows}

    def is_exact(self) -> bool:
        return self.project.snapshot() == self.project.rebuilt(self.folder / "fresh")


@pytest.fixture
def follow(tmp_path: Path, site: DocsSite) -> Callable[..., Follower]:
    return lambda **settings: Follower(tmp_path, site, **settings)


def test_every_page_is_a_document_once_and_a_second_look_is_conditional(
    follow: Callable[..., Follower], site: DocsSite
) -> None:
    follower = follow()
    assert follower.sync()["added"] == 9
    assert follower.probe() == follower.built
    site.log.clear()
    assert follower.revisit() == {"unchanged": 9}
    pages = [one for one in site.log.all() if one.path not in ("/robots.txt",)]
    assert pages
    assert all(one.conditional and one.status == 304 for one in pages)
    assert follower.project.paths() == {"/", *(f"fruit/{fruit}/" for fruit in FRUITS)}


@pytest.mark.parametrize("sitemap", ["plain", "none"])
def test_edits_additions_and_removals_come_through(
    follow: Callable[..., Follower], site: DocsSite, sitemap: Any
) -> None:
    site.sitemap = sitemap
    follower = follow()
    follower.sync()
    site.edit("/fruit/pear/", "Pears are ripe in autumn.")
    site.add("/fruit/cherry/", "Cherry", "Cherries have stones.")
    site.remove("/fruit/fig/")
    found = follower.revisit()
    assert (found["changed"], found["added"], found["deleted"]) == (1, 1, 1)
    assert found["gone: 404: not found" if sitemap == "none" else "gone: no longer listed"] == 1
    assert follower.is_exact()


def test_a_sitemap_announces_changes_between_whole_visits(follow: Callable[..., Follower], site: DocsSite) -> None:
    follower = follow(sample=0)
    follower.sync()
    site.edit("/fruit/pear/", "Pears are ripe in autumn.")
    assert follower.probe() != follower.built
    site.log.clear()
    assert follower.sync()["changed"] == 1
    asked = {one.path for one in site.log.all() if one.status != 404}
    assert asked == {"/robots.txt", "/sitemap.xml", "/fruit/pear/"}
    assert follower.probe() == follower.built


def test_a_sample_finds_what_nothing_announces(follow: Callable[..., Follower], site: DocsSite) -> None:
    site.sitemap = "none"
    follower = follow(sample=3)
    follower.sync()
    site.edit("/fruit/pear/", "Pears are ripe in autumn.")
    seen = [follower.probe() != follower.built for _ in range(3)]
    assert any(seen)
    assert follower.sync()["changed"] == 1


def test_a_release_of_the_theme_changes_nothing(follow: Callable[..., Follower], site: DocsSite) -> None:
    follower = follow()
    follower.sync()
    before = follower.project.snapshot()
    site.release()
    assert follower.revisit() == {"unchanged": 9}
    assert follower.probe() == follower.built
    assert follower.project.snapshot() == before


OUTAGES: Mapping[str, Fault] = {
    "unavailable": unavailable(),
    "empty": empty(),
    "maintenance": maintenance(),
    "varying maintenance": maintenance(varying=True),
    "sign in": sign_in(),
    "sign in elsewhere": sign_in("https://login.example.org/"),
    "captcha": captcha(),
    "forbidden": status(403),
    "cut off": cut_off(),
}


ALL, PAGES = (), ("!/robots.txt", "!/sitemap.xml")


@pytest.mark.parametrize(
    ("outage", "paths"),
    [
        *((outage, PAGES) for outage in OUTAGES),
        *((outage, ALL) for outage in ("unavailable", "varying maintenance", "sign in")),
    ],
)
def test_an_outage_changes_nothing_and_is_over_when_it_is_over(
    follow: Callable[..., Follower], site: DocsSite, outage: str, paths: tuple[str, ...]
) -> None:
    follower = follow()
    follower.sync()
    before = follower.project.snapshot()
    site.release()
    with site.failing(OUTAGES[outage], *paths):
        assert follower.outage_shows()
        assert follower.project.snapshot() == before
    found = follower.revisit()
    assert "embedded" not in found
    assert "deleted" not in found
    assert follower.quarantine == {}
    assert follower.project.snapshot() == before
    assert follower.probe() == follower.built


def test_one_bad_page_stops_no_other(follow: Callable[..., Follower], site: DocsSite) -> None:
    follower = follow()
    follower.sync()
    site.edit("/fruit/pear/", "Pears are ripe in autumn.")
    with site.failing(unavailable(), "/fruit/kiwi/"):
        assert follower.revisit()["changed"] == 1
        assert list(follower.quarantine) == ["fruit/kiwi/"]
        assert follower.sync().get("failed", 0) == 0, "it is not due yet, so it is neither asked nor counted again"
        assert list(follower.quarantine) == ["fruit/kiwi/"]
    with follower.project.open() as pipeline:
        pipeline.store.retry_now()
    follower.sync()
    assert follower.quarantine == {}
    assert follower.is_exact()


def test_everything_not_found_is_stopped_by_the_brake(follow: Callable[..., Follower], site: DocsSite) -> None:
    follower = follow()
    follower.sync()
    before = follower.project.snapshot()
    with site.failing(not_found()), pytest.raises(Exception, match="documents are gone"):
        follower.revisit()
    assert follower.project.snapshot() == before


def test_a_move_of_half_the_pages_embeds_nothing(follow: Callable[..., Follower], site: DocsSite) -> None:
    follower = follow()
    follower.sync()
    for fruit in FRUITS[:4]:
        site.move(f"/fruit/{fruit}/", f"/food/{fruit}/")
    found = follower.revisit()
    assert "embedded" not in found
    assert (found["added"], found["deleted"], found["moved"]) == (4, 4, 4)
    assert follower.is_exact()


def test_pages_that_are_no_documents_are_counted(follow: Callable[..., Follower], site: DocsSite) -> None:
    site.put(Page("/hidden/", "Hidden", (Section("Words", ("Not for search.",)),), robots="noindex"))
    site.robots = f"User-agent: *\nDisallow: /fruit/fig/\nSitemap: {site.address('/sitemap.xml')}\n"
    found = follow().sync()
    assert found["added"] == 8
    assert found["skipped: noindex"] == 1
    assert found["skipped: robots.txt forbids it"] == 1
    assert site.log.count("/fruit/fig/") == 0


def test_a_page_under_several_addresses_is_one_document(follow: Callable[..., Follower], site: DocsSite) -> None:
    site.put(
        Page(
            "/fruit/quince/",
            "Quince",
            (Section("About quinces", ("Quinces are cooked.",)),),
            aliases=("/fruit/quince/index.html",),
            links=(("/fruit/quince/index.html", "here"), ("/fruit/quince", "there"), ("?utm_source=x#top", "top")),
        )
    )
    site.sitemap = "none"
    follower = follow()
    assert follower.sync()["added"] == 10
    assert follower.is_exact()


def test_new_settings_read_the_mirror_and_ask_for_little(follow: Callable[..., Follower], site: DocsSite) -> None:
    follower = follow()
    follower.sync()
    site.log.clear()
    follower.change(tags=["fruit"])
    found = follower.sync()
    assert found["metadata"] == 9
    assert all(one.conditional for one in site.log.all() if one.path.startswith("/fruit"))
    follower.change(exclude=["/fruit/fig/"])
    assert follower.sync()["gone: ignored"] == 1


def test_a_lost_or_damaged_mirror_embeds_nothing(follow: Callable[..., Follower], site: DocsSite) -> None:
    follower = follow()
    follower.sync()
    before = follower.project.snapshot()
    [mirror] = (follower.project.data / "sites").glob("*.sqlite")
    mirror.write_bytes(b"This is no database at all." * 1000)
    for rest in mirror.parent.glob(f"{mirror.name}-*"):
        rest.unlink()
    assert follower.sync() == {"unchanged": 9}
    assert follower.project.snapshot() == before
    assert follower.probe() == follower.built


def test_a_site_that_lies_when_the_mirror_is_lost_is_not_believed(
    follow: Callable[..., Follower], site: DocsSite
) -> None:
    follower = follow()
    follower.sync()
    before = follower.project.snapshot()
    for rest in (follower.project.data / "sites").glob("*.sqlite*"):
        rest.unlink()
    with site.failing(maintenance(), "!/robots.txt", "!/sitemap.xml"):
        follower.sync()
        assert follower.project.snapshot() == before
    follower.revisit()
    assert follower.project.snapshot() == before
    assert follower.quarantine == {}


def test_a_visit_that_reaches_its_limit_goes_on_next_time(follow: Callable[..., Follower], site: DocsSite) -> None:
    follower = follow(max_visit="0.1s", delay="0.05s", concurrency=1)
    rounds = 0
    while follower.probe() != follower.built and rounds < 20:
        follower.sync()
        rounds += 1
    assert 1 < rounds < 20
    assert sum(site.log.count(f"/fruit/{fruit}/") for fruit in FRUITS) == len(FRUITS) + _sampled(site)
    follower.change(max_visit="1h", delay="0.001s")
    assert follower.is_exact()


def _sampled(site: DocsSite) -> int:
    """Looks of probes, which are conditional."""
    return sum(1 for one in site.log.all() if one.path.startswith("/fruit/") and one.conditional)


def test_a_site_that_never_had_a_page_is_an_error(follow: Callable[..., Follower], site: DocsSite) -> None:
    with site.failing(not_found()), pytest.raises(SourceError, match="404: not found"):
        follow().sync()
