"""Jobs as they are recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select, update

from migrator.domain.model import BucketId, Job, JobId
from migrator.domain.states import JobState
from migrator.errors import Invalid, NotFound
from migrator.tracking import rows
from migrator.tracking.engine import insert_into, reading, writing
from migrator.tracking.moves import move_job, note
from migrator.tracking.tables import bucket, job

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

ACTIVE = (JobState.DRAFT, JobState.RUNNING)
_OVER = (JobState.DONE, JobState.CANCELLED)


class Jobs:
    """See the module."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def create(self, name: str, spec_json: str, into: tuple[str, str, str], destination_prefix: str) -> Job:
        """Record a new draft job into the bucket (endpoint, region, name).

        Raises Invalid when the name is taken, or when keys of an unfinished job into the same bucket could be among
        this job's keys.
        """
        with writing(self._engine) as connection:
            bucket_id = _locked_bucket(connection, *into)
            _refuse_taken(connection, name)
            _refuse_overlap(connection, bucket_id, destination_prefix)
            statement = (
                insert_into(connection, job)
                .values(name=name, spec_json=spec_json, bucket_id=bucket_id, destination_prefix=destination_prefix)
                .on_conflict_do_nothing(index_elements=["name"])
                .returning(job)
            )
            row = connection.execute(statement).one_or_none()
            if row is None:  # recorded a moment ago, into another bucket
                raise _taken(name)
            note(connection, "job_draft", "recorded", job_id=row.id)
            return rows.job(row)

    def get(self, job_id: JobId) -> Job:
        """Return a job. Raises NotFound."""
        with reading(self._engine) as connection:
            row = connection.execute(select(job).where(job.c.id == job_id)).one_or_none()
        if row is None:
            raise NotFound(f"there is no job {job_id}")
        return rows.job(row)

    def by_name(self, name: str) -> Job:
        """Return a job. Raises NotFound, naming those that exist."""
        with reading(self._engine) as connection:
            row = connection.execute(select(job).where(job.c.name == name)).one_or_none()
            if row is None:
                known = connection.execute(select(job.c.name).order_by(job.c.id.desc()).limit(20)).scalars().all()
                hint = f"there are: {', '.join(known)}" if known else "none is recorded yet; see: migrator start --help"
                raise NotFound(f"there is no job named {name!r}", hint=hint)
        return rows.job(row)

    def all(self) -> list[Job]:
        """Return every job, oldest first."""
        with reading(self._engine) as connection:
            return [rows.job(row) for row in connection.execute(select(job).order_by(job.c.id))]

    def active(self) -> list[Job]:
        """Return the jobs that a tick must look at (draft and running), oldest first."""
        statement = select(job).where(job.c.state.in_(ACTIVE)).order_by(job.c.id)
        with reading(self._engine) as connection:
            return [rows.job(row) for row in connection.execute(statement)]

    def advance(self, job_id: JobId, before: JobState, after: JobState, why: str) -> None:
        """Move the job. Raises IllegalTransition when it is not in `before`, or may not go to `after`."""
        with writing(self._engine) as connection:
            move_job(connection, job_id, before, after, why)

    def block(self, job_id: JobId, reason: str, hint: str) -> None:
        """Stop everything of the job until somebody acts. Idempotent."""
        statement = (
            update(job)
            .where(job.c.id == job_id, (job.c.blocked_reason != reason) | (job.c.blocked_hint != hint))
            .values(blocked_reason=reason, blocked_hint=hint)
            .returning(job.c.id)
        )
        with writing(self._engine) as connection:
            if connection.execute(statement).one_or_none() is not None:
                note(connection, "job_blocked", reason, job_id=job_id)

    def unblock(self, job_id: JobId) -> None:
        """Let a blocked job go on. Idempotent."""
        statement = (
            update(job)
            .where(job.c.id == job_id, job.c.blocked_reason != "")
            .values(blocked_reason="", blocked_hint="")
            .returning(job.c.id)
        )
        with writing(self._engine) as connection:
            if connection.execute(statement).one_or_none() is not None:
                note(connection, "job_unblocked", "nothing blocks it any more", job_id=job_id)

    def finish_discovery(self, job_id: JobId) -> None:
        """Record that every prefix of the job is known. Idempotent."""
        self._flag(job_id, "discovered", "job_discovered", "every prefix is known")

    def readers_were_sent(self, job_id: JobId) -> None:
        """Record that readers may use OSS: from now on cancelling keeps the rules. Idempotent."""
        self._flag(job_id, "readers_sent", "job_readers_sent", "readers may use OSS")

    def readers_are_gone(self, job_id: JobId) -> None:
        """Record that no reader comes to OSS for this job any more, so that its rules need not stay. Idempotent."""
        with writing(self._engine) as connection:
            connection.execute(update(job).where(job.c.id == job_id).values(readers_sent=False))
            note(connection, "job_readers_gone", "no reader comes any more; its rules may go", job_id=job_id)

    def _flag(self, job_id: JobId, name: str, kind: str, message: str) -> None:
        column = job.c[name]
        statement = update(job).where(job.c.id == job_id, column.is_(False)).values({name: True}).returning(job.c.id)
        with writing(self._engine) as connection:
            if connection.execute(statement).one_or_none() is not None:
                note(connection, kind, message, job_id=job_id)


def _locked_bucket(connection: Connection, endpoint: str, region: str, name: str) -> BucketId:
    """Find or record the bucket; nobody else creates a job into it before the transaction ends."""
    connection.execute(
        insert_into(connection, bucket).values(endpoint=endpoint, region=region, name=name).on_conflict_do_nothing()
    )
    same = (bucket.c.endpoint == endpoint) & (bucket.c.name == name)
    return BucketId(connection.execute(select(bucket.c.id).where(same).with_for_update()).scalar_one())


def _refuse_taken(connection: Connection, name: str) -> None:
    if connection.execute(select(job.c.id).where(job.c.name == name)).one_or_none() is not None:
        raise _taken(name)


def _taken(name: str) -> Invalid:
    return Invalid(
        f"there is already a job named {name!r}",
        hint=f"choose another name in the job file, or see: migrator status {name}",
    )


def _refuse_overlap(connection: Connection, bucket_id: BucketId, destination_prefix: str) -> None:
    others = select(job.c.name, job.c.destination_prefix).where(job.c.bucket_id == bucket_id, job.c.state.not_in(_OVER))
    for row in connection.execute(others):
        shorter, longer = sorted((row.destination_prefix, destination_prefix), key=len)
        if longer.startswith(shorter):
            raise Invalid(
                f"the destination prefix {destination_prefix!r} overlaps with {row.destination_prefix!r} "
                f"of the unfinished job {row.name!r}",
                hint=f"choose another destination prefix, or end that job first: migrator cancel {row.name}",
            )
