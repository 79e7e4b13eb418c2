"""Conditional requests: If-Match and its relatives, on reads and on copy sources."""

from __future__ import annotations

from email.utils import mktime_tz, parsedate_tz

from migrator.sandbox.oss.answers import Refusal
from migrator.sandbox.oss.call import Call
from migrator.sandbox.oss.store import Entry

_READ = ("if-match", "if-unmodified-since", "if-none-match", "if-modified-since")


def check_read(call: Call, entry: Entry) -> bool:
    """Return whether a read is answered by 304. Raises Refusal PreconditionFailed."""
    headers = call.headers
    if headers.keys().isdisjoint(_READ):
        return False
    return _check(entry, *(headers.get(name, "") for name in _READ))


def check_copy_source(call: Call, entry: Entry) -> None:
    """Check the conditions of CopyObject. Raises Refusal 412, or 304 where OSS answers so."""
    names = (f"x-oss-copy-source-{name}" for name in _READ)
    if _check(entry, *(call.header(name) for name in names)):
        raise Refusal(304, "NotModified", "Not Modified")


def _check(entry: Entry, match: str, unmodified_since: str, none_match: str, modified_since: str) -> bool:
    if match and not _names(match, entry.etag):
        raise _failed("If-Match")
    since = _seconds(unmodified_since)
    if since is not None and entry.modified > since:
        raise _failed("If-Unmodified-Since")
    if none_match:
        return _names(none_match, entry.etag)
    since = _seconds(modified_since)
    return since is not None and entry.modified <= since


def _names(header: str, etag: str) -> bool:
    return header.strip() == "*" or any(tag.strip().strip('"').upper() == etag.upper() for tag in header.split(","))


def _seconds(header: str) -> int | None:
    parsed = parsedate_tz(header) if header else None
    return int(mktime_tz(parsed)) if parsed else None


def _failed(condition: str) -> Refusal:
    message = "At least one of the pre-conditions you specified did not hold."
    return Refusal(412, "PreconditionFailed", message, "0017-00000701", details=(("Condition", condition),))
