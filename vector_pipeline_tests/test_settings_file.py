"""Reading pipeline.yaml as its user sees it: what is found, what is filled in, and what is said when it is wrong."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pydantic import BaseModel

from vector_pipeline import settings_template, settings_yaml
from vector_pipeline.settings import Settings
from vector_pipeline.settings_alerts import CommandSettings, EmailSettings, SlackSettings, WebhookSettings
from vector_pipeline.settings_atlassian import ConfluenceSettings, JiraSettings
from vector_pipeline.settings_file import (
    Loaded,
    SettingsError,
    find_settings_file,
    load_settings,
    masked_url,
    resolved,
)
from vector_pipeline.settings_public_docs import PublicDocsSettings
from vector_pipeline.settings_sources import GitSettings, LocalFilesSettings
from vector_pipeline.settings_values import duration_text, parse_duration, parse_size, size_text


def write(folder: Path, text: str) -> Path:
    path = folder / "pipeline.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def load(folder: Path, text: str, **environment: str) -> Loaded:
    return load_settings(write(folder, text), environment)


def problems(folder: Path, text: str, **environment: str) -> tuple[str, ...]:
    """What is said about a wrong file, each with the file's name shortened."""
    with pytest.raises(SettingsError) as caught:
        load(folder, text, **environment)
    return tuple(line.replace(f"{folder}/", "") for line in caught.value.problems)


def test_an_empty_file_gives_the_defaults(tmp_path: Path) -> None:
    loaded = load(tmp_path, "# nothing\n")
    assert loaded.settings.model_copy(update={"data_dir": None}) == Settings()
    assert loaded.project_dir == tmp_path


def test_data_lies_in_the_users_data_folder_unless_the_file_says_otherwise(tmp_path: Path) -> None:
    assert load(tmp_path, "").data_dir.parent.name == "vector-pipeline"
    loaded = load(tmp_path, "data_dir: here/data")
    assert loaded.data_dir == loaded.settings.data_dir == tmp_path / "here" / "data"


def test_relative_paths_start_at_the_settings_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    settings = load(
        tmp_path,
        """
        sources:
          git:
            clone: {url: ., ssh_key: ~/.ssh/key}
            beside: {url: ../other}
            home: {url: ~/repository}
            remote: {url: "git@host:team/docs.git"}
            https: {url: "https://host/team/docs.git"}
          local_files:
            notes: {path: notes/../texts}
        index: {path: shards}
        state: {path: /var/state.sqlite}
        """,
    ).settings
    git = settings.sources.git
    assert git["clone"].url == str(tmp_path)
    assert git["clone"].ssh_key == Path("/home/ada/.ssh/key")
    assert git["beside"].url == str(tmp_path.parent / "other")
    assert git["home"].url == "/home/ada/repository"
    assert git["remote"].url == "git@host:team/docs.git"
    assert git["https"].url == "https://host/team/docs.git"
    assert settings.sources.local_files["notes"].path == tmp_path / "texts"
    assert settings.index.path == tmp_path / "shards"
    assert settings.state.path == Path("/var/state.sqlite")


def test_texts_stay_as_they_are_written(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        "sources: {git: {2024: {url: ., branch: 1.10, tags: [on, no, 0755, 2024-01-01, 1:30]}}}\n"
        "chunking: {max_tokens: '500'}",
    ).settings
    assert settings.sources.git["2024"].branch == "1.10"
    assert settings.sources.git["2024"].tags == ("on", "no", "0755", "2024-01-01", "1:30")
    assert settings.chunking.max_tokens == 500


def test_variables_are_filled_in_with_default_and_escape(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        """
        sources:
          git:
            docs:
              url: https://${HOST}/${TEAM:-docs}.git
              token: ${TOKEN}
              tags: ["$$HOME", "$5", "${EMPTY:-filled}", "${EMPTY}"]
        embedding: {batch_size: "${BATCH}"}
        index: {path: "${NOWHERE:-}"}
        """,
        HOST="git.example.org",
        TOKEN="t0p$ecret",
        BATCH="12",
        EMPTY="",
    ).settings
    docs = settings.sources.git["docs"]
    assert docs.url == "https://git.example.org/docs.git"
    assert docs.token.get_secret_value() == "t0p$ecret"
    assert docs.tags == ("$HOME", "$5", "filled", "")
    assert settings.embedding.batch_size == 12
    assert settings.index.path is None


