"""Shards: planned so that they tile a prefix, chosen for workers, opened again when a range must be walked anew."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from sqlalchemy import and_, insert, select, update

from migrator.domain.model import JobId, Lease, PrefixId, Shard, ShardId
from migrator.domain.planner import Cut
from migrator.domain.states import JobState, PrefixState
from migrator.errors import IllegalTransition, NotFound
from migrator.tracking import rows
from migrator.tracking.claims import AGAIN, Claims, claimable, comparable, not_being_copied
from migrator.tracking.engine import db_now, reading, writing
from migrator.tracking.leases import must_hold
from migrator.tracking.moves import note
from migrator.tracking.tables import job, prefix, shard

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement

COMPARED_IN = (PrefixState.VERIFYING, PrefixState.SETTLING)


class Shards(Claims):
    """See the module; what happens under a lease is in `Claims`."""

    def plan(
        self, lease: Lease, prefix_id: PrefixId, cuts: Sequence[Cut], cursor: str, *, to_end: bool
    ) -> list[ShardId]:
        """Store the next shards of a prefix and move its plan cursor in one transaction; return them in order.

        `lease` is the one named `plan:<prefix_id>`. The ranges tile without a hole: the first begins at the stored
        cursor, each next one where the one before ends, and only the end of the prefix is open (`to_end`).
        Raises LeaseLost; IllegalTransition when the ranges do not tile, e.g. because others were stored meanwhile.
        """
        with writing(self._engine) as connection:
            must_hold(connection, lease, f"plan:{prefix_id}")
            row = connection.execute(select(prefix).where(prefix.c.id == prefix_id)).one_or_none()
            if row is None:
                raise NotFound(f"there is no prefix {prefix_id}")
            if row.planned_to_end:
                raise IllegalTransition(f"prefix {prefix_id} is planned to its end already")
            _refuse_holes(row.plan_cursor, cuts, cursor, to_end=to_end)
            ids: list[ShardId] = []
            if cuts:
                statement = insert(shard).returning(shard.c.id, sort_by_parameter_order=True)
                ids.extend(connection.execute(statement, [_planned(row, cut) for cut in cuts]).scalars())
            planned = {"plan_cursor": cuts[-1].after if to_end else cursor, "planned_to_end": to_end}
            connection.execute(update(prefix).where(prefix.c.id == prefix_id).values(planned))
            return ids

    def get(self, shard_id: ShardId) -> Shard:
        """Return a shard. Raises NotFound."""
        with reading(self._engine) as connection:
            row = connection.execute(select(shard).where(shard.c.id == shard_id)).one_or_none()
        if row is None:
            raise NotFound(f"there is no shard {shard_id}")
        return rows.shard(row)

    def of_prefix(self, prefix_id: PrefixId) -> list[Shard]:
        """Return the shards of a prefix in key order."""
        with reading(self._engine) as connection:
            found = connection.execute(select(shard).where(shard.c.prefix_id == prefix_id).order_by(shard.c.after))
            return [rows.shard(row) for row in found]

    def holding(self, prefix_id: PrefixId, key: str) -> Shard:
        """Return the shard whose range holds the key. Raises NotFound when none is planned that far."""
        statement = (
            select(shard)
            .where(shard.c.prefix_id == prefix_id, shard.c.after < key)
            .order_by(shard.c.after.desc())
            .limit(1)
        )
        with reading(self._engine) as connection:
            row = connection.execute(statement).one_or_none()
        if row is None or (row.last is not None and row.last < key):
            raise NotFound(f"no shard of prefix {prefix_id} holds the key {key!r}")
        return rows.shard(row)

    def dispatchable(self, limit: int, job_id: JobId | None = None) -> list[ShardId]:
        """Return shards that a worker could copy now and none was told to lately, most urgent first.

        Prefixes of lower `priority` come first, and in them the shards that were planned first.
        """
        return self._waiting(limit, job_id, and_(claimable(), prefix.c.state == PrefixState.COPYING))

    def verifiable(self, limit: int, job_id: JobId | None = None) -> list[ShardId]:
        """Return done shards that lack their prefix's current comparison and that no worker was told of lately."""
        behind = and_(prefix.c.state.in_(COMPARED_IN), shard.c.verified_round < prefix.c.verify_round)
        return self._waiting(limit, job_id, and_(comparable(), behind))

    def _waiting(self, limit: int, job_id: JobId | None, which: ColumnElement[bool]) -> list[ShardId]:
        statement = (
            select(shard.c.id)
            .join(prefix, prefix.c.id == shard.c.prefix_id)
            .join(job, job.c.id == shard.c.job_id)
            .where(which, shard.c.sent_until <= db_now(), job.c.state == JobState.RUNNING, job.c.blocked_reason == "")
            .order_by(prefix.c.priority, shard.c.id)
            .limit(limit)
        )
        if job_id is not None:
            statement = statement.where(shard.c.job_id == job_id)
        with reading(self._engine) as connection:
            return [ShardId(found) for found in connection.execute(statement).scalars()]

    def reopen(self, shard_ids: Iterable[ShardId], why: str) -> list[ShardId]:
        """Send shards through another pass over their whole range, and return those that will be.

        One that is being copied right now is left alone: its worker would not notice. One that is being compared
        is taken away from its worker.
        """
        reopened: list[ShardId] = []
        with writing(self._engine) as connection:
            for batch in rows.batches(sorted(set(shard_ids))):
                statement = (
                    update(shard)
                    .where(shard.c.id.in_(batch), not_being_copied())
                    .values(dict(AGAIN))
                    .returning(shard.c.id, shard.c.job_id, shard.c.prefix_id)
                )
                for row in connection.execute(statement).all():
                    message = f"shard {row.id} is copied again: {why}"
                    note(connection, "shard_reopened", message, job_id=row.job_id, prefix_id=row.prefix_id)
                    reopened.append(ShardId(row.id))
        return sorted(reopened)

    def expire_check(self, limit: int = 100) -> list[tuple[ShardId, str, float]]:
        """Return (shard, owner, seconds since) of leases that ran out and were not taken yet, oldest first."""
        age_s = (db_now() - shard.c.lease_until).label("age_s")
        statement = (
            select(shard.c.id, shard.c.owner, age_s)
            .where(shard.c.owner != "", shard.c.lease_until < db_now())
            .order_by(shard.c.lease_until)
            .limit(limit)
        )
        with reading(self._engine) as connection:
            return [(ShardId(row.id), row.owner, float(row.age_s)) for row in connection.execute(statement)]


def _planned(row: rows.Found, cut: Cut) -> dict[str, object]:
    return {
        "prefix_id": row.id,
        "job_id": row.job_id,
        "after": cut.after,
        "last": cut.last,
        "cursor": cut.after,
        "planned_objects": cut.objects,
        "planned_bytes": cut.size_bytes,
    }


def _refuse_holes(begin: str, cuts: Sequence[Cut], cursor: str, *, to_end: bool) -> None:
    at: str | None = begin
    for cut in cuts:
        if cut.after != at:
            raise IllegalTransition(f"the shard behind {cut.after!r} does not begin where the last one ended ({at!r})")
        if cut.last is not None and cut.last <= cut.after:
            raise IllegalTransition(f"the shard behind {cut.after!r} ends before it begins")
        at = cut.last
    if to_end != (at is None):
        raise IllegalTransition("only the last shard of a prefix is open, and it always is")
    if at is not None and at != cursor:
        raise IllegalTransition(f"the shards end at {at!r}, not at {cursor!r}")
