"""Open a shard under a lease, and turn whatever goes wrong into what the store must know."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from migrator.app.context import Runtime, Work
from migrator.app.working import Shift, shift
from migrator.domain.model import Counters, Lease, Prefix, Shard, ShardId
from migrator.domain.states import Authority, JobState
from migrator.errors import Fatal, LeaseLost, MigratorError

log = logging.getLogger(__name__)

_DELAY_S = 1.0
_LONGEST_DELAY_S = 300.0


@dataclass(slots=True)
class OpenShard:
    """A shard this worker holds, and how far it got."""

    row: Shard
    lease: Lease
    work: Work
    prefix: Prefix
    shift: Shift
    walked: Counters
    last_attempt: bool
    failure: Exception | None = None
    """Why the pass stopped short; set where part of the work could still be recorded."""

    @property
    def follows(self) -> bool:
        """Say whether the origin rules: its writers are still there, or have stopped and not yet begun elsewhere.

        Only then are stale copies of our own invalidated; at no time can a destination's writer be in the way.
        """
        authority = self.prefix.authority
        return authority is Authority.ORIGIN or (
            authority is Authority.FROZEN and self.work.spec.authority is Authority.ORIGIN
        )


@contextmanager
def opened(rt: Runtime, shard_id: ShardId, *, copying: bool) -> Iterator[OpenShard | None]:
    """Claim a shard for copying or comparing; yields None to whoever comes second.

    Errors end here: a lost lease is somebody else's success, a fatal error blocks the job, anything else is
    recorded with the shard, which is tried again later and quarantined after too many attempts.
    """
    claim = rt.store.shards.claim if copying else rt.store.shards.claim_done
    claimed = claim(shard_id, rt.worker, rt.settings.lease_s)
    if claimed is None:
        yield None
        return
    row, lease = claimed
    begun = False
    try:
        work, prefix = rt.work_of(row.prefix_id)
        if work.job.state is not JobState.RUNNING or work.job.blocked_reason:
            rt.store.shards.give_back(lease)
        else:
            rt.store.beat(rt.worker, f"{'copy' if copying else 'verify'} {work.job.name} {prefix.name}")
            with shift(rt, lease, work.job, rt.store.shards.renew) as current:
                last = row.attempts >= rt.settings.max_attempts
                shard = OpenShard(row, lease, work, prefix, current, row.walk, last)
                begun = True
                yield shard
    except LeaseLost:
        log.info("shard %d: the lease was lost; somebody else goes on", shard_id)
    except Fatal as error:
        rt.store.jobs.block(row.job_id, str(error), error.hint)
        _quietly(rt, lease)
    except MigratorError as error:
        log.warning("shard %d: %s", shard_id, error)
        _failed(rt, row, lease, str(error))
    except Exception as error:
        log.exception("shard %d", shard_id)
        _failed(rt, row, lease, f"{type(error).__name__}: {error}")
    if not begun:  # it went wrong (or was called off) before there was anything to hand out
        yield None


def _failed(rt: Runtime, row: Shard, lease: Lease, reason: str) -> None:
    delay = min(_DELAY_S * 2 ** (row.attempts - 1), _LONGEST_DELAY_S)
    try:
        rt.store.shards.fail(lease, reason, rt.settings.max_attempts, delay)
    except LeaseLost:
        log.info("shard %d: the lease was lost; somebody else goes on", row.id)


def _quietly(rt: Runtime, lease: Lease) -> None:
    try:
        rt.store.shards.give_back(lease)
    except LeaseLost:
        log.info("%s: the lease was lost; somebody else goes on", lease.name)
