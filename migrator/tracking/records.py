"""Objects that must be remembered: exceptions and proofs, never every object."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from sqlalchemy import and_, delete, exists, func, or_, select, update

from migrator.domain.model import JobId, ObjectRecord, PrefixId, RecordKind
from migrator.domain.states import ShardState
from migrator.errors import NotFound
from migrator.tracking import rows
from migrator.tracking.claims import AGAIN, not_being_copied
from migrator.tracking.engine import reading, writing
from migrator.tracking.moves import note
from migrator.tracking.tables import object_record, shard
from migrator.tracking.views import BLOCKING

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Engine

_PAGE = 1000


class Records:
    """See the module."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def within(self, prefix_id: PrefixId, after: str, last: str | None) -> Iterator[ObjectRecord]:
        """Yield the records of the key range `(after, last]` in byte order, read a page at a time."""
        upto = object_record.c.key <= last if last is not None else None
        while True:
            statement = select(object_record).where(object_record.c.prefix_id == prefix_id, object_record.c.key > after)
            if upto is not None:
                statement = statement.where(upto)
            with reading(self._engine) as connection:
                found = connection.execute(statement.order_by(object_record.c.key).limit(_PAGE)).all()
            yield from map(rows.record, found)
            if len(found) < _PAGE:
                return
            after = found[-1].key

    def list(
        self,
        job_id: JobId,
        kinds: Collection[RecordKind] | None = None,
        *,
        prefix_id: PrefixId | None = None,
        after: tuple[PrefixId, str] | None = None,
        limit: int = 100,
    ) -> Sequence[ObjectRecord]:
        """Return records by prefix, then in byte order; `after` the (prefix, key) of the last one for the next page."""
        which = object_record.c.job_id == job_id
        if kinds is not None:
            which &= object_record.c.kind.in_(kinds)
        if prefix_id is not None:
            which &= object_record.c.prefix_id == prefix_id
        if after is not None:
            which &= or_(
                object_record.c.prefix_id > after[0],
                and_(object_record.c.prefix_id == after[0], object_record.c.key > after[1]),
            )
        return self._page(which, limit)

    def blocking(self, prefix_id: PrefixId, limit: int = 100) -> Sequence[ObjectRecord]:
        """Return failed and quarantined objects that nobody waived, in byte order."""
        return self._page(and_(object_record.c.prefix_id == prefix_id, _blocks()), limit)

    def waived(self, prefix_id: PrefixId) -> Sequence[ObjectRecord]:
        """Return every exception that a person accepted, in byte order."""
        return self._page(and_(object_record.c.prefix_id == prefix_id, object_record.c.waived_by != ""), None)

    def _page(self, which: ColumnElement[bool], limit: int | None) -> Sequence[ObjectRecord]:
        statement = select(object_record).where(which).order_by(object_record.c.prefix_id, object_record.c.key)
        with reading(self._engine) as connection:
            return tuple(map(rows.record, connection.execute(statement.limit(limit))))

    def count(self, prefix_id: PrefixId) -> Mapping[RecordKind, int]:
        """Return how many records of each kind the prefix has, waived ones and zeros included."""
        statement = (
            select(object_record.c.kind, func.count())
            .where(object_record.c.prefix_id == prefix_id)
            .group_by(object_record.c.kind)
        )
        with reading(self._engine) as connection:
            found = {row[0]: row[1] for row in connection.execute(statement)}
        return {kind: found.get(kind, 0) for kind in RecordKind}

    def waive(self, prefix_id: PrefixId, key: str, by: str) -> None:
        """Accept a failed or quarantined object as it is; `by` says who and why. Raises NotFound."""
        statement = (
            update(object_record)
            .where(
                object_record.c.prefix_id == prefix_id,
                object_record.c.key == key,
                object_record.c.kind.in_(BLOCKING),
            )
            .values(waived_by=by)
            .returning(object_record.c.job_id, object_record.c.kind)
        )
        with writing(self._engine) as connection:
            row = connection.execute(statement).one_or_none()
            if row is None:
                raise NotFound(f"no failed or quarantined object has the key {key!r}")
            message = f"{row.kind} object {key!r} is accepted: {by}"
            note(connection, "object_waived", message, job_id=row.job_id, prefix_id=prefix_id)

    def retry(self, prefix_id: PrefixId) -> int:
        """Forget what failed or was quarantined and not waived, and send its shards through another pass.

        Shards that were given up are tried again as well. What is being copied right now keeps its records: call
        again later. Returns how many shards were reopened.
        """
        with writing(self._engine) as connection:
            held_here = exists().where(object_record.c.prefix_id == shard.c.prefix_id, _blocks(), _in_range())
            chosen = connection.execute(
                select(shard.c.id, shard.c.job_id)
                .where(
                    shard.c.prefix_id == prefix_id,
                    not_being_copied(),
                    or_(shard.c.state == ShardState.QUARANTINED, held_here),
                )
                .order_by(shard.c.id)
                .with_for_update()
            ).all()
            for batch in rows.batches(row.id for row in chosen):
                inside = exists().where(shard.c.id.in_(batch), _in_range())
                connection.execute(
                    delete(object_record).where(object_record.c.prefix_id == prefix_id, _blocks(), inside)
                )
                connection.execute(update(shard).where(shard.c.id.in_(batch)).values(dict(AGAIN)))
            if chosen:
                message = f"{len(chosen)} shards are copied again for what failed in them"
                note(connection, "prefix_retried", message, job_id=chosen[0].job_id, prefix_id=prefix_id)
        return len(chosen)


def _blocks() -> ColumnElement[bool]:
    return and_(object_record.c.kind.in_(BLOCKING), object_record.c.waived_by == "")


def _in_range() -> ColumnElement[bool]:
    return and_(object_record.c.key > shard.c.after, or_(shard.c.last.is_(None), object_record.c.key <= shard.c.last))
