"""Markdown as people write it in vaults and repositories."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vector_pipeline.conversion.convert import convert
from vector_pipeline.conversion.front_matter import read_front_matter
from vector_pipeline.documents import canonical_json


def metadata_of(text: str) -> Any:
    """The metadata of a markdown text."""
    return convert("a.md", text.encode()).metadata


def test_front_matter_is_split_off_and_kept_as_metadata() -> None:
    converted = convert(
        "a.md",
        b"---\ntitle: A title\ntags: [work/now, '#x']\naliases:\n  - Other\n  - Else\nauthor: Ada\n"
        b"created: 2024-02-03\n"
        b"status: draft\ntime: 12:30\ncountry: NO\nrating: 4.5\nlist: [1, two]\n---\nBody\n",
    )
    assert converted.text == "Body\n"
    assert converted.title == converted.context == "A title"
    assert converted.metadata == {
        "tags": ["work/now", "x"],
        "aliases": ["Other", "Else"],
        "author": "Ada",
        "created_at": "2024-02-03T00:00:00+00:00",
        "properties": {
            "created": "2024-02-03",
            "status": "draft",
            "time": "12:30",
            "country": "NO",
            "rating": 4.5,
            "list": [1, "two"],
        },
    }


@pytest.mark.parametrize(
    "head",
    [
        "---\ntitle: {{title}}\n---\n",
        "---\na: [1\n---\n",
        "---\na: &x 1\nb: *x\n---\n",
        "---\ntitle: never closed\n",
        "---\na: !!python/object:os.system x\n---\n",
        "---\na:\n " + "- " * 30_000 + "x\n---\n",
        "---\na: !!int x\n---\n",
        "---\na: !!int ''\n---\n",
        "---\na: !!bool maybe\n---\n",
        "---\ndate: !!timestamp tomorrow\n---\n",
        "---\na: !!int 0x" + "f" * 5_000 + "\n---\n",
        "---\na: one\na: two\n---\n",
        "---\na: " + "[" * 5_000 + "]" * 5_000 + "\n---\n",
        "---\na: b\n" + "x: y\n" * 20_000 + "---\n",
    ],
)
def test_front_matter_that_cannot_be_read_loses_nothing(head: str) -> None:
    converted = convert("a.md", (head + "Body words.\n").encode())
    assert converted.text == head + "Body words.\n"
    assert converted.metadata["front_matter_error"] is True


@pytest.mark.parametrize(
    "lines",
    [
        "contact:\n  oncall: lostword",
        "summary: " + "plain " * 200 + "lostword",
        "links: [[a, lostword]]",
        "title: [lostword]",
        "authors:\n- name: lostword",
        "author: [" + "somebody, " * 200 + "lostword]",
        "aliases: [" + ", ".join(f"a{n}" for n in range(64)) + ", lostword]",
        "tags: " + " ".join(f"a{n}" for n in range(64)) + " lostword",
        "a" * 1_001 + "lostword: x",
        "\n".join(f"a{n}: x" for n in range(64)) + "\nlostword: x",
        "note: |\n  ```\n  lostword\n  ```\nmore: {a: b}",
        "1: lostword\n'1': other",
    ],
)
def test_words_that_the_metadata_cannot_hold_stay_in_the_text(lines: str) -> None:
    converted = convert("a.md", f"---\nstatus: draft\n{lines}\n---\n# Body\n".encode())
    marks = "````" if "```" in lines else "```"
    assert converted.text == f"{marks}yaml\nstatus: draft\n{lines}\n{marks}\n\n# Body\n"
    assert converted.metadata["properties"]["status"] == "draft"
    assert "front_matter_error" not in converted.metadata
    assert converted.title == "Body"


@pytest.mark.parametrize(
    "text", ["---\nA quote between rules.\n---\nBody\n", "---\n\nBody\n", "Text\n---\na: b\n---\n", "----\na: b\n---\n"]
)
def test_rules_are_not_front_matter(text: str) -> None:
    converted = convert("a.md", text.encode())
    assert converted.text == text
    assert "front_matter_error" not in converted.metadata


def test_front_matter_of_a_windows_file_with_a_mark_is_read() -> None:
    converted = convert("a.md", b"\xef\xbb\xbf---\r\ntags: x\r\n---\r\nBody\r\n")
    assert (converted.text, converted.metadata) == ("Body\n", {"tags": ["x"]})


def test_values_that_json_has_not_become_text() -> None:
    metadata = metadata_of(
        "---\na: .nan\nb: -.inf\nc: 99999999999999999999\nd: 2024-13-45\ne: !!binary aGk=\n1: one\n---\n"
    )
    assert metadata["properties"] == {
        "a": "nan",
        "b": "-inf",
        "c": "99999999999999999999",
        "d": "2024-13-45",
        "1": "one",
    }
    canonical_json(metadata)


@pytest.mark.parametrize(
    ("value", "tags"),
    [
        ("[a, b]", ["a", "b"]),
        ("a, b", ["a", "b"]),
        ("a b", ["a", "b"]),
        ("'#a, #b/c'", ["a", "b/c"]),
        ("2024", ["2024"]),
        ("[A, a]", ["A"]),
        ("", None),
        ("null", None),
        ("[[x]]", None),
    ],
)
def test_tags_are_read_in_every_spelling(value: str, tags: list[str] | None) -> None:
    assert metadata_of(f"---\ntags: {value}\n---\n").get("tags") == tags


def test_tags_in_the_text_follow_the_rules_of_obsidian() -> None:
    text = (
        "# Heading\n#one and #two/three, #four. (not#five) #1984 #y1984 #\n\n## Heading with #six ##\n"
        "`#code` ``a ` #code`` and #seven\n```\n#code\n```\n~~~py\n#code\n~~~\n\n    #code\n\n"
        "- item\n\n    #eight in item\n"
        "> #nine\n[x](#anchor) https://x.example/#frag #ten/ #Ünï-_çø #one\n> ```\n> #code\n> ```\n#last\n"
    )
    assert metadata_of(text)["tags"] == [
        *("one", "two/three", "four", "y1984", "six", "seven", "eight", "nine", "ten", "Ünï-_çø", "last"),
    ]


def test_links_and_embeds_are_noted_and_the_text_stays_as_written() -> None:
    text = (
        "See [[Note#Part|words]], ![[image.png]], [[folder/Deep note]] and `[[code]]`.\n"
        "| [[In table\\|x]] | [[#here]] |\n"
    )
    converted = convert("a.md", text.encode())
    assert converted.text == text
    assert converted.metadata["links"] == ["Note", "image.png", "folder/Deep note", "In table"]


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("# One\n# Two\n", "One"),
        ("One\n===\n", "One"),
        ("## Two\n\nText\n# One #\n", "One"),
        ("```\n# code\n```\nText\n", ""),
        ("# **Bold** `code` and [link](x.md)\n", "Bold code and link"),
        ("# C#\n", "C#"),
        ("#nospace\n", ""),
        ("#\n# x\n", "x"),
    ],
)
def test_the_title_is_the_first_heading_of_the_first_level(text: str, title: str) -> None:
    assert convert("a.md", text.encode()).title == title


def test_a_front_matter_title_is_context_only_where_the_text_does_not_open_with_it() -> None:
    assert convert("a.md", b"---\ntitle: Same\n---\n# Same\n").context == ""
    assert convert("a.md", b"---\ntitle: Name\n---\n# Other\n").context == "Name"
    assert convert("a.md", b"# Other\n").context == ""


@given(st.text(st.sampled_from("-#`~[]|!:>\n \tabc*1."), max_size=200))
def test_the_text_is_the_file_without_its_front_matter(text: str) -> None:
    converted = convert("a.md", text.encode())
    front = read_front_matter(text)
    assert converted.text == front.kept + text[front.body :]
    assert front.body == 0 or text.startswith("---")
    assert json.loads(canonical_json(converted.metadata)) == converted.metadata


@settings(max_examples=30)
@given(
    st.dictionaries(
        st.text(max_size=8), st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists)
    )
)
def test_any_front_matter_gives_bounded_json(values: dict[str, Any]) -> None:
    source = "---\n" + "".join(f"{json.dumps(k)}: {json.dumps(v)}\n" for k, v in values.items()) + "---\nBody"
    metadata = read_front_matter(source).metadata
    canonical_json(metadata)


@pytest.mark.parametrize(
    "line",
    [
        "`" * 200_000,
        "`a``b" * 60_000,
        "[[" * 100_000,
        "# " + " " * 200_000 + "x",
        "# x" + " #" * 100_000,
        "> " * 100_000 + "```",
        ">  - " * 50_000 + "x```",
        "#a" * 100_000,
        " #" * 100_000,
        "# " + "[" * 200_000,
        "# " + "*a" * 100_000,
        "1" * 200_000 + "```",
    ],
)
def test_a_hostile_line_takes_no_longer_than_another(line: str) -> None:
    begun = time.thread_time()
    convert("a.md", f"{line}\n{line}\n".encode())
    assert time.thread_time() - begun < 3
