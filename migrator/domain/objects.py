"""Objects as the two sides show them, and what becomes of one. Keys are str in UTF-8 byte order, Python's own order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from migrator.domain.states import Outcome

LAST_CHARACTER = "\U0010fffd"
"""Greater than every character that occurs in keys; `prefix + LAST_CHARACTER` lies behind all keys under prefix."""


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """One object as a listing shows it."""

    key: str
    size_bytes: int
    etag: str
    """Without quotes, as the store spells it; empty where the store has none."""
    modified_at: datetime | None = None
    storage_class: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """One listing answer, keys in byte order."""

    objects: tuple[ObjectInfo, ...]
    common_prefixes: tuple[str, ...] = ()
    next_after: str | None = None
    """Where to go on (exclusive); None at the end of the listing."""


@dataclass(frozen=True, slots=True)
class ObjectHead:
    """An object's properties as the store itself states them."""

    size_bytes: int
    etag: str
    headers: Mapping[str, str]
    """Names in lower case: the system headers and user metadata (`meta/<name>` whatever the store's own spelling)."""
    crc64: int | None = None
    """CRC-64/ECMA-182 of the whole object, where the store knows it (OSS: x-oss-hash-crc64ecma)."""
    modified_at: datetime | None = None


META = "meta/"
"""Prefix of user metadata names in `ObjectHead.headers`."""
SYSTEM_HEADERS = (
    "content-type",
    "cache-control",
    "content-encoding",
    "content-disposition",
    "content-language",
    "expires",
)
"""The headers that travel with an object, besides user metadata."""


@dataclass(frozen=True, slots=True)
class CopyItem:
    """One object to copy, as it was listed at the origin; keys are complete on both sides."""

    origin_key: str
    destination_key: str
    size_bytes: int
    etag: str


@dataclass(frozen=True, slots=True)
class CopyResult:
    """What became of one `CopyItem`; `reason` is one plain sentence where the outcome is not a success."""

    item: CopyItem
    outcome: Outcome
    size_bytes: int = 0
    """Bytes that were written."""
    destination_etag: str = ""
    crc64: int | None = None
    reason: str = ""
    retryable: bool = False
    """For failed: whether a later attempt may succeed."""
