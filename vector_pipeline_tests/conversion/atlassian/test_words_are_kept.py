"""Properties: whatever the structure, every word of every text node is in the markdown, in order; no input fails."""

from __future__ import annotations

import html
import itertools
import re
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from vector_pipeline.conversion.atlassian import adf_to_markdown, storage_to_markdown, wiki_to_markdown

NUMBERED = re.compile(r"w\d+x")
WORD = st.integers(0, 9999).map("w{}x".format)
SNIPPETS = [
    "#",
    "*",
    "_a_",
    "`",
    "```",
    "|",
    "[x](y)",
    "<b>",
    "&amp;",
    "1.",
    "- ",
    "> ",
    "~~~",
    "\\",
    "]]>",
    "{code}",
    "\n",
]
TEXT = st.lists(st.one_of(WORD, WORD, st.sampled_from(SNIPPETS)), min_size=1, max_size=5).map(" ".join)


def missing(source: str, text: str) -> str:
    """The first word of `source` that is not in `text` after the words before it; "" if all are."""
    place = 0
    for word in NUMBERED.findall(source):
        found = text.find(word, place)
        if found < 0:
            return word
        place = found + len(word)
    return ""


# Atlassian Document Format: the node types of its JSON schema, in any nesting.

MARK = st.sampled_from(["strong", "em", "strike", "code", "underline", "subsup", "textColor", "annotation", "border"])
BLOCKS = (
    "paragraph heading blockquote bulletList orderedList listItem taskList taskItem blockTaskItem decisionList "
    "decisionItem table tableRow tableCell tableHeader panel expand nestedExpand layoutSection layoutColumn "
    "mediaSingle caption bodiedExtension codeBlock newKind"
).split()
LEAVES: list[dict[str, Any]] = [
    {"type": "hardBreak"}, {"type": "rule"}, {"type": "media", "attrs": {"type": "file", "id": "1"}},
    {"type": "mention", "attrs": {"id": "", "text": ""}}, {"type": "mediaGroup", "content": []},
]  # fmt: skip


def text_node(text: str, marks: list[str], href: str | None) -> dict[str, Any]:
    link = [{"type": "link", "attrs": {"href": href}}] if href else []
    return {"type": "text", "text": text, "marks": [{"type": mark} for mark in marks] + link}


TEXT_NODE = st.builds(text_node, TEXT, st.lists(MARK, max_size=2), st.sampled_from([None, None, "https://q.example/"]))
ATTRS = st.sampled_from(
    [{}, {"level": 2, "order": 3}, {"colspan": 2, "rowspan": 2}, {"state": "DONE"}, {"panelType": "note"}]
)
ADF = st.recursive(
    st.one_of(TEXT_NODE, TEXT_NODE, st.sampled_from(LEAVES)),
    lambda inner: st.builds(
        lambda kind, attrs, content: {"type": kind, "attrs": attrs, "content": content},
        st.sampled_from(BLOCKS),
        ATTRS,
        st.lists(inner, max_size=4),
    ),
    max_leaves=15,
)


def adf_texts(node: Any) -> list[str]:
    found = [node["text"]] if "text" in node else []
    return found + list(itertools.chain.from_iterable(adf_texts(inner) for inner in node.get("content", ())))


@given(st.lists(ADF, max_size=4))
@settings(max_examples=100)
def test_every_word_of_generated_adf_is_in_the_markdown(content: list[dict[str, Any]]) -> None:
    document = {"type": "doc", "version": 1, "content": content}
    found = adf_to_markdown(document)
    source = " ".join(text.replace("https://q.example/", "") for text in adf_texts(document))
    assert found.degraded == ""
    assert not missing(source, found.text)
    assert adf_to_markdown(document) == found


# Confluence storage format: elements of XHTML and of Atlassian's own, in any nesting.

ELEMENTS = (
    "p h1 h3 div span strong em code u sub blockquote ul ol li table tbody tr td th pre a ac:layout ac:layout-section "
    "ac:layout-cell ac:task-list ac:task ac:task-body ac:link-body ac:rich-text-body ac:inline-comment-marker ac:odd "
    "ac:placeholder section"
).split()
MACROS = "info note expand panel excerpt unknown toc details".split()


