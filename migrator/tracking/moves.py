"""State changes as compare-and-set, each with its event in the same transaction."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from sqlalchemy import insert, select, update

from migrator.domain.model import JobId, PrefixId
from migrator.domain.states import JobState, PrefixState, may_become
from migrator.errors import IllegalTransition, NotFound
from migrator.tracking.engine import db_time
from migrator.tracking.rows import Values, batches
from migrator.tracking.tables import event, job, prefix

if TYPE_CHECKING:
    from sqlalchemy import Connection


def note(
    connection: Connection,
    kind: str,
    message: str,
    *,
    job_id: JobId | None = None,
    prefix_id: PrefixId | None = None,
) -> None:
    """Write one event."""
    row = {"kind": kind, "message": message, "job_id": job_id, "prefix_id": prefix_id}
    connection.execute(insert(event).values(row))


def move_job(connection: Connection, job_id: JobId, before: JobState, after: JobState, why: str) -> None:
    """Move a job. Raises IllegalTransition when the table of states forbids it or the job is not in `before`."""
    _allow(before, after)
    statement = update(job).where(job.c.id == job_id, job.c.state == before).values(state=after, sent_until=0.0)
    if connection.execute(statement.returning(job.c.id)).one_or_none() is None:
        is_in = connection.execute(select(job.c.state).where(job.c.id == job_id)).scalar_one_or_none()
        raise _refusal("job", job_id, before, after, is_in)
    note(connection, f"job_{after}", f"{before} -> {after}: {why}", job_id=job_id)


def move_prefix(
    connection: Connection, prefix_id: PrefixId, before: PrefixState, after: PrefixState, why: str, facts: Values
) -> None:
    """Move a prefix and set further columns with it. Raises as `move_job`."""
    if not move_prefixes(connection, (prefix_id,), before, after, why, facts):
        is_in = connection.execute(select(prefix.c.state).where(prefix.c.id == prefix_id)).scalar_one_or_none()
        raise _refusal("prefix", prefix_id, before, after, is_in)


def move_prefixes(
    connection: Connection,
    prefix_ids: Iterable[PrefixId],
    before: PrefixState,
    after: PrefixState,
    why: str,
    facts: Values,
) -> list[PrefixId]:
    """Move those of the prefixes that are in `before`, and return their ids in order."""
    _allow(before, after)
    moved: dict[PrefixId, JobId] = {}
    for ids in batches(sorted(set(prefix_ids))):
        # A message sent for the old state says nothing about the new one, hence sent_until.
        statement = (
            update(prefix)
            .where(prefix.c.id.in_(ids), prefix.c.state == before)
            .values({"state": after, "since_at": db_time(), "sent_until": 0.0, **facts})
            .returning(prefix.c.id, prefix.c.job_id)
        )
        moved.update((row.id, row.job_id) for row in connection.execute(statement))
    events = [
        {
            "kind": f"prefix_{after}",
            "message": f"{before} -> {after}: {why}",
            "job_id": moved[prefix_id],
            "prefix_id": prefix_id,
        }
        for prefix_id in sorted(moved)
    ]
    if events:
        connection.execute(insert(event), events)
    return sorted(moved)


def _allow(before: JobState | PrefixState, after: JobState | PrefixState) -> None:
    if not may_become(before, after):
        raise IllegalTransition(f"what is {before} cannot become {after}")


def _refusal(what: str, subject_id: int, before: str, after: str, is_in: str | None) -> Exception:
    if is_in is None:
        return NotFound(f"there is no {what} {subject_id}")
    return IllegalTransition(f"{what} {subject_id} is {is_in}, not {before}, and did not become {after}")
