"""How a Git source reaches its repository: tokens, keys, refusals, time-outs, and addresses that are refused."""

from __future__ import annotations

import base64
import logging
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vector_pipeline.settings_sources import GitSettings
from vector_pipeline.sources.base import SourceDenied, SourceError, SourceMisconfigured, SourceUnreachable
from vector_pipeline.sources.git import GitSource
from vector_pipeline.sources.git_url import checked_branch, checked_subpath, parse_repository_url
from vector_pipeline_tests.converting import any_converter
from vector_pipeline_tests.git_http import GitHttpServer, git_server
from vector_pipeline_tests.git_repository import GitRepository, git
from vector_pipeline_tests.listening import closed_port
from vector_pipeline_tests.sources.git_follower import Follower, listed

TOKEN = "s3cret-T0ken/+="
ENCODED = base64.b64encode(f"x-access-token:{TOKEN}".encode()).decode()


@pytest.fixture
def repo(tmp_path: Path) -> GitRepository:
    repo = GitRepository(tmp_path / "served" / "team" / "docs.git")
    repo.write("a.md", "# A").commit()
    return repo


@pytest.fixture
def server(repo: GitRepository, tmp_path: Path) -> Iterator[GitHttpServer]:
    with git_server(tmp_path / "served") as server:
        yield server


@pytest.fixture
def follower(server: GitHttpServer, tmp_path: Path) -> Follower:
    return Follower(f"{server.url}/team/docs.git", tmp_path / "mirrors", timeout=60)


def test_a_public_repository_is_read_over_http(repo: GitRepository, server: GitHttpServer, follower: Follower) -> None:
    assert follower.sync().complete
    repo.write("b.md", "b").commit()
    assert listed(follower.sync()) == {b"b.md"}
    assert follower.document(b"b.md").text == "b"


def test_a_probe_is_one_question_about_refs(server: GitHttpServer, follower: Follower) -> None:
    follower.source.probe()
    assert len(server.requests) == 2  # the handshake and ls-refs


def test_an_unchanged_branch_is_not_fetched(server: GitHttpServer, follower: Follower) -> None:
    follower.sync()
    server.requests.clear()
    follower.sync()
    assert len(server.requests) == 4  # two ls-remote: the scan's own, and the probe of the test


def test_a_token_opens_a_private_repository(server: GitHttpServer, follower: Follower) -> None:
    server.password = TOKEN
    follower.settings["token"] = TOKEN
    follower.sync()
    assert set(server.users) == {"x-access-token"}
    follower.settings["username"] = "ada"
    follower.source.probe()
    assert server.users[-1] == "ada"


def test_credentials_in_the_url_work_and_are_shown_nowhere(server: GitHttpServer, follower: Follower) -> None:
    server.password = TOKEN
    follower.settings["url"] = f"{server.url}/team/docs.git".replace("://", "://ada:s3cret-T0ken%2F%2B%3D@")
    follower.sync()
    assert server.users[-1] == "ada"
    assert follower.source.url == f"{server.url}/team/docs.git"
    assert "s3cret" not in repr(list(follower.items.values()))
    assert _nowhere_in(follower.mirrors, b"s3cret")


