"""What the engine is told about a request and its bucket, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from migrator.sandbox.switches import Switches


@dataclass(frozen=True, slots=True)
class Request:
    """One request about one object, after its signature was accepted."""

    method: str
    key: str
    """Decoded."""
    host: str
    query: str
    """As it was sent, without the question mark."""
    headers: Mapping[str, str]
    """Names in lower case."""
    signed: Literal["header", "url", "anonymous"]
    https: bool


@dataclass(frozen=True, slots=True)
class Facts:
    """What is true of the bucket while the request is answered."""

    created_at: datetime
    oss_domain: bool
    """The request came through a public OSS domain (acceleration included), not through a custom domain."""
    object_exists: Callable[[str], bool]
    switches: Switches


@dataclass(frozen=True, slots=True)
class Reply:
    """What to answer instead: an object of the bucket (`serve_key`), a redirect (`location`), or an error (`code`)."""

    status: int
    location: str = ""
    code: str = ""
    message: str = ""
    ec: str = ""
    serve_key: str = ""
    serve_status: int = 200
    for_cdn: bool = False
    """The redirect carries the header by which Alibaba Cloud CDN recognises that it should follow."""
