"""Every entry of the page on troubleshooting: its symptom is produced, seen as printed, and cured as it says."""

from __future__ import annotations

import os
import re
import shutil
import socket
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import yaml

from vector_pipeline.index.edge_lock import ShardLock
from vector_pipeline.settings_file import load_settings
from vector_pipeline.sync.pipeline import Pipeline
from vector_pipeline_tests.docs.checkout import Checkout, no_check_after_sync
from vector_pipeline_tests.docs.fences import ROOT, Answer, Fence, fences
from vector_pipeline_tests.git_http import GitHttpServer, git_server
from vector_pipeline_tests.git_repository import GitRepository
from vector_pipeline_tests.listening import closed_port
from vector_pipeline_tests.project import Project
from vector_pipeline_tests.simulators.openai_server import OpenAIServer, out_of_quota
from vector_pipeline_tests.sync.killed_sync import KillPoint, sync_killed

PAGE = ROOT / "docs" / "troubleshooting.md"

NOTES = {
    "pager.md": "# Pager\n\nThe pager rota changes each Monday.\n",
    "backup.md": "# Backup\n\nBackups are encrypted and kept off site.\n",
    "coffee.md": "# Coffee\n\nThe espresso machine stands on the second floor.\n",
}

SETTINGS: dict[str, Any] = {
    "data_dir": "data",
    "sources": {"local_files": {"notes": {"path": "notes"}}},
}


@dataclass
class Reader:
    """Whoever reads the page: stands in a project, runs commands, and does by hand what the page asks for."""

    checkout: Checkout
    stack: ExitStack = field(default_factory=ExitStack)

    @property
    def folder(self) -> Path:
        return self.checkout.folder

    @property
    def state_file(self) -> Path:
        return self.folder / "data" / "state.sqlite3"

    def run(self, *words: str) -> Answer:
        return self.checkout.run(f"vector-pipeline {' '.join(words)}")

    def variable(self, name: str, value: str) -> None:
        self.checkout.variables[name] = value

    def change(self, path: str, value: Any) -> None:
        """Writes a setting, such as "embedding.dimensions"."""
        file = self.folder / "pipeline.yaml"
        settings = yaml.safe_load(file.read_text())
        *above, name = path.split(".")
        section = settings
        for part in above:
            section = section.setdefault(part, {})
        section[name] = value
        file.write_text(yaml.safe_dump(settings))

    def pipeline(self) -> Pipeline:
        loaded = load_settings(self.folder / "pipeline.yaml")
        return Pipeline(loaded.settings, loaded.data_dir)

    def served_repository(self) -> GitHttpServer:
        """A repository behind a password, "right", as the source git/code with the variable CODE_TOKEN."""
        repository = GitRepository(self.folder / "served" / "code.git")
        repository.write("deploy.md", "# Deploy\n\nA canary takes five percent first.\n")
        repository.commit("first")
        server = self.stack.enter_context(git_server(self.folder / "served"))
        server.password = "right"
        self.change("sources.git.code", {"url": f"{server.url}/code.git", "token": "${CODE_TOKEN}"})
        return server

    def served_model(self) -> OpenAIServer:
        """An endpoint that wants the key "right" and gives vectors of length 8."""
        server = self.stack.enter_context(OpenAIServer(dimension=8, api_key="right"))
        served = {"provider": "openai", "model": server.model, "base_url": server.url, "dimensions": 8}
        self.change("embedding", {**served, "api_key": "${EMBEDDING_KEY}", "max_retries": 0})
        self.variable("EMBEDDING_KEY", "right")
        return server


Trouble = Callable[[Reader], Iterator[Answer]]
"""Makes the trouble and yields the answer that shows it; what stands behind is done by hand before the cure."""

TROUBLES: dict[str, Trouble] = {}


def trouble(heading: str) -> Callable[[Trouble], Trouble]:
    """Registers how the trouble of an entry comes about."""

    def register(made: Trouble) -> Trouble:
        TROUBLES[heading] = made
        return made

    return register


@trouble("Documents are gone at the source, and none was deleted")
def _(reader: Reader) -> Iterator[Answer]:
    for note in NOTES:
        (reader.folder / "notes" / note).unlink()
    yield reader.run("sync")


