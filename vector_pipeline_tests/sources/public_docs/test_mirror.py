"""The mirror of a site: what it keeps, and what it does when it can't."""

from __future__ import annotations

import sqlite3
import stat
from pathlib import Path

import pytest

from vector_pipeline.sources.base import SourceUnreachable
from vector_pipeline.sources.public_docs.answers import Validators
from vector_pipeline.sources.public_docs.contents import PAGE, Content, KeptSitemap
from vector_pipeline.sources.public_docs.mirror import PENDING, Mirror

URL = "https://docs.example.org/a"


@pytest.fixture
def mirror(tmp_path: Path) -> Mirror:
    return Mirror(tmp_path / "sites", "guide", "https://docs.example.org/", "public_docs/guide")


def content(body: bytes, *links: str) -> Content:
    return Content(
        PAGE,
        body=body,
        validators=Validators('W/"1"', "Mon"),
        version=body.hex(),
        words=3,
        links=links,
        alternates=(("de", f"{URL}/de"),),
    )


def test_a_page_is_kept_with_its_body_validators_and_links(mirror: Mirror) -> None:
    number = mirror.ids([URL])[URL]
    row = next(mirror.rows([number]))
    mirror.accept(row, content(b"one", f"{URL}/b", f"{URL}/c"), 3)
    mirror.close()
    kept = mirror.content(number, body=True)
    assert kept is not None
    assert (kept.body, kept.validators, kept.alternates) == (b"one", Validators('W/"1"', "Mon"), (("de", f"{URL}/de"),))
    [(_, _, _, links)] = list(mirror.edges([number]))
    assert set(links) == set(mirror.known_ids([f"{URL}/b", f"{URL}/c"]).values())
    found = mirror.row_of(URL)
    assert found is not None
    assert found.answered == 3


def test_what_waits_counts_only_when_it_is_promoted(mirror: Mirror) -> None:
    number = mirror.ids([URL])[URL]
    row = next(mirror.rows([number]))
    mirror.accept(row, content(b"one"), 1)
    mirror.accept(row, content(b"two"), 2, PENDING)
    before = mirror.content(number, body=True)
    assert before is not None
    assert before.body == b"one"
    mirror.promote([number])
    after = mirror.content(number, body=True)
    assert after is not None
    assert after.body == b"two"
    assert mirror.content(number, PENDING) is None


def test_what_is_disbelieved_leaves_the_page_as_it_was(mirror: Mirror) -> None:
    number = mirror.ids([URL])[URL]
    row = next(mirror.rows([number]))
    mirror.accept(row, content(b"one"), 1)
    mirror.accept(row, content(b"two"), 2, PENDING)
    mirror.disbelieve([number], "all alike")
    kept = mirror.content(number, body=True)
    assert kept is not None
    assert kept.body == b"one"
    assert next(mirror.rows([number])).trouble == "all alike"
    assert mirror.content(number, PENDING) is None


def test_only_this_user_reads_the_file(mirror: Mirror) -> None:
    mirror.remember(a="1")
    assert stat.S_IMODE(mirror.path.stat().st_mode) == 0o600


def test_a_damaged_file_is_begun_anew(mirror: Mirror) -> None:
    mirror.path.parent.mkdir(parents=True)
    mirror.path.write_bytes(b"no database" * 1000)
    assert mirror.meta("last", "none") == "none"
    mirror.remember(last="1")
    assert mirror.meta("last") == "1"


def test_a_file_of_another_form_is_begun_anew(mirror: Mirror) -> None:
    mirror.remember(form="site-mirror-0", last="7")
    mirror.close()
    assert mirror.meta("last", "none") == "none"


def test_one_visitor_at_a_time(mirror: Mirror, tmp_path: Path) -> None:
    other = Mirror(tmp_path / "sites", "guide", "https://docs.example.org/", "public_docs/guide")
    with mirror.locked(1) as mine:
        assert mine
        with other.locked(0) as theirs:
            assert not theirs
    with other.locked(0) as theirs:
        assert theirs


def test_another_address_is_another_mirror(mirror: Mirror, tmp_path: Path) -> None:
    other = Mirror(tmp_path / "sites", "guide", "https://docs.example.org/v2/", "public_docs/guide")
    assert other.path != mirror.path


def test_sitemaps_keep_their_list_when_they_are_in_trouble(mirror: Mirror) -> None:
    kept = KeptSitemap("https://docs.example.org/sitemap.xml", digest="1")
    mirror.keep_sitemap(kept, [(URL, "2024-01-01")])
    mirror.keep_sitemap(KeptSitemap(kept.url, trouble="is empty", digest="1"))
    assert mirror.sitemap_entries(kept.url) == [(URL, "2024-01-01")]
    assert mirror.sitemaps()[kept.url].trouble == "is empty"


def test_a_transaction_that_fails_leaves_nothing(mirror: Mirror) -> None:
    mirror.remember(a="1")
    with pytest.raises(SourceUnreachable, match="can't be used"):
        _write_and_fail(mirror)
    assert mirror.meta("a") == "1"


def _write_and_fail(mirror: Mirror) -> None:
    with mirror.change() as db:
        db.execute("UPDATE meta SET value = '2' WHERE key = 'a'")
        raise sqlite3.OperationalError("disk I/O error") from None
