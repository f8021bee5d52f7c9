"""Code by definition, in each language there is a grammar for."""

from __future__ import annotations

import random
from collections.abc import Mapping

import pytest

from vector_pipeline.chunking.code import LARGEST_PARSED, code_spans
from vector_pipeline.chunking.grammars import GRAMMARS, load_language
from vector_pipeline_tests.chunking.corpus import assert_covers, python_functions


def statements(line: str, count: int = 9) -> str:
    """Numbered lines that make a definition long enough for a chunk of its own."""
    return "".join(line.replace("#", str(number)) for number in range(count))


# A class with two long members, and a long function of its own, per language.
SAMPLES: Mapping[str, tuple[str, list[tuple[str, ...]]]] = {
    "python": (
        "import os\n\n\n@decorated\nclass Store:\n    '''Holds it.'''\n\n"
        "    # opens\n    @classmethod\n    def open(cls):\n"
        + statements("        value_# = #\n")
        + "\n    async def close(self):\n"
        + statements("        value_# = #\n")
        + "\n\ndef main():\n"
        + statements("    value_# = #\n"),
        [("Store", "open"), ("Store", "close"), ("main",)],
    ),
    "javascript": (
        "import os from 'os';\n\nexport default class Store extends Base {\n  open() {\n"
        + statements("    const value_# = #;\n")
        + "  }\n\n  static async close() {\n"
        + statements("    const value_# = #;\n")
        + "  }\n}\n\nexport const main = async (a) => {\n"
        + statements("  const value_# = #;\n")
        + "};\n",
        [("Store", "open"), ("Store", "close"), ("main",)],
    ),
    "typescript": (
        "namespace App {\n  export abstract class Store<T> {\n    private open(): void {\n"
        + statements("      const value_#: number = #;\n")
        + "    }\n\n    close = (): void => {\n"
        + statements("      const value_#: number = #;\n")
        + "    };\n  }\n}\n\nexport interface Shape {\n"
        + statements("  value_#: number; // a member of it\n")
        + "}\n",
        [("App", "Store", "open"), ("App", "Store", "close"), ("Shape",)],
    ),
    "tsx": (
        "class Store extends Base {\n  open() {\n"
        + statements("    const value_# = <b>#</b>;\n")
        + "  }\n\n  close() {\n"
        + statements("    const value_# = <b>#</b>;\n")
        + "  }\n}\n\nexport function Main({ a }: Props) {\n"
        + statements("  const value_# = <b>#</b>;\n")
        + "}\n",
        [("Store", "open"), ("Store", "close"), ("Main",)],
    ),
    "go": (
        "package main\n\n// Store holds it.\ntype Store struct {\n"
        + statements("\tvalue# int // a field of the store\n")
        + "}\n\n// Open opens.\nfunc (s *Store[T]) Open() error {\n"
        + statements("\tvalue# := #; use(value#)\n")
        + "\treturn nil\n}\n\nfunc main() {\n"
        + statements("\tvalue# := #; use(value#)\n")
        + "}\n",
        [("Store",), ("Store", "Open"), ("main",)],
    ),
    "java": (
        "package a.b;\n\n/** Holds it. */\n@Named\npublic class Store {\n  @Override\n  public void open() {\n"
        + statements("    int value# = #; use(value#);\n")
        + "  }\n\n  static void close() {\n"
        + statements("    int value# = #; use(value#);\n")
        + "  }\n}\n\nrecord Shape(int a) {\n  void draw() {\n"
        + statements("    int value# = #; use(value#);\n")
        + "  }\n}\n",
        [("Store", "open"), ("Store", "close"), ("Shape",)],
    ),
    "rust": (
        "/// Holds it.\n#[derive(Debug)]\npub struct Store {\n"
        + statements("    value_#: u8, // a field of the store\n")
        + "}\n\nimpl Named for Store {\n    /// Opens.\n    fn open(&self) {\n"
        + statements("        let value_# = #; consume(value_#);\n")
        + "    }\n\n    fn close(&self) {\n"
        + statements("        let value_# = #; consume(value_#);\n")
        + "    }\n}\n",
        [("Store",), ("Store", "open"), ("Store", "close")],
    ),
}


