"""A loopback server that speaks Jira's REST interface, as Cloud or as Data Center, and misbehaves on request.

`server.state` holds projects and issues and changes them, `server.clock` is the time, `server.faults` and
`server.rate_limit` what goes wrong, `server.limits` the page sizes, `server.log` what was asked.
`python -m vector_pipeline_tests.simulators.jira_server --flavour cloud --issues 500` runs it by itself.
"""

from __future__ import annotations

import argparse
import random
import ssl
from datetime import datetime, timedelta

from vector_pipeline_tests.simulators import atlassian_conditions as conditions
from vector_pipeline_tests.simulators.atlassian_conditions import Clock, Fault, Flavour
from vector_pipeline_tests.simulators.atlassian_http import AtlassianServer, Request, Response
from vector_pipeline_tests.simulators.jira_api import Limits
from vector_pipeline_tests.simulators.jira_cloud import CloudApi
from vector_pipeline_tests.simulators.jira_data_center import DataCenterApi
from vector_pipeline_tests.simulators.jira_model import Comment, Issue, Project
from vector_pipeline_tests.simulators.jira_search import SearchIndex
from vector_pipeline_tests.simulators.jira_state import JiraState


class JiraServer(AtlassianServer):
    """A Jira site. `context_path` ("/jira") is for Data Center behind a path."""

    product = "jira"

    def __init__(
        self,
        flavour: Flavour | str = Flavour.CLOUD,
        *,
        clock: Clock | None = None,
        port: int = 0,
        tls: ssl.SSLContext | None = None,
        context_path: str = "",
    ) -> None:
        super().__init__(flavour, clock=clock, port=port, tls=tls)
        self.context_path = context_path
        self.state = JiraState(self.clock, self.accounts.ada)
        self.index = SearchIndex(self.state, lambda: self.faults.search_lag)
        self.limits = Limits()
        api = CloudApi if self.flavour is Flavour.CLOUD else DataCenterApi
        api(self, self.state, self.index, self.limits).add_routes()

    def answer(self, request: Request, fault: Fault | None) -> tuple[str, Response]:
        """As for any site, below the context path only."""
        if self.context_path:
            inside = request.path.removeprefix(self.context_path)
            if inside == request.path:
                return "", Response("<html>There is nothing here.</html>", 404, content_type="text/html")
            request.path = inside
        with self.state.lock:  # an answer shows one state of the site
            return super().answer(request, fault)

    def seed(
        self, project: Project, count: int, *, span: timedelta = timedelta(days=700), seed: int = 1
    ) -> list[Issue]:
        """Many issues at once, with texts, labels and some comments, last changed evenly over a span until now."""
        dice, now = random.Random(seed), self.clock.now()
        state, first = self.state, project.last_number
        types = [state.named("issuetype", name) for name in ("Task", "Bug", "Story")]
        stages = [state.named("status", name) for name in ("To Do", "In Progress", "Done")]
        priority = state.named("priority", "Medium")
        made = []
        for number in range(1, count + 1):
            moment = _whole_milliseconds(now - span * (1 - number / count))
            topic = dice.choice(_TOPICS)
            issue = Issue(
                id=state.next_id(),
                project=project,
                number=first + number,
                created=moment,
                updated=moment,
                fields={
                    "summary": f"{topic.capitalize()} {number} of {project.key}",
                    "description": f"The {topic} of part {number} needs work.\n\nSee part {dice.randint(1, count)}.",
                    "issuetype": dice.choice(types),
                    "status": dice.choice(stages),
                    "priority": priority,
                    "labels": [topic],
                    "components": [],
                    "fixVersions": [],
                    "assignee": None,
                    "reporter": state.author,
                    "creator": state.author,
                },
            )
            if number % 10 == 0:
                text = f"Part {number} was looked at: the {topic} is understood."
                issue.comments.append(Comment(state.next_id(), state.author, text, moment, moment))
            state.add(issue, indexed=False)
            made.append(issue)
        self.index.rebuild()
        return made


_TOPICS = ("search", "login", "export", "billing", "printing", "backup", "import", "layout", "encoding", "cache")


def _whole_milliseconds(moment: datetime) -> datetime:
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def main() -> None:
    """Runs the server with a project DEMO until interrupted."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--port", type=int, default=8091)
    parser.add_argument("--flavour", choices=[flavour.value for flavour in Flavour], default="cloud")
    parser.add_argument("--issues", type=int, default=200, help="how many issues project DEMO has")
    parser.add_argument("--delay", type=float, default=0.0, help="seconds before every answer")
    given = parser.parse_args()
    server = JiraServer(given.flavour, port=given.port)
    server.seed(server.state.create_project("DEMO", "Demonstration"), given.issues)
    if given.delay:
        server.faults.always(conditions.slow(given.delay))
    if server.flavour is Flavour.CLOUD:
        access = f"e-mail {conditions.EMAIL}, API token {conditions.API_TOKEN}"
    else:
        access = f"personal access token {conditions.PERSONAL_ACCESS_TOKEN}"
    print(f"Jira ({given.flavour}) with {given.issues} issues in DEMO at {server.url}; {access}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        print("stopped")


if __name__ == "__main__":
    main()
