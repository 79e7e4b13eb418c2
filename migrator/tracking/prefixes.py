"""Prefixes as they are recorded."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, TypedDict, Unpack

from sqlalchemy import bindparam, case, func, select, update

from migrator.domain.model import Counters, JobId, Prefix, PrefixId, PrefixView
from migrator.domain.states import Authority, PrefixState
from migrator.errors import NotFound
from migrator.tracking import rows
from migrator.tracking.engine import insert_into, reading, writing
from migrator.tracking.moves import move_prefix, move_prefixes, note
from migrator.tracking.tables import COUNTERS, prefix, shard
from migrator.tracking.views import prefix_views

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Engine


class Facts(TypedDict, total=False):
    """What may be set along with a state, or alone."""

    clean_joins: int
    verify_round: int
    regressed_reason: str
    sentinel: str
    certificate_json: str
    priority: float


class Prefixes:
    """See the module."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, job_id: JobId, names: Iterable[str], authority: Authority, held_by: str = "") -> int:
        """Record prefixes and return how many are new; those that are known stay as they are.

        `names` may be slow (a listing under way): a thousand at a time are recorded in one transaction each, and
        none is open while waiting for the next. After a crash it is simply called again.
        """
        added = 0
        for batch in rows.batches(names):
            with writing(self._engine) as connection:
                statement = insert_into(connection, prefix).on_conflict_do_nothing(index_elements=["job_id", "name"])
                new = connection.execute(
                    statement.returning(prefix.c.id),
                    [{"job_id": job_id, "name": name, "authority": authority, "held_by": held_by} for name in batch],
                )
                added += len(new.all())
        return added

    def rank(self, job_id: JobId, ranks: Mapping[str, float]) -> None:
        """Set the order of work, lowest first, of the named prefixes of a job."""
        statement = (
            update(prefix)
            .where(prefix.c.job_id == job_id, prefix.c.name == bindparam("of", type_=prefix.c.name.type))
            .values(priority=bindparam("rank"))
        )
        for batch in rows.batches(ranks.items()):
            with writing(self._engine) as connection:
                connection.execute(statement, [{"of": name, "rank": rank} for name, rank in batch])

    def get(self, prefix_id: PrefixId) -> Prefix:
        """Return a prefix. Raises NotFound."""
        return self._one(prefix.c.id == prefix_id, f"there is no prefix {prefix_id}")

    def find(self, job_id: JobId, name: str) -> Prefix:
        """Return the prefix of exactly this name. Raises NotFound."""
        return self._one((prefix.c.job_id == job_id) & (prefix.c.name == name), f"the job has no prefix {name!r}")

    def _one(self, which: ColumnElement[bool], missing: str) -> Prefix:
        with reading(self._engine) as connection:
            row = connection.execute(select(*rows.PREFIX_COLUMNS).where(which)).one_or_none()
        if row is None:
            raise NotFound(missing, hint="to see the prefixes: migrator status JOB")
        return rows.prefix(row)

    def names(self, job_id: JobId) -> list[str]:
        """Return the names of all prefixes of the job, in byte order."""
        with reading(self._engine) as connection:
            statement = select(prefix.c.name).where(prefix.c.job_id == job_id).order_by(prefix.c.name)
            return list(connection.execute(statement).scalars())

    def views(
        self,
        job_id: JobId,
        states: Collection[PrefixState] | None = None,
        after: str | None = None,
        limit: int | None = None,
    ) -> list[PrefixView]:
        """Return prefixes with their sums in byte order of their names, `after` (exclusive) for the next page."""
        with reading(self._engine) as connection:
            return prefix_views(connection, job_id, states, after, limit)

    def state_counts(self, job_id: JobId) -> Mapping[PrefixState, int]:
        """Return how many prefixes of the job are in each state, zeros included."""
        statement = select(prefix.c.state, func.count()).where(prefix.c.job_id == job_id).group_by(prefix.c.state)
        with reading(self._engine) as connection:
            found = {row[0]: row[1] for row in connection.execute(statement)}
        return {state: found.get(state, 0) for state in PrefixState}

    def totals(self, job_id: JobId) -> tuple[Counters, int, int]:
        """Return the job's counters, and how many objects and bytes are planned so far."""
        names = ("planned_objects", "planned_bytes", *COUNTERS)
        sums = (func.coalesce(func.sum(shard.c[name]), 0) for name in names)
        with reading(self._engine) as connection:
            objects, size_bytes, *counted = connection.execute(select(*sums).where(shard.c.job_id == job_id)).one()
        return rows.summed(counted), int(objects), int(size_bytes)

    def advance(
        self, prefix_id: PrefixId, before: PrefixState, after: PrefixState, why: str, **facts: Unpack[Facts]
    ) -> None:
        """Move the prefix, and set `facts` with it. Raises IllegalTransition when it is not in `before`."""
        with writing(self._engine) as connection:
            move_prefix(connection, prefix_id, before, after, why, dict(facts))

    def advance_many(
        self, prefix_ids: Iterable[PrefixId], before: PrefixState, after: PrefixState, why: str
    ) -> list[PrefixId]:
        """Move those that are in `before`, and return them; the others are left alone."""
        with writing(self._engine) as connection:
            return move_prefixes(connection, prefix_ids, before, after, why, {})

    def update(self, prefix_id: PrefixId, **facts: Unpack[Facts]) -> None:
        """Set facts without a change of state. Raises NotFound."""
        self._set(prefix_id, dict(facts))

    def hold(self, prefix_id: PrefixId, by: str) -> None:
        """Postpone retirement; `by` says who and why."""
        self._set(prefix_id, {"held_by": by}, "prefix_held", by)

    def release(self, prefix_id: PrefixId) -> None:
        """End the postponement."""
        self._set(prefix_id, {"held_by": ""}, "prefix_released", "may retire when it is proven")

    def set_authority(self, prefix_id: PrefixId, authority: Authority, why: str) -> None:
        """Record who writes keys of the prefix from now on; comparisons begun before count for nothing any more."""
        verifying = prefix.c.state == PrefixState.VERIFYING
        values = {
            "authority": authority,
            "clean_joins": case((verifying, 0), else_=prefix.c.clean_joins),
            "verify_round": case((verifying, prefix.c.verify_round + 1), else_=prefix.c.verify_round),
        }
        self._set(prefix_id, values, "prefix_authority", f"writes belong to {authority}: {why}")

    def _set(self, prefix_id: PrefixId, values: rows.Values, kind: str = "", message: str = "") -> None:
        statement = update(prefix).where(prefix.c.id == prefix_id).values(dict(values)).returning(prefix.c.job_id)
        with writing(self._engine) as connection:
            job_id = connection.execute(statement).scalar_one_or_none()
            if job_id is None:
                raise NotFound(f"there is no prefix {prefix_id}")
            if kind:
                note(connection, kind, message, job_id=job_id, prefix_id=prefix_id)

    def certificate(self, prefix_id: PrefixId) -> str | None:
        """Return the JSON certificate of the last retirement; None when the prefix was never retired."""
        with reading(self._engine) as connection:
            statement = select(prefix.c.certificate_json).where(prefix.c.id == prefix_id)
            return connection.execute(statement).scalar_one_or_none()
