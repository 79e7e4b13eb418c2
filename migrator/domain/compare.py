"""Are two sides equal? A merge-join of two sorted listings, and the verdict on one key."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from enum import StrEnum

from migrator.domain.model import Counters, ObjectRecord, RecordKind
from migrator.domain.objects import ObjectInfo

_MD5 = re.compile(r"[0-9a-fA-F]{32}")


class Verdict(StrEnum):
    """What two listings and the records say about one key. `UNKNOWN` is never green."""

    EQUAL = "equal"
    MISSING = "missing"
    """At the origin, not at the destination."""
    EXTRA = "extra"
    """At the destination only."""
    DIFFERS = "differs"
    UNKNOWN = "unknown"
    """Same size, but the ETags cannot show equality and nothing is recorded about it."""


def plain_md5(etag: str) -> bool:
    """Say whether an ETag looks like the MD5 of the body; multipart ETags (`...-N`) do not."""
    return _MD5.fullmatch(etag) is not None


def verdict(origin: ObjectInfo | None, destination: ObjectInfo | None, record: ObjectRecord | None = None) -> Verdict:
    """Judge one key.

    Equal ETags that look like MD5 prove equality; unequal ones prove nothing, since either store may use another
    scheme (multipart, append, server-side encryption). A recorded proof holds only for exactly these two versions.
    """
    if destination is None:
        return Verdict.MISSING
    if origin is None:
        return Verdict.EXTRA
    if origin.size_bytes != destination.size_bytes:
        return Verdict.DIFFERS
    if plain_md5(origin.etag) and origin.etag.lower() == destination.etag.lower():
        return Verdict.EQUAL
    if (
        record is not None
        and record.kind is RecordKind.PROOF
        and record.origin_etag == origin.etag
        and record.destination_etag == destination.etag
    ):
        return Verdict.EQUAL
    return Verdict.UNKNOWN


def merge_join(
    origin: Iterable[ObjectInfo], destination: Iterable[ObjectInfo]
) -> Iterator[tuple[str, ObjectInfo | None, ObjectInfo | None]]:
    """Join two listings in byte order on their keys, in constant memory."""
    left, right = iter(origin), iter(destination)
    a, b = next(left, None), next(right, None)
    while a is not None or b is not None:
        if b is None or (a is not None and a.key < b.key):
            assert a is not None
            yield a.key, a, None
            a = next(left, None)
        elif a is None or b.key < a.key:
            yield b.key, None, b
            b = next(right, None)
        else:
            yield a.key, a, b
            a, b = next(left, None), next(right, None)


def settle_pass(before: Counters, walk: Counters) -> Counters:
    """Restate a repair pass so that what earlier passes copied still counts as copied.

    A repair pass meets our own earlier copies as equal. Equal objects are attributed to `already_equal` only as
    far as they were so before the first copy. The sum over outcomes stays exactly `walk.discovered`.
    """
    equal, size = walk.copied + walk.already_equal, walk.copied_bytes + walk.equal_bytes
    already, already_bytes = min(before.already_equal, equal), min(before.equal_bytes, size)
    return Counters(
        discovered=walk.discovered,
        copied=equal - already,
        already_equal=already,
        kept_destination=walk.kept_destination,
        vanished=walk.vanished,
        failed=walk.failed,
        quarantined=walk.quarantined,
        copied_bytes=size - already_bytes,
        equal_bytes=already_bytes,
    )
