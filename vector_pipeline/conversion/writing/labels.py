"""Words for what a page shows only by colour and icon: kinds of panels, emoticons, names of languages."""

from __future__ import annotations

import re

_PANELS = {"info": "Info", "note": "Note", "tip": "Tip", "success": "Success", "warning": "Warning", "error": "Error"}
_NO_LANGUAGE = frozenset({"none", "text", "plain", "plaintext"})
_LANGUAGE = re.compile(r"[A-Za-z0-9+#_.-]{1,40}")
_EMOTICONS = {
    "smile": "🙂",
    "sad": "🙁",
    "cheeky": "😛",
    "laugh": "😀",
    "wink": "😉",
    "thumbs-up": "👍",
    "thumbs-down": "👎",
    "information": "ℹ",
    "tick": "✅",
    "cross": "❌",
    "warning": "⚠",
    "plus": "➕",
    "minus": "➖",
    "question": "❓",
    "light-on": "💡",
    "yellow-star": "⭐",
    "heart": "❤",
    "broken-heart": "💔",
}


def panel_label(kind: str, title: str = "") -> str:
    """What a panel is headed with: its kind and title, "" for a plain panel without a title."""
    return ": ".join(part for part in (_PANELS.get(kind.lower(), ""), " ".join(title.split())) if part)


def language_name(name: str) -> str:
    """A language as it may follow a fence, "" for plain text and for what is no name."""
    name = name.strip().lower()
    return name if _LANGUAGE.fullmatch(name) and name not in _NO_LANGUAGE else ""


def emoticon(name: str, fallback: str, short_name: str) -> str:
    """The character of an emoticon, else its name between colons."""
    if fallback and not fallback.startswith(":"):
        return fallback
    if name in _EMOTICONS:
        return _EMOTICONS[name]
    return short_name or fallback or (f":{name}:" if name else "")
