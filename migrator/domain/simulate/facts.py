"""What the simulator must be told, and what it tells."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from enum import StrEnum
from typing import Literal

BodyFrom = Literal["object", "redirect", "mirror", "index", "error", "oss"]
"""Where the body of an answer comes from: a stored object, nowhere (redirect), a Mirror rule's origin, the index or
error page, or OSS itself (its XML, or the answer to a write)."""

FORBIDDEN_SINCE = datetime(2024, 8, 5, tzinfo=timezone(timedelta(hours=8)))
"""Buckets created since then do not redirect strangers on OSS's own domains (ExternalRedirectForbidden)."""


class Signing(StrEnum):
    """How the reader proves who it is."""

    ANONYMOUS = "anonymous"
    HEADER = "header"
    """An Authorization header, as SDKs send."""
    URL = "url"
    """A presigned URL."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request of a reader."""

    key: str
    """Decoded, without the leading slash of the path."""
    method: str = "GET"
    host: str = ""
    """As the Host header says."""
    scheme: str = "https"
    headers: Mapping[str, str] = field(default_factory=dict)
    query: str = ""
    """Raw, without the question mark."""
    signed: Signing = Signing.ANONYMOUS
    status: int | None = None
    """What OSS would answer without any rule; None: it follows from the bucket."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """What matters of the bucket besides its website document."""

    objects: Container[str] = frozenset()
    """Keys that exist; a key behind a delete marker does not."""
    exists: bool = True
    acl: str = "public-read"
    """private, public-read or public-read-write."""
    created_at: datetime | None = None
    """None: before OSS began to forbid redirects on its own domains."""
    accelerated_since: datetime | None = None
    """When transfer acceleration was enabled, if it is."""
    mirror_origin_status: int = 200
    """What the origin of a Mirror rule answers; 0 when it does not."""
    oss_domain: bool | None = None
    """Whether the request came through OSS's own public domain; None: judged by its host."""


@dataclass(frozen=True, slots=True)
class Assumptions:
    """How OSS behaves where its documentation is silent; the defaults are the best evidence there is."""

    head_redirects: bool = False
    subresources_redirect: bool = False
    """Rules act on reads with versionId or x-oss-process as on plain ones."""
    denied_reads_redirect: bool = True
    """A rule for 403 fires when OSS denies access."""
    range_redirects: bool = True
    """A read of a range is answered by rules as a plain one is."""
    error_page_first: bool = False
    """The error page is served although a rule for 404 matches."""
    unconditional_rules: bool = True
    """A rule without a status answers every permitted request, also for objects that exist; else errors only."""
    forbidden_applies: bool = True
    """ExternalRedirectForbidden is enforced."""
    header_signed_exempt: bool = True
    """Requests signed in a header are spared ExternalRedirectForbidden."""
    signature_in_location: bool = True
    """A query string is passed on with its signature parameters."""
    replace_prefix_without_flag: bool = True
    """ReplaceKeyPrefixWith counts without EnableReplacePrefix."""
    location_encoded: bool = True
    """The key is percent-encoded in a Location."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the reader gets, and why."""

    status: int
    location: str = ""
    rule_number: int | None = None
    """The rule that decided, if one did."""
    body_from: BodyFrom = "oss"
    reason: str = ""
    """One plain sentence."""
    error_code: str = ""
    """OSS's error code where OSS itself answers with an error."""
    skipped: tuple[tuple[int, str], ...] = ()
    """Rules that were tried before, and why each did not answer."""
