"""Rows as the domain's values, and back."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from migrator.domain.model import (
    Bucket,
    BucketId,
    Counters,
    Event,
    Job,
    JobId,
    Lease,
    ObjectRecord,
    Prefix,
    PrefixId,
    Revision,
    Shard,
    ShardId,
)
from migrator.tracking import tables

if TYPE_CHECKING:
    from sqlalchemy import Row
    from sqlalchemy.sql import ColumnElement

    Found = Row[Any]

PREFIX_COLUMNS = tuple(tables.prefix.c[field.name] for field in fields(Prefix))
"""What a `Prefix` is made of, in its own order: a tick may read a hundred thousand of them."""

_T = TypeVar("_T")


def batches(items: Iterable[_T], size: int = 1000) -> Iterator[Sequence[_T]]:
    """Yield the items in runs that fit into one statement on either database."""
    rest = iter(items)
    while batch := tuple(islice(rest, size)):
        yield batch


def bucket(row: Found) -> Bucket:
    """Read a bucket."""
    return Bucket(BucketId(row.id), row.endpoint, row.region, row.name, row.right_at)


def job(row: Found) -> Job:
    """Make a job."""
    return Job(
        id=JobId(row.id),
        name=row.name,
        state=row.state,
        spec_json=row.spec_json,
        bucket_id=BucketId(row.bucket_id),
        created_at=row.created_at,
        discovered=row.discovered,
        blocked_reason=row.blocked_reason,
        blocked_hint=row.blocked_hint,
        readers_sent=row.readers_sent,
    )


def prefix(row: Found) -> Prefix:
    """Make a prefix from a row that begins with `PREFIX_COLUMNS`."""
    return Prefix(*row[: len(PREFIX_COLUMNS)])


def shard(row: Found) -> Shard:
    """Make a shard."""
    return Shard(
        id=ShardId(row.id),
        prefix_id=PrefixId(row.prefix_id),
        job_id=JobId(row.job_id),
        after=row.after,
        last=row.last,
        state=row.state,
        cursor=row.cursor,
        fence=row.fence,
        attempts=row.attempts,
        pass_no=row.pass_no,
        planned_objects=row.planned_objects,
        planned_bytes=row.planned_bytes,
        verified_round=row.verified_round,
        last_error=row.last_error,
        counters=counters(row),
        walk=counters_from_json(row.walk_json),
        proven_at=row.proven_at,
    )


def shard_lease(row: Found) -> Lease:
    """Make the lease of a shard that was just claimed."""
    return Lease(f"shard:{row.id}", row.owner, row.fence)


def record(row: Found) -> ObjectRecord:
    """Make an object's record."""
    return ObjectRecord(
        prefix_id=PrefixId(row.prefix_id),
        key=row.key,
        kind=row.kind,
        reason=row.reason,
        size_bytes=row.size_bytes,
        origin_etag=row.origin_etag,
        destination_etag=row.destination_etag,
        crc64=row.crc64,
        waived_by=row.waived_by,
    )


def revision(row: Found) -> Revision:
    """Make a revision."""
    return Revision(
        id=row.id,
        bucket_id=BucketId(row.bucket_id),
        state=row.state,
        reason=row.reason,
        before=None if row.before is None else bytes(row.before),
        after=None if row.after is None else bytes(row.after),
        own=tuple(json.loads(row.own_json)),
        created_at=row.created_at,
    )


def event(row: Found) -> Event:
    """Make an event."""
    return Event(
        id=row.id,
        at=row.at,
        job_id=None if row.job_id is None else JobId(row.job_id),
        prefix_id=None if row.prefix_id is None else PrefixId(row.prefix_id),
        kind=row.kind,
        message=row.message,
    )


def counters(row: Found) -> Counters:
    """Make counters from their columns."""
    return Counters(*(getattr(row, name) for name in tables.COUNTERS))


def summed(values: Iterable[Any]) -> Counters:
    """Make counters from sums of their columns, in order; PostgreSQL returns such sums as decimals."""
    return Counters(*map(int, values))


def counter_columns(value: Counters) -> dict[str, int]:
    """Lay counters out in their columns."""
    return {name: getattr(value, name) for name in tables.COUNTERS}


def counters_to_json(value: Counters) -> str:
    """Write counters as one text; a field that is added later reads as 0."""
    return json.dumps(asdict(value))


def counters_from_json(text: str) -> Counters:
    """Read what `counters_to_json` wrote; "" are no counters yet."""
    return Counters(**json.loads(text)) if text else Counters()


Values = Mapping[str, "ColumnElement[Any] | object"]
"""Column names with what to set them to."""
