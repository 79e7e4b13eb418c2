"""Prefixes with the sums of their shards and records: a handful of grouped statements for any number of prefixes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from migrator.domain.model import JobId, PrefixView, RecordKind
from migrator.domain.states import PrefixState, ShardState
from migrator.tracking import rows
from migrator.tracking.tables import COUNTERS, object_record, prefix, shard

if TYPE_CHECKING:
    from sqlalchemy import Connection, Select

_SUMS = ("planned_objects", "planned_bytes", *COUNTERS)
_NO_SHARDS = (None, *(0 for _ in ShardState), 0, *(0 for _ in _SUMS))
BLOCKING = (RecordKind.FAILED, RecordKind.QUARANTINED)


def prefix_views(
    connection: Connection,
    job_id: JobId,
    states: Collection[PrefixState] | None,
    after: str | None,
    limit: int | None,
) -> list[PrefixView]:
    """Return the views of one page of prefixes, in byte order; `connection` must show one consistent state."""
    chosen = prefix.c.job_id == job_id
    if states is not None:
        chosen &= prefix.c.state.in_(states)
    if after is not None:
        chosen &= prefix.c.name > after
    page = select(prefix.c.id).where(chosen).order_by(prefix.c.name).limit(limit)
    found = connection.execute(select(*rows.PREFIX_COLUMNS).where(chosen).order_by(prefix.c.name).limit(limit)).all()
    sums: dict[int, Sequence[Any]] = {row[0]: row for row in connection.execute(_shard_sums(page))}
    blocking = {row.prefix_id: row for row in connection.execute(_record_sums(page))}
    errors: dict[int, str] = {row.prefix_id: row.last_error for row in connection.execute(_newest_errors(page))}
    return [_view(row, sums.get(row.id, _NO_SHARDS), blocking.get(row.id), errors.get(row.id, "")) for row in found]


def _shard_sums(page: Select[Any]) -> Select[Any]:
    done = shard.c.state == ShardState.DONE
    return (
        select(
            shard.c.prefix_id,
            *(func.count().filter(shard.c.state == state) for state in ShardState),
            func.count().filter(done, shard.c.verified_round < prefix.c.verify_round),
            *(func.sum(shard.c[name]) for name in _SUMS),
        )
        .join(prefix, prefix.c.id == shard.c.prefix_id)
        .where(shard.c.prefix_id.in_(page))
        .group_by(shard.c.prefix_id)
    )


def _record_sums(page: Select[Any]) -> Select[Any]:
    return (
        select(
            object_record.c.prefix_id,
            *(func.count().filter(object_record.c.kind == kind).label(kind.value) for kind in BLOCKING),
        )
        .where(object_record.c.prefix_id.in_(page), object_record.c.kind.in_(BLOCKING), object_record.c.waived_by == "")
        .group_by(object_record.c.prefix_id)
    )


def _newest_errors(page: Select[Any]) -> Select[Any]:
    # not_before grows with the time of the failure, also for shards that were given up.
    ranked = (
        select(
            shard.c.prefix_id,
            shard.c.last_error,
            func.row_number()
            .over(partition_by=shard.c.prefix_id, order_by=(shard.c.not_before.desc(), shard.c.id.desc()))
            .label("rank"),
        )
        .where(shard.c.prefix_id.in_(page), shard.c.last_error != "", shard.c.state != ShardState.LEASED)
        .subquery()
    )
    return select(ranked.c.prefix_id, ranked.c.last_error).where(ranked.c.rank == 1)


def _view(row: rows.Found, sums: Sequence[Any], blocking: rows.Found | None, error: str) -> PrefixView:
    pending, leased, done, quarantined, unverified, objects, size_bytes = sums[1:8]
    return PrefixView(
        prefix=rows.prefix(row),
        shards_pending=pending,
        shards_leased=leased,
        shards_done=done,
        shards_quarantined=quarantined,
        shards_unverified=unverified,
        blocking_failed=blocking.failed if blocking else 0,
        blocking_quarantined=blocking.quarantined if blocking else 0,
        planned_objects=int(objects),
        planned_bytes=int(size_bytes),
        counters=rows.summed(sums[8:]),
        last_error=error,
    )
