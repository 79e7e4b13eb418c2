"""Shards under their leases: taken by compare-and-set, and every later write is refused once the fence moved on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, and_, case, delete, or_, update

from migrator.domain.model import Counters, Lease, ObjectRecord, PrefixId, Shard, ShardId
from migrator.domain.states import ShardState
from migrator.errors import LeaseLost
from migrator.tracking import rows
from migrator.tracking.engine import db_now, insert_into, writing
from migrator.tracking.moves import note
from migrator.tracking.tables import object_record, shard

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

RELEASED: rows.Values = {"owner": "", "lease_until": 0.0, "sent_until": 0.0}
"""Nobody holds the shard, and it may be dispatched at once."""
AGAIN: rows.Values = {
    **RELEASED,
    "state": ShardState.PENDING,
    "pass_no": shard.c.pass_no + 1,
    "cursor": shard.c.after,
    "walk_json": "",
    "attempts": 0,
    "not_before": 0.0,
    "verified_round": 0,
    "last_error": "",
}
"""The whole range is walked once more; what is known of it stays until then."""


def claimable() -> ColumnElement[bool]:
    """Say in SQL whether a worker may begin to copy the shard."""
    return or_(
        and_(shard.c.state == ShardState.PENDING, shard.c.not_before <= db_now()),
        and_(shard.c.state == ShardState.LEASED, shard.c.lease_until < db_now()),
    )


def comparable() -> ColumnElement[bool]:
    """Say in SQL whether a worker may begin to compare the shard."""
    return and_(shard.c.state == ShardState.DONE, shard.c.lease_until < db_now(), shard.c.not_before <= db_now())


def not_being_copied() -> ColumnElement[bool]:
    """Say in SQL whether no copying worker would be surprised by a change of the shard."""
    return or_(shard.c.state != ShardState.LEASED, shard.c.lease_until < db_now())


class Claims:
    """See the module. A lease that expired but was not taken by anybody still writes: no other work was done."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def claim(self, shard_id: ShardId, owner: str, ttl_s: float) -> tuple[Shard, Lease] | None:
        """Take a shard for copying; None when it is done, given up, waiting, or somebody has it."""
        return self._take(shard_id, owner, ttl_s, claimable(), {"state": ShardState.LEASED})

    def claim_done(self, shard_id: ShardId, owner: str, ttl_s: float) -> tuple[Shard, Lease] | None:
        """Take a done shard for comparing; it stays done. None when it is not done, or somebody has it."""
        return self._take(shard_id, owner, ttl_s, comparable(), {})

    def _take(
        self, shard_id: ShardId, owner: str, ttl_s: float, free: ColumnElement[bool], values: rows.Values
    ) -> tuple[Shard, Lease] | None:
        statement = (
            update(shard)
            .where(shard.c.id == shard_id, free)
            .values(
                {
                    "owner": owner,
                    "lease_until": db_now() + ttl_s,
                    "fence": shard.c.fence + 1,
                    "attempts": shard.c.attempts + 1,
                    **values,
                }
            )
            .returning(shard)
        )
        with writing(self._engine) as connection:
            row = connection.execute(statement).one_or_none()
        return None if row is None else (rows.shard(row), rows.shard_lease(row))

    def renew(self, lease: Lease, ttl_s: float) -> None:
        """Keep the shard from now for `ttl_s`. Raises LeaseLost."""
        with writing(self._engine) as connection:
            _fenced(connection, lease, {"lease_until": db_now() + ttl_s})

    def record(
        self,
        lease: Lease,
        cursor: str,
        walk: Counters,
        records: Sequence[ObjectRecord],
        drop_keys: Sequence[str],
        ttl_s: float,
    ) -> None:
        """Store how far the pass got, what it counted up to there (absolute), and what to remember or forget.

        All or nothing: after a crash the next worker goes on behind exactly what was counted. Renews the lease.
        Raises LeaseLost.
        """
        first = shard.c.pass_no == 1  # a repair pass leaves the public counters alone until it is complete
        shown = {
            name: case((first, number), else_=shard.c[name]) for name, number in rows.counter_columns(walk).items()
        }
        values = {"cursor": cursor, "walk_json": rows.counters_to_json(walk), "lease_until": db_now() + ttl_s}
        with writing(self._engine) as connection:
            held = _fenced(connection, lease, {**values, **shown}, ShardState.LEASED)
            _remember(connection, held, records)
            _forget(connection, PrefixId(held.prefix_id), drop_keys)

    def note(self, lease: Lease, records: Sequence[ObjectRecord], drop_keys: Sequence[str]) -> None:
        """Remember or forget objects of the range, whether the shard is held for copying or for comparing.

        Raises LeaseLost.
        """
        with writing(self._engine) as connection:
            held = _fenced(connection, lease, {"owner": lease.owner})
            _remember(connection, held, records)
            _forget(connection, PrefixId(held.prefix_id), drop_keys)

    def finish(self, lease: Lease, counters: Counters) -> None:
        """Call the shard done: every key of its range has an outcome, and `counters` say which. Raises LeaseLost."""
        done = {"state": ShardState.DONE, "attempts": 0, "not_before": 0.0, "verified_round": 0, "last_error": ""}
        with writing(self._engine) as connection:
            _fenced(connection, lease, {**RELEASED, **done, **rows.counter_columns(counters)}, ShardState.LEASED)

    def give_back(self, lease: Lease) -> None:
        """Let somebody else go on from the cursor; this does not count as an attempt. Raises LeaseLost."""
        waiting = case((shard.c.state == ShardState.LEASED, ShardState.PENDING), else_=shard.c.state)
        with writing(self._engine) as connection:
            _fenced(connection, lease, {**RELEASED, "state": waiting, "attempts": shard.c.attempts - 1})

    def fail(self, lease: Lease, error: str, max_attempts: int, delay_s: float) -> ShardState:
        """Let the shard wait before its next attempt, or give it up after `max_attempts`; return its state.

        A shard that was being compared stays done and is compared again later. Raises LeaseLost.
        """
        state = case(
            (shard.c.state == ShardState.DONE, ShardState.DONE),
            (shard.c.attempts >= max_attempts, ShardState.QUARANTINED),
            else_=ShardState.PENDING,
        )
        values = {**RELEASED, "state": state, "not_before": db_now() + delay_s, "last_error": error}
        with writing(self._engine) as connection:
            row = _fenced(connection, lease, values)
            if row.state is ShardState.QUARANTINED:
                message = f"shard {row.id} was given up after {row.attempts} attempts: {error}"
                note(connection, "shard_quarantined", message, job_id=row.job_id, prefix_id=row.prefix_id)
            return ShardState(row.state)

    def verified(self, lease: Lease, verify_round: int, began_at: datetime) -> None:
        """Record a clean comparison that began at `began_at` on the origin's clock. Raises LeaseLost."""
        clean = {"verified_round": verify_round, "proven_at": began_at, "attempts": 0, "not_before": 0.0}
        with writing(self._engine) as connection:
            _fenced(connection, lease, {**RELEASED, **clean, "last_error": ""}, ShardState.DONE)

    def differs(self, lease: Lease, why: str) -> None:
        """Send a shard that was being compared through another pass. Raises LeaseLost."""
        with writing(self._engine) as connection:
            row = _fenced(connection, lease, AGAIN, ShardState.DONE)
            message = f"shard {row.id} is copied again: {why}"
            note(connection, "shard_differs", message, job_id=row.job_id, prefix_id=row.prefix_id)