def test_variables_come_from_the_process_by_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALIAS_FOR_TEST", "from-the-process")
    loaded = load_settings(write(tmp_path, "index: {alias: '${ALIAS_FOR_TEST}'}"))
    assert loaded.settings.index.alias == "from-the-process"


def test_an_unset_variable_is_named_with_its_place(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, "sources:\n  git:\n    docs:\n      url: .\n      token: ${DOCS_TOKEN}\n")
    assert problem.startswith("pipeline.yaml:5: sources.git.docs.token: the environment variable DOCS_TOKEN is not set")


def test_a_broken_variable_is_refused(tmp_path: Path) -> None:
    assert "${" in problems(tmp_path, "index:\n  alias: ${not closed\n")[0]


def test_all_problems_are_reported_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        """sources:
  git:
    docs:
      url: .
      branhc: main
      include: "*.md"
      timeout: soon
      unheard:
    empty:
    "bad name": {url: .}
  gitt: {}
  local_files:
    path: docs
embedding: {provider: opnai, batch_size: 99999, concurrency: four, max_retries: -1}
chunking: [a]
index: {alias: "a b", prefer_grpc: maybe}
limits: {brake_share: 1.5}
""",
    )
    expected = [
        "pipeline.yaml:5: sources.git.docs.branhc: unknown setting; did you mean branch?",
        "pipeline.yaml:6: sources.git.docs.include: must be a list",
        'pipeline.yaml:7: sources.git.docs.timeout: write a duration as "30s"',
        "pipeline.yaml:8: sources.git.docs.unheard: unknown setting; known here: ",
        "pipeline.yaml:9: sources.git.empty.url: is required: Repository",
        "pipeline.yaml:10: sources.git.bad name: a name holds letters",
        "pipeline.yaml:11: sources.gitt: unknown setting; did you mean git?",
        "pipeline.yaml:13: sources.local_files.path: a source needs a name",
        "pipeline.yaml:14: embedding.provider: must be 'wordllama' or 'openai', not 'opnai'; did you mean openai?",
        "pipeline.yaml:14: embedding.batch_size: must be at most 2048, not '99999'",
        "pipeline.yaml:14: embedding.concurrency: must be a whole number, not 'four'",
        "pipeline.yaml:14: embedding.max_retries: must be at least 0, not '-1'",
        "pipeline.yaml:15: chunking: must hold settings",
        "pipeline.yaml:16: index.alias: holds only letters",
        "pipeline.yaml:16: index.prefer_grpc: must be true or false, not 'maybe'",
        "pipeline.yaml:17: limits.brake_share: must be at most 1",
    ]
    assert len(found) == len(expected)
    assert all(any(line.startswith(start) for line in found) for start in expected), found
    lines = [int(line.split(":")[1]) for line in found]
    assert lines == sorted(lines)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("embedding:\n  provider: openai\n", "pipeline.yaml:1: embedding: model is needed"),
        ("embedding: {dimensions: 300}", "embedding: the bundled wordllama model has dimensions 256"),
        ("embedding: {base_url: 127.0.0.1/v1}", "embedding.base_url: must start with http:// or https://"),
        ("state: {url: 'sqlite:///x'}", "state.url: must start with postgresql://"),
        ("sources: {local_files: {a: {path: ''}}}", "sources.local_files.a.path: must not be empty"),
        ("sources: {local_files: {a: {path: x, url_template: 'https://h/'}}}", "url_template: must hold {path}"),
        ("sources: {git: {a: {url: ., include: ['*.md', '!']}}}", "sources.git.a.include[1]: is not a pattern"),
        ("sources: {git: {a: {url: ., exclude: [./docs]}}}", "sources.git.a.exclude[0]: is not a pattern"),
        ("sources: {git: {a: {url: ., max_file_size: 10 boats}}}", "max_file_size: write a size as"),
        ("sources: {git: {a: {url: ., timeout: 0s}}}", "timeout: must be longer than 0"),
        ("sources: {git: {a: {url: ., timeout: 99999999999999w}}}", "timeout: is longer than can be counted"),
        ("sources: {git: {a: {url: x}, b: {url: x}}}", "sources.git.a and sources.git.b are the same source twice"),
        ("limits: {brake_share: nan}", "limits.brake_share: must be"),
        ("- a\n", "pipeline.yaml:1: must be settings"),
        ("index: !python/object/apply:os.system [x]", "index: the YAML tag"),
        ("? [a, b]\n: c\n", "a key must be text"),
    ],
)
def test_a_wrong_value_is_explained(tmp_path: Path, text: str, expected: str) -> None:
    found = problems(tmp_path, text)
    assert len(found) == 1
    assert expected in found[0]


