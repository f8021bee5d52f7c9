"""The code location: what Dagster is told, that loading it is quiet, and what a range run and the check sensor do."""

from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from vector_pipeline.consistency.check_file import checks_on
from vector_pipeline.definitions import build_definitions, defs
from vector_pipeline.orchestration.assets import build_chain
from vector_pipeline.orchestration.names import sync_job_name
from vector_pipeline.orchestration.private import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG
from vector_pipeline.sources.registry import SOURCE_TYPES
from vector_pipeline.sync.stages import STAGES
from vector_pipeline_tests.orchestration.dagster_project import DagsterProject, definitions, evaluations, write

ROOT = Path(__file__).parents[2]


def graph(definitions: dg.Definitions) -> dict[str, tuple[str, list[str], str, list[str]]]:
    """Asset to group, what it depends on, its partitions, its checks."""
    assets = definitions.resolve_asset_graph()
    return {
        node.key.to_user_string(): (
            str(node.group_name),
            sorted(key.to_user_string() for key in node.parent_keys),
            str(getattr(node.partitions_def, "name", "")),
            sorted(key.name for key in node.check_keys),
        )
        for node in assets.asset_nodes
    }


def chain(source_type: str) -> dict[str, tuple[str, list[str], str, list[str]]]:
    partitions = f"{source_type}_sources"
    return {
        f"{source_type}/source": (source_type, [], partitions, []),
        f"{source_type}/documents": (source_type, [f"{source_type}/source"], partitions, []),
        f"{source_type}/chunks": (
            source_type,
            [f"{source_type}/documents"],
            partitions,
            ["chunks_cover_documents", "no_empty_document"],
        ),
        f"{source_type}/embeddings": (source_type, [f"{source_type}/chunks"], partitions, []),
        f"{source_type}/points": (
            source_type,
            [f"{source_type}/embeddings"],
            partitions,
            ["counts_match", "payloads_valid", "quarantine_empty", "vectors_valid"],
        ),
    }


def test_every_source_type_has_its_chain_and_all_end_in_the_collection() -> None:
    expected = {name: node for source_type in SOURCE_TYPES for name, node in chain(source_type).items()}
    points = sorted(f"{source_type}/points" for source_type in SOURCE_TYPES)
    expected["qdrant/collection"] = ("qdrant", points, "", sorted(check.name for check in checks_on("collection")))
    assert graph(definitions()) == expected


def test_a_further_source_type_needs_nothing_but_its_name() -> None:
    assert len(build_chain("toy")) == 5
    built = build_definitions(["toy"], 1)
    assert {name: node for name, node in graph(built).items() if name.startswith("toy/")} == chain("toy")
    repository = built.get_repository_def()
    assert repository.has_job("sync_toy")
    assert repository.has_sensor_def("observe_toy")


def test_sensors_and_the_hourly_check_are_on_by_default() -> None:
    repository = definitions().get_repository_def()
    running = {sensor.name for sensor in repository.sensor_defs if sensor.default_status.value == "RUNNING"}
    assert running == {*(f"observe_{source_type}" for source_type in SOURCE_TYPES), "check_after_syncs", "alerts"}
    schedule = repository.get_schedule_def("check_collection_hourly")
    assert (schedule.cron_schedule, schedule.default_status.value) == ("17 * * * *", "RUNNING")


def test_steps_that_share_something_have_pools_and_those_that_pass_have_retries() -> None:
    pools, retried = {}, set()
    for asset in build_chain("toy"):
        if isinstance(asset, dg.AssetsDefinition):
            pools[asset.key.path[-1]] = asset.op.pool
            if asset.op.retry_policy and asset.op.retry_policy.jitter:
                retried.add(asset.key.path[-1])
    assert pools == {"documents": "toy", "chunks": None, "embeddings": "embedding", "points": "index"}
    assert retried == {"documents", "embeddings", "points"}


def test_loading_gives_no_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # Dagster's own, about its own attribute, and shown to nobody outside of tests.
        warnings.filterwarnings("ignore", "Property `OpDefinition.version`", DeprecationWarning)
        # Of what other tests left open, whenever that is noticed.
        warnings.simplefilter("ignore", ResourceWarning)
        defs().get_repository_def().load_all_definitions()


def test_importing_touches_no_file_of_the_project_and_no_network(tmp_path: Path) -> None:
    """Nothing is opened below the working folder and no socket made until Dagster asks for the definitions."""
    program = f"""
import sys
seen = []
def listen(event, arguments):
    if event.startswith("socket.connect") or event == "open" and str(arguments[0]).startswith({str(tmp_path)!r}):
        seen.append((event, arguments))
sys.addaudithook(listen)
import vector_pipeline.definitions
assert not seen, seen
"""
    (tmp_path / "pipeline.yaml").write_text("not: valid\n")
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_code_location_loads_with_broken_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pipeline.yaml").write_text("nonsense: 1\n")
    monkeypatch.setenv("VECTOR_PIPELINE_CONFIG", str(tmp_path / "pipeline.yaml"))
    assert graph(defs()) == graph(definitions())


