"""What a user notices of a Confluence space that is followed: what comes, what changes, what goes, and who may read."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from vector_pipeline.documents import Failure, content_hash
from vector_pipeline.sources.base import SourceMisconfigured, SourceUnreachable
from vector_pipeline.sources.confluence.spaces import discover_spaces
from vector_pipeline_tests.simulators.atlassian_conditions import changed, server_error
from vector_pipeline_tests.simulators.confluence_content import Content
from vector_pipeline_tests.simulators.confluence_server import ConfluenceServer
from vector_pipeline_tests.sources.confluence.site import FLAVOURS, following

ADA = "5b10ac8d82e05b22cc7d4ef5"


@pytest.fixture(params=FLAVOURS)
def server(request: pytest.FixtureRequest) -> Iterator[ConfluenceServer]:
    with ConfluenceServer(request.param) as running:
        running.state.add_space("ENG", "Engineering")
        yield running


def readers(server: ConfluenceServer, *labels: str) -> list[str]:
    """Labels of a restricted page in a space that all may see, of which Cloud tells who they are."""
    told = ["group:all-users"] if server.flavour == "cloud" else []
    return sorted("+".join(sorted([*told, *label.split("+")])) for label in labels)


def native(content: Content) -> bytes:
    """The native id of a content."""
    return content.public_id.encode()


def test_a_page_tells_its_text_place_people_and_readers(server: ConfluenceServer) -> None:
    state = server.state
    guide = state.add_page("ENG", "Guide / old")
    body = (
        f"<h2>Start</h2><p>Ask <ac:link><ri:user ri:account-id='{ADA}' ri:userkey='{ADA}'/></ac:link>, see "
        '<ac:link><ri:page ri:content-title="Other page" /></ac:link>.</p>'
        '<ac:structured-macro ac:name="include"><ac:parameter ac:name=""><ac:link>'
        '<ri:page ri:content-title="Included" /></ac:link></ac:parameter></ac:structured-macro>'
    )
    state.add_page("ENG", "Setup", body, parent=guide, labels=["install", "linux"])
    with following(server, tags=["docs"], access=["everyone"]) as follower:
        follower.sync()
        page = follower.document("Setup")
    base = server.url
    assert page.text.startswith(f"## Start\n\nAsk @Ada, see [Other page]({base}/display/ENG/Other+page).")
    assert f"[Included]({base}/display/ENG/Included)" in page.text
    assert page.context == "Setup"
    assert page.kind == "markdown"
    metadata = dict(page.metadata)
    assert metadata["breadcrumb"] == ["Engineering Home", "Guide / old"]
    assert metadata["path"] == "ENG/Engineering Home/Guide \N{DIVISION SLASH} old/Setup"
    assert metadata["tags"] == ["install", "linux", "docs"]
    assert metadata["space"] == {"key": "ENG", "name": "Engineering"}
    assert (metadata["author"], metadata["last_editor"], metadata["version"]) == ("Ada", "Ada", "1")
    assert metadata["created_at"] == "2026-03-02T09:30:00+00:00"
    assert metadata["content_type"] == "page"
    assert metadata["web_url"] == page.uri
    assert {"everyone", "space:ENG"} <= set(metadata["access"])
    assert page.source_updated_at is not None


def test_comments_follow_the_page_in_threads_and_a_change_of_one_is_seen(server: ConfluenceServer) -> None:
    state = server.state
    page = state.add_page("ENG", "page", "<p>Some words here.</p>")
    first = state.comment(page, "<p>first</p>")
    server.clock.advance(minutes=1)
    second = state.comment(page, "<p>second</p>", selection="words")
    server.clock.advance(minutes=1)
    state.comment(page, "<p>answer to first</p>", answers=first)
    state.resolve(second)
    with following(server) as follower:
        follower.sync()
        assert follower.document("page").text == (
            "Some words here.\n\n## Comments\n\n### Ada, 2026-03-02\n\nfirst\n\n"
            "### Ada answering Ada, 2026-03-02\n\nanswer to first\n\n"
            "### Ada, 2026-03-02 (resolved)\n\n> words\n\nsecond"
        )
        server.clock.advance(minutes=1)
        state.edit(first, "<p>first, edited</p>")
        assert not follower.sync().complete
        assert "first, edited" in follower.document("page").text
        state.purge(second)
        follower.sync()
        assert "second" not in follower.document("page").text
        state.add_page("ENG", "another")
        follower.sync()
        assert follower.fetched == [native(one) for one in state.contents.values() if one.title == "another"]


def test_comments_as_documents_have_no_words_of_their_page(server: ConfluenceServer) -> None:
    page = server.state.add_page("ENG", "page", "<p>Some words here.</p>")
    comment = server.state.comment(page, "<p>an opinion</p>", selection="words")
    with following(server, comments="documents") as follower:
        follower.sync()
        document = follower.documents[native(comment)]
        assert document.text == "> words\n\nan opinion"
        assert document.metadata["content_type"] == "comment"
        assert "focusedCommentId" in document.uri
        assert "opinion" not in follower.document("page").text
        before = content_hash(document)
        server.clock.advance(minutes=1)
        server.state.rename(page, "renamed")
        follower.sync()
        renamed = follower.documents[native(comment)]
        assert renamed.metadata["breadcrumb"] == ["Engineering Home", "renamed"]
        assert content_hash(renamed) == before, "a rename embeds nothing"
    with following(server, comments="none") as follower:
        follower.sync()
        assert not any("opinion" in document.text for document in follower.documents.values())


def test_a_rename_reaches_all_below_and_changes_no_text(server: ConfluenceServer) -> None:
    state = server.state
    top = state.add_page("ENG", "top")
    middle = state.add_page("ENG", "middle", parent=top)
    leaf = state.add_page("ENG", "leaf", "<p>words</p>", parent=middle)
    state.add_page("ENG", "elsewhere")
    with following(server) as follower:
        follower.sync()
        before = {number: content_hash(document) for number, document in follower.documents.items()}
        server.clock.advance(minutes=30)
        state.rename(top, "summit")
        assert not follower.sync().complete
        assert set(follower.fetched) == {native(one) for one in (top, middle, leaf)}
        assert follower.document("leaf").metadata["breadcrumb"] == ["Engineering Home", "summit", "middle"]
        after = {number: content_hash(document) for number, document in follower.documents.items()}
        assert {number for number in after if after[number] != before[number]} == {native(top)}
        follower.sync()
        assert follower.fetched == []


def test_a_renamed_space_is_noticed_and_only_payloads_change(server: ConfluenceServer) -> None:
    server.state.add_page("ENG", "page", "<p>words</p>")
    with following(server) as follower:
        follower.sync()
        before, version = content_hash(follower.document("page")), follower.source.probe()
        server.state.rename_space("ENG", "Research")
        assert follower.source.probe() != version
        follower.sync()
        assert follower.document("page").metadata["space"] == {"key": "ENG", "name": "Research"}
        assert content_hash(follower.document("page")) == before


def test_attachments_are_documents_of_their_own_and_downloaded_once(server: ConfluenceServer) -> None:
    state = server.state
    page = state.add_page("ENG", "page")
    notes = state.attach(page, "notes.md", b"# Notes\n\nOf a meeting.\n")
    state.attach(page, "film.mp4", b"\x89PNG")
    state.attach(page, "big.txt", b"x" * 2000)
    state.attach(page, "draft.tmp.md", b"# Draft\n")
    broken = state.attach(page, "broken.pdf", b"not a pdf")
    with following(server, max_file_size="1KB", exclude=["*.tmp.md"]) as follower:
        listing = follower.sync()
        assert listing.skipped == {"binary or unknown kind": 1, "too large": 1, "ignored": 1}
        assert follower.document("Notes").metadata["path"] == "ENG/Engineering Home/page/notes.md"
        assert follower.document("Notes").metadata["attached_to"] == {"id": str(page.id), "title": "page"}
        assert follower.failures.keys() == {native(broken)}
        assert follower.failures[native(broken)].permanent
        server.log.clear()
        server.clock.advance(minutes=1)
        state.edit(page, "<p>new</p>")
        follower.sync(due=False)
        follower.sync(due=False, census=True)
        assert follower.asked("download") == 0
        state.attach(page, "notes.md", b"# Notes\n\nOf another meeting.\n")
        follower.sync(due=False)
        assert follower.asked("notes.md") + follower.asked(f"{native(notes).decode()}/download") == 1
        assert "another" in follower.document("Notes").text
        state.trash(notes)
        assert follower.sync(due=False).reasons == {native(notes): "in the trash"}
        assert "Notes" not in follower.titles()


def test_a_file_whose_page_moves_or_is_restricted_is_told_anew_and_not_downloaded(server: ConfluenceServer) -> None:
    state = server.state
    page, other = state.add_page("ENG", "page"), state.add_page("ENG", "other")
    state.attach(page, "notes.md", b"# Notes\n\nOf a meeting.\n")
    with following(server) as follower:
        follower.sync()
        before = content_hash(follower.document("Notes"))
        server.log.clear()
        server.clock.advance(minutes=1)
        state.move(page, parent=other)
        follower.sync(census=True)
        assert follower.document("Notes").metadata["breadcrumb"] == ["Engineering Home", "other", "page"]
        server.clock.advance(minutes=1)
        state.rename(other, "another")
        state.restrict(page, groups=["staff"])
        state.rename_space("ENG", "Research")
        follower.sync(full=False)
        follower.sync(census=True)
        document = follower.document("Notes")
        assert document.metadata["path"] == "ENG/Engineering Home/another/page/notes.md"
        assert document.metadata["space"]["name"] == "Research"
        assert content_hash(document) == before
        assert follower.asked("download") == 0
        follower.sync(full=True)
        assert follower.document("Notes").metadata["access"] == readers(server, "group:staff")


def test_attachments_can_be_left_out(server: ConfluenceServer) -> None:
    server.state.attach(server.state.add_page("ENG", "page"), "notes.md", b"# Notes\n")
    with following(server, attachments=False) as follower:
        follower.sync()
        assert follower.titles() == {"Engineering Home", "page"}


def test_a_restriction_stands_instead_of_the_space_for_all_below(server: ConfluenceServer) -> None:
    state = server.state
    top = state.add_page("ENG", "top")
    below = state.add_page("ENG", "below", "<p>words</p>", parent=top)
    state.attach(below, "file.md", b"# File\n")
    with following(server) as follower:
        follower.sync()
        before = content_hash(follower.document("below"))
        assert "space:ENG" in follower.document("File").metadata["access"]
        state.restrict(top, groups=["staff"])
        state.restrict(below, users=[ADA], groups=["writers"])
        follower.sync(full=True)
        user = f"user:{ADA}" if server.flavour == "cloud" else "user:ada"
        assert follower.document("top").metadata["access"] == readers(server, "group:staff")
        for title in ("below", "File"):
            expected = readers(server, "group:staff+group:writers", f"group:staff+{user}")
            assert follower.document(title).metadata["access"] == expected
        assert content_hash(follower.document("below")) == before, "a restriction embeds nothing"
        server.clock.advance(minutes=1)
        inside = state.add_page("ENG", "new inside", parent=top)
        assert not follower.sync().complete
        expected = readers(server, "group:staff")
        assert follower.documents[native(inside)].metadata["access"] == expected, "known from the cursor"
        state.edit(top, "<p>open again</p>")
        state.restrict(top)
        follower.sync()
        assert "space:ENG" in follower.documents[native(inside)].metadata["access"]


def test_restricted_pages_can_be_left_out(server: ConfluenceServer) -> None:
    state = server.state
    top = state.add_page("ENG", "top")
    state.attach(state.add_page("ENG", "below", parent=top), "file.md", b"# File\n")
    with following(server, restricted_pages=False) as follower:
        follower.sync()
        assert follower.titles() == {"Engineering Home", "top", "below", "File"}
        state.restrict(top, groups=["staff"])
        listing = follower.sync(full=True)
        assert follower.titles() == {"Engineering Home"}
        assert set(listing.reasons.values()) == {"left out by the settings"}
        assert listing.skipped["restricted"] == 2


def test_restrictions_that_can_not_be_told_in_a_label_hide_the_page(server: ConfluenceServer) -> None:
    page = server.state.space("ENG").homepage_id
    for level in range(4):
        page = server.state.add_page("ENG", f"level {level}", parent=page).id
        server.state.restrict(page, users=[ADA], groups=[f"group {level}"])
    server.accounts.ada.groups.update(f"group {level}" for level in range(4))
    for level in range(4):
        below = next(c for c in server.state.contents.values() if c.title == f"level {level}")
        server.state.restrict(below, groups=[f"group {level}"])
    with following(server) as follower:
        follower.sync()
        told = server.flavour == "cloud"  # the readers of the space are one level more
        three = ["nobody"] if told else ["group:group 0+group:group 1+group:group 2"]
        assert follower.document("level 1").metadata["access"] == readers(server, "group:group 0+group:group 1")
        assert follower.document("level 2").metadata["access"] == three
        assert follower.document("level 3").metadata["access"] == ["nobody"]


def test_a_page_whose_restrictions_are_not_told_is_hidden_and_one_known_before_stays(server: ConfluenceServer) -> None:
    state = server.state
    known = state.add_page("ENG", "known")
    state.restrict(known, groups=["staff"])

    def hide(answer: Any) -> Any:
        for hit in answer.get("results", []):
            hit.get("content", {}).pop("restrictions", None)
        return answer

    with following(server) as follower:
        follower.sync()
        new = state.add_page("ENG", "new")
        server.faults.always(changed(hide), path="/rest/api/search")
        for listing in ({}, {"full": True}):
            follower.sync(**listing)
            assert follower.documents[native(new)].metadata["access"] == ["nobody"]
            assert follower.document("known").metadata["access"] == readers(server, "group:staff")
        server.faults.clear()
        follower.sync(full=True)
        assert "space:ENG" in follower.documents[native(new)].metadata["access"]


def test_labels_decide_what_is_taken_and_a_change_of_them_is_noticed(server: ConfluenceServer) -> None:
    state = server.state
    wanted = state.add_page("ENG", "wanted", labels=["public"])
    state.attach(wanted, "file.md", b"# File\n")
    both = state.add_page("ENG", "both", labels=["public", "secret"])
    other = state.add_page("ENG", "other")
    with following(server, labels=["public"], exclude_labels=["secret"]) as follower:
        follower.sync()
        assert follower.titles() == {"wanted", "File"}
        state.label(other, "public")
        follower.sync()
        assert follower.titles() == {"wanted", "File", "other"}
        state.unlabel(wanted, "public")
        listing = follower.sync()
        assert follower.titles() == {"other"}
        assert listing.reasons[native(wanted)] == "left out by the settings"
        state.unlabel(both, "secret")
        follower.sync(full=True)
        assert follower.titles() == {"other", "both"}


def test_a_page_that_moves_to_another_space_leaves_this_one(server: ConfluenceServer) -> None:
    server.state.add_space("OPS")
    page = server.state.add_page("ENG", "page", "<p>words</p>")
    with following(server) as eng, following(server, "OPS", spaces=["OPS"]) as ops:
        eng.sync()
        ops.sync()
        before = content_hash(eng.document("page"))
        server.state.move(page, space="OPS")
        assert eng.sync().reasons == {native(page): "moved to another space"}
        ops.sync()
        assert content_hash(ops.document("page")) == before


def test_a_space_that_is_named_and_not_there_is_told_with_its_key(server: ConfluenceServer) -> None:
    with following(server, "NONE", spaces=["NONE"]) as follower:
        for ask in (follower.source.probe, follower.sync):
            with pytest.raises(SourceMisconfigured, match="no space NONE"):
                ask()


def test_a_discovered_space_that_is_withdrawn_is_an_empty_census(server: ConfluenceServer) -> None:
    with following(server, spaces=["*"]) as follower:
        follower.sync()
        server.state.withdraw_space("ENG", ADA)
        assert follower.source.probe() == "gone"
        listing = follower.sync()
        assert (listing.complete, listing.items.is_empty(), listing.version) == (True, True, "gone")
        assert follower.sync().version == "gone"
        server.state.grant_space("ENG", ADA)
        follower.sync()
        assert follower.titles() == {"Engineering Home"}


def test_spaces_are_discovered_by_pattern(server: ConfluenceServer) -> None:
    state = server.state
    state.add_space("DOCS", "Documents")
    state.add_space("DOLD")
    state.archive_space("DOLD")
    state.add_space("~ada", "Ada", type="personal")

    def found(**settings: Any) -> list[str]:
        with following(server, **settings) as follower:
            return [part.key for part in discover_spaces("wiki", follower.source.settings)]

    assert found(spaces=["*"]) == ["DOCS", "ENG"]
    assert found(spaces=["D*"], archived_spaces=True) == ["DOCS", "DOLD"]
    assert found(spaces=["*"], exclude_spaces=["D*"], personal_spaces=True) == ["ENG", "~ada"]
    assert found(spaces=["*", "DOLD"]) == ["DOCS", "DOLD", "ENG"]
    server.faults.always(server_error(503))
    with pytest.raises(SourceUnreachable):
        found(spaces=["*"], max_wait="0.2s")


def test_an_unchanged_space_costs_one_request(server: ConfluenceServer) -> None:
    server.state.fill("ENG", 20)
    with following(server) as follower:
        version = follower.sync().version
        server.log.clear()
        assert follower.source.probe() == version
        assert follower.asked() == 1


@pytest.mark.parametrize("skew", [0, 120])
def test_more_changes_than_one_page_of_answers_holds_are_all_seen(server: ConfluenceServer, skew: int) -> None:
    server.state.fill("ENG", 150)
    pages = [content for content in server.state.contents.values() if content.type == "page"]
    with following(server) as follower:
        server.clock.skew = timedelta(minutes=skew)  # a node whose clock is ahead: what follows looks older
        server.state.edit(pages[0], "<p>from a clock that is ahead</p>")
        follower.sync()
        server.clock.skew = timedelta(0)
        server.clock.advance(minutes=30)
        for page in pages:
            server.state.edit(page, "<p>edited</p>")
        assert not follower.sync().complete
        assert len(follower.fetched) == len(pages)
        assert {document.text.strip() for document in follower.documents.values()} == {"edited"}


def test_a_page_out_of_the_trash_does_not_hide_that_another_went(server: ConfluenceServer) -> None:
    state = server.state
    back, gone = state.add_page("ENG", "back"), state.add_page("ENG", "gone")
    state.attach(back, "film.mp4", b"\x89PNG")
    state.trash(back)
    server.clock.advance(minutes=60)
    state.edit(gone, "<p>the newest change</p>")
    with following(server) as follower:
        follower.sync()
        assert follower.titles() == {"Engineering Home", "gone"}
        server.clock.advance(minutes=30)
        state.restore(back)  # with its film: two contents more, one less below, as many as a delta expects
        state.trash(gone)
        follower.sync()
        assert follower.titles() == {"Engineering Home", "back"}


def test_a_change_during_the_scan_is_seen_by_the_next_probe(server: ConfluenceServer) -> None:
    page = server.state.add_page("ENG", "page")
    with following(server) as follower:
        follower.sync()
        server.clock.advance(minutes=1)
        server.state.edit(page, "<p>one</p>")
        edited: list[str] = []

        def edit_late(_request: object, template: str, _response: object) -> None:
            if not edited and template.endswith("/search"):
                edited.append(template)
                server.clock.advance(minutes=1)
                server.state.edit(page, "<p>two</p>")

        server.observers.append(edit_late)
        listing = follower.sync()
        assert follower.source.probe() != listing.version
        follower.sync()
        assert follower.document("page").text.strip() == "two"


def test_an_answer_that_is_cut_off_is_asked_for_in_parts(server: ConfluenceServer) -> None:
    for number in range(6):
        server.state.add_page("ENG", f"page {number}", f"<p>{'word ' * 200}</p>")
    server.faults.cut_bodies_above = 9_000
    with following(server) as follower:
        follower.sync()
        assert len(follower.documents) == 7
        assert not follower.failures


def test_one_page_the_service_fails_at_is_one_failure(server: ConfluenceServer) -> None:
    server.state.fill("ENG", 10)
    odd = next(c for c in server.state.contents.values() if c.title == "Page 5")
    with following(server) as follower:
        listing_only = {"empty": 0}

        def spoil(answer: Any) -> Any:
            for hit in answer.get("results", []):
                content = hit.get("content", {})
                if content.get("id") == str(odd.id) and "body" in content:
                    content["body"] = None
                    listing_only["empty"] += 1
            return answer

        server.faults.always(changed(spoil), path="/rest/api/search")
        follower.sync()
        assert set(follower.failures) == {native(odd)}
        assert listing_only["empty"] == 1
        server.faults.clear()
        follower.sync()
        assert not follower.failures


@pytest.mark.parametrize(
    "spoilt",
    [
        {},
        {"results": None},
        {"results": [None, 5, {}, {"content": None}, {"content": {"id": {}}}]},
        {"results": [{"id": None}, {"id": "12; drop", "type": "page"}], "_links": "next"},
        [],
    ],
)
def test_answers_that_are_not_what_they_should_be_lose_nothing(server: ConfluenceServer, spoilt: Any) -> None:
    server.state.fill("ENG", 5)
    with following(server) as follower:
        follower.sync()
        held = set(follower.documents)
        server.state.edit(next(c for c in server.state.contents.values() if c.title == "Page 3"), "<p>new</p>")
        for path in ("/spaces", "/content", "/search", "/pages", "/space"):
            server.faults.always(changed(lambda _answer: spoilt), path=path)
            with contextlib.suppress(SourceUnreachable, SourceMisconfigured):
                follower.sync(census=True)
            assert set(follower.documents) == held, path
            server.faults.clear()
        follower.sync(full=True)
        assert set(follower.documents) == held
        assert "new" in follower.document("Page 3").text


def test_what_could_not_be_read_is_tried_again_without_a_census(server: ConfluenceServer) -> None:
    page = server.state.add_page("ENG", "page", "<p>words</p>")
    with following(server) as follower:
        follower.sync()
        server.clock.advance(minutes=40)
        server.state.edit(page, "<p>new words</p>")
        follower.sync()
        failed = follower.documents.pop(native(page))
        server.clock.advance(minutes=40)
        follower.failures[native(page)] = Failure(native(page), failed.version, "", "fetch", "once")
        assert not follower.sync().complete
        assert follower.document("page").text.strip() == "new words"
        assert not follower.failures


def test_pages_in_adf_are_read_as_such_on_cloud() -> None:
    with ConfluenceServer("cloud") as server:
        server.state.add_space("ENG", "Engineering")
        mention = {"type": "mention", "attrs": {"id": ADA, "text": "@somebody"}}
        paragraph = {"type": "paragraph", "content": [{"type": "text", "text": "Ask "}, mention]}
        server.state.add_page("ENG", "page", {"type": "doc", "version": 1, "content": [paragraph]})
        with following(server, body="adf") as follower:
            follower.sync()
            assert follower.document("page").text.strip() == "Ask @Ada"


def test_pages_in_folders_have_their_place_and_restrictions() -> None:
    with ConfluenceServer("cloud") as server:
        state = server.state
        state.add_space("ENG", "Engineering")
        folder = state.add_folder("ENG", "Plans")
        inner = state.add_folder("ENG", "2026", parent=folder)
        page = state.add_page("ENG", "page", parent=inner)
        with following(server) as follower:
            follower.sync()
            assert follower.document("page").metadata["breadcrumb"] == ["Engineering Home", "Plans", "2026"]
            assert "space:ENG" in follower.document("page").metadata["access"]
            server.clock.advance(minutes=1)
            state.edit(page, "<p>new</p>")
            follower.sync()
            assert follower.document("page").metadata["breadcrumb"] == ["Engineering Home", "Plans", "2026"]
            state.restrict(folder, groups=["staff"])
            follower.sync(full=True)
            assert follower.document("page").metadata["access"] == readers(server, "group:staff")


def test_space_permissions_are_labels_where_the_service_tells_them() -> None:
    with ConfluenceServer("cloud") as server:
        server.state.add_space("ENG", "Engineering")
        with following(server) as follower:
            follower.sync()
            assert follower.document("Engineering Home").metadata["access"] == ["group:all-users", "space:ENG"]
            server.state.limit_space("ENG", users=[ADA], groups=["staff"])
            follower.sync(census=True)
            labels = follower.document("Engineering Home").metadata["access"]
            assert labels == ["group:staff", "space:ENG", f"user:{ADA}"]
            server.faults.always(server_error(403), path="/permissions")
            follower.sync(census=True)
            assert follower.document("Engineering Home").metadata["access"] == ["space:ENG"]


def test_messages_and_cursors_hold_no_secret_and_no_text(server: ConfluenceServer) -> None:
    server.state.add_page("ENG", "page", "<p>confidential words</p>")
    with following(server) as follower:
        follower.sync()
        assert "confidential" not in str(follower.cursor)
        server.faults.always(server_error(503))
        with pytest.raises(SourceUnreachable) as caught:
            follower.sync()
        assert "token" not in str(caught.value).lower()
        assert "confluence/wiki.ENG" in str(caught.value)