def macro(name: str, body: str) -> str:
    return f'<ac:structured-macro ac:name="{name}"><ac:rich-text-body>{body}</ac:rich-text-body></ac:structured-macro>'


def code(text: str) -> str:
    safe = text.replace("]]>", "]]]]><![CDATA[>")
    return (
        '<ac:structured-macro ac:name="code"><ac:parameter ac:name="language">py</ac:parameter>'
        f"<ac:plain-text-body><![CDATA[{safe}]]></ac:plain-text-body></ac:structured-macro>"
    )


Piece = tuple[str, str]
"""Storage format, and the words in it."""


def joined(pieces: list[Piece]) -> Piece:
    return " ".join(piece[0] for piece in pieces), " ".join(piece[1] for piece in pieces)


STORAGE: st.SearchStrategy[Piece] = st.recursive(
    st.one_of(
        TEXT.map(lambda text: (html.escape(text), text)),
        TEXT.map(lambda text: (code(text), text)),
        st.sampled_from([("<br/>", ""), ("<hr/>", ""), ('<ac:emoticon ac:name="tick"/>', "")]),
    ),
    lambda inner: st.one_of(
        st.builds(
            lambda name, piece: (f'<{name} colspan="2">{piece[0]}</{name}>', piece[1]),
            st.sampled_from(ELEMENTS),
            st.lists(inner, max_size=4).map(joined),
        ),
        st.builds(
            lambda name, piece: (macro(name, piece[0]), piece[1]),
            st.sampled_from(MACROS),
            st.lists(inner, max_size=4).map(joined),
        ),
    ),
    max_leaves=15,
)


@given(st.lists(STORAGE, max_size=4).map(joined))
@settings(max_examples=100)
def test_every_word_of_generated_storage_format_is_in_the_markdown(piece: Piece) -> None:
    found = storage_to_markdown(piece[0])
    assert found.degraded == ""
    assert not missing(piece[1], found.text)
    assert storage_to_markdown(piece[0]) == found


TAGS = ["<p>", "</p>", "<b>", "</b>", "<ul>", "<li>", "</ul>", "<td>", "</table>", "<table>", "<ac:link>", "</ac:link>",
        "<ri:page", "/>", "<", ">", "&", "&amp;", "<![CDATA[", "]]>", "<!--", "-->", '"',
        "<ac:structured-macro ac:name='code'>",
        "<ac:plain-text-body>", "</ac:plain-text-body>", "<pre>", "<h1>", "</h1>", "</storage>", "<br/>"]  # fmt: skip


@given(st.lists(st.one_of(st.sampled_from(TAGS), WORD), max_size=30))
@settings(max_examples=200)
def test_no_mix_of_tags_and_words_fails_or_loses_words_outside_of_tags(parts: list[str]) -> None:
    storage = " ".join(parts)
    kept = re.sub(r"(?s)<!--.*?(-->|$)|<[^<>]*>?", " ", storage)
    text = storage_to_markdown(storage).text
    assert all(word in text for word in NUMBERED.findall(kept))


MARKUP = ["*", "_", "-", "+", "^", "~", "??", "{{", "}}", "[", "]", "|", "||", "!", "{code}",
          "{code:java}", "{noformat}",
          "{quote}", "{panel:title=x}", "{panel}", "{color:red}", "{color}", "\n", "\n\n", "\n* ", "\n# ", "\n** ",
          "\nh1. ",
          "\nbq. ", "\n|", "\\", "[~", "[^", "http://x.example/", "----"]  # fmt: skip


@given(st.lists(st.one_of(st.sampled_from(MARKUP), WORD), max_size=40), st.booleans())
@settings(max_examples=300)
def test_no_mix_of_wiki_markup_and_words_fails_or_loses_words(parts: list[str], spaced: bool) -> None:
    markup = (" " if spaced else "").join(parts)
    text = wiki_to_markdown(markup).text
    assert all(word in text for word in NUMBERED.findall(markup))


@given(st.text(max_size=200))
def test_no_text_fails(text: str) -> None:
    for convert in (storage_to_markdown, wiki_to_markdown, adf_to_markdown):
        found = convert(text)
        assert found.text.encode("utf-8").decode("utf-8") == found.text
