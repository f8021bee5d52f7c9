"""A folder of markdown files to measure with: reproducible prose of real words, sections, lists and code."""

from __future__ import annotations

import random
from pathlib import Path

_TOPICS = (
    "backup restore retention snapshot archive tape offsite quota replica journal checksum verify schedule rotate "
    "deploy release rollback canary pipeline artifact registry container image cluster node pod probe autoscale "
    "incident pager escalation severity timeline mitigation postmortem runbook handover rota alert threshold metric "
    "database index query planner vacuum partition shard transaction isolation lock deadlock migration schema column "
    "network subnet gateway firewall latency packet proxy balancer certificate handshake resolver route tunnel "
    "payment invoice ledger refund settlement currency balance account statement audit compliance policy consent"
).split()
_GLUE = (
    "the a of to and in that for with on when before after while each every this team service system user request "
    "must should can may will does runs keeps writes reads checks sends waits fails returns starts stops holds"
).split()
WORDS = (*_TOPICS, *_GLUE)


def write_corpus(folder: Path, files: int, seed: int = 7) -> None:
    """Writes `files` markdown files (about 7.5 chunks and 5 kB each) below `folder`, in folders of a hundred."""
    for number in range(files):
        path = folder / f"team-{number // 100:03}" / f"note-{number:05}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(document(random.Random(f"{seed}:{number}"), number), "utf-8")


def document(random_source: random.Random, number: int) -> str:
    """One note: front matter, a title and sections."""
    topic = random_source.choice(_TOPICS)
    parts = [
        f"---\ntags: [{topic}, team-{number % 17}]\n---\n\n# Note {number}: {topic}\n\n{_paragraph(random_source)}\n"
    ]
    for _ in range(random_source.randint(3, 6)):
        heading = " ".join(random_source.sample(_TOPICS, 3))
        body = [_paragraph(random_source) for _ in range(random_source.randint(1, 3))]
        if random_source.random() < 0.3:
            body.append("\n".join(f"- {_sentence(random_source)}" for _ in range(4)))
        if random_source.random() < 0.2:
            body.append(f"```python\ndef {topic}_{number}(value):\n    return value * {number}\n```")
        parts.append(f"\n## {heading.capitalize()}\n\n" + "\n\n".join(body) + "\n")
    return "".join(parts)


def edit(path: Path, mark: str) -> None:
    """Adds a sentence in the middle of a note."""
    lines = path.read_text("utf-8").split("\n")
    lines.insert(len(lines) // 2, f"\nChanged for {mark}: the owner confirmed the {mark} plan.\n")
    path.write_text("\n".join(lines), "utf-8")


def _sentence(random_source: random.Random) -> str:
    words = [random_source.choice(_TOPICS if random_source.random() < 0.4 else _GLUE) for _ in range(14)]
    return " ".join(words).capitalize() + "."


def _paragraph(random_source: random.Random) -> str:
    return " ".join(_sentence(random_source) for _ in range(random_source.randint(3, 7)))
