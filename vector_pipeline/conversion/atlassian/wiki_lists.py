"""Lists of wiki markup: "*#" before an item says that it is numbered, within a bullet."""

from __future__ import annotations

from dataclasses import dataclass

from vector_pipeline.conversion.writing.builder import MAX_DEPTH, Builder


@dataclass(slots=True)
class _Level:
    kind: str
    list_token: int
    item_token: int


class WikiLists:
    """The lists that are open, outermost first."""

    def __init__(self, builder: Builder) -> None:
        self._builder = builder
        self._levels: list[_Level] = []

    def open_item(self, marks: str) -> bool:
        """Opens an item; False if the marks are dashes in prose, as before a signature."""
        if len(marks) > 1 and set(marks) == {"-"} and not self._levels:
            return False
        marks = marks[:MAX_DEPTH]
        while len(self._levels) > len(marks) or (
            self._levels and len(self._levels) == len(marks) and self._other(marks)
        ):
            self._builder.close(self._levels.pop().list_token)
        if len(self._levels) == len(marks):
            self._builder.close(self._levels[-1].item_token)
            self._levels[-1].item_token = self._builder.open_item()
        while len(self._levels) < len(marks):
            kind = marks[len(self._levels)]
            list_token = self._builder.open_list(1 if kind == "#" else None)
            self._levels.append(_Level(kind, list_token, self._builder.open_item()))
        return True

    def end(self) -> None:
        """Closes all lists."""
        if self._levels:
            self._builder.close(self._levels[0].list_token)
            self._levels.clear()

    def forget(self) -> None:
        """Takes all lists for closed, because what they stand in was."""
        self._levels.clear()

    def _other(self, marks: str) -> bool:
        return (self._levels[-1].kind == "#") != (marks[-1] == "#")
