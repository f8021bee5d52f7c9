"""Names of the users that bodies mention, asked for together and once per run.

Bodies name users by account id (Cloud), user key or user name (Data Center). Authors need no question: their names
come with what they wrote.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Mapping
from html import unescape

from vector_pipeline.sources.atlassian.errors import AccessDenied, AnswerRefused
from vector_pipeline.sources.atlassian.site import Site
from vector_pipeline.sources.confluence.answers import rows_at, text_at

_STORAGE_USER = re.compile(r"""\bri:(account-id|userkey|username)=["']([^"'<>]{1,255})["']""")
_ADF_MENTION = re.compile(r'"mention"[^{}]{0,200}\{[^{}]{0,400}?"id"\s*:\s*"([^"\\<>]{1,255})"')
_AT_ONCE = 200
_QUERY = {"userkey": "key", "username": "username", "account-id": "accountId"}


class People:
    """Names by id of one site, remembered, for any number of threads. A user that is not told has no name."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._names: dict[str, str] = {}
        self._lock = threading.Lock()

    def names(self, bodies: Iterable[str]) -> Mapping[str, str]:
        """The names of everybody the bodies mention, as far as the service tells. Raises SourceError."""
        wanted: dict[str, str] = {}
        for body in bodies:
            if "ri:user" in body:
                wanted |= {unescape(number): kind for kind, number in _STORAGE_USER.findall(body)}
            elif '"mention"' in body:
                wanted |= dict.fromkeys(_ADF_MENTION.findall(body), "account-id")
        with self._lock:
            new = {number: kind for number, kind in wanted.items() if number not in self._names}
            if new:
                self._names |= self._read_all(list(new)) if self._site.cloud else self._read_each(new)
            return {number: self._names[number] for number in wanted}

    def _read_all(self, numbers: list[str]) -> dict[str, str]:
        found = dict.fromkeys(numbers, "")
        for start in range(0, len(numbers), _AT_ONCE):
            batch = numbers[start : start + _AT_ONCE]
            try:
                answer = self._site.post("/api/v2/users-bulk", {"accountIds": batch})
            except (AnswerRefused, AccessDenied):
                continue  # names are a courtesy: without them a mention keeps its id
            found |= {
                text_at(row, "accountId"): text_at(row, "displayName") or text_at(row, "publicName")
                for row in rows_at(answer, "results")
            }
        return found

    def _read_each(self, wanted: Mapping[str, str]) -> dict[str, str]:
        found = {}
        for number, kind in wanted.items():
            try:
                found[number] = text_at(self._site.get("/rest/api/user", {_QUERY[kind]: number}), "displayName")
            except (AnswerRefused, AccessDenied):
                found[number] = ""
        return found