def test_a_setting_written_twice_is_refused(tmp_path: Path) -> None:
    found = problems(tmp_path, "sources:\n  git:\n    docs: {url: a}\n    docs: {url: b}\n")
    assert found == ("pipeline.yaml:4: sources.git.docs: is set twice, first on line 3; remove one",)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: [1\nb: 2\n", 2),
        ("index:\n\talias: x\n", 2),
        ("a: b: c\n", 1),
        ("index: *nobody\n", 1),
        ("a: 1\n---\nb: 2\n", 2),
        ("ok: 1\nbell: \x07\n", 2),
    ],
)
def test_broken_yaml_is_named_with_its_line(tmp_path: Path, text: str, line: int) -> None:
    assert problems(tmp_path, text)[0].startswith(f"pipeline.yaml:{line}: ")


def test_a_file_that_is_not_utf8_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "pipeline.yaml"
    path.write_bytes(b"index:\n  alias: caf\xe9\n")
    with pytest.raises(SettingsError, match=r"pipeline.yaml:2: not UTF-8"):
        load_settings(path)


def test_a_byte_order_mark_is_no_problem(tmp_path: Path) -> None:
    path = tmp_path / "pipeline.yaml"
    path.write_bytes(b"\xef\xbb\xbfindex:\r\n  alias: books\r\n")
    assert load_settings(path).settings.index.alias == "books"


def test_nothing_secret_is_ever_in_an_error(tmp_path: Path) -> None:
    secret = "s3cr3t-value"
    for text in (
        f"state: {{url: 'mysql://ada:{secret}@db/x'}}",
        "embedding: {batch_size: '${S}', provider: '${S}', timeout: '${S}'}",
        f"index: {{api_key: [{secret}]}}",
        f"sources: {{git: {{a: {{url: 'https://x:{secret}@h', token: {{a: {secret}}}}}}}}}",
        f"index:\n  api_key: '{secret}\n",
        f"index:\n  api_key: @{secret}\n",
    ):
        found = "\n".join(problems(tmp_path, text, S=secret))
        assert secret not in found, found


def test_anchors_and_merge_keys_share_settings(tmp_path: Path) -> None:
    git = load(
        tmp_path,
        """
        sources:
          git:
            a: &common {url: one, tags: [x], timeout: 5m}
            b: {<<: *common, url: two}
        """,
    ).settings.sources.git
    assert git["b"].timeout == timedelta(minutes=5)
    assert git["b"].url.endswith("two")
    assert git["a"].url.endswith("one")


def test_aliases_can_not_blow_up_the_memory(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    assert any("aliases make the file too large" in line for line in problems(tmp_path, "\n".join(lines)))
    merges = ["a0: &a0 {x: y}"]
    merges += [f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 10)}]}}" for n in range(1, 12)]
    assert any("aliases make the file too large" in line for line in problems(tmp_path, "\n".join(merges)))


def test_an_alias_that_holds_itself_is_refused(tmp_path: Path) -> None:
    assert "holds itself" in problems(tmp_path, "index: &a\n  path: *a\n")[0]
    assert "holds itself" in problems(tmp_path, "index: &a\n  <<: *a\n")[0]


def test_deep_nesting_and_huge_files_are_refused(tmp_path: Path) -> None:
    assert "nested too deeply" in problems(tmp_path, "[" * 100_000)[0]
    assert "larger than" in problems(tmp_path, "#" * (settings_yaml.MAX_BYTES + 1))[0]


def test_hundreds_of_problems_are_cut_off(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, "\n".join(f"unknown{n}: 1" for n in range(200)))
    assert len(caught.value.problems) == 200
    assert str(caught.value).endswith("… and 150 more problems")


def test_a_folder_source_never_holds_the_pipelines_own_data(tmp_path: Path) -> None:
    source = "sources: {local_files: {notes: {path: .%s}}}\n"
    found = problems(tmp_path, "data_dir: data\n" + source % "")
    assert found[0].startswith("pipeline.yaml:1: data_dir: lies inside sources.local_files.notes")
    assert "state.path: lies inside" in problems(tmp_path, source % "" + "state: {path: state.sqlite}")[0]
    assert "data_dir: lies inside" in problems(tmp_path, "data_dir: .data\n" + source % ", hidden: true")[0]
    load(tmp_path, "data_dir: .data\n" + source % "")
    load(tmp_path, "data_dir: data\n" + source % ", exclude: [/data/]")
    load(tmp_path, "data_dir: ../data\n" + source % "")


