"""Compare one shard: a fresh listing of both sides. Reads only; what differs goes back to copying."""

from __future__ import annotations

from datetime import datetime, timedelta

from migrator.app.context import Runtime
from migrator.app.copy import Step, joined, ours
from migrator.app.shards import OpenShard, opened
from migrator.domain.compare import Verdict, verdict
from migrator.domain.model import RecordKind, ShardId
from migrator.domain.states import Authority, PrefixState
from migrator.errors import ObjectVanished

_CLOCK_GRAIN = timedelta(seconds=5)
"""Stores stamp objects in whole seconds, and a listing takes a moment; a key this close to a proof is not taken
as proven by it."""
_COMPARED_IN = (PrefixState.VERIFYING, PrefixState.SETTLING)


def verify(rt: Runtime, shard_id: int) -> None:
    """Compare a shard in its prefix's current round: it is clean, or goes back to copying.

    While the prefix settles, a difference means that something was missed: the prefix regresses.
    """
    with opened(rt, ShardId(shard_id), copying=False) as shard:
        if shard is None:
            return
        if shard.prefix.state not in _COMPARED_IN or shard.row.verified_round >= shard.prefix.verify_round:
            rt.store.shards.give_back(shard.lease)  # the message is late
            return
        began_at = shard.work.origin.server_time()
        found = _first_difference(rt, shard)
        if found is None:
            rt.store.shards.give_back(shard.lease)
        elif not found:
            rt.store.shards.verified(shard.lease, shard.prefix.verify_round, began_at)
        else:
            if shard.prefix.state is PrefixState.SETTLING:
                # First of all: once the shard is open again, nothing else would keep the prefix from being retired.
                rt.store.prefixes.advance(
                    shard.prefix.id, PrefixState.SETTLING, PrefixState.REGRESSED, found, regressed_reason=found
                )
                rt.dispatcher.send("publish", shard.work.job.bucket_id)
            rt.store.shards.differs(shard.lease, found)
    rt.dispatcher.send("tick", 0)


def _first_difference(rt: Runtime, shard: OpenShard) -> str | None:
    """Return the first difference as a sentence, "" when there is none, None when the comparison was called off.

    It is not cut into slices: a comparison begins anew each time, so that a long one would never come to its end.
    """
    proven_at = shard.row.proven_at if shard.prefix.state is PrefixState.SETTLING else None
    for count, step in enumerate(joined(rt, shard.work, shard.prefix, after=shard.row.after, last=shard.row.last)):
        found = difference(shard, step, proven_at)
        if found:
            return found
        if count % 1000 == 0 and shard.shift.called_off():
            return None
    return ""


def difference(shard: OpenShard, step: Step, proven_at: datetime | None) -> str:
    """Judge one key; "" when it is equal or explained.

    With `proven_at` (the rule is gone already) a key that was proven present then and is absent now was deleted by
    the destination's own writers, who are free to do so. Only the origin's clock is compared, and with itself.
    """
    authority, record = shard.prefix.authority, step.record
    judged = verdict(step.origin, step.destination, record)
    kind = record.kind if record is not None else None
    if judged is Verdict.EQUAL:
        return ""
    if judged is Verdict.EXTRA:
        gone = shard.follows and proven_at is None and ours(shard.work, step.key)
        return f"{step.key!r} is gone at the origin" if gone else ""
    assert step.origin is not None
    if record is not None and record.waived_by:
        return ""
    if judged is Verdict.MISSING:
        modified_at = step.origin.modified_at
        if proven_at is not None and modified_at is not None and modified_at < proven_at - _CLOCK_GRAIN:
            return ""
        if kind is RecordKind.VANISHED and _still_vanished(shard, step.key):
            return ""
        return f"{step.key!r} is missing at the destination"
    if kind is RecordKind.KEPT_DESTINATION and (shard.follows or authority is not Authority.FROZEN):
        return ""
    if proven_at is not None and authority is Authority.DESTINATION:
        return ""  # its writers replaced it after it was proven
    return f"{step.key!r} {'differs' if judged is Verdict.DIFFERS else 'is not proven equal'}"


def _still_vanished(shard: OpenShard, key: str) -> bool:
    """Ask the origin about a key that it lists but did not deliver (static hosting lists such phantoms)."""
    try:
        shard.work.origin.head(shard.work.spec.origin.prefix + key)
    except ObjectVanished:
        return True
    return False
