"""What S3 and web servers answer to HEAD and ranged GET, read strictly. Shared by the origins that speak HTTP."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from migrator.adapters.http import Response
from migrator.domain.objects import META, SYSTEM_HEADERS, ObjectHead
from migrator.errors import IntegrityMismatch, ObjectChanged

_CONTENT_RANGE: Final = re.compile(r"bytes (\d+)-(\d+)/(\d+)\Z")
_MONTHS: Final = {
    name: number
    for number, name in enumerate("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(), 1)  # noqa: SIM905
}


def conditions(if_match: str, start: int, end: int | None) -> list[tuple[str, str]]:
    """Return the headers of a GET of `[start, end)`, undecoded, of exactly the version `if_match`.

    A weak ETag cannot be a condition; it is compared with the answer's afterwards.
    """
    headers = [("Accept-Encoding", "identity")]
    if if_match and not if_match.startswith("W/"):
        headers.append(("If-Match", f'"{if_match}"'))
    if is_ranged(start, end):
        headers.append(("Range", f"bytes={start}-{'' if end is None else end - 1}"))
    return headers


def is_ranged(start: int, end: int | None) -> bool:
    """Say whether less than the whole object is asked for."""
    return start > 0 or end is not None


def take(response: Response, *, what: str, if_match: str, start: int, end: int | None) -> tuple[int, bytes]:
    """Return the whole object's size and exactly the bytes `[start, end)` of a 200 or 206 answer.

    Servers that ignore ranges or conditions are noticed: the whole object is cut to the range, another ETag raises
    ObjectChanged. Raises IntegrityMismatch for any other bytes than asked for, or when nobody can know their number.
    """
    etag = etag_of(response.headers)
    if if_match and not etag:
        # A login page of the network or of a balancer, answered with 200, would be stored as the object.
        raise IntegrityMismatch(f"{what}: the answer names no ETag, so nobody knows which version it is, or of what")
    if if_match and etag != if_match:
        raise ObjectChanged(f"{what} has changed since it was listed")
    body = response.body
    if response.status == 206:
        answered = _CONTENT_RANGE.match(response.headers.get("content-range", ""))
        if answered is None or not is_ranged(start, end):
            raise IntegrityMismatch(f"{what}: the answer is a part, but does not say rightly which")
        first, last, size = (int(number) for number in answered.groups())
        if end is not None and size < end:
            raise ObjectChanged(f"{what} is shorter than it was listed")
        if (first, last) != (start, (size if end is None else end) - 1) or len(body) != last - first + 1:
            raise IntegrityMismatch(f"{what}: another range was answered than asked for")
        return size, body
    if not response.framed:
        raise IntegrityMismatch(f"{what}: the answer does not tell its length, so it cannot be known to be whole")
    size = len(body)
    if is_ranged(start, end):
        if size < (start if end is None else end):
            raise ObjectChanged(f"{what} is shorter than it was listed")
        body = body[start:end]
    return size, body


def head_of(headers: Mapping[str, str], size_bytes: int, *, meta: str = "") -> ObjectHead:
    """Describe an object by its answer's headers; names that begin with `meta` are user metadata."""
    carried = {name: headers[name] for name in SYSTEM_HEADERS if name in headers}
    if meta:
        for name, value in headers.items():
            if name.startswith(meta):
                carried[META + name[len(meta) :]] = value
    return ObjectHead(size_bytes, etag_of(headers), carried, modified_at=http_date(headers.get("last-modified", "")))


def etag_of(headers: Mapping[str, str]) -> str:
    """Return the ETag without quotes; a weak one keeps its W/ so that it is never taken for a strong one."""
    etag = headers.get("etag", "")
    return "W/" + etag[2:].strip('"') if etag.startswith("W/") else etag.strip('"')


def shown(key: str) -> str:
    """Return a key fit for one line of a terminal or a log."""
    return key if key.isprintable() else repr(key)


def http_date(value: str) -> datetime | None:
    """Parse a date header; None where there is none or it is nonsense."""
    try:
        if len(value) == 29 and value.endswith(" GMT"):  # the common form, many times faster than the general parser
            return datetime(
                int(value[12:16]),
                _MONTHS[value[8:11]],
                int(value[5:7]),
                int(value[17:19]),
                int(value[20:22]),
                int(value[23:25]),
                tzinfo=UTC,
            )
        return parsedate_to_datetime(value).astimezone(UTC)
    except (KeyError, ValueError, TypeError):
        return None
