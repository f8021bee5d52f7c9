"""Documents of Jira and Confluence Cloud: every node type as markdown, unknown and malformed ones without loss."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from vector_pipeline.conversion.atlassian import Markdown, References, adf_to_markdown


def node(kind: str, *content: Any, **attrs: Any) -> dict[str, Any]:
    return {"type": kind, "attrs": attrs, "content": list(content)}


def words(text: str, *marks: str, **link: str) -> dict[str, Any]:
    found: list[dict[str, Any]] = [{"type": mark} for mark in marks]
    if link:
        found.append({"type": "link", "attrs": link})
    return {"type": "text", "text": text, "marks": found}


def par(*content: Any) -> dict[str, Any]:
    return node("paragraph", *(words(part) if isinstance(part, str) else part for part in content))


def doc(*content: Any) -> dict[str, Any]:
    return {"type": "doc", "version": 1, "content": list(content)}


@pytest.mark.parametrize(
    ("content", "markdown"),
    [
        (node("heading", words("T"), level=2), "## T\n"),
        (par("a ", words("b", "strong"), " ",
             words("c", "em", "strong"), " ", words("d", "code"), words("e", "strike")),
         "a **b** ***c*** `d`~~e~~\n"),
        (par("one", {"type": "hardBreak"}, "two"), "one\ntwo\n"),
        (par(words("x y", href="https://a.example")), "[x y](https://a.example)\n"),
        (par("state ", node("status", text="DONE", color="green"), "now"), "state DONE now\n"),
        (par(node("emoji", shortName=":smile:", text="😄"), node("emoji", shortName=":own:")), "😄:own:\n"),
        (par(node("date", timestamp="1582152559000"), " ", node("date", timestamp="soon")), "2020-02-19 soon\n"),
        (par(node("inlineCard", url="https://a.example/b")), "https://a.example/b\n"),
        (node("blockCard", url="https://a.example/b"), "https://a.example/b\n"),
        (node("embedCard", url="https://a.example/b", layout="wide"), "https://a.example/b\n"),
        (node("codeBlock", words("a\n  *b*"), language="Go"), "```go\na\n  *b*\n```\n"),
        (node("bulletList", node("listItem", par("a"), node("orderedList", node("listItem", par("b")), order=4))),
         "- a\n  4. b\n"),
        (node("taskList", node("taskItem", words("a"), state="DONE"), node("taskItem", words("b"), state="TODO"),
              node("taskList", node("taskItem", words("c"), state="TODO"))), "- [x] a\n- [ ] b\n  - [ ] c\n"),
        (node("decisionList", node("decisionItem", words("a"), state="DECIDED")), "- a\n"),
        (node("blockquote", par("a")), "> a\n"),
        (node("panel", par("a"), panelType="warning"), "**Warning**\n\na\n"),
        (node("expand", par("a"), title="More"), "**More**\n\na\n"),
        (node("layoutSection", node("layoutColumn", par("a")), node("layoutColumn", par("b"))), "a\n\nb\n"),
        (node("table", node("tableRow", node("tableHeader", par("h"), colspan=2)),
              node("tableRow", node("tableCell", par("a")), node("tableCell", par("b"), par("c")))),
         "| h |  |\n| --- | --- |\n| a | b<br>c |\n"),
        (node("mediaSingle", node("media", id="1", type="file", alt="Chart"), node("caption", words("Caption"))),
         "![Chart]()\n\nCaption\n"),
        (node("mediaSingle", node("media", type="external", url="https://a.example/b.png")),
         "![](https://a.example/b.png)\n"),
        (node("mediaGroup", node("media", id="1", type="file", collection="c")), ""),
        (node("extension", extensionKey="x", text="fallback", parameters={"macroParams": {"q": {"value": "a query"}}}),
         "fallback a query\n"),
        (node("bodiedExtension", par("a"), extensionKey="x"), "a\n"),
        (par(node("placeholder", text="type here")), "type here\n"),
        (node("rule"), "---\n"),
        (node("newBlock", par("a"), title="Its title"), "Its title\n\na\n"),
        (par(node("newInline", words("a"), text="b")), "ba\n"),
    ],
)  # fmt: skip
def test_each_node_has_its_markdown(content: dict[str, Any], markdown: str) -> None:
    assert adf_to_markdown(doc(content)).text == markdown
    assert adf_to_markdown(json.dumps(doc(content))).text == markdown


def test_mentions_links_and_files_are_resolved_and_noted() -> None:
    references = References(
        user_name=lambda account: {"1": "Ada Lovelace"}.get(account, ""),
        attachment_url=lambda filename: f"https://jira.example/{filename}",
    )
    content = par(node("mention", id="1", text="@old name"), "and", node("mention", id="2", text="@Bob"), " ",
                  words("x", href="https://a.example"), " ", node("mediaInline", id="3", alt="a.png"))  # fmt: skip
    assert adf_to_markdown(doc(content), references) == Markdown(
        "@Ada Lovelace and @Bob [x](https://a.example) ![a.png](https://jira.example/a.png)\n",
        ["https://a.example", "https://jira.example/a.png"],
        ["1", "2"],
    )


@pytest.mark.parametrize("kind", ["bulletList", "blockquote", "panel", "table", "unknown"])
@pytest.mark.parametrize("as_text", [False, True])
def test_a_document_400_deep_loses_no_words(kind: str, as_text: bool) -> None:
    wrap = {"bulletList": ["listItem"], "table": ["tableCell", "tableRow"]}.get(kind, [])
    inner = par("deepest")
    for depth in range(400):
        content = [par(f"level{depth}"), inner]
        for outer in wrap:
            content = [node(outer, *content)]
        inner = node(kind, *content)
    document = doc(inner)
    found = adf_to_markdown(_dumps(document) if as_text else document)
    assert {"deepest", *(f"level{depth}" for depth in range(400))} <= set(found.text.replace("<br>", " ").split())


def _dumps(value: Any) -> str:
    """JSON of a value that is too deep for the json module."""
    out: list[str] = []
    stack: list[Any] = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, tuple):
            out.append(item[0])
        elif isinstance(item, dict):
            pairs: list[Any] = [("{",)]
            for index, (key, inner) in enumerate(item.items()):
                pairs += [((", " if index else "") + json.dumps(key) + ": ",), inner]
            stack.extend(reversed([*pairs, ("}",)]))
        elif isinstance(item, list):
            parts: list[Any] = [("[",)]
            for index, inner in enumerate(item):
                parts += [*([(", ",)] if index else []), inner]
            stack.extend(reversed([*parts, ("]",)]))
        else:
            out.append(json.dumps(item))
    return "".join(out)


@pytest.mark.parametrize(
    "document",
    [
        {"type": "doc", "content": "bare words"},
        {"type": "doc", "content": [None, 3, True, [[par("bare words")]], "x"]},
        {"content": [{"text": "bare words"}]},
        doc(words("bare words")),
        doc(node("listItem", par("bare words"))),
        doc(node("tableCell", par("bare words"))),
        doc(node("bulletList", par("bare words"))),
        doc(node("table", par("bare words"))),
        doc(node("tableRow", words("bare words"))),
        doc(node("heading", par("bare words"), level="high")),
        doc({"type": ["odd"], "attrs": [], "marks": 3, "text": "bare words"}),
        doc({"type": "text", "text": "bare words", "marks": [None, "x", {"type": "link"}, {"type": None}]}),
        doc(node("mediaSingle", par("bare words"))),
        doc(node("rule", par("bare words"))),
        doc(node("tableCell", par("bare words"), colspan=10**18, rowspan=-1)),
        doc(node("orderedList", node("listItem", par("bare words")), order=-5)),
        doc(node("date", timestamp=10**30), par("bare words")),
        doc(node("extension", par("bare words"), parameters=[1])),
        par("bare words"),
        [par("bare words")],
        "bare words",
        '{"type": "doc", "content": [{"text": "bare words"',
    ],
)
def test_the_words_of_a_malformed_document_are_kept(document: Any) -> None:
    assert "bare words" in adf_to_markdown(document).text


def test_text_that_is_no_json_comes_back_as_it_is() -> None:
    assert adf_to_markdown("# plain *text*") == Markdown("# plain *text*", degraded="not valid JSON")


def test_a_document_of_ten_megabytes_takes_seconds() -> None:
    document = json.dumps(
        doc(*(par("Some words of a paragraph as people write them, again and again.") for _ in range(70_000)))
    )
    started = time.thread_time()
    assert adf_to_markdown(document).degraded == ""
    assert time.thread_time() - started < 15


def test_a_document_of_too_many_nodes_gives_its_words() -> None:
    found = adf_to_markdown(doc(*[par("word")] * 130_000))
    assert found.degraded == "more than 250,000 nodes"
    assert found.text.count("word") == 130_000
