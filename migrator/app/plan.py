"""Cut one prefix into shards by listing the origin; copying begins with the first of them."""

from __future__ import annotations

from itertools import islice

from migrator.app.context import Runtime
from migrator.app.listing import walk
from migrator.app.working import shift
from migrator.domain.model import PrefixId
from migrator.domain.planner import cuts
from migrator.domain.states import JobState, PrefixState
from migrator.errors import Fatal, LeaseLost, Transient

_BATCH = 8
"""Shards recorded at once: few enough that copying starts early, enough that planning is not one commit a shard."""


def plan(rt: Runtime, prefix_id: int) -> None:
    """Go on planning a prefix where it was left. The cursor moves in the transaction that stores the shards."""
    work, prefix = rt.work_of(PrefixId(prefix_id))
    plannable = prefix.state in (PrefixState.REDIRECTING, PrefixState.COPYING)
    if work.job.state is not JobState.RUNNING or work.job.blocked_reason or prefix.planned_to_end or not plannable:
        return
    lease = rt.store.leases.take(f"plan:{prefix_id}", rt.worker, rt.settings.lease_s)
    if lease is None:
        return
    try:
        with shift(rt, lease, work.job, rt.store.leases.renew) as current:
            listed = walk(work.origin, work.spec.origin.prefix, prefix, rt.holes(prefix), after=prefix.plan_cursor)
            ranges = cuts(listed, prefix.plan_cursor, work.spec.copy_.shard_objects)
            size = 1  # the first shard goes out at once
            while not current.stop() and (batch := tuple(islice(ranges, size))):
                size = _BATCH
                end = batch[-1].last
                shards = rt.store.shards.plan(lease, prefix.id, batch, cursor=end or "", to_end=end is None)
                for shard_id in shards:
                    rt.dispatcher.send("copy", shard_id)
    except LeaseLost:
        return
    except Fatal as error:
        rt.store.jobs.block(work.job.id, str(error), error.hint)
    except Transient as error:
        rt.store.events.add("planning_failed", str(error), job_id=work.job.id, prefix_id=prefix.id)
    finally:
        rt.store.leases.release(lease)
        rt.store.clear_sent("plan", prefix_id)
