"""Under the real daemon: a trouble is told through every channel, also one that was down when it began."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from vector_pipeline.orchestration.alert_sensor import open_book
from vector_pipeline_tests.alerts.receivers import http_receiver, smtp_receiver
from vector_pipeline_tests.cli.command import Command
from vector_pipeline_tests.orchestration.dagster_project import DagsterProject
from vector_pipeline_tests.orchestration.test_daemon import START_WITHIN_S, wait_for


@contextmanager
def daemon(project: DagsterProject) -> Iterator[None]:
    """The daemon with the code location, without the web server; killed with all its processes at the end."""
    command = [str(Path(sys.executable).with_name("dagster-daemon")), "run", "-m", "vector_pipeline.definitions"]
    environment = {**os.environ, "DAGSTER_GRPC_TIMEOUT_SECONDS": "120"}
    with (project.project.folder / "daemon.log").open("ab") as log:
        process = subprocess.Popen(
            command, cwd=project.project.folder, env=environment, stdout=log, stderr=log, start_new_session=True
        )
        try:
            yield
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(30)


def told(project: DagsterProject) -> set[str]:
    """The channels that were told of the open trouble, as the sensor remembers it."""
    return {name for case in open_book(project.instance).cases.values() for name in case.told}


@pytest.mark.timeout(1200)
def test_a_failed_job_is_told_once_by_mail_and_by_a_webhook_that_comes_back(
    dagster_project: DagsterProject,
) -> None:
    with http_receiver() as hook, smtp_receiver() as post:
        mail = {
            "host": "127.0.0.1",
            "port": post.port,
            "tls": "none",
            "sender": "a@example.org",
            "to": ["b@example.org"],
        }
        dagster_project.project.settings["alerts"] = {
            "webhook": {"hook": {"url": hook.url, "header": "X-Secret", "secret": "hunter2"}},
            "email": {"mail": mail},
        }
        dagster_project.project.write()
        hook.fault = "close"
        run_id = dagster_project.start_unfinished_run("check_collection", {"dagster/max_retries": "0"})
        run = dagster_project.instance.get_run_by_id(run_id)
        assert run is not None
        dagster_project.instance.report_run_failed(run)
        with daemon(dagster_project):
            wait_for("the mail", lambda: post.mails, START_WITHIN_S)
            wait_for("a try of the webhook", lambda: hook.asked)
            hook.fault = ""
            wait_for("the webhook", lambda: hook.requests, START_WITHIN_S)
            wait_for("what is remembered", lambda: told(dagster_project) == {"hook", "mail"})
    [mailed] = post.mails
    assert mailed["Subject"] == "[vector-pipeline] ERROR the job check_collection failed"
    assert f"/runs/{run_id}" in mailed.get_content()
    [(_, headers, body)] = hook.requests
    assert headers["X-Secret"] == "hunter2"
    assert body["title"] == "ERROR the job check_collection failed"
    listed = Command(dagster_project.project).inside("alerts", "list")
    assert "the job check_collection failed" in listed.out
    assert "hook, mail" in listed.out
    [row] = Command(dagster_project.project).inside("alerts", "list", "--json").json()["troubles"]
    assert (row["severity"], row["kind"], row["told"]) == ("error", "run", ["hook", "mail"])
    log = (dagster_project.project.folder / "daemon.log").read_text()
    assert "hunter2" not in log
    assert "s3cr3t-path" not in log
