"""A world to keep in step with: a folder, a repository, two wiki spaces, a Jira project and a site, all of them alive.

What happens in it follows from one seed. Every source of the project is real or simulated over HTTP; the embedding
endpoint is simulated too.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from random import Random
from types import TracebackType

from vector_pipeline_tests.git_repository import GitRepository
from vector_pipeline_tests.project import Project
from vector_pipeline_tests.simulators import atlassian_conditions as conditions
from vector_pipeline_tests.simulators import openai_server
from vector_pipeline_tests.simulators.confluence_server import ConfluenceServer
from vector_pipeline_tests.simulators.docs_site import DocsSite
from vector_pipeline_tests.simulators.docs_site_faults import one_of
from vector_pipeline_tests.simulators.jira_server import JiraServer
from vector_pipeline_tests.simulators.openai_server import OpenAIServer
from vector_pipeline_tests.sources.confluence.site import settings_for
from vector_pipeline_tests.sources.jira.life import OPERATIONS as ISSUE_OPERATIONS
from vector_pipeline_tests.sources.jira.life import Life as IssuesLife
from vector_pipeline_tests.sync import confluence_life, docs_life
from vector_pipeline_tests.sync.exactness import served_by
from vector_pipeline_tests.sync.test_replay_folder import FOLDERS, NAMES, PARAGRAPHS, Files

ATLASSIAN_FAULTS = (
    conditions.rate_limited(0),
    conditions.server_error(503),
    conditions.server_error(500),
    conditions.truncated(),
    conditions.dropped(),
)
ENDPOINT_FAULTS = (
    openai_server.status(500),
    openai_server.status(503),
    openai_server.dropped(),
    openai_server.truncated(),
    openai_server.short_list(),
    openai_server.not_json(),
    openai_server.out_of_quota(),
)


class World:
    """Everything that a project follows. `project` is configured for it, with nothing synced yet."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.dice = Random(seed)
        self._folder = folder
        self._open = ExitStack()
        self._faults = ExitStack()

    def __enter__(self) -> World:
        dice, enter = self.dice, self._open.enter_context
        self.endpoint = enter(OpenAIServer())
        self.confluence = enter(ConfluenceServer(dice.choice(["cloud", "data_center"])))
        self.jira = enter(JiraServer(dice.choice(["cloud", "data_center"])))
        self.site = enter(DocsSite())
        self.site.sitemap = dice.choice(["none", "plain", "index"])
        self.repository = GitRepository(self._folder / "repo.git")
        self.files = Files(self._folder / "notes")
        self.pages = confluence_life.Life(self.confluence)
        self.issues = IssuesLife(self.jira)
        self.docs = docs_life.Life(self.site, dice)
        self.project = self._configure()
        for number, name in enumerate(NAMES[:-1]):
            self.files.apply(("write", name, b"# Start\n\nOf number %d.\n" % number))
        self.repository.write("README.md", "# Read me\n\nFirst words.\n").commit("start")
        self.issues.start(6)
        for operation in confluence_life.random_operations(dice, 30):
            self.pages.apply(operation, loud=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._faults.close()
        self._open.close()

    def _configure(self) -> Project:
        settings = {
            "limits": {"quarantine_retry": "0.001s", "fetch_batch": 7},
            "chunking": {"max_tokens": 64, "target_chars": 100},
            **served_by(self.endpoint, batch_size=16),
        }
        project = Project(self._folder / "project", settings)
        project.add_folder("notes", self._folder / "notes")
        project.add_git("docs", self.repository.url)
        wiki = settings_for(self.confluence, spaces=["ENG", "OPS"], max_wait="0.5s")
        project.settings["sources"]["confluence"] = {"wiki": wiki}
        project.add_jira("work", self.jira, "DOC", max_wait="0.5s")
        project.add_public_docs(
            "site",
            self.site.url,
            census_every="0.001s",
            revisit_soonest="0.001s",
            max_retries=0,
            discover="crawl" if self.site.sitemap == "none" else "auto",
        )
        return project

    def live(self) -> str:
        """Something happens in one of the sources; what, in a word."""
        happening = self.dice.choice(
            [self._edit_folder, self._commit, self._edit_wiki, self._edit_issues, self._edit_site]
        )
        happening()
        return happening.__name__.removeprefix("_")

    def _edit_folder(self) -> None:
        dice = self.dice
        for _ in range(dice.randint(1, 15)):
            name, other = dice.choice(NAMES), dice.choice(NAMES)
            text = b"".join(dice.choices(PARAGRAPHS, k=dice.randrange(4)))
            self.files.apply(
                dice.choice(
                    [
                        ("write", name, text),
                        ("append", name, dice.choice(PARAGRAPHS)),
                        ("edit", name),
                        ("delete", name),
                        ("rename", name, other),
                        ("swap", name, other),
                        ("truncate", name, dice.randrange(60)),
                        ("move", dice.choice(FOLDERS), dice.choice(FOLDERS)),
                    ]
                )
            )

    def _commit(self) -> None:
        dice, repository = self.dice, self.repository
        if dice.random() < 0.1:
            repository.restart()
        for _ in range(dice.randint(1, 4)):
            path = (
                f"{dice.choice(['docs', 'src', 'wide/deep'])}/{dice.randrange(12)}.{dice.choice(['md', 'py', 'txt'])}"
            )
            words = "\n\n".join(
                f"Line {dice.randrange(30)} about {dice.randrange(9)}." for _ in range(dice.randint(1, 5))
            )
            held = sorted(repository.files)
            if held and dice.random() < 0.3:
                repository.delete(dice.choice(held))
            elif held and dice.random() < 0.2:
                repository.rename(dice.choice(held), f"moved/{dice.randrange(1000)}.md")
            else:
                repository.write(path, f"# Part\n\n{words}\n")
        if not repository.files:
            repository.write("README.md", "# Read me\n\nAgain.\n")
        repository.commit("work")

    def _edit_wiki(self) -> None:
        for operation in confluence_life.random_operations(self.dice, self.dice.randint(1, 12)):
            self.pages.apply(operation, loud=self.dice.random() < 0.5)

    def _edit_issues(self) -> None:
        for _ in range(self.dice.randint(1, 12)):
            self.issues.apply(
                (self.dice.choice(list(ISSUE_OPERATIONS)), self.dice.randrange(40), self.dice.randrange(40))
            )

    def _edit_site(self) -> None:
        self.docs.days(self.dice.randint(1, 8))

    def disturb(self) -> None:
        """From now on some of the services and the endpoint fail now and then."""
        self.calm()
        dice = self.dice
        rate = dice.choice([0.05, 0.3, 0.8])
        for server in (self.confluence, self.jira):
            if dice.random() < 0.5:
                server.faults.at_random(ATLASSIAN_FAULTS, rate, dice.randrange(2**32))
        if dice.random() < 0.5:
            fault = one_of(*docs_life.FAULTS, seed=dice.randrange(2**32))
            self._faults.enter_context(self.site.failing(fault, rate=rate, seed=dice.randrange(2**32)))
        if dice.random() < 0.5:
            for _ in range(dice.randint(1, 5)):
                self.endpoint.faults.once(dice.choice(ENDPOINT_FAULTS), dice.randint(1, 3))

    def calm(self) -> None:
        """All services answer as they should."""
        self._faults.close()
        self._faults = ExitStack()
        self.confluence.faults.clear()
        self.jira.faults.clear()
        self.endpoint.faults.clear()
        self.pages.settle()
