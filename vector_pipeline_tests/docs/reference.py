"""The reference pages of the documentation, made from the code: every setting, every command, every JSON document.

`python -m vector_pipeline_tests.docs.reference` (part of `make docs`) writes them into docs/reference; a test
compares what is committed with what the code gives.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from vector_pipeline_tests.docs.reference_commands import commands_page
from vector_pipeline_tests.docs.reference_json import json_page
from vector_pipeline_tests.docs.reference_settings import settings_page

FOLDER = Path(__file__).parents[2] / "docs" / "reference"

PAGES: Mapping[str, Callable[[], str]] = {
    "settings.md": settings_page,
    "commands.md": commands_page,
    "json.md": json_page,
}
"""File name to what makes its text."""


def write_pages(folder: Path = FOLDER) -> list[str]:
    """Writes the pages whose text differs from the code's; their names."""
    folder.mkdir(parents=True, exist_ok=True)
    changed = []
    for name, page in PAGES.items():
        text, file = page(), folder / name
        if not file.exists() or file.read_text("utf-8") != text:
            file.write_text(text, "utf-8")
            changed.append(name)
    return changed


if __name__ == "__main__":
    print("\n".join(f"wrote docs/reference/{name}" for name in write_pages()) or "docs/reference is up to date")