def _fenced(connection: Connection, lease: Lease, values: rows.Values, *states: ShardState) -> rows.Found:
    """Write under a lease, or raise LeaseLost; the row as it is afterwards."""
    held = states or (ShardState.LEASED, ShardState.DONE)
    statement = (
        update(shard)
        .where(
            shard.c.id == int(lease.name.removeprefix("shard:")),
            shard.c.fence == lease.fence,
            shard.c.owner == lease.owner,
            shard.c.state.in_(held),
        )
        .values(dict(values))
        .returning(shard.c.id, shard.c.job_id, shard.c.prefix_id, shard.c.state, shard.c.attempts)
    )
    row = connection.execute(statement).one_or_none()
    if row is None:
        raise LeaseLost
    return row


def _remember(connection: Connection, held: rows.Found, records: Sequence[ObjectRecord]) -> None:
    if not records:
        return
    statement = insert_into(connection, object_record)
    new = statement.excluded
    replaced: dict[str, Any] = {
        name: new[name] for name in ("kind", "reason", "size_bytes", "origin_etag", "destination_etag", "crc64", "at")
    }
    # A waiver is for one kind of exception; meeting the same one again does not undo it.
    replaced["waived_by"] = case(
        (new.waived_by != "", new.waived_by),
        (new.kind == object_record.c.kind, object_record.c.waived_by),
        else_="",
    )
    connection.execute(
        statement.on_conflict_do_update(index_elements=["prefix_id", "key"], set_=replaced),
        [
            {
                "job_id": held.job_id,
                "prefix_id": held.prefix_id,
                "key": record.key,
                "kind": record.kind,
                "reason": record.reason,
                "size_bytes": record.size_bytes,
                "origin_etag": record.origin_etag,
                "destination_etag": record.destination_etag,
                "crc64": record.crc64,
                "waived_by": record.waived_by,
            }
            for record in records
        ],
    )


def _forget(connection: Connection, prefix_id: PrefixId, keys: Sequence[str]) -> None:
    for batch in rows.batches(keys):
        connection.execute(
            delete(object_record).where(object_record.c.prefix_id == prefix_id, object_record.c.key.in_(batch))
        )
