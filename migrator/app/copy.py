"""Copy one shard: merge-join both listings of its range, create what is missing, remember what must be remembered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from migrator.app.context import Runtime, Work
from migrator.app.listing import walk
from migrator.app.shards import OpenShard, opened
from migrator.domain.compare import Verdict, merge_join, plain_md5, settle_pass, verdict
from migrator.domain.model import Counters, ObjectRecord, Prefix, RecordKind, ShardId
from migrator.domain.objects import META, CopyItem, CopyResult, ObjectInfo
from migrator.domain.states import Authority, Outcome, PrefixState
from migrator.errors import Fatal, Transient

MARKER = f"{META}migrator-origin-etag"
"""Metadata that tells our copies from everybody else's while writers are still at the origin."""

_BATCH = 256
_COPIED_IN = (PrefixState.REDIRECTING, PrefixState.COPYING, PrefixState.VERIFYING)
_RECORDED = {
    Outcome.KEPT_DESTINATION: RecordKind.KEPT_DESTINATION,
    Outcome.VANISHED: RecordKind.VANISHED,
    Outcome.FAILED: RecordKind.FAILED,
    Outcome.QUARANTINED: RecordKind.QUARANTINED,
}


@dataclass(frozen=True, slots=True)
class Step:
    """One key of the joined listings and what is remembered about it."""

    key: str
    origin: ObjectInfo | None
    destination: ObjectInfo | None
    record: ObjectRecord | None


@dataclass(frozen=True, slots=True)
class Settled:
    """One key with its outcome and what to remember: a record to keep, or None to forget."""

    key: str
    counters: Counters
    record: ObjectRecord | None
    had_record: bool


def copy(rt: Runtime, shard_id: int) -> None:
    """Give every key of a shard an outcome, from its cursor on. Safe to run any number of times, at any time."""
    with opened(rt, ShardId(shard_id), copying=True) as shard:
        if shard is None:
            return
        if shard.prefix.state not in _COPIED_IN:
            rt.store.shards.give_back(shard.lease)  # its rule must go back first
            return
        complete = _copy(rt, shard)
        if shard.failure is not None:
            raise shard.failure
        if not complete:
            rt.store.shards.give_back(shard.lease)
            return
        before, walked = shard.row.counters, shard.walked
        counters = walked if shard.row.pass_no == 1 else settle_pass(before, walked)
        rt.store.shards.finish(shard.lease, counters)
    rt.dispatcher.send("tick", 0)


def _copy(rt: Runtime, shard: OpenShard) -> bool:
    """Work through the range; True when its end was reached."""
    steps = joined(rt, shard.work, shard.prefix, after=shard.row.cursor or shard.row.after, last=shard.row.last)
    while batch := tuple(islice(steps, _BATCH)):
        settled = _settle(rt, shard, batch)
        if settled:
            shard.walked = sum((each.counters for each in settled), shard.walked)
            rt.store.shards.record(
                shard.lease,
                settled[-1].key,
                shard.walked,
                [each.record for each in settled if each.record is not None],
                [each.key for each in settled if each.record is None and each.had_record],
                rt.settings.lease_s,
            )
        if len(settled) < len(batch):
            return False
        if shard.shift.stop():
            return next(steps, None) is None
    return True


def joined(rt: Runtime, work: Work, prefix: Prefix, *, after: str, last: str | None) -> Iterator[Step]:
    """Join origin, destination and records of a range, in byte order."""
    holes = rt.holes(prefix)
    origin = walk(work.origin, work.spec.origin.prefix, prefix, holes, after=after, last=last)
    destination = walk(work.destination, work.spec.destination.prefix, prefix, holes, after=after, last=last)
    records = {each.key: each for each in rt.store.records.within(prefix.id, after, last)}
    for key, left, right in merge_join(origin, destination):
        yield Step(key, left, right, records.get(key))


