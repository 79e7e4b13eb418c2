"""Lines of access logs as values: OSS's own log, and the combined format of nginx and Apache."""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_LINE = 64 * 1024
"""A longer line is not looked at; no request line that a server accepts comes near it."""

_TOKEN = re.compile(r'\[[^\]]{0,64}\]|"(?:[^"\\]|\\.)*"|\S+')
_STATUS = re.compile(r"[1-5][0-9]{2}")
_METHOD = re.compile(r"[A-Z]{3,20}")
_FRONT = 8
"""The time stands among the first fields; a user name with spaces may push it back a little."""
_OSS_QUOTED = 12
"""Quoted fields behind the status that a line of OSS has at least; per the OSS documentation of log formats."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One request as a server wrote it down. Empty where the format does not say it, or says `-`."""

    method: str
    target: str
    """Path and query as they were sent; it may hold signatures."""
    status: int
    user_agent: str = ""
    oss: bool = False
    """The line is of OSS's own log, so what follows was known to the server."""
    requester: str = ""
    """The account that signed; anonymous requests have none."""
    operation: str = ""
    """Such as GetObject."""
    from_cdn: bool = False
    """OSS says that Alibaba Cloud CDN fetched it."""

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]

    @property
    def parameters(self) -> dict[str, str]:
        """The query by name in lower case; values as they were sent."""
        query = self.target.partition("?")[2]
        return {name.lower(): value for name, _, value in (part.partition("=") for part in query.split("&")) if name}


def parse_line(line: str) -> Entry | None:
    """Read one line of either format; None for anything else."""
    if len(line) > MAX_LINE:
        return None
    tokens = _TOKEN.findall(line)
    at = next((number for number, token in enumerate(tokens[:_FRONT]) if token.startswith("[")), None)
    if at is None or len(tokens) < at + 4 or not tokens[at + 1].startswith('"'):
        return None
    words = _bare(tokens[at + 1]).split()
    if len(words) < 2 or not _METHOD.fullmatch(words[0]) or not _STATUS.fullmatch(tokens[at + 2]):
        return None
    rest = tokens[at + 4 :]
    quoted = [_bare(token) for token in rest if token.startswith('"')]
    user_agent = quoted[1] if len(quoted) > 1 else ""
    entry = Entry(words[0], words[1], int(tokens[at + 2]), user_agent)
    if not rest or rest[0].startswith('"') or len(quoted) < _OSS_QUOTED:
        return entry
    return Entry(
        words[0],
        words[1],
        entry.status,
        user_agent,
        oss=True,
        requester=quoted[5],
        operation=quoted[6],
        from_cdn=quoted[11].lower() == "cdn",
    )


def _bare(token: str) -> str:
    text = token[1:-1] if token.startswith('"') and token.endswith('"') and len(token) > 1 else token
    return "" if text == "-" else text