def test_dagster_validates_the_definitions(tmp_path: Path) -> None:
    (tmp_path / "pipeline.yaml").write_text(f"data_dir: {tmp_path / 'data'}\n")
    done = subprocess.run(
        [sys.executable, "-m", "dagster", "definitions", "validate", "-m", "vector_pipeline.definitions"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    output = done.stdout + done.stderr
    assert done.returncode == 0, output
    assert "BetaWarning" not in output


def test_the_two_copies_of_the_instance_settings_are_equal_and_valid(tmp_path: Path) -> None:
    shipped = (ROOT / "vector_pipeline" / "orchestration" / "dagster.yaml").read_text()
    assert shipped == (ROOT / "dagster.yaml").read_text()
    (tmp_path / "dagster.yaml").write_text(shipped)
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        assert not instance.telemetry_enabled
        assert instance.run_monitoring_enabled
        assert instance.run_retries_enabled
        assert instance.run_retries_max_retries == 2
        assert instance.get_settings("retention")["sensor"]["purge_after_days"]["skipped"] == 3
        assert instance.event_log_storage.get_pool_config().default_pool_limit == 3
        queue = instance.get_concurrency_config().run_queue_config
        assert queue
        assert queue.tag_concurrency_limits[0]["key"] == "dagster/partition"


def test_a_range_run_gives_every_partition_its_own_numbers(dagster_project: DagsterProject, tmp_path: Path) -> None:
    for place, name in enumerate("abc"):
        for number in range(place + 1):
            write(tmp_path / name, f"{number}.md", f"Document {number} of {name}.")
        dagster_project.project.add_folder(name, tmp_path / name, observe_every="1s")
    dagster_project.tick()
    ranged = build_definitions(list(SOURCE_TYPES), 3)
    tags = {ASSET_PARTITION_RANGE_START_TAG: "a", ASSET_PARTITION_RANGE_END_TAG: "c"}
    result = ranged.resolve_job_def(sync_job_name("local_files")).execute_in_process(
        instance=dagster_project.instance, tags=tags, raise_on_error=False
    )
    assert result.success
    assert [dagster_project.metadata(name, "documents")["added"] for name in "abc"] == [1, 2, 3]
    assert [dagster_project.metadata(name, "points")["dagster/row_count"] for name in "abc"] == [1, 2, 3]
    versions = {dagster_project.metadata(name, "documents")["source_version"] for name in "abc"}
    assert len(versions) == 3
    for name in "abc":
        assert dagster_project.staleness(name) == dict.fromkeys(STAGES, "FRESH")
    assert dagster_project.wants() == []


def test_the_check_follows_syncs_once_for_all_of_them(dagster_project: DagsterProject, tmp_path: Path) -> None:
    assert dagster_project.evaluate("check_after_syncs").requests == [], "nothing was synced"
    for name in "ab":
        write(tmp_path / name, "note.md", f"The note of {name}.")
        dagster_project.project.add_folder(name, tmp_path / name)
    assert sorted(dagster_project.settle()) == ["a", "b"]
    assert len(dagster_project.evaluate("check_after_syncs").requests) == 1
    checked = dagster_project.check()
    assert checked.success
    assert evaluations(checked)["points_match_state"].passed
    assert dagster_project.evaluate("check_after_syncs").requests == []


def test_the_check_waits_for_syncs_under_way(dagster_project: DagsterProject, tmp_path: Path) -> None:
    write(tmp_path / "a", "note.md", "A note.")
    dagster_project.project.add_folder("a", tmp_path / "a")
    dagster_project.settle()
    run_id = dagster_project.start_unfinished_run("sync_local_files", {"dagster/partition": "a"})
    assert dagster_project.evaluate("check_after_syncs").requests == []
    run = dagster_project.instance.get_run_by_id(run_id)
    assert run is not None
    dagster_project.instance.report_run_failed(run)
    assert len(dagster_project.evaluate("check_after_syncs").requests) == 1, "a failed run may have written too"


def test_a_fault_in_the_collection_is_told_with_its_source(dagster_project: DagsterProject, tmp_path: Path) -> None:
    write(tmp_path / "a", "note.md", "A note.")
    dagster_project.project.add_folder("a", tmp_path / "a")
    dagster_project.settle()
    with dagster_project.project.open() as pipeline:
        pipeline.index.delete_source(pipeline.collection, "local_files/a")
    checked = dagster_project.check()
    found = evaluations(checked)["points_match_state"]
    assert not found.passed
    assert checked.success, "it is shown and stops nothing"
    assert found.metadata["offenders_in_local_files/a"].value == 1
    assert "local_files/a" in (found.description or "")


def test_everything_that_a_person_can_start_or_switch_says_what_it_does() -> None:
    repository = definitions().get_repository_def()
    named: list[Any] = [*repository.get_all_jobs(), *repository.schedule_defs, *repository.sensor_defs]
    assert [one.name for one in named if not one.name.startswith("__") and not one.description] == []


@pytest.mark.parametrize("job", ["backup", "check_everything", "plan", "prune", "rebuild", "repair", "reset"])
def test_every_job_with_a_form_opens_with_all_its_fields_filled_in_and_explained(job: str) -> None:
    schema: Any = definitions().resolve_job_def(job).run_config_schema.config_type
    ops = schema.fields["ops"].config_type.fields.values()
    forms = [op.config_type.fields["config"].config_type for op in ops if "config" in op.config_type.fields]
    fields = {name: field for form in forms for name, field in getattr(form, "fields", {}).items()}
    assert fields
    assert [name for name, field in fields.items() if not (field.description and field.default_provided)] == []