def test_a_token_is_in_no_file_argument_log_or_environment_of_the_pipeline(
    server: GitHttpServer,
    follower: Follower,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    server.password = TOKEN
    follower.settings["token"] = TOKEN
    monkeypatch.setenv("GIT_TRACE", str(tmp_path / "trace"))
    monkeypatch.setenv("GIT_TRACE_CURL", str(tmp_path / "trace-curl"))
    follower.sync()
    assert "run_command" in (tmp_path / "trace").read_text()
    for secret in (TOKEN, ENCODED):
        assert _nowhere_in(tmp_path, secret.encode())
        assert secret not in caplog.text
        assert secret not in str(os.environ)


def test_a_token_is_not_sent_to_a_server_that_the_first_one_names(
    server: GitHttpServer, follower: Follower, tmp_path: Path
) -> None:
    follower.settings["token"] = TOKEN
    with git_server(tmp_path / "served") as other:
        server.redirect_to = other.url
        follower.sync()
        assert set(follower.items) == {b"a.md"}
        other.password = TOKEN
        with pytest.raises(SourceDenied):
            follower.source.probe()
        assert other.requests
        assert other.users == []


def test_a_token_with_a_line_end_is_refused_without_showing_it(follower: Follower) -> None:
    follower.settings["token"] = TOKEN + "\n"
    with pytest.raises(SourceMisconfigured, match="token") as caught:
        follower.source.probe()
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize("token", ["", "wrong-" + TOKEN])
def test_a_missing_or_wrong_token_is_denied_without_showing_it(
    server: GitHttpServer, follower: Follower, token: str
) -> None:
    server.password = TOKEN
    follower.settings["token"] = token
    with pytest.raises(SourceDenied) as caught:
        follower.sync()
    assert "git/docs" in str(caught.value)
    assert "token" in caught.value.hint
    assert TOKEN not in str(caught.value)
    assert TOKEN not in repr(caught.getrepr(style="long"))


@pytest.mark.parametrize(
    ("status", "error"),
    [(403, SourceDenied), (404, SourceMisconfigured), (500, SourceUnreachable), (503, SourceUnreachable)],
)
def test_refusals_of_the_server_are_told_apart(
    server: GitHttpServer, follower: Follower, status: int, error: type[SourceError]
) -> None:
    follower.sync()
    before = follower.state()
    server.answer = status
    with pytest.raises(error, match="git/docs"):
        follower.sync()
    server.answer = 0
    follower.sync()
    assert follower.state() == before


def test_a_server_that_is_down_is_unreachable(tmp_path: Path) -> None:
    with closed_port() as port:
        follower = Follower(f"http://127.0.0.1:{port}/x.git", tmp_path / "mirrors")
        with pytest.raises(SourceUnreachable, match="git/docs"):
            follower.sync()


def test_a_server_that_does_not_answer_is_given_up_in_time(server: GitHttpServer, follower: Follower) -> None:
    follower.settings["timeout"] = 0.5
    server.open.clear()
    with pytest.raises(SourceUnreachable, match=r"git/docs: git ls-remote did not finish within 0\.5 s"):
        follower.source.probe()


def test_a_missing_folder_is_unreachable_and_another_one_no_repository(tmp_path: Path) -> None:
    with pytest.raises(SourceUnreachable, match="does not exist"):
        Follower(str(tmp_path / "gone"), tmp_path / "mirrors").source.probe()
    (tmp_path / "plain").mkdir()
    with pytest.raises(SourceMisconfigured, match="is not a repository"):
        Follower(str(tmp_path / "plain"), tmp_path / "mirrors").source.probe()


def test_a_repository_of_another_user_is_read(repo: GitRepository, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    for folder, _, files in os.walk(repo.path):
        for name in [folder, *(os.path.join(folder, file) for file in files)]:
            os.chown(name, 12345, 12345)
    follower = Follower(repo.url, tmp_path / "mirrors")
    assert follower.sync().complete


def test_settings_of_the_user_do_not_redirect(
    repo: GitRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (Path(os.environ["HOME"]) / ".gitconfig").write_text(f'[url "/nonexistent"]\n\tinsteadOf = {tmp_path}\n')
    monkeypatch.setenv("GIT_DIR", "/nonexistent")
    monkeypatch.setenv("GIT_OBJECT_DIRECTORY", "/nonexistent")
    monkeypatch.setenv("GIT_CONFIG_PARAMETERS", "'core.bare=false'")
    follower = Follower(repo.url, tmp_path / "mirrors")
    follower.sync()
    assert follower.document(b"a.md").text == "# A"


def test_uncommitted_files_of_a_work_tree_are_not_seen(repo: GitRepository, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", repo.url, str(tmp_path / "work"))
    (tmp_path / "work" / "uncommitted.md").write_text("x")
    follower = Follower(str(tmp_path / "work"), tmp_path / "mirrors")
    follower.sync()
    assert set(follower.items) == {b"a.md"}
    assert follower.items[b"a.md"].uri == (tmp_path / "work" / "a.md").as_uri()


@pytest.fixture
def ssh_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for ssh: accepts the right key, then runs the command here. Returns the log of its arguments."""
    folder, log = tmp_path / "ssh bin", tmp_path / "ssh.log"
    folder.mkdir()
    script = folder / "ssh"
    script.write_text(
        f"""#!/bin/sh
printf '%s\\n' "$@" >> '{log}'
key=none
while [ $# -gt 0 ]; do
  case "$1" in
    -i) key=$2; shift 2 ;;
    -o|-p) shift 2 ;;
    *) break ;;
  esac
done
if [ "$(cat "$key" 2>/dev/null)" != right ]; then
  echo "$1: Permission denied (publickey)." >&2
  exit 255
fi
exec sh -c "$2"
"""
    )
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return log


@pytest.mark.parametrize("form", ["ssh://git@host.example:2222{path}", "git@host.example:{path}"])
def test_an_ssh_key_file_opens_a_repository(repo: GitRepository, tmp_path: Path, ssh_log: Path, form: str) -> None:
    key = tmp_path / "my 'key' file"
    key.write_text("right")
    known = tmp_path / "known hosts"
    known.write_text("")
    follower = Follower(form.format(path=repo.path), tmp_path / "mirrors", ssh_key=str(key), ssh_known_hosts=str(known))
    follower.sync()
    assert follower.document(b"a.md").text == "# A"
    arguments = ssh_log.read_text().splitlines()
    assert "IdentitiesOnly=yes" in arguments
    assert "BatchMode=yes" in arguments
    assert f'UserKnownHostsFile="{known}"' in arguments
    assert ("2222" in arguments) == ("2222" in form)


def test_a_wrong_ssh_key_is_denied(repo: GitRepository, tmp_path: Path, ssh_log: Path) -> None:
    key = tmp_path / "key"
    key.write_text("wrong")
    with pytest.raises(SourceDenied, match="ssh_key"):
        Follower(f"git@host.example:{repo.path}", tmp_path / "mirrors", ssh_key=str(key)).sync()


def test_without_a_key_file_the_agent_is_asked(repo: GitRepository, tmp_path: Path, ssh_log: Path) -> None:
    with pytest.raises(SourceDenied):
        Follower(f"git@host.example:{repo.path}", tmp_path / "mirrors").source.probe()
    assert "-i" not in ssh_log.read_text().splitlines()


def test_a_missing_key_file_is_named(repo: GitRepository, tmp_path: Path) -> None:
    with pytest.raises(SourceMisconfigured, match="ssh_key"):
        Follower("git@host.example:x.git", tmp_path / "mirrors", ssh_key=str(tmp_path / "none")).source.probe()


@pytest.mark.parametrize(
    "url",
    [
        "--upload-pack=touch /tmp/x",
        "-x",
        "",
        "ext::sh -c touch% /tmp/x",
        "fd::17",
        "ftp://host/x.git",
        "ssh://-oProxyCommand=x/y",
        "-oProxyCommand=x:y",
        "git@-host:y",
        "host:-path",
        "https://host/a\nb",
        "https:///path",
        "https://host:port/x",
        "file://relative",
    ],
)
def test_dangerous_addresses_are_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(SourceMisconfigured, match="git/docs"):
        GitSource("docs", GitSettings.model_construct(url=url), tmp_path, any_converter())


@pytest.mark.parametrize(
    "branch", ["-x", "a b", "a..b", "a:b", "a*", "a\nb", "/a", "a.lock", "a/", "@{-1}", "a^", "a\\b"]
)
def test_impossible_branches_are_refused(branch: str, tmp_path: Path) -> None:
    with pytest.raises(SourceMisconfigured, match="git/docs"):
        GitSource("docs", GitSettings.model_construct(url="/x", branch=branch), tmp_path, any_converter())


@pytest.mark.parametrize("subpath", ["-x", "../x", "a/../b", "a//b", "./a"])
def test_folders_outside_the_repository_are_refused(subpath: str, tmp_path: Path) -> None:
    with pytest.raises(SourceMisconfigured, match="git/docs"):
        GitSource("docs", GitSettings.model_construct(url="/x", subpath=subpath), tmp_path, any_converter())


@given(st.text(max_size=40))
def test_any_text_is_an_address_or_refused(text: str) -> None:
    for parse in (parse_repository_url, checked_branch, checked_subpath):
        with suppress(SourceMisconfigured):
            parse(text)


def _nowhere_in(folder: Path, secret: bytes) -> bool:
    return not any(secret in path.read_bytes() for path in folder.rglob("*") if path.is_file())