@pytest.mark.parametrize("language", sorted(GRAMMARS))
def test_each_definition_is_a_chunk_under_the_names_it_stands_in(language: str) -> None:
    text, expected = SAMPLES[language]
    spans = code_spans(text, language, 400)
    assert_covers(text, spans)
    assert all(span.end - span.start <= 400 for span in spans)
    first = {span.headings: text[span.start : span.end] for span in reversed(spans)}
    assert [path for path in dict.fromkeys(span.headings for span in spans) if path in expected] == expected
    for path in expected:
        assert path[-1] in first[path]


@pytest.mark.parametrize("language", sorted(GRAMMARS))
def test_every_installed_grammar_loads(language: str) -> None:
    assert load_language(language).node_kind_count > 0


def test_comments_and_decorators_stay_with_what_they_describe() -> None:
    text, _ = SAMPLES["python"]
    chunk = next(text[s.start : s.end] for s in code_spans(text, "python", 400) if s.headings == ("Store", "open"))
    assert "    # opens\n    @classmethod\n    def open" in chunk
    text, _ = SAMPLES["rust"]
    chunk = next(text[s.start : s.end] for s in code_spans(text, "rust", 400) if s.headings == ("Store", "open"))
    assert "    /// Opens.\n    fn open" in chunk


def test_small_neighbours_share_a_chunk_under_the_name_of_their_class() -> None:
    text = "class Point:\n" + "".join(f"    def get_{n}(self):\n        return {n}\n\n" for n in range(30))
    spans = code_spans(text, "python", 600)
    assert_covers(text, spans)
    assert {span.headings for span in spans} == {("Point",)}
    assert len(spans) < 10


def test_a_closing_brace_is_no_chunk_of_its_own() -> None:
    for language, (text, _) in SAMPLES.items():
        for span in code_spans(text, language, 400):
            assert any(character.isalnum() for character in text[span.start : span.end])


def test_a_function_that_fits_is_never_cut() -> None:
    functions = python_functions(5, 80)
    text = "\n".join(functions)
    chunks = [text[span.start : span.end] for span in code_spans(text, "python", 1200)]
    short = [function.strip() for function in functions if len(function) <= 1200]
    assert len(short) > 20
    for function in short:
        assert any(function in chunk for chunk in chunks)


def test_a_long_function_is_cut_between_statements() -> None:
    text = "def main():\n" + "".join(f"    value_{n} = compute(alpha={n}, beta={n})\n" for n in range(80))
    spans = code_spans(text, "python", 500)
    assert_covers(text, spans)
    assert len(spans) > 5
    assert {span.headings for span in spans} == {("main",)}
    for span in spans:
        assert text[span.start : span.end].splitlines()[0].startswith(("def main", "    value_"))


def test_code_without_a_grammar_or_with_broken_syntax_is_still_cut() -> None:
    text = "".join(python_functions(1, 12))
    broken = text.replace(":\n", "((\n", 3)
    for language, source in (("cobol", text), ("", text), ("python", broken), ("rust", text)):
        spans = code_spans(source, language, 500)
        assert_covers(source, spans)
        assert all(span.end - span.start <= 500 for span in spans)


def test_a_file_too_large_to_parse_is_cut_by_line() -> None:
    text = "values = [\n" + "    1234,\n" * (LARGEST_PARSED // 10) + "]\n"
    spans = code_spans(text, "python", 1200)
    assert_covers(text, spans)
    assert all(text[span.start : span.end].startswith(("values", "    1234", "]")) for span in spans)


@pytest.mark.parametrize("language", sorted(GRAMMARS))
def test_code_that_was_cut_anywhere_and_shuffled_is_still_covered(language: str) -> None:
    rnd = random.Random(language)
    text, _ = SAMPLES[language]
    for _ in range(15):
        parts = [text[rnd.randrange(len(text)) :][: rnd.randrange(200)] for _ in range(12)]
        source = "".join(part + rnd.choice(("", "\n", " ", "é", "\x00", "{", ")")) for part in parts)
        spans = code_spans(source, language, 150)
        assert_covers(source, spans)
        assert all(span.end - span.start <= 150 for span in spans)


def test_several_definitions_on_one_line_are_covered() -> None:
    text = "function a(){return 1}function b(){return 2} // both\n" * 30
    spans = code_spans(text, "javascript", 300)
    assert_covers(text, spans)
