"""The files around the package: what a stranger's clone, Dagster, pip and make read of them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tomllib
import warnings
from collections.abc import Iterator
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

import pypdfium2
import pytest
import yaml
from dagster import DagsterInstance
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.remote_origin import ManagedGrpcPythonEnvCodeLocationOrigin
from dagster._core.run_coordinator import QueuedRunCoordinator
from dagster._core.storage.runs import SqliteRunStorage
from dagster._core.workspace.load import location_origins_from_yaml_paths
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from vector_pipeline.settings_file import find_settings_file, load_settings

ROOT = Path(__file__).parents[1]
HANDBOOK = ROOT / "examples" / "handbook"
TARGETS = ["install", "sync", "dev", "test", "lint", "bench", "docs", "clean"]


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[DagsterInstance]:
    """A real instance made from the dagster.yaml that ships; a warning, as of a deprecated key, is an error."""
    shutil.copy(ROOT / "dagster.yaml", tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", ResourceWarning)  # of what earlier tests left for the garbage collector
        with DagsterInstance.from_config(str(tmp_path)) as made:
            yield made


def test_dagster_takes_its_settings(instance: DagsterInstance, tmp_path: Path) -> None:
    assert not instance.telemetry_enabled
    assert instance.run_monitoring_enabled
    assert instance.run_monitoring_max_resume_run_attempts == 0
    assert instance.run_retries_enabled
    assert instance.run_retries_max_retries == 2
    assert not instance.run_retries_retry_on_asset_or_op_failure
    assert instance.get_settings("sensors")["use_threads"]
    assert isinstance(instance.run_storage, SqliteRunStorage)
    assert list((tmp_path / "history").rglob("*.db"))


def test_a_run_that_was_asked_for_starts_within_seconds(instance: DagsterInstance) -> None:
    assert isinstance(instance.run_coordinator, QueuedRunCoordinator)
    assert instance.run_coordinator.dequeue_interval_seconds <= 2
    concurrency = instance.get_concurrency_config()
    assert concurrency.run_queue_config
    assert concurrency.run_queue_config.max_concurrent_runs >= 2
    assert concurrency.pool_config.default_pool_limit


@pytest.mark.parametrize("kind", [InstigatorType.SENSOR, InstigatorType.SCHEDULE, InstigatorType.AUTO_MATERIALIZE])
def test_ticks_do_not_pile_up(instance: DagsterInstance, kind: InstigatorType) -> None:
    assert all(0 < days <= 60 for days in instance.get_tick_retention_settings(kind).values())


def test_no_logger_is_taken_over() -> None:
    assert "python_logs" not in yaml.safe_load((ROOT / "dagster.yaml").read_text())


def test_the_workspace_names_the_code_location_of_pyproject() -> None:
    (origin,) = location_origins_from_yaml_paths([str(ROOT / "workspace.yaml")])
    assert isinstance(origin, ManagedGrpcPythonEnvCodeLocationOrigin)
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["dagster"]
    assert origin.loadable_target_origin.module_name == declared["module_name"]
    assert origin.location_name == declared["code_location_name"]
    assert find_spec(declared["module_name"])


def test_the_settings_that_ship_sync_this_clone_and_the_handbook(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT / "vector_pipeline")
    loaded = load_settings(find_settings_file())
    sources = loaded.settings.sources
    assert loaded.data_dir == ROOT / ".vector_pipeline"
    assert Path(sources.git["project"].url) == ROOT
    assert sources.git["project"].branch == ""
    assert sources.local_files["handbook"].path == HANDBOOK
    assert list(sources.git) + list(sources.local_files) == ["project", "handbook"]


def locked() -> dict[str, Requirement]:
    """What requirements.lock names, by canonical name."""
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    found = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(requirement.name): requirement for requirement in found}


def test_the_lock_holds_versions_only() -> None:
    for line in (ROOT / "requirements.lock").read_text().splitlines():
        assert re.fullmatch(r"#.*|[A-Za-z0-9._-]+==[A-Za-z0-9.!+]+( ; [^@]*)?", line), line
        assert "//" not in line


def test_the_lock_holds_exactly_what_the_project_needs() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [Requirement(text) for text in project["dependencies"]]
    wanted += [Requirement(text) for extra in project["optional-dependencies"].values() for text in extra]
    lock, seen = locked(), set[tuple[str, str]]()
    needed: set[str] = set()
    while wanted:
        requirement = wanted.pop()
        name = canonicalize_name(requirement.name)
        if name == "vector-pipeline":
            continue
        assert name in lock, f"{requirement} is missing in requirements.lock"
        (pin,) = lock[name].specifier
        assert requirement.specifier.contains(pin.version, prereleases=True), f"the lock has {name} {pin.version}"
        needed.add(name)
        for extra in ("", *requirement.extras):
            if (name, extra) not in seen:
                seen.add((name, extra))
                below = [Requirement(text) for text in metadata.requires(name) or []]
                wanted += [part for part in below if not part.marker or part.marker.evaluate({"extra": extra})]
    assert set(lock) - needed == set(), "the lock has more than the project needs"


def run_make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    # What make tells the makes it calls must not reach this one, as the tests may run below `make test`.
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("MAKE") and name != "MFLAGS"
    }
    return subprocess.run(["make", *arguments], cwd=folder, env=environment, capture_output=True, text=True, timeout=60)


needs_make = pytest.mark.skipif(not shutil.which("make"), reason="make is not installed")


@needs_make
@pytest.mark.parametrize("target", TARGETS)
def test_every_documented_target_exists(target: str) -> None:
    done = run_make(ROOT, "--dry-run", target)
    assert done.returncode == 0, done.stderr
    assert f"make {target}" in run_make(ROOT, "help").stdout


@needs_make
@pytest.mark.parametrize("target", ["sync", "dev", "test", "lint", "bench"])
def test_a_target_installs_first_in_a_fresh_clone(tmp_path: Path, target: str) -> None:
    fresh = tmp_path / "a clone"
    fresh.mkdir()
    for name in ("Makefile", "pyproject.toml", "requirements.lock"):
        shutil.copy(ROOT / name, fresh)
    done = run_make(fresh, "--dry-run", target)
    assert done.returncode == 0, done.stderr
    assert done.stdout.index("--requirement requirements.lock") < done.stdout.index("--editable")
    assert done.stdout.index("--editable") < done.stdout.rindex(".venv/bin/")


@needs_make
def test_an_old_python_is_named_before_anything_is_made(tmp_path: Path) -> None:
    for name in ("Makefile", "pyproject.toml", "requirements.lock"):
        shutil.copy(ROOT / name, tmp_path)
    old = tmp_path / "old python"
    old.write_text('#!/bin/sh\n[ "$1" = -V ] && echo "Python 3.9.1" && exit 0\nexit 1\n')
    old.chmod(0o755)
    done = run_make(tmp_path, f"PYTHON={old}", "sync")
    assert done.returncode != 0
    assert "Python 3.11 or newer is needed" in done.stderr
    assert "3.9.1" in done.stderr
    assert not (tmp_path / ".venv").exists()


def test_the_ci_script_is_one_bash_can_run() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    text = script.read_text()
    assert text.index("make lint") < text.index("make test")
    assert "set -euo pipefail" in text
    subprocess.run(["bash", "-n", str(script)], check=True)


def notes() -> dict[str, str]:
    return {str(path.relative_to(HANDBOOK)): path.read_text(encoding="utf-8") for path in HANDBOOK.rglob("*.md")}


def test_every_link_of_the_handbook_leads_somewhere() -> None:
    texts = notes()
    assert len(texts) >= 20
    targets = {name.removesuffix(".md"): name for name in texts}
    targets |= {Path(name).stem: name for name in texts}
    targets |= {path.name: "" for path in (HANDBOOK / "Attachments").iterdir()}
    links = 0
    for name, text in texts.items():
        for link in re.findall(r"\[\[(.+?)\]\]", text):
            page, _, heading = link.replace("\\|", "|").split("|")[0].partition("#")
            assert page in targets, f"{name}: [[{link}]]"
            assert not heading or f"# {heading}\n" in texts[targets[page]], f"{name}: [[{link}]]"
            links += 1
    assert links >= 30


def test_every_note_of_the_handbook_has_front_matter_with_tags() -> None:
    for name, text in notes().items():
        front = yaml.safe_load(text.split("---\n")[1])
        assert front["tags"], name


def test_the_handbook_shows_what_a_vault_may_hold() -> None:
    text = "\n".join(notes().values())
    assert len(set(re.findall(r"^ *```(\w+)$", text, re.MULTILINE))) >= 6
    assert {"tip", "warning", "danger"} <= set(re.findall(r"^> \[!(\w+)\]", text, re.MULTILINE))
    assert (HANDBOOK / ".obsidian" / "app.json").is_file()
    assert (HANDBOOK / "Attachments" / "services.csv").read_text().count("\n") == 6
    pdf = pypdfium2.PdfDocument(HANDBOOK / "Attachments" / "Release checklist.pdf")
    assert "Release checklist" in pdf[0].get_textpage().get_text_range()
    pdf.close()