def test_the_file_is_found_by_argument_then_variable_then_in_folders_above(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tmp_path / "project" / "docs" / "deep"
    deep.mkdir(parents=True)
    monkeypatch.chdir(deep)
    with pytest.raises(SettingsError, match="vector-pipeline init"):
        find_settings_file()
    above = write(tmp_path / "project", "")
    assert find_settings_file() == above
    here = write(deep, "")
    assert find_settings_file() == here
    other = write(tmp_path, "")
    monkeypatch.setenv("VECTOR_PIPELINE_CONFIG", str(other))
    assert find_settings_file() == other
    assert find_settings_file(Path("../..")) == above
    with pytest.raises(SettingsError, match="nowhere"):
        find_settings_file(Path("nowhere"))
    monkeypatch.setenv("VECTOR_PIPELINE_CONFIG", "gone.yaml")
    with pytest.raises(SettingsError, match="which VECTOR_PIPELINE_CONFIG names"):
        find_settings_file()


def test_a_file_that_can_not_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="No such file"):
        load_settings(tmp_path / "pipeline.yaml")
    with pytest.raises(SettingsError, match="directory"):
        load_settings(tmp_path)


def test_errors_name_the_file_from_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sub").mkdir()
    with pytest.raises(SettingsError, match=r"^sub/pipeline\.yaml:1: oops: "):
        load(tmp_path / "sub", "oops: 1")


def test_printed_settings_mask_every_secret(tmp_path: Path) -> None:
    secrets = ["tok3n", "p4ss", "us3rtoken", "k3y", "qp4ss"]
    loaded = load(
        tmp_path,
        """
        sources:
          git:
            a: {url: "https://us3rtoken:x@git.example.org/a.git", token: tok3n}
            b: {url: "ssh://git@git.example.org/b.git?access_token=k3y"}
          local_files:
            notes: {path: notes, url_template: "https://h/{path}?v=1"}
        index: {url: "https://ada:p4ss@qdrant.example.org:6333", api_key: k3y}
        state: {url: "postgresql://ada:p4ss/@db@db.example.org/x?sslpassword=qp4ss&sslmode=require"}
        """,
    )
    printed = resolved(loaded.settings)
    text = json.dumps(printed)
    assert not [secret for secret in secrets if secret in text], text
    assert printed["sources"]["git"]["a"]["token"] == "********"
    assert printed["sources"]["git"]["a"]["url"] == "https://********@git.example.org/a.git"
    assert printed["sources"]["git"]["b"]["url"].startswith("ssh://git@git.example.org/b.git")
    assert printed["state"]["url"] == "postgresql://ada:********@db.example.org/x?sslpassword=********&sslmode=require"
    assert printed["embedding"]["api_key"] == ""
    assert printed["sources"]["git"]["a"]["census_every"] == "1d"
    assert printed["sources"]["local_files"]["notes"]["url_template"] == "https://h/{path}?v=1"
    assert not [secret for secret in secrets if secret in repr(loaded.settings.index.api_key)]


def test_a_secret_that_is_not_a_url_is_masked_whole(tmp_path: Path) -> None:
    loaded = load(tmp_path, "index: {api_key: 'abc://nothing-to-hide'}\nstate: {url: 'postgresql://db/x'}")
    assert resolved(loaded.settings)["index"]["api_key"] == "********"


@pytest.mark.parametrize(
    "url",
    ["https://host/a@b", "git@host:team/docs.git", "/a/path@2", "http://127.0.0.1:6333", "ssh://git@host/x", "", "a b"],
)
def test_a_url_without_credentials_is_printed_as_it_is(url: str) -> None:
    assert masked_url(url) == url


@given(user=st.text("abc%.-", max_size=5), password=st.text("xyz@:/?#&%$", min_size=1).map(lambda t: f"<{t}>"))
@hypothesis_settings(max_examples=200)
def test_no_password_in_a_url_survives_masking(user: str, password: str) -> None:
    assert password not in masked_url(f"postgresql://{user}:{password}@host/db")
    assert password not in masked_url(f"https://{user}:{password}@host/db")


@given(st.integers(1, 10**15))
def test_sizes_are_read_back_as_printed(value: int) -> None:
    assert parse_size(size_text(value)) == value


@given(st.integers(1, 10**9))
def test_durations_are_read_back_as_printed(seconds: int) -> None:
    value = timedelta(seconds=seconds)
    assert parse_duration(duration_text(value)) == value


