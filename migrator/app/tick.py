"""One reconcile pass: read facts, decide purely, apply. Two tickers are harmless; a missed tick heals at the next."""

from __future__ import annotations

import logging
from contextlib import suppress
from time import monotonic

from migrator.app.context import Runtime, spec_of
from migrator.domain.model import Job, Lease
from migrator.domain.reconcile import (
    Action,
    Advance,
    Compare,
    FinishJob,
    JobView,
    Prove,
    Send,
    next_actions,
)
from migrator.domain.states import JobState, PrefixState
from migrator.errors import IllegalTransition, LeaseLost

log = logging.getLogger(__name__)

_SHARDS_PER_TICK = 512
"""Messages per pass: enough to keep every worker busy until the next one, never a queue of millions."""

_LONG_S = 0.25

_HAS_RULES = frozenset({JobState.RUNNING, JobState.PAUSED, JobState.CANCELLED})
"""Jobs that may have rules in their bucket; a job that is done has none left to look after."""
_WORKED_ON = frozenset(PrefixState) - {PrefixState.RETIRED}


def tick(rt: Runtime, _: int = 0) -> None:
    """Decide and apply what follows for every active job."""
    lease = rt.store.leases.take("tick", rt.worker, rt.settings.lease_s)
    if lease is None:
        return
    begun = monotonic()
    try:
        rt.store.beat(rt.worker, "tick")
        jobs = rt.store.jobs.active()
        for job in jobs:
            for action in next_actions(view(rt, job), rt.clock()):
                apply(rt, action)
        for bucket_id in {job.bucket_id for job in rt.store.jobs.all() if job.state in _HAS_RULES}:
            # Never released: the lease's own age is what paces the look at the live document.
            if rt.store.leases.take(f"drift:{bucket_id}", rt.worker, rt.settings.drift_s):
                _send(rt, Send("publish", (bucket_id,)), rt.settings.resend_s)
    finally:
        _rest(rt, lease, monotonic() - begun)


def _rest(rt: Runtime, lease: Lease, took_s: float) -> None:
    """Let go of the tick; after a long pass only when as much time again has gone by.

    Verbs ask for a tick when they end. With 10^5 prefixes, ticking each time would leave no time for anything else.
    """
    if took_s <= _LONG_S:
        rt.store.leases.release(lease)
        return
    with suppress(LeaseLost):  # so long that another ticker took over
        rt.store.leases.renew(lease, took_s)


def view(rt: Runtime, job: Job) -> JobView:
    """Read everything one decision about a job depends on."""
    store = rt.store
    return JobView(
        job=job,
        bucket_id=job.bucket_id,
        policy=spec_of(job.spec_json).policy,
        prefixes=store.prefixes.views(job.id, _WORKED_ON),
        retired=store.prefixes.state_counts(job.id).get(PrefixState.RETIRED, 0),
        copyable=store.shards.dispatchable(_SHARDS_PER_TICK, job.id),
        comparable=store.shards.verifiable(_SHARDS_PER_TICK, job.id),
    )


def apply(rt: Runtime, action: Action) -> None:
    """Apply one action. What no longer fits (somebody else was faster) is left for the next pass."""
    store = rt.store
    try:
        match action:
            case Send():
                _send(rt, action, rt.settings.resend_s)
            case Advance(prefix_ids, before, PrefixState.REGRESSED, why):
                for prefix_id in prefix_ids:
                    store.prefixes.advance(prefix_id, before, PrefixState.REGRESSED, why, regressed_reason=why)
            case Advance(prefix_ids, before, after, why):
                store.prefixes.advance_many(prefix_ids, before, after, why)
            case Compare(prefix_id, verify_round, clean_joins, begin):
                if begin:
                    why = "everything is copied; both sides are compared"
                    before, after = PrefixState.COPYING, PrefixState.VERIFYING
                    store.prefixes.advance(
                        prefix_id, before, after, why, verify_round=verify_round, clean_joins=clean_joins
                    )
                else:
                    store.prefixes.update(prefix_id, verify_round=verify_round, clean_joins=clean_joins)
            case Prove(prefix_id, clean_joins):
                why = f"compared {clean_joins} times in a row without a difference"
                store.prefixes.advance(
                    prefix_id, PrefixState.VERIFYING, PrefixState.READY, why, clean_joins=clean_joins
                )
            case FinishJob(job_id):
                store.jobs.advance(job_id, JobState.RUNNING, JobState.DONE, "every prefix is retired")
    except IllegalTransition as error:
        log.info("%s: %s", action, error)


def _send(rt: Runtime, action: Send, again_s: float) -> None:
    """Send what was not sent lately. Intent first: a message lost after it is sent again when the mark expires."""
    for subject_id in rt.store.mark_sent(action.verb, action.subject_ids, again_s):
        rt.dispatcher.send(action.verb, subject_id)
