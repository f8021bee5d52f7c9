"""Texts of their file as texts of ours: `${VARIABLE}` stays a reference, a secret that is written out becomes one.

Names of new variables come from where the secret stood; no two secrets get the same one.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

from vector_pipeline.settings_file import masked_url

_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_REFERENCE = re.compile(r"\$\{(" + _NAME + r")(?::-[^}]*)?\}")
_ALONE = re.compile(r"\s*\$\{(" + _NAME + r")(?::-[^}]*)?\}\s*")
_USER = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*://)(?P<user>[^/?#@\s]*)@")


def has_reference(value: str) -> bool:
    """Whether some of the text is filled in from the environment."""
    return bool(_REFERENCE.search(value))


def kept(value: str) -> str:
    """The text as our settings write it: references stay, any other $ is doubled."""
    parts = []
    end = 0
    for found in _REFERENCE.finditer(value):
        parts += [value[end : found.start()].replace("$", "$$"), found[0]]
        end = found.end()
    return "".join([*parts, value[end:].replace("$", "$$")])


def filled(value: str, instead: str) -> str:
    """The text as it might be once the environment is filled in, to see whether our settings could take it."""
    return _REFERENCE.sub(instead, value.replace("$$", "$"))


class Variables:
    """Names of environment variables for secrets."""

    def __init__(self) -> None:
        self._given: dict[str, str] = {}

    def reference(self, value: str, *parts: str) -> tuple[str, bool]:
        """The secret as a reference, and whether it was written out. `parts` name a new variable."""
        if alone := _ALONE.fullmatch(value):
            return f"${{{alone[1]}}}", ":-" in value
        return f"${{{self._name(value, parts)}}}", True

    def _name(self, value: str, parts: tuple[str, ...]) -> str:
        plain = re.sub(r"[^A-Z0-9]+", "_", "_".join(parts).upper()).strip("_")
        plain = plain if re.match(r"[A-Z]", plain) else f"SECRET_{plain}"
        number = 1
        name = plain
        while self._given.setdefault(name, value) != value:
            number += 1
            name = f"{plain}_{number}"
        return name


def without_credentials(url: str) -> tuple[str, str, str]:
    """The address, and the user and password that stood in front of its host ("" each where there are none).

    An address that holds a secret elsewhere (a parameter named like one) becomes "".
    """
    user = password = ""
    if found := _USER.match(url):
        user, _, password = found["user"].partition(":")
        if not found["scheme"].lower().startswith("http") and not password:
            return url, "", ""  # ssh://git@host: a user's name alone opens nothing
        url = found["scheme"] + url[found.end() :]
    if masked_url(url) != url:
        url = ""
    return url, unquote(user), unquote(password)
