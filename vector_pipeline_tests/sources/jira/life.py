"""The life of a simulated project: everything that can happen to it, picked by numbers so that tests can draw them.

Each operation says whether Jira tells of all it did: what it changes quietly (an issue's links when the other end goes)
is found when every issue is read again.
"""

from __future__ import annotations

from collections.abc import Callable

from vector_pipeline_tests.simulators.jira_model import Issue, Project
from vector_pipeline_tests.simulators.jira_server import JiraServer

WORDS = ("boats", "trains", "planes", "bicycles", "ferries", "trams", "balloons", "sledges")
FILES = ("notes.txt", "log.md", "film.mp4", "table.csv", "setup.py")
ZONES = ("UTC", "America/Los_Angeles", "Asia/Kolkata", "Pacific/Kiritimati")

Operation = tuple[str, int, int]
"""Name, and two numbers that pick what it is done to."""


class Life:
    """Changes the site; an operation that is impossible in its state does nothing."""

    def __init__(self, server: JiraServer) -> None:
        self.server, self.state = server, server.state
        self.project = self.state.create_project("DOC", "Documents")
        self.other = self.state.create_project("OPS", "Operations")
        self.level = self.state.security_level("Staff", [server.accounts.ada])
        self.hidden = self.state.security_level("Board")
        self.renames = 0

    def apply(self, operation: Operation) -> bool:
        """Does it; False where Jira tells nobody about some of it."""
        name, one, two = operation
        self.server.clock.advance(milliseconds=1 + one % 7 * 1000 if two % 3 else 60_001)
        return bool(OPERATIONS[name](self, one, two))

    def start(self, count: int) -> None:
        """Some issues to begin with."""
        for number in range(count):
            self.apply(("create", number, number + 1))

    # ---- picking
    def issue(self, pick: int, project: Project | None = None) -> Issue | None:
        found = sorted(self.state.issues_of(project or self.project), key=lambda issue: issue.id)
        return found[pick % len(found)] if found else None

    def text(self, one: int, two: int) -> str:
        return f"Words about {WORDS[one % len(WORDS)]}.\n\nAnd number {two} of {WORDS[two % len(WORDS)]}."

    def is_alone(self, issue: Issue) -> bool:
        return not (issue.links or issue.parent or issue.children)

    # ---- issues
    def create(self, one: int, two: int) -> bool:
        text = None if two % 5 == 0 else self.text(one, two)
        self.state.create_issue(self.project, f"About {WORDS[one % len(WORDS)]}", description=text, labels=["new"])
        return True

    def edit(self, one: int, two: int) -> bool:
        if issue := self.issue(one):
            fields = ({"description": self.text(two, one)}, {"summary": f"On {WORDS[two % 8]}"}, {"status": "Done"})
            self.state.edit(issue, **fields[two % 3])
        return True

    def edit_silently(self, one: int, two: int) -> bool:
        if issue := self.issue(one):
            self.state.edit(issue, silent=True, description=self.text(two, one))
        return False

    def touch(self, one: int, two: int) -> bool:
        if issue := self.issue(one):
            self.state.touch(issue)
        return True

    def delete(self, one: int, two: int) -> bool:
        if (issue := self.issue(one)) is None:
            return True
        alone = self.is_alone(issue)
        self.state.delete(issue)
        return alone

    def move_out(self, one: int, two: int) -> bool:
        if (issue := self.issue(one)) is None:
            return True
        alone = self.is_alone(issue)
        self.state.move(issue, self.other)
        return alone

    def move_in(self, one: int, two: int) -> bool:
        if (issue := self.issue(one, self.other)) is None:
            return True
        alone = self.is_alone(issue)
        self.state.move(issue, self.project)
        return alone

    def archive(self, one: int, two: int) -> bool:
        if issue := self.issue(one):
            self.state.archive(issue, archived=not issue.archived)
        return True

    def restrict(self, one: int, two: int) -> bool:
        if issue := self.issue(one):
            alone = self.is_alone(issue)
            self.state.restrict(issue, (self.level, self.hidden, None)[two % 3])
            return alone  # a link to a hidden issue is hidden too
        return True

    def restrict_silently(self, one: int, two: int) -> bool:
        if issue := self.issue(one):
            self.state.restrict(issue, (self.level, self.hidden, None)[two % 3], silent=True)
        return False

    # ---- what hangs on them
    def comment(self, one: int, two: int) -> bool:
        if issue := self.issue(one):
            self.state.comment(issue, self.text(one, two), group="" if two % 4 else "staff")
        return True

    def edit_comment(self, one: int, two: int) -> bool:
        if (issue := self.issue(one)) and issue.comments:
            comment = issue.comments[two % len(issue.comments)]
            self.state.edit_comment(issue, comment, self.text(two, one), silent=two % 5 == 0)
        return two % 5 != 0

    def delete_comment(self, one: int, two: int) -> bool:
        if (issue := self.issue(one)) and issue.comments:
            self.state.delete_comment(issue, issue.comments[two % len(issue.comments)])
        return True

    def attach(self, one: int, two: int) -> bool:
        if issue := self.issue(one):
            self.state.attach(issue, FILES[two % len(FILES)], self.text(one, two).encode())
        return True

    def delete_attachment(self, one: int, two: int) -> bool:
        if (issue := self.issue(one)) and issue.attachments:
            self.state.delete_attachment(issue, issue.attachments[two % len(issue.attachments)])
        return True

    def link(self, one: int, two: int) -> bool:
        source, target = self.issue(one), self.issue(two)
        if source and target and source is not target:
            self.state.link(source, target)
        return True

    def unlink(self, one: int, two: int) -> bool:
        if (issue := self.issue(one)) and issue.links:
            self.state.unlink(issue.links[two % len(issue.links)], silent=two % 2 == 0)
        return two % 2 != 0

    def set_parent(self, one: int, two: int) -> bool:
        child, parent = self.issue(one), self.issue(two)
        if child and parent and child is not parent and not child.children and not parent.parent:
            self.state.edit(child, issuetype="Sub-task")
            self.state.set_parent(child, parent)
        return False  # the parent's list of sub-tasks changes quietly

    # ---- the whole project
    def rename_key(self, one: int, two: int) -> bool:
        self.renames += 1
        self.state.rename_project_key(self.project, f"DOC{self.renames}")
        return True

    def rename(self, one: int, two: int) -> bool:
        self.state.rename_project(self.project, f"Documents about {WORDS[one % 8]}")
        return True

    def change_zone(self, one: int, two: int) -> bool:
        self.server.accounts.ada.time_zone = ZONES[one % len(ZONES)]
        return True

    def wait(self, one: int, two: int) -> bool:
        self.server.clock.advance(minutes=1 + one % 30)
        return True


_HELPERS = ("apply", "start", "issue", "text", "is_alone")
OPERATIONS: dict[str, Callable[[Life, int, int], bool]] = {
    name: method for name, method in vars(Life).items() if name not in _HELPERS and not name.startswith("_")
}
