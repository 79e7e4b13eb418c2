"""What happened, for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqlalchemy import select

from migrator.domain.model import Event, JobId, PrefixId
from migrator.tracking import rows
from migrator.tracking.engine import reading, writing
from migrator.tracking.moves import note
from migrator.tracking.tables import event

if TYPE_CHECKING:
    from sqlalchemy import Engine


class Events:
    """See the module."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, kind: str, message: str, *, job_id: JobId | None = None, prefix_id: PrefixId | None = None) -> None:
        """Write an event."""
        with writing(self._engine) as connection:
            note(connection, kind, message, job_id=job_id, prefix_id=prefix_id)

    def list(self, job_id: JobId | None = None, after_id: int = 0, limit: int = 100) -> Sequence[Event]:
        """Return events, newest last: the newest ones, or with `after_id` those that follow it."""
        statement = select(event).limit(limit)
        if job_id is not None:
            statement = statement.where(event.c.job_id == job_id)
        if after_id:
            statement = statement.where(event.c.id > after_id).order_by(event.c.id)
        else:
            statement = statement.order_by(event.c.id.desc())
        with reading(self._engine) as connection:
            return sorted(map(rows.event, connection.execute(statement)), key=lambda each: each.id)