def _settle(rt: Runtime, shard: OpenShard, batch: Sequence[Step]) -> list[Settled]:
    """Give outcomes to the steps of a batch, in order; stops short at the first step that must be tried again."""
    decided = {step.key: _decide(shard, step) for step in batch}
    items = [each for each in decided.values() if isinstance(each, CopyItem)]
    results: dict[str, CopyResult] = {}
    failure: Exception | None = None
    if items:
        engine = rt.connections.engine(shard.work.spec, marked=shard.follows)
        try:
            for each in engine.copy(items, stop=shard.shift.stop):
                results[each.item.origin_key] = each
        except (Fatal, Transient) as error:
            failure = error
    settled: list[Settled] = []
    for step in batch:
        choice = decided[step.key]
        if isinstance(choice, CopyItem):
            if choice.origin_key not in results:
                break
            result = results[choice.origin_key]
            if result.outcome is Outcome.FAILED and result.retryable and not shard.last_attempt:
                failure = failure or Transient(f"{step.key!r}: {result.reason}")
                break
            choice = _remember(shard, step, result)
        settled.append(choice)
    if failure is not None:
        shard.failure = failure
    return settled


def _decide(shard: OpenShard, step: Step) -> Settled | CopyItem:
    """Decide one key from the listings alone, or hand it to the engine."""
    if step.origin is None:
        if shard.follows and ours(shard.work, step.key):
            shard.work.destination.delete(shard.work.spec.destination.prefix + step.key)
        return Settled(step.key, Counters(), None, had_record=False)
    judged = verdict(step.origin, step.destination, step.record)
    size = step.origin.size_bytes
    if judged is Verdict.EQUAL:
        proof = step.record if step.record is not None and step.record.kind is RecordKind.PROOF else None
        return Settled(step.key, Counters.of(Outcome.ALREADY_EQUAL, size), proof, step.record is not None)
    if step.record is not None and step.record.waived_by and judged is Verdict.MISSING:
        return Settled(step.key, Counters.of(Outcome(step.record.kind.value)), step.record, had_record=True)
    if shard.follows and judged in (Verdict.DIFFERS, Verdict.UNKNOWN):
        if ours(shard.work, step.key):
            # Readers fall through the armed rule to the fresh origin until the copy is created again.
            shard.work.destination.delete(shard.work.spec.destination.prefix + step.key)
    elif judged is Verdict.DIFFERS and shard.prefix.authority is Authority.DESTINATION:
        record = _record(shard, step, RecordKind.KEPT_DESTINATION, "the destination holds another version; it was kept")
        return Settled(step.key, Counters.of(Outcome.KEPT_DESTINATION), record, had_record=True)
    base, at = shard.work.spec.origin.prefix, shard.work.spec.destination.prefix
    return CopyItem(base + step.key, at + step.key, size, step.origin.etag)


def _remember(shard: OpenShard, step: Step, result: CopyResult) -> Settled:
    """Turn an engine's result into counters and, where the listings will not show it, a record."""
    outcome, record = result.outcome, None
    if outcome is Outcome.KEPT_DESTINATION and shard.prefix.authority is Authority.FROZEN and not shard.follows:
        outcome = Outcome.FAILED
        result = replace(result, reason="the two sides differ although keys never change here: " + result.reason)
    if outcome in _RECORDED:
        record = _record(shard, step, _RECORDED[outcome], result.reason)
    elif not (plain_md5(result.item.etag) and result.item.etag.lower() == result.destination_etag.lower()):
        record = replace(
            _record(shard, step, RecordKind.PROOF, ""), destination_etag=result.destination_etag, crc64=result.crc64
        )
    size = result.size_bytes or (step.origin.size_bytes if step.origin else 0)
    return Settled(step.key, Counters.of(outcome, size), record, step.record is not None)


def _record(shard: OpenShard, step: Step, kind: RecordKind, reason: str) -> ObjectRecord:
    assert step.origin is not None
    return ObjectRecord(
        prefix_id=shard.prefix.id,
        key=step.key,
        kind=kind,
        reason=reason,
        size_bytes=step.origin.size_bytes,
        origin_etag=step.origin.etag,
        destination_etag=step.destination.etag if step.destination else "",
    )


def ours(work: Work, key: str) -> bool:
    """Say whether an object of the destination is a copy that we made while following the origin."""
    head = work.destination.head(work.spec.destination.prefix + key)
    return head is not None and MARKER in head.headers
