"""The life of a Confluence site as random operations; one that is impossible in the state it is in does nothing.

`silent` says whether something changed of which the service gives no sign but in a full listing: a move or rename that
touches neither version nor time, archiving where archived pages are taken, labels and restrictions, a resolved
comment, who may see the space, and whatever a search that lags does not show yet.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from random import Random
from typing import Any

from vector_pipeline_tests.simulators.confluence_content import Content
from vector_pipeline_tests.simulators.confluence_server import ConfluenceServer

SPACES = ("ENG", "OPS")
TITLES = ("Guide", "Setup", "Release / notes", "FAQ", "Caf\N{LATIN SMALL LETTER E WITH ACUTE}", "Plan [old]", "guide")
ADA = "5b10ac8d82e05b22cc7d4ef5"
TEXTS = (
    "<h2>Start</h2><p>Words about boats.</p>",
    "<p>Words about trains, see <ac:link><ri:page ri:content-title='Guide'/></ac:link>.</p>",
    "<ac:structured-macro ac:name='code'><ac:plain-text-body>"
    "<![CDATA[x = 1]]></ac:plain-text-body></ac:structured-macro>",
    f"<p>Ask <ac:link><ri:user ri:userkey='{ADA}' ri:account-id='{ADA}'/></ac:link></p>",
    "<p />",
)
FILES = (("notes.md", b"# Notes\n\nOf a meeting.\n"), ("film.mp4", b"\x89PNG"), ("table.csv", b"a,b\n1,2\n"))
ZONES = ("UTC", "America/Los_Angeles", "Asia/Kolkata", "Pacific/Kiritimati")

Operation = tuple[Any, ...]

_SILENT = frozenset({"restrict", "label", "unlabel", "resolve", "limit space", "bumps"})


def random_operations(dice: Random, count: int) -> list[Operation]:
    """So many operations of all kinds, the usual ones more often."""
    return [_operation(dice) for _ in range(count)]


def _operation(dice: Random) -> Operation:
    def any_of(values: Sequence[Any]) -> Any:
        return dice.choice(values)

    def number() -> int:
        return dice.randrange(1000)

    makers: list[Callable[[], Operation]] = [
        *[lambda: ("add", any_of(SPACES), any_of(TITLES), any_of(TEXTS), number())] * 4,
        lambda: ("post", any_of(SPACES), any_of(TITLES), any_of(TEXTS)),
        *[lambda: ("edit", number(), any_of(TEXTS))] * 2,
        *[lambda: ("rename", number(), any_of(TITLES))] * 2,
        *[lambda: ("move", number(), number())] * 2,
        lambda: ("move to space", number(), any_of(SPACES)),
        lambda: ("trash", number(), any_of((True, False))),
        lambda: ("restore", number()),
        lambda: ("purge", number()),
        lambda: ("archive", number(), any_of((True, False))),
        lambda: ("restrict", number(), any_of(("", "staff", "others"))),
        lambda: ("label", number(), any_of(("one", "two"))),
        lambda: ("unlabel", number(), any_of(("one", "two"))),
        *[lambda: ("comment", number(), any_of(TEXTS), any_of(("", "Words")))] * 2,
        lambda: ("answer", number(), any_of(TEXTS)),
        lambda: ("edit comment", number(), any_of(TEXTS)),
        lambda: ("resolve", number()),
        lambda: ("remove comment", number()),
        *[lambda: ("attach", number(), any_of(FILES), number())] * 2,
        lambda: ("remove file", number()),
        lambda: ("draft", number(), any_of(TEXTS)),
        lambda: ("publish", number()),
        lambda: ("rename space", any_of(SPACES), number()),
        lambda: ("limit space", any_of(SPACES), any_of(("", "staff"))),
        lambda: ("bumps", any_of((True, False)), any_of((True, False))),
        lambda: ("zone", any_of(ZONES)),
        lambda: ("lag", dice.randrange(4)),
        lambda: ("wait", dice.randrange(90)),
    ]
    made: Operation = any_of(makers)()
    return made


class Life:
    """Applies operations to a server with two spaces. `archived` says that archived pages are taken."""

    def __init__(self, server: ConfluenceServer, *, archived: bool = False) -> None:
        self.server, self.state, self.archived = server, server.state, archived
        self.silent = False
        for key in SPACES:
            self.state.add_space(key, f"Space {key}")

    def apply(self, operation: Operation, *, loud: bool = False) -> None:
        """Does what the operation says; with `loud` only if the service gives a sign of it."""
        name, *rest = operation
        if loud:
            self._bumps(True, True)
            if name in _SILENT or (self.archived and name == "archive"):
                return
        handler: Callable[..., None] = getattr(self, "_" + str(name).replace(" ", "_"))
        handler(*rest)
        self.server.clock.advance(seconds=7)

    def settle(self) -> None:
        """Lets the search catch up."""
        self.server.clock.advance(minutes=5)

    def _pick(self, place: int, *types: str, status: str = "current") -> Content | None:
        found = [one for one in self.state.contents.values() if one.type in types and one.status == status]
        found = [one for one in found if self.state.page_of(one).status == status or status != "current"]
        return found[place % len(found)] if found else None

    def _add(self, space: str, title: str, text: str, parent: int) -> None:
        above = self._pick(parent, "page")
        if above is not None and self.state.spaces[above.space_id].key == space:
            self.state.add_page(space, title, text, parent=above)
        else:
            self.state.add_page(space, title, text)

    def _post(self, space: str, title: str, text: str) -> None:
        self.state.add_blogpost(space, title, text)

    def _edit(self, page: int, text: str) -> None:
        if (found := self._pick(page, "page", "blogpost")) is not None:
            self.state.edit(found, text)

    def _rename(self, page: int, title: str) -> None:
        if (found := self._pick(page, "page", "blogpost")) is not None:
            bumps = self.state.bumps
            self.silent |= not (bumps.rename_version and bumps.rename_modified)
            self.state.rename(found, title)

    def _move(self, page: int, parent: int) -> None:
        found, above = self._pick(page, "page"), self._pick(parent, "page")
        if found is None or above is None or above is found or above in self.state.descendants(found):
            return
        if found.id in self._homes():  # it would stay the parent of new pages of its old space
            return
        self.silent |= not self.state.bumps.move_modified
        self.state.move(found, parent=above)

    def _move_to_space(self, page: int, space: str) -> None:
        if (found := self._pick(page, "page")) is not None and found.id not in self._homes():
            self.silent |= not self.state.bumps.move_modified
            self.state.move(found, space=space)

    def _homes(self) -> set[int | None]:
        return {space.homepage_id for space in self.state.spaces.values()}

    def _trash(self, page: int, descendants: bool) -> None:
        found = self._pick(page, "page", "blogpost")
        if found is not None and found.id not in self._homes():
            self.state.trash(found, descendants=descendants)

    def _restore(self, page: int) -> None:
        for status in ("trashed", "archived"):
            if (found := self._pick(page, "page", "blogpost", status=status)) is not None:
                self.state.restore(found)
                return

    def _purge(self, page: int) -> None:
        if (found := self._pick(page, "page", "blogpost", status="trashed")) is not None:
            self.state.purge(found)

    def _archive(self, page: int, descendants: bool) -> None:
        found = self._pick(page, "page")
        if found is not None and found.id not in self._homes():
            self.silent |= self.archived
            self.state.archive(found, descendants=descendants)

    def _restrict(self, page: int, group: str) -> None:
        if (found := self._pick(page, "page")) is not None:
            self.silent = True
            self.state.restrict(found, groups=[group] if group else [])

    def _label(self, page: int, label: str) -> None:
        if (found := self._pick(page, "page", "blogpost")) is not None:
            self.silent = True
            self.state.label(found, label)

    def _unlabel(self, page: int, label: str) -> None:
        if (found := self._pick(page, "page", "blogpost")) is not None:
            self.silent = True
            self.state.unlabel(found, label)

    def _comment(self, page: int, text: str, selection: str) -> None:
        if (found := self._pick(page, "page", "blogpost")) is not None:
            self.state.comment(found, text, selection=selection)

    def _answer(self, comment: int, text: str) -> None:
        if (found := self._pick(comment, "comment")) is not None and found.container_id is not None:
            self.state.comment(found.container_id, text, answers=found)

    def _edit_comment(self, comment: int, text: str) -> None:
        if (found := self._pick(comment, "comment")) is not None:
            self.state.edit(found, text)

    def _resolve(self, comment: int) -> None:
        found = self._pick(comment, "comment")
        if found is not None and found.location == "inline":
            self.silent = True
            self.state.resolve(found)

    def _remove_comment(self, comment: int) -> None:
        if (found := self._pick(comment, "comment")) is not None:
            self.state.purge(found)

    def _attach(self, page: int, file: tuple[str, bytes], more: int) -> None:
        if (found := self._pick(page, "page", "blogpost")) is not None:
            self.state.attach(found, file[0], file[1] + b"%d\n" % (more % 3))

    def _remove_file(self, file: int) -> None:
        if (found := self._pick(file, "attachment")) is not None:
            self.state.trash(found)

    def _draft(self, page: int, text: str) -> None:
        if (found := self._pick(page, "page")) is not None:
            self.state.save_draft(found, text)

    def _publish(self, page: int) -> None:
        found = self._pick(page, "page")
        if found is not None and found.draft is not None:
            self.state.publish(found)

    def _rename_space(self, space: str, more: int) -> None:
        self.state.rename_space(space, f"Space {space} {more % 3}")

    def _limit_space(self, space: str, group: str) -> None:
        self.silent = True
        self.state.limit_space(space, groups=[group] if group else [])

    def _bumps(self, version: bool, modified: bool) -> None:
        bumps = self.state.bumps
        bumps.move_version, bumps.move_modified = version, modified
        bumps.rename_version, bumps.rename_modified = version, modified

    def _zone(self, zone: str) -> None:
        self.server.accounts.ada.time_zone = zone
        self.server.time_zone = zone

    def _lag(self, minutes: int) -> None:
        self.server.faults.search_lag = timedelta(minutes=minutes)

    def _wait(self, minutes: int) -> None:
        self.server.clock.advance(minutes=minutes)
