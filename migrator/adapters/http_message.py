"""HTTP requests and answers as values; no I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import urlsplit

Headers = Sequence[tuple[str, str]] | Mapping[str, str]
MAX_BODY_BYTES: Final = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long to wait: for a connection, without any byte moving, and in all (0: no bound)."""

    connect_s: float = 10.0
    idle_s: float = 30.0
    total_s: float = 600.0


DEFAULT_TIMEOUTS: Final = Timeouts()


@dataclass(frozen=True, slots=True)
class Request:
    """One request. `url` is ASCII with everything percent-encoded by the caller; its path is sent verbatim."""

    method: str
    url: str
    headers: Headers = ()
    body: bytes | memoryview = b""
    timeouts: Timeouts = DEFAULT_TIMEOUTS
    max_body_bytes: int = MAX_BODY_BYTES
    """A longer answer is an error."""


@dataclass(frozen=True, slots=True)
class Response:
    """One complete answer. Header names in lower case; repeated headers joined by a comma."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    @property
    def framed(self) -> bool:
        """Say whether the answer told its own length; if not, nobody can know that the body is whole."""
        return "content-length" in self.headers or "chunked" in self.headers.get("transfer-encoding", "").lower()

    @property
    def retry_after_s(self) -> float | None:
        """Return how long the server asks to wait (Retry-After: seconds, or a date against its own Date)."""
        value = self.headers.get("retry-after", "").strip()
        if value.isdecimal():
            return float(value)
        try:
            return max(
                0.0, (parsedate_to_datetime(value) - parsedate_to_datetime(self.headers["date"])).total_seconds()
            )
        except (KeyError, ValueError, TypeError):
            return None


def peer_of(url: str) -> str:
    """Return host:port of a URL, for messages."""
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        return "the endpoint"
    return f"{parts.hostname}:{port}"
