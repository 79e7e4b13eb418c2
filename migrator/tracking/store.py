"""The tracking database as the rest of the program sees it. Every method is one transaction."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Self

from sqlalchemy import select, true, update

from migrator.domain.model import Worker
from migrator.domain.states import ShardState
from migrator.tracking.assumptions import Assumptions
from migrator.tracking.engine import connect, db_now, db_time, insert_into, reading, writing
from migrator.tracking.events import Events
from migrator.tracking.jobs import Jobs
from migrator.tracking.leases import Leases
from migrator.tracking.prefixes import Prefixes
from migrator.tracking.records import Records
from migrator.tracking.rows import batches
from migrator.tracking.rules import Rules
from migrator.tracking.schema import ensure
from migrator.tracking.shards import Shards
from migrator.tracking.tables import bucket, job, prefix, shard, worker

if TYPE_CHECKING:
    from sqlalchemy import Engine

_SUBJECTS = {"copy": shard, "verify": shard, "plan": prefix, "settle": prefix, "discover": job, "publish": bucket}
"""What the id that each verb is sent with stands for."""
_STILL = {"copy": shard.c.state != ShardState.DONE, "verify": shard.c.state == ShardState.DONE}
"""A shard may have moved on since it was chosen; a mark would then only keep the next verb from being sent."""
_FORGET_WORKERS = timedelta(days=1)


class Store:
    """One per process; shared by its threads. Raises only `migrator.errors`, DatabaseUnreachable among them."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.jobs = Jobs(engine)
        self.prefixes = Prefixes(engine)
        self.shards = Shards(engine)
        self.leases = Leases(engine)
        self.records = Records(engine)
        self.rules = Rules(engine)
        self.assumptions = Assumptions(engine)
        self.events = Events(engine)

    @classmethod
    def open(cls, url: str) -> Self:
        """Connect and make sure of the schema, as `schema.ensure` does. Raises SchemaOutOfDate, Invalid."""
        engine = connect(url)
        try:
            ensure(engine)
        except BaseException:
            engine.dispose()
            raise
        return cls(engine)

    def close(self) -> None:
        """Close every connection. The store can still be used; it connects anew."""
        self._engine.dispose()

    def now(self) -> datetime:
        """Tell the time by the database's clock."""
        with reading(self._engine) as connection:
            return connection.execute(select(db_time())).scalar_one()

    def mark_sent(self, verb: str, ids: Iterable[int], for_s: float) -> list[int]:
        """Claim the right to send `verb` for these subjects, and return those for which nobody did lately.

        The mark expires after `for_s`: a message that was lost is then sent again.
        """
        table = _SUBJECTS[verb]
        marked: list[int] = []
        with writing(self._engine) as connection:
            for batch in batches(dict.fromkeys(ids)):
                statement = (
                    update(table)
                    .where(table.c.id.in_(batch), table.c.sent_until <= db_now(), _STILL.get(verb, true()))
                    .values(sent_until=db_now() + for_s)
                    .returning(table.c.id)
                )
                free = set(connection.execute(statement).scalars())
                marked.extend(each for each in batch if each in free)
        return marked

    def clear_sent(self, verb: str, subject_id: int) -> None:
        """Let the subject be sent again at once."""
        table = _SUBJECTS[verb]
        with writing(self._engine) as connection:
            connection.execute(update(table).where(table.c.id == subject_id).values(sent_until=0.0))

    def beat(self, worker_name: str, doing: str) -> None:
        """Record a sign of life of a worker, and what it is doing."""
        with writing(self._engine) as connection:
            statement = insert_into(connection, worker).values(name=worker_name, doing=doing)
            connection.execute(
                statement.on_conflict_do_update(index_elements=["name"], set_={"doing": doing, "seen_at": db_time()})
            )

    def workers(self) -> list[Worker]:
        """Return the workers of the last day by name; how long ago each was seen says whether it lives."""
        with reading(self._engine) as connection:
            now = connection.execute(select(db_time())).scalar_one()
            found = connection.execute(select(worker).order_by(worker.c.name)).all()
        return [Worker(row.name, row.doing, row.seen_at) for row in found if now - row.seen_at < _FORGET_WORKERS]