@trouble("A folder does not exist")
def _(reader: Reader) -> Iterator[Answer]:
    (reader.folder / "notes").rename(reader.folder / "elsewhere")
    yield reader.run("sync")
    (reader.folder / "elsewhere").rename(reader.folder / "notes")


@trouble("A source refuses access")
def _(reader: Reader) -> Iterator[Answer]:
    reader.served_repository()
    reader.variable("CODE_TOKEN", "wrong")
    yield reader.run("sync")


@trouble("A source can't be reached")
def _(reader: Reader) -> Iterator[Answer]:
    server = reader.served_repository()
    reader.variable("CODE_TOKEN", "right")
    with closed_port() as port:
        reader.change("sources.git.code.url", f"http://127.0.0.1:{port}/code.git")
        yield reader.run("sync")
    reader.change("sources.git.code.url", f"{server.url}/code.git")


@trouble("A variable is not set")
def _(reader: Reader) -> Iterator[Answer]:
    reader.served_repository()
    yield reader.run("sync")


@trouble("A setting is wrong")
def _(reader: Reader) -> Iterator[Answer]:
    reader.change("embedding.modell", "other")
    yield reader.run("sync")
    reader.change("embedding", {})


@trouble("There is no settings file")
def _(reader: Reader) -> Iterator[Answer]:
    (reader.folder / "pipeline.yaml").unlink()
    yield reader.run("status")


@trouble("Documents are in quarantine")
def _(reader: Reader) -> Iterator[Answer]:
    (reader.folder / "notes" / "report.pdf").write_bytes(b"%PDF-1.4 cut off")
    yield reader.run("sync")
    reader.change("sources.local_files.notes.exclude", ["*.pdf"])


@trouble("The embedding endpoint refuses the key")
def _(reader: Reader) -> Iterator[Answer]:
    reader.served_model()
    reader.variable("EMBEDDING_KEY", "wrong")
    yield reader.run("sync")


@trouble("The embedding endpoint has no quota left")
def _(reader: Reader) -> Iterator[Answer]:
    server = reader.served_model()
    server.faults.always(out_of_quota())
    yield reader.run("sync")
    server.faults.always(None)


@trouble("The model gives vectors of another length")
def _(reader: Reader) -> Iterator[Answer]:
    reader.served_model().dimension = 16
    yield reader.run("sync")
    reader.change("embedding.dimensions", 16)


@trouble("The collection is in use by others")
def _(reader: Reader) -> Iterator[Answer]:
    qdrant = reader.folder / "data" / "qdrant"
    (collection,) = (path.name for path in (qdrant / "collections").iterdir())
    lock = ShardLock(qdrant / "locks", collection, 1)
    lock.acquire()
    reader.change("index.lock_timeout", "0.3s")
    yield reader.run("search", "pager")
    lock.release()
    reader.change("index", {})


@trouble("The state store is locked")
def _(reader: Reader) -> Iterator[Answer]:
    (reader.folder / "notes" / "new.md").write_text("# New\n\nA new note.\n")
    reader.change("state.timeout", "0.3s")
    with closing(sqlite3.connect(reader.state_file, isolation_level=None)) as browser:
        browser.execute("BEGIN IMMEDIATE")
        yield reader.run("sync")
    reader.change("state", {})


@trouble("The state store is damaged")
def _(reader: Reader) -> Iterator[Answer]:
    reader.run("backup", "backups")
    reader.state_file.write_bytes(b"no database" * 1000)
    yield reader.run("status")


@trouble("The state store is of a newer version")
def _(reader: Reader) -> Iterator[Answer]:
    reader.run("backup", "backups")
    with closing(sqlite3.connect(reader.state_file)) as newer, newer:
        newer.execute("UPDATE alembic_version SET version_num = '9999'")
    yield reader.run("status")


@trouble("Searches answer from the former collection")
def _(reader: Reader) -> Iterator[Answer]:
    reader.change("embedding.dimensions", 128)
    (reader.folder / "notes").rename(reader.folder / "elsewhere")
    yield reader.run("sync")


@trouble("A check fails")
def _(reader: Reader) -> Iterator[Answer]:
    with reader.pipeline() as pipeline:
        (point, *_) = (row for frame in pipeline.index.scroll(pipeline.collection) for row in frame["point_id"])
        pipeline.index.delete(pipeline.collection, [point])
    yield reader.run("check", "points_match_state")


