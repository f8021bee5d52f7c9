"""A plan says what the sync that follows it does, over random changes of real sources, and writes nothing."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from vector_pipeline.sync.errors import UnknownSource
from vector_pipeline.sync.plan import Change, Outlook
from vector_pipeline.sync.source_plan import BESIDE
from vector_pipeline.sync.stages import EMBEDDINGS, Mode, Options
from vector_pipeline_tests.git_repository import GitRepository
from vector_pipeline_tests.project import Project
from vector_pipeline_tests.simulators.confluence_server import ConfluenceServer
from vector_pipeline_tests.simulators.jira_server import JiraServer
from vector_pipeline_tests.simulators.openai_server import OpenAIServer
from vector_pipeline_tests.sources.confluence.site import settings_for
from vector_pipeline_tests.sources.jira.life import OPERATIONS
from vector_pipeline_tests.sources.jira.life import Life as JiraLife
from vector_pipeline_tests.sync.changing import change, two_folders
from vector_pipeline_tests.sync.confluence_life import Life, random_operations
from vector_pipeline_tests.sync.exactness import scratch_folder, served_by
from vector_pipeline_tests.sync.followed_plan import assert_followed, everything_recorded, planned
from vector_pipeline_tests.sync.killed_sync import KillPoint, sync_killed
from vector_pipeline_tests.sync.searching import STOP_WORDS
from vector_pipeline_tests.sync.test_replay_folder import NAMES, PARAGRAPHS, Files, operations

NOTES, DOCS = "local_files/notes", "git/docs"
commits = st.lists(
    st.tuples(st.sampled_from(["write", "rename", "delete"]), st.sampled_from(NAMES), st.sampled_from(NAMES)),
    max_size=4,
)
rounds = st.lists(st.tuples(st.lists(operations, max_size=12), commits), min_size=1, max_size=3)
options = st.sampled_from(
    [
        Options(),
        Options(),
        Options(full=True),
        Options(allow_deletions=True),
        Options(mode=Mode.ADD_ONLY),
        Options(mode=Mode.UPDATE_ONLY),
        Options(force=True, only=("*.md",)),
        Options(limit=2),
    ]
)


def commit(repository: GitRepository, changes: list[tuple[str, bytes, bytes]], text: bytes) -> None:
    """Carries out what is possible of the changes, in one commit."""
    for kind, one, two in changes:
        taken = any((two + b"/").startswith(name + b"/") or name.startswith(two + b"/") for name in repository.files)
        if kind == "write" and (one in repository.files or not taken):
            inside = [n for n in repository.files if n.startswith(one + b"/") or (one + b"/").startswith(n + b"/")]
            if inside in ([], [one]):
                repository.write(one, text)
        elif kind == "rename" and one in repository.files and not taken:
            repository.rename(one, two)
        elif kind == "delete" and one in repository.files and len(repository.files) > 1:
            repository.delete(one)
    repository.commit()


@settings(max_examples=4, suppress_health_check=[HealthCheck.too_slow], phases=[Phase.generate], derandomize=True)
@given(rounds, st.lists(options, min_size=3, max_size=3))
def test_a_plan_followed_at_once_does_what_it_said(
    changes: list[tuple[list[tuple[object, ...]], list[tuple[str, bytes, bytes]]]], ways: list[Options]
) -> None:
    with scratch_folder() as folder:
        project = Project(folder / "project", {"limits": {"brake_documents": 3}})
        project.add_folder("notes", folder / "notes")
        repository = GitRepository(folder / "repo.git")
        project.add_git("docs", repository.path)
        files = Files(folder / "notes")
        for number, name in enumerate(NAMES[:9]):
            files.apply(("write", name, b"# Start\n\nOf number %d.\n" % number))
        repository.write("start.md", "# Start\n\nOf number 3.\n").write("kept.md", "# Kept\n\nAs it is.\n").commit()
        assert_followed(project)
        for number, (operations_, commits_) in enumerate(changes):
            for operation in operations_:
                files.apply(operation)
            commit(repository, commits_, PARAGRAPHS[number])
            assert_followed(project, options=ways[number])
        assert_followed(project)


def test_confluence_does_what_its_plan_said() -> None:
    dice = Random(7)
    with scratch_folder() as folder, ConfluenceServer("cloud") as server:
        life = Life(server)
        project = Project(folder / "project")
        project.settings["sources"] = {"confluence": {"wiki": settings_for(server, spaces=["ENG", "OPS"])}}
        project.write()
        for _ in range(3):
            for operation in random_operations(dice, 25):
                life.apply(operation)
            life.settle()
            assert_followed(project, options=Options(allow_deletions=True))


def test_jira_does_what_its_plan_said() -> None:
    dice = Random(7)
    with scratch_folder() as folder, JiraServer("cloud") as server:
        life = JiraLife(server)
        life.start(8)
        project = Project(folder / "project")
        project.add_jira("work", server, "OPS")
        for _ in range(3):
            assert_followed(project, options=Options(allow_deletions=True))
            for _ in range(15):
                life.apply((dice.choice(list(OPERATIONS)), dice.randrange(40), dice.randrange(40)))


def test_a_text_that_two_sources_hold_is_counted_once(folder: Path) -> None:
    project = Project(folder / "project")
    for name in ("one", "two"):
        project.add_folder(name, folder / name)
        (folder / name / "same.md").write_text("# Same\n\nThe same words.\n")
    plan = assert_followed(project)
    assert [one.count("embeddings: embedded") for one in plan.sources] == [1, 0]
    assert plan.total("embeddings: embedded") == 1


def test_every_kind_of_change_is_named(folder: Path) -> None:
    project = Project(folder / "project")
    notes = folder / "notes"
    project.add_folder("notes", notes)
    for name in ("stays", "renamed", "edited", "gone", "twin one", "twin two"):
        (notes / f"{name}.md").write_text(f"# Note\n\nAbout {name.split()[0]}.\n")
    project.sync()
    (notes / "renamed.md").rename(notes / "new name.md")
    (notes / "edited.md").write_text("# Note\n\nAnother text.\n")
    (notes / "gone.md").unlink()
    (notes / "twin one.md").unlink()
    (notes / "added.md").write_text("# Note\n\nOf today.\n")
    (one,) = assert_followed(project).sources
    assert {(each.change, each.name, each.former) for each in one.documents} == {
        (Change.RENAMED, "new name.md", "renamed.md"),
        (Change.CHANGED, "edited.md", ""),
        (Change.DELETED, "gone.md", ""),
        (Change.MOVED, "twin one.md", ""),
        (Change.ADDED, "added.md", ""),
    }
    assert one.unchanged == 2


def test_the_brake_is_foretold_and_so_is_its_release(folder: Path) -> None:
    project = Project(folder / "project", {"limits": {"brake_documents": 2}})
    notes = folder / "notes"
    project.add_folder("notes", notes)
    for number in range(6):
        (notes / f"{number}.md").write_text(f"# Note\n\nNumber {number}.\n")
    project.sync()
    for number in range(4):
        (notes / f"{number}.md").unlink()
    (one,) = assert_followed(project).sources
    assert one.outlook == Outlook.HELD_BACK
    assert one.brake is not None
    assert (one.brake.vanished, one.brake.held) == (4, 6)
    assert one.release == f"vector-pipeline sync --source {NOTES} --allow-deletions"
    (one,) = assert_followed(project, options=Options(allow_deletions=True)).sources
    assert (one.outlook, one.changes, one.release) == (Outlook.PLANNED, {Change.DELETED: 4}, "")


def test_another_chunking_is_planned_as_a_collection_beside_the_one_in_use(folder: Path) -> None:
    project = two_folders(folder)
    project.sync()
    project.settings["chunking"] = {"target_chars": 300}
    project.write()
    (folder / "one" / "new.md").write_text("# New\n\nWords.\n")
    plan = assert_followed(project)
    assert [one.notes for one in plan.sources] == [(BESIDE,), (BESIDE,)]
    assert plan.total("chunks: chunked") == 6, "four again, and the new one for both collections"


def test_another_model_is_paid_for_every_text_again(folder: Path, endpoint: OpenAIServer) -> None:
    project = two_folders(folder)
    project.sync()
    change(project, served_by(endpoint, price_per_million_tokens=1_000_000.0, currency="EUR"))
    plan = planned(project)
    assert endpoint.embedded_texts == 0, "a plan asks the endpoint nothing"
    assert plan.currency == "EUR"
    assert plan.cost == plan.total("embeddings: tokens") > 0
    done = [result.counts for result in project.sync() if result.stage == EMBEDDINGS]
    assert sum(counts["embedded"] for counts in done) == plan.total("embeddings: embedded") == endpoint.embedded_texts
    assert [counts["cost"] for counts in done] == [counts["tokens"] for counts in done]


def test_work_that_an_earlier_run_left_is_planned_too(folder: Path) -> None:
    project = two_folders(folder)
    for point in (KillPoint("store", "replace_chunks"), KillPoint("index", "upsert")):
        sync_killed(project, "local_files/one", point)
        plan = assert_followed(project)
        assert plan.total("points: upserted") > 0
        (folder / "one" / "boats.md").write_text(f"# Boats\n\nBoats of {point}.\n")


def test_a_document_that_failed_and_is_due_is_planned_again(folder: Path) -> None:
    project = Project(folder / "project", {"limits": {"quarantine_retry": "0.001s"}})
    notes = folder / "notes"
    project.add_folder("notes", notes)
    (notes / "good.md").write_text("# Good\n\nWords.\n")
    (notes / "broken.pdf").write_bytes(b"%PDF-1.4 broken")
    (one,) = assert_followed(project).sources
    assert one.changes[Change.FAILED] == 1
    assert [each.reason for each in one.documents if each.change == Change.FAILED] != [""]
    assert_followed(project)


def test_documents_without_words_that_count_are_planned_as_they_are_synced(folder: Path) -> None:
    project = Project(folder / "project")
    project.add_folder("notes", folder / "notes")
    (folder / "notes" / "words.md").write_text(STOP_WORDS)
    (folder / "notes" / "empty.md").write_text("")
    assert_followed(project)


def test_a_source_that_left_the_settings_is_removed_whole(folder: Path) -> None:
    project = two_folders(folder)
    project.sync()
    project.remove("local_files/one")
    *others, gone = planned(project).sources
    assert [one.outlook for one in others] == [Outlook.IN_STEP]
    assert (gone.outlook, gone.changes[Change.DELETED]) == (Outlook.REMOVED, 2)
    assert gone.count("points: deleted") == 2
    assert planned(project, options=Options(mode=Mode.ADD_ONLY)).sources[-1].outlook == Outlook.KEPT


def test_a_source_that_can_not_be_read_hides_no_other(folder: Path) -> None:
    project = two_folders(folder)
    for file in (folder / "one").iterdir():
        file.unlink()
    (folder / "one").rmdir()
    plan = planned(project)
    assert [one.outlook for one in plan.sources] == [Outlook.FAILED, Outlook.PLANNED]
    assert plan.failed
    assert "does not exist" in plan.sources[0].error


def test_a_plan_does_not_wait_for_a_sync_that_holds_the_source(folder: Path) -> None:
    project = two_folders(folder)
    with project.open() as pipeline, pipeline.store.lock("local_files/one"):
        assert planned(project, "local_files/one").sources[0].outlook == Outlook.PLANNED


def test_an_unknown_name_is_refused(folder: Path) -> None:
    with pytest.raises(UnknownSource, match="git/typo"):
        planned(two_folders(folder), "git/typo")


def test_new_spaces_are_part_of_a_plan_without_being_recorded(folder: Path) -> None:
    with ConfluenceServer("cloud") as server:
        server.state.add_space("ENG")
        server.state.add_page("ENG", "Rota", "<p>The rota changes on Monday.</p>")
        project = Project(folder / "project")
        project.add_confluence("wiki", server, "*")
        before = everything_recorded(project)
        (one,) = planned(project, "confluence/wiki").sources
        assert (one.source, one.is_new, one.outlook) == ("confluence/wiki.ENG", True, Outlook.PLANNED)
        assert everything_recorded(project) == before
        project.discover()
        assert_followed(project)


def test_an_estimate_reads_nothing_and_guesses_by_what_was_measured(folder: Path) -> None:
    project = Project(folder / "project")
    notes = folder / "notes"
    project.add_folder("notes", notes)
    for number in range(4):
        (notes / f"{number}.md").write_text(f"# Note\n\nNumber {number}.\n")
    (first,) = planned(project, estimate=True).sources
    assert (first.is_estimate, first.changes, first.seconds) == (True, {Change.TO_READ: 4}, None)
    project.let_age()
    project.sync()
    (notes / "a.md").write_text("# Note\n\nA.\n")
    (notes / "b.md").write_text("# Note\n\nB.\n")
    (notes / "0.md").unlink()
    (notes / "a.md").chmod(0)
    before = everything_recorded(project)
    (then,) = planned(project, estimate=True).sources
    assert everything_recorded(project) == before
    assert then.changes == {Change.TO_READ: 2, Change.DELETED: 1}
    assert then.count("embeddings: embedded") == 2
    assert then.seconds is not None


def test_a_sync_whose_later_stages_follow_while_it_reads_does_what_its_plan_said(folder: Path) -> None:
    project = two_folders(folder)
    change(project, {"limits": {"stream_above": 1, "fetch_batch": 1}})
    assert_followed(project)
    (folder / "one" / "boats.md").write_text("# Boats\n\nBoats of today.\n")
    (folder / "one" / "new.md").write_text("# New\n\nWords.\n")
    (folder / "one" / "words.md").unlink()
    assert_followed(project)
