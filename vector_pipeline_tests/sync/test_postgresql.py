"""The whole flow with the state in PostgreSQL: the collection is the same as with SQLite."""

from __future__ import annotations

from pathlib import Path

from vector_pipeline.state.store import StateStore
from vector_pipeline_tests.git_repository import GitRepository
from vector_pipeline_tests.project import Project
from vector_pipeline_tests.state.postgres import postgres_url

__all__ = ["postgres_url"]


def test_a_project_on_postgresql_follows_its_sources_exactly(tmp_path: Path, postgres_url: str) -> None:
    repository = GitRepository(tmp_path / "repo")
    repository.write("a.md", "# One\n\nFirst words.\n")
    repository.write("b.md", "# Two\n\nSecond words.\n")
    repository.commit("start")
    notes = tmp_path / "notes"
    project = Project(tmp_path / "p", {"state": {"url": postgres_url, "table_prefix": "flow_"}})
    project.add_git("docs", repository.url)
    project.add_folder("notes", notes)
    (notes / "n.md").write_text("# Note\n\nA \u00e9\U0001f600 note with\x01odd characters.\n")
    project.sync()
    repository.rename("a.md", "c.md")
    repository.write("b.md", "# Two\n\nOther words.\n")
    repository.commit("change")
    (notes / "n.md").unlink()
    (notes / "m.md").write_text("# Another\n")
    results = project.sync()
    assert sum(result.failed for result in results) == 0
    on_sqlite = Project(tmp_path / "fresh", {"sources": project.settings["sources"]})
    on_sqlite.sync()
    assert project.snapshot() == on_sqlite.snapshot()
    assert project.paths() == {"b.md", "c.md", "m.md"}
    assert not (project.data / "state.sqlite3").exists()
    with project.open() as pipeline:
        assert isinstance(pipeline.store, StateStore)
        assert "flow_" in pipeline.store.location.prefix
