"""Revisions of a bucket's website document, and what its rules must cover."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqlalchemy import and_, exists, func, insert, or_, select, update

from migrator.domain.model import Bucket, BucketId, Job, Lease, Prefix, Revision, RevisionState
from migrator.domain.states import COVERED, JobState, PrefixState
from migrator.errors import IllegalTransition, NotFound
from migrator.tracking import rows
from migrator.tracking.engine import db_time, insert_into, reading, writing
from migrator.tracking.leases import must_hold
from migrator.tracking.moves import note
from migrator.tracking.tables import bucket, job, prefix, revision, shard

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection, Engine

FINISHING = (PrefixState.RETIRING, PrefixState.SETTLING, PrefixState.RETIRED)
_SETTLED = ("copied", "already_equal", "kept_destination", "vanished", "failed", "quarantined")


class Rules:
    """See the module."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def bucket(self, bucket_id: BucketId) -> Bucket:
        """Return a destination bucket. Raises NotFound."""
        with reading(self._engine) as connection:
            row = connection.execute(select(bucket).where(bucket.c.id == bucket_id)).one_or_none()
        if row is None:
            raise NotFound(f"there is no bucket {bucket_id}")
        return rows.bucket(row)

    def bucket_at(self, endpoint: str, name: str) -> Bucket | None:
        """Return the bucket if any job knows it."""
        with reading(self._engine) as connection:
            row = connection.execute(
                select(bucket).where(bucket.c.endpoint == endpoint, bucket.c.name == name)
            ).one_or_none()
        return None if row is None else rows.bucket(row)

    def seen_right(self, bucket_id: BucketId) -> None:
        """Record that the live document says what it should, now."""
        with writing(self._engine) as connection:
            connection.execute(update(bucket).where(bucket.c.id == bucket_id).values(right_at=db_time()))

    def buckets(self) -> list[Bucket]:
        """Return every bucket that a job goes into or whose rules were edited by hand."""
        with reading(self._engine) as connection:
            return [rows.bucket(row) for row in connection.execute(select(bucket).order_by(bucket.c.id))]

    def add_bucket(self, endpoint: str, region: str, name: str) -> Bucket:
        """Record a bucket, so that its rules can have revisions and a publisher; a known one is returned as it is."""
        values = {"endpoint": endpoint, "region": region, "name": name}
        same = (bucket.c.endpoint == endpoint) & (bucket.c.name == name)
        with writing(self._engine) as connection:
            connection.execute(insert_into(connection, bucket).values(values).on_conflict_do_nothing())
            return rows.bucket(connection.execute(select(bucket).where(same)).one())

    def own(self, bucket_id: BucketId) -> tuple[str, ...]:
        """Return the fingerprints of rules that are or may be ours in the live document.

        Those of the newest published revision, and of every pending one: it may have been put, with the reply lost.
        """
        with reading(self._engine) as connection:
            newest = _newest(connection, bucket_id)
            which = revision.c.state == RevisionState.PENDING
            if newest is not None:
                which |= revision.c.id == newest
            found = connection.execute(
                select(revision.c.own_json).where(revision.c.bucket_id == bucket_id, which).order_by(revision.c.id)
            ).scalars()
            return tuple(dict.fromkeys(mark for text in found for mark in json.loads(text)))

    def begin(
        self,
        lease: Lease,
        bucket_id: BucketId,
        before: bytes | None,
        after: bytes | None,
        own: Sequence[str],
        reason: str,
    ) -> Revision:
        """Record a document that is about to be put; `lease` is the one named `rules:<bucket_id>`. Raises LeaseLost."""
        values = {
            "bucket_id": bucket_id,
            "before": before,
            "after": after,
            "own_json": json.dumps(list(own)),
            "reason": reason,
        }
        with writing(self._engine) as connection:
            must_hold(connection, lease, f"rules:{bucket_id}")
            return rows.revision(connection.execute(insert(revision).values(values).returning(revision)).one())

    def confirm(self, lease: Lease, revision_id: int) -> None:
        """Record that a revision was read back; older pending ones never will be. Raises LeaseLost.

        Raises IllegalTransition when the revision is not pending (any more).
        """
        with writing(self._engine) as connection:
            row = connection.execute(
                update(revision)
                .where(revision.c.id == revision_id, revision.c.state == RevisionState.PENDING)
                .values(state=RevisionState.PUBLISHED)
                .returning(revision.c.bucket_id, revision.c.own_json, revision.c.reason)
            ).one_or_none()
            if row is None:
                raise IllegalTransition(f"revision {revision_id} is not pending")
            must_hold(connection, lease, f"rules:{row.bucket_id}")
            connection.execute(
                update(revision)
                .where(
                    revision.c.bucket_id == row.bucket_id,
                    revision.c.id < revision_id,
                    revision.c.state == RevisionState.PENDING,
                )
                .values(state=RevisionState.SUPERSEDED)
            )
            rules = len(json.loads(row.own_json))
            note(connection, "rules_published", f"revision {revision_id} with {rules} own rules: {row.reason}")

    def history(self, bucket_id: BucketId, limit: int = 50) -> list[Revision]:
        """Return the newest revisions, newest first."""
        statement = select(revision).where(revision.c.bucket_id == bucket_id).order_by(revision.c.id.desc())
        with reading(self._engine) as connection:
            return [rows.revision(row) for row in connection.execute(statement.limit(limit))]

    def revision(self, revision_id: int) -> Revision:
        """Return a revision. Raises NotFound."""
        with reading(self._engine) as connection:
            row = connection.execute(select(revision).where(revision.c.id == revision_id)).one_or_none()
        if row is None:
            raise NotFound(f"there is no revision {revision_id}", hint="to see them: migrator rules show")
        return rows.revision(row)

    def latest(self, bucket_id: BucketId) -> Revision | None:
        """Return the newest published revision; None when nothing was published yet."""
        with reading(self._engine) as connection:
            newest = _newest(connection, bucket_id)
            if newest is None:
                return None
            return rows.revision(connection.execute(select(revision).where(revision.c.id == newest)).one())

    def covered(self, bucket_id: BucketId) -> list[tuple[Job, Prefix]]:
        """Return every prefix that the bucket's rules must cover, job by job, in byte order of their names.

        A paused or done job's prefixes are covered as a running one's. A cancelled job's are all covered until they
        are retired, if a reader was ever sent to OSS, and none otherwise; but a later job takes over the keys under its
        own destination prefix as soon as all its prefixes want rules. So a job may be cancelled and started anew.
        """
        unfinished = and_(job.c.state != JobState.CANCELLED, prefix.c.state.in_(COVERED))
        abandoned = and_(
            job.c.state == JobState.CANCELLED,
            job.c.readers_sent.is_(True),
            prefix.c.state != PrefixState.RETIRED,
        )
        here = job.c.bucket_id == bucket_id
        with reading(self._engine) as connection:
            pairs = _pairs(connection, and_(here, or_(unfinished, abandoned)))
            if all(owner.state is not JobState.CANCELLED for owner, _ in pairs):
                return pairs
            bases, takers = _bases(connection, here), _bases(connection, and_(here, _takers()))

        def taken_over(owner: Job, found: Prefix) -> bool:
            key = bases[owner.id] + found.name
            return any(later > owner.id and key.startswith(base) for later, base in takers.items())

        return [pair for pair in pairs if pair[0].state is not JobState.CANCELLED or not taken_over(*pair)]

    def finished(self, bucket_id: BucketId) -> list[tuple[Job, Prefix, int]]:
        """Return the prefixes whose rule is going or gone, with how many objects each was proven to hold."""
        which = and_(job.c.bucket_id == bucket_id, prefix.c.state.in_(FINISHING))
        settled = func.sum(sum((shard.c[name] for name in _SETTLED[1:]), start=shard.c[_SETTLED[0]]))
        statement = (
            select(shard.c.prefix_id, settled.label("settled"))
            .join(prefix, prefix.c.id == shard.c.prefix_id)
            .join(job, job.c.id == prefix.c.job_id)
            .where(which)
            .group_by(shard.c.prefix_id)
        )
        with reading(self._engine) as connection:
            objects = {row.prefix_id: int(row.settled) for row in connection.execute(statement)}
            return [(owner, found, objects.get(found.id, 0)) for owner, found in _pairs(connection, which)]


