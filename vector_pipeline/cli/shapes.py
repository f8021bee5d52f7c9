"""The shape of what each command prints with `--json`: one typed dictionary per command, the top of its document.

Shapes are stable: fields may be added in a new version, none is renamed or taken away without a word in the notes of
that version. The reference in the documentation is made from them. Loaded by that and by tests only: commands that
print nothing in JSON must not wait for it.
"""

from __future__ import annotations

SHAPES: dict[str, type] = {}
"""The words of a command ("queue status") to the shape of its document."""