@trouble("The collection is gone")
def _(reader: Reader) -> Iterator[Answer]:
    shutil.rmtree(reader.folder / "data" / "qdrant" / "collections")
    yield reader.run("search", "pager")


@trouble("The collection can't be opened")
def _(reader: Reader) -> Iterator[Answer]:
    for file in (reader.folder / "data" / "qdrant" / "collections").rglob("shard/**/*"):
        if file.is_file():
            file.write_bytes(b"damaged")
    yield reader.run("search", "pager")


@trouble("A run was killed")
def _(reader: Reader) -> Iterator[Answer]:
    (reader.folder / "notes" / "new.md").write_text("# New\n\nA new note.\n")
    data = str(reader.folder / "data")
    project = Project(
        reader.folder, {**yaml.safe_load((reader.folder / "pipeline.yaml").read_text()), "data_dir": data}
    )
    sync_killed(project, "local_files/notes", KillPoint("index", "upsert"))
    yield reader.run("status", "--probe")


@trouble("A source was renamed in the settings")
def _(reader: Reader) -> Iterator[Answer]:
    reader.change("sources.local_files", {"vault": {"path": "notes"}})
    yield reader.run("sync")
    reader.change("sources.local_files", {"notes": {"path": "notes"}})


@trouble("The port of the web interface is in use")
def _(reader: Reader) -> Iterator[Answer]:
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        port = other.getsockname()[1]
        taken = reader.run("dev", "--port", str(port))
    yield Answer(taken.line, taken.code, taken.out.replace(str(port), "3000"))
    # Dagster itself would run until somebody ends it: that it is started is enough.
    reader.stack.enter_context(patch.object(os, "execv", lambda *_: None))


def entries() -> dict[str, list[Fence]]:
    """Heading to blocks."""
    found: dict[str, list[Fence]] = {
        name: [] for name in re.findall(r"^## (.+)$", PAGE.read_text("utf-8"), re.MULTILINE)
    }
    for fence in fences(PAGE):
        found[fence.heading].append(fence)
    return found


ENTRIES = entries()


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A project in step, for each trouble to start from."""

    def fill(folder: Path) -> None:
        (folder / "notes").mkdir()
        for name, text in NOTES.items():
            (folder / "notes" / name).write_text(text)
        (folder / "pipeline.yaml").write_text(yaml.safe_dump(SETTINGS))

    return Checkout.make(tmp_path_factory.mktemp("trouble"), fill)


@pytest.fixture
def reader(prepared: Checkout) -> Iterator[Reader]:
    """Someone in a healthy project; servers they needed are stopped at the end."""
    prepared.renew()
    with ExitStack() as stack:
        stack.enter_context(no_check_after_sync())
        yield Reader(prepared, stack)


def test_every_entry_has_a_trouble_and_every_trouble_an_entry() -> None:
    assert set(ENTRIES) == set(TROUBLES)


def test_every_entry_shows_what_is_seen_and_how_it_is_cured() -> None:
    for heading, blocks in ENTRIES.items():
        assert blocks[0].language == "text", heading
        assert any("cure" in block.words for block in blocks), heading


@pytest.mark.parametrize("heading", list(ENTRIES))
def test_the_symptom_is_as_printed_and_the_cure_cures(heading: str, reader: Reader) -> None:
    symptom, *others = ENTRIES[heading]
    made = TROUBLES[heading](reader)
    seen = " ".join(next(made).out.split())
    for line in symptom.text.splitlines():
        pattern = r"\s?.*?\s?".join(re.escape(" ".join(part.split())) for part in line.split("…"))
        assert re.search(pattern, seen), f"{line}\n\n{seen}"
    assert next(made, None) is None
    last = Answer("", 1, "")
    for line in (line for fence in others if "cure" in fence.words for line in fence.lines):
        if export := re.fullmatch(r"export (\w+)=(\S+)", line):
            reader.variable(*export.groups())
        else:
            last = reader.checkout.run(line)
    assert last.code == 0, f"{last.line}\n{last.out}"
    assert "searches answer from the former collection" not in last.out