def assert_readable_or_refused(data: bytes) -> None:
    """Anything but a value or our own error, such as a YAML library's exception, comes through and fails."""
    with contextlib.suppress(SettingsError):
        assert isinstance(settings_yaml.parse(data, {"A": "b"}, "pipeline.yaml").value, dict)


@given(st.text(max_size=200))
@hypothesis_settings(max_examples=300)
def test_any_text_is_settings_or_a_settings_error(text: str) -> None:
    assert_readable_or_refused(text.encode("utf-8", "surrogatepass"))


@given(
    st.lists(st.sampled_from(["a", ": ", "\n", "  ", "- ", "[", "]", "{", "}", "&x ", "*x", "<<", "${A}", "'", "!t "]))
)
@hypothesis_settings(max_examples=300)
def test_any_heap_of_yaml_marks_is_settings_or_a_settings_error(parts: list[str]) -> None:
    assert_readable_or_refused("".join(parts).encode())


NEEDED: Mapping[type[BaseModel], dict[str, Any]] = {
    LocalFilesSettings: {"path": "x"},
    GitSettings: {"url": "x"},
    ConfluenceSettings: {"url": "https://wiki.example.org", "spaces": ("ENG",)},
    JiraSettings: {"url": "https://jira.example.org", "projects": ("OPS",)},
    PublicDocsSettings: {"url": "https://docs.example.org"},
    SlackSettings: {"url": "https://hooks.example.org/services/pipeline"},
    WebhookSettings: {"url": "https://hooks.example.org/pipeline"},
    EmailSettings: {"host": "mail.example.org", "sender": "pipeline@example.org", "to": ("ops@example.org",)},
    CommandSettings: {"command": ("/usr/local/bin/page", "{severity}")},
}
"""What a source or a channel can't do without."""


def models(model: type[BaseModel] = Settings) -> Iterator[type[BaseModel]]:
    yield model
    for field in model.model_fields.values():
        for part in (field.annotation, *getattr(field.annotation, "__args__", ())):
            if isinstance(part, type) and issubclass(part, BaseModel):
                yield from models(part)


def test_every_setting_has_a_description() -> None:
    bare = [
        f"{model.__name__}.{name}"
        for model in models()
        for name, field in model.model_fields.items()
        if not (field.description or "").endswith(".")
    ]
    assert bare == []


def test_every_default_is_valid() -> None:
    for model in models():
        needed = NEEDED.get(model, {})
        given_all = {**model.model_validate(needed).model_dump(), **needed}
        assert model.model_validate(given_all) == model.model_validate(needed)


def test_the_template_holds_the_defaults_and_one_folder(tmp_path: Path) -> None:
    settings = load(tmp_path, settings_template.render()).settings
    assert settings.sources.local_files == {"documents": LocalFilesSettings(path=tmp_path)}
    plain = settings.model_copy(update={"sources": Settings().sources, "data_dir": None})
    assert plain == Settings()


def test_the_template_with_every_setting_switched_on_still_holds_the_defaults(tmp_path: Path) -> None:
    text = re.sub(r"^( *)#(?=\S)", r"\1", settings_template.render(), flags=re.MULTILINE)
    settings = load(tmp_path, text).settings
    assert settings.sources.local_files == {"documents": LocalFilesSettings(path=tmp_path)}
    url = "https://git.example.org/team/handbook.git"
    assert settings.sources.git == {"handbook": GitSettings(url=url)}
    none: dict[str, Any] = {"slack": {}, "webhook": {}, "email": {}, "command": {}}
    assert [type(channel) for channel in settings.alerts.channels.values()] == list(NEEDED)[-4:]
    alerts = settings.alerts.model_copy(update=none)
    kept = settings.model_copy(update={"sources": Settings().sources, "data_dir": None, "alerts": alerts})
    assert kept == Settings()


def test_the_template_names_every_setting() -> None:
    text = settings_template.render()
    for model in models():
        for name in model.model_fields:
            assert re.search(rf"^ *#?{name}:", text, re.MULTILINE), f"{model.__name__}.{name}"


def test_reading_settings_imports_nothing_heavy(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from vector_pipeline.settings_file import load_settings;"
        "load_settings(Path(sys.argv[1])); print(' '.join(sys.modules))"
    )
    path = write(tmp_path, settings_template.render())
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert loaded.isdisjoint({"dagster", "polars", "numpy", "sqlalchemy", "duckdb", "openai", "git", "wordllama"})