def _newest(connection: Connection, bucket_id: BucketId) -> int | None:
    published = (revision.c.bucket_id == bucket_id) & (revision.c.state == RevisionState.PUBLISHED)
    newest: int | None = connection.execute(select(func.max(revision.c.id)).where(published)).scalar_one()
    return newest


def _bases(connection: Connection, which: ColumnElement[bool]) -> dict[int, str]:
    """Return the destination prefixes of jobs by id."""
    return {row.id: row.destination_prefix for row in connection.execute(select(job).where(which))}


def _takers() -> ColumnElement[bool]:
    """Say in SQL whether a job answers for all keys under its destination prefix, whoever did before."""
    unarmed = exists().where(prefix.c.job_id == job.c.id, prefix.c.state == PrefixState.PLANNED)
    alive = or_(job.c.state != JobState.CANCELLED, job.c.readers_sent.is_(True))
    return and_(job.c.discovered.is_(True), alive, ~unarmed)


def _pairs(connection: Connection, which: ColumnElement[bool]) -> list[tuple[Job, Prefix]]:
    joined = prefix.join(job, job.c.id == prefix.c.job_id)
    job_ids = select(job.c.id).select_from(joined).where(which)
    jobs = {row.id: rows.job(row) for row in connection.execute(select(job).where(job.c.id.in_(job_ids)))}
    found = connection.execute(
        select(*rows.PREFIX_COLUMNS).select_from(joined).where(which).order_by(prefix.c.job_id, prefix.c.name)
    )
    return [(jobs[row.job_id], rows.prefix(row)) for row in found]
