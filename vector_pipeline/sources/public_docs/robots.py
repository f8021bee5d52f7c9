"""What a site's robots.txt allows us: read as RFC 9309 says, asked for as it says.

The one idea: only the groups that name our agent, or else those for all, ever reach the parser; so a file with
thousands of groups costs no more than a short one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import urlsplit

from protego import Protego

from vector_pipeline.sources.public_docs.answers import Answer, PageRefused, SiteSilent

LONGEST = 500 * 1024
"""Bytes of a robots.txt that are read (RFC 9309 2.5); what is behind them is not."""
LONGEST_DELAY = 60.0
"""Seconds between requests that a site may ask for."""
MOST_REDIRECTS = 5
_LARGEST_FILE = 4 * LONGEST
_MOST_SITEMAPS = 1000
_AGENT_LINE = re.compile(r"\s*user[- ]?agent\s*[:\s]\s*(?P<name>[^#\s]*)", re.IGNORECASE)


class Robots:
    """What one robots.txt allows one agent; safe for threads.

    `delay` are the seconds that the site wants between requests, 0 to LONGEST_DELAY. `sitemaps` are their addresses as
    written.
    """

    def __init__(self, rules: Protego, agent: str) -> None:
        self._rules, self._agent = rules, agent
        rate = rules.request_rate(agent)
        wanted = max(rules.crawl_delay(agent) or 0.0, rate.seconds / rate.requests if rate else 0.0)
        self.delay = min(wanted, LONGEST_DELAY)
        self.sitemaps = tuple(dict.fromkeys(rules.sitemaps))[:_MOST_SITEMAPS]
        rules.can_fetch("http://host/", agent)  # builds its index, before threads ask

    def allows(self, url: str) -> bool:
        """Whether the agent may ask for an absolute URL of the site."""
        return bool(self._rules.can_fetch(url, self._agent))


def read_robots(text: str, agent: str) -> Robots:
    """The rules of a robots.txt for an agent, by its product token ("vector-pipeline"). Garbage allows everything."""
    lines = text[:LONGEST].removeprefix("\ufeff").splitlines()
    return Robots(Protego.parse("\n".join(_with_known_agents(lines, agent.lower()))), agent.lower())


def _with_known_agents(lines: list[str], agent: str) -> list[str]:
    """The lines with all other agents called "-": a parser's work grows with groups times rules."""
    kept: list[str] = []
    for line in lines:
        found = _AGENT_LINE.match(line)
        if found:
            name = found["name"].partition("/")[0].lower()
            line = f"User-agent: {name if name in ('*', agent) else '-'}"
            if kept and kept[-1] == line:
                continue
        kept.append(line)
    return kept


ALLOW_ALL = read_robots("", "")


def fetch_robots(get: Callable[[str, int], Answer], origin: str, label: str, agent: str) -> Robots:
    """The rules of a site, asked for by `get` (URL, limit in bytes). `origin` is its scheme, host and port.

    RFC 9309 2.3.1: a file that is not there, is refused or lies behind more redirects than are followed allows
    everything. One that can't be reached or read forbids everything: SiteSilent. A redirect to a host that is not
    allowed counts as a file that is not there.
    """
    url = f"{origin}/robots.txt"
    for _ in range(MOST_REDIRECTS + 1):
        try:
            answer = get(url, _LARGEST_FILE)
        except PageRefused as refused:
            if urlsplit(url).netloc != urlsplit(origin).netloc:
                return ALLOW_ALL
            raise _unreadable(label, url, refused.reason) from refused
        if answer.status == 200:
            return read_robots(answer.body[:LONGEST].decode("utf-8", "replace"), agent)
        if not (300 <= answer.status < 400 and answer.location):
            return ALLOW_ALL
        url = answer.location
    return ALLOW_ALL


def _unreadable(label: str, url: str, reason: str) -> SiteSilent:
    return SiteSilent(
        label,
        url,
        f"robots.txt can't be read: {reason}",
        hint="nothing is asked for without it; set robots: false where the site's owner agrees",
    )
