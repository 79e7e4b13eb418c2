"""Leases by name: who may tick, plan or publish right now. Timed by the database's clock alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import and_, select, update

from migrator.domain.model import Lease
from migrator.errors import LeaseLost
from migrator.tracking.engine import db_now, insert_into, reading, writing
from migrator.tracking.tables import lease as leases

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection, Engine


def must_hold(connection: Connection, lease: Lease, name: str) -> None:
    """Raise LeaseLost unless `lease` is the newest one under `name`; nobody takes it before the transaction ends.

    One that expired but was not taken by anybody still counts: no other work can have been done under the name.
    """
    statement = select(leases.c.name).where(_is(lease), leases.c.name == name).with_for_update()
    if connection.execute(statement).one_or_none() is None:
        raise LeaseLost


def _is(lease: Lease) -> ColumnElement[bool]:
    return and_(leases.c.name == lease.name, leases.c.fence == lease.fence, leases.c.owner == lease.owner)


class Leases:
    """See the module."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def take(self, name: str, owner: str, ttl_s: float) -> Lease | None:
        """Take the lease for a while if nobody has it; not re-entrant. Each taking has a higher fence."""
        statement = (
            update(leases)
            .where(leases.c.name == name, leases.c.until < db_now())
            .values(owner=owner, until=db_now() + ttl_s, fence=leases.c.fence + 1)
            .returning(leases.c.fence)
        )
        with writing(self._engine) as connection:
            fence = connection.execute(statement).scalar_one_or_none()
            if fence is None:
                connection.execute(insert_into(connection, leases).values(name=name).on_conflict_do_nothing())
                fence = connection.execute(statement).scalar_one_or_none()
        return None if fence is None else Lease(name, owner, fence)

    def renew(self, lease: Lease, ttl_s: float) -> None:
        """Hold on to the lease from now for `ttl_s`. Raises LeaseLost once somebody else took it or it was released."""
        statement = update(leases).where(_is(lease)).values(until=db_now() + ttl_s).returning(leases.c.fence)
        with writing(self._engine) as connection:
            if connection.execute(statement).one_or_none() is None:
                raise LeaseLost

    def release(self, lease: Lease) -> None:
        """Give the lease back; does nothing when it is lost."""
        with writing(self._engine) as connection:
            connection.execute(update(leases).where(_is(lease)).values(owner="", until=0.0))

    def check(self, lease: Lease) -> None:
        """Raise LeaseLost unless the lease is held and has not expired; ask before an effect outside the database."""
        statement = select(leases.c.name).where(_is(lease), leases.c.until >= db_now())
        with reading(self._engine) as connection:
            if connection.execute(statement).one_or_none() is None:
                raise LeaseLost

    def holder(self, name: str) -> str | None:
        """Return the owner of a lease that is held right now."""
        statement = select(leases.c.owner).where(leases.c.name == name, leases.c.until >= db_now())
        with reading(self._engine) as connection:
            return connection.execute(statement).scalar_one_or_none()
