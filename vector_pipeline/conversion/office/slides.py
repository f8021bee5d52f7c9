"""A presentation as text: what every reader of slides gives, and how it is put together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from vector_pipeline.conversion.content import Converted
from vector_pipeline.conversion.office.tidy import heading, tidy


@dataclass(slots=True)
class Slide:
    """One slide: its title ("" if it has none), its blocks of markdown in order, and the speaker's notes."""

    title: str = ""
    blocks: list[str] = field(default_factory=list)
    notes: str = ""


def converted_slides(slides: Sequence[Slide], title: str, metadata: dict[str, Any]) -> Converted:
    """Slides with their titles, or "Slide 3", as headings. `slide_starts` holds the offset of each slide.

    The text is empty where no slide says anything.
    """
    if not any(words.strip() for slide in slides for words in (slide.title, slide.notes, *slide.blocks)):
        slides = ()
    parts: list[str] = []
    starts: list[int] = []
    position = 0
    for number, slide in enumerate(slides, 1):
        part = f"{heading(2, slide.title.strip() or f'Slide {number}')}\n"
        if body := tidy("\n\n".join(slide.blocks)):
            part += f"\n{body}"
        if notes := tidy(slide.notes):
            part += f"\n{heading(3, 'Notes')}\n\n{notes}"
        starts.append(position)
        parts.append(part)
        position += len(part) + 1
    found = {**metadata, **({"slide_starts": starts} if starts else {})}
    return Converted("\n".join(parts), "markdown", title=title, metadata=found, context=title)
