"""What the chunker of code knows of each language: its grammar, and which syntax nodes define something named.

Data only. A grammar comes from an installed wheel and is loaded when the first document of its language is met.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import import_module
from typing import Any

from tree_sitter import Language


@dataclass(frozen=True, slots=True)
class Grammar:
    """`definitions` maps node types to the field with their name; `valued` ones count only if they hold a function.

    `wrappers` stand around a definition (an export, a decorator's target) and belong to it. `leading` nodes
    (comments, attributes) belong to the definition right below them. Bodies are in the field `body`.
    """

    module: str
    definitions: Mapping[str, str]
    function: str = "language"
    valued: frozenset[str] = frozenset()
    wrappers: frozenset[str] = frozenset()
    leading: frozenset[str] = field(default=frozenset({"comment"}))


_FUNCTION_VALUES = frozenset({"arrow_function", "function_expression", "generator_function", "class"})

_JAVASCRIPT = {
    "class_declaration": "name",
    "function_declaration": "name",
    "generator_function_declaration": "name",
    "method_definition": "name",
    "variable_declarator": "name",
    "field_definition": "property",
}
_TYPESCRIPT = _JAVASCRIPT | {
    "abstract_class_declaration": "name",
    "interface_declaration": "name",
    "type_alias_declaration": "name",
    "enum_declaration": "name",
    "function_signature": "name",
    "internal_module": "name",
    "module": "name",
    "public_field_definition": "name",
}
_SCRIPT_WRAPPERS = frozenset(
    {
        "export_statement",
        "lexical_declaration",
        "variable_declaration",
        "expression_statement",
        "ambient_declaration",
    }
)
_SCRIPT_VALUED = frozenset({"variable_declarator", "field_definition", "public_field_definition"})
_SCRIPT_LEADING = frozenset({"comment", "decorator"})

GRAMMARS: Mapping[str, Grammar] = {
    "python": Grammar(
        "tree_sitter_python",
        {"class_definition": "name", "function_definition": "name"},
        wrappers=frozenset({"decorated_definition"}),
    ),
    "javascript": Grammar(
        "tree_sitter_javascript",
        _JAVASCRIPT,
        valued=_SCRIPT_VALUED,
        wrappers=_SCRIPT_WRAPPERS,
        leading=_SCRIPT_LEADING,
    ),
    "typescript": Grammar(
        "tree_sitter_typescript",
        _TYPESCRIPT,
        "language_typescript",
        valued=_SCRIPT_VALUED,
        wrappers=_SCRIPT_WRAPPERS,
        leading=_SCRIPT_LEADING,
    ),
    "tsx": Grammar(
        "tree_sitter_typescript",
        _TYPESCRIPT,
        "language_tsx",
        valued=_SCRIPT_VALUED,
        wrappers=_SCRIPT_WRAPPERS,
        leading=_SCRIPT_LEADING,
    ),
    "go": Grammar(
        "tree_sitter_go",
        {"function_declaration": "name", "method_declaration": "name", "type_spec": "name"},
        wrappers=frozenset({"type_declaration"}),
    ),
    "java": Grammar(
        "tree_sitter_java",
        {
            "class_declaration": "name",
            "interface_declaration": "name",
            "enum_declaration": "name",
            "record_declaration": "name",
            "annotation_type_declaration": "name",
            "method_declaration": "name",
            "constructor_declaration": "name",
        },
        leading=frozenset({"line_comment", "block_comment"}),
    ),
    "rust": Grammar(
        "tree_sitter_rust",
        {
            "struct_item": "name",
            "enum_item": "name",
            "union_item": "name",
            "trait_item": "name",
            "impl_item": "type",
            "mod_item": "name",
            "function_item": "name",
            "function_signature_item": "name",
            "type_item": "name",
            "macro_definition": "name",
        },
        leading=frozenset({"line_comment", "block_comment", "attribute_item"}),
    ),
}


def holds_function(value_type: str) -> bool:
    """Whether a value of this node type makes the name it is given to a function or class."""
    return value_type in _FUNCTION_VALUES


@lru_cache(maxsize=32)
def raw_language(name: str) -> Any:
    """The language as its wheel gives it (the splitting library wants this form). Raises KeyError if unknown."""
    grammar = GRAMMARS[name]
    return getattr(import_module(grammar.module), grammar.function)()


@lru_cache(maxsize=32)
def load_language(name: str) -> Language:
    """The language for tree-sitter's parser. Raises KeyError if unknown."""
    return Language(raw_language(name))
