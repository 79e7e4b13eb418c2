"""Leases and fences of shards: one claim wins, and a stale one writes nothing."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from migrator.domain.model import Counters, Lease, ObjectRecord, RecordKind
from migrator.domain.planner import Cut
from migrator.domain.states import ShardState
from migrator.errors import LeaseLost

ONE = Counters(discovered=1, copied=1, copied_bytes=10)
TWO = Counters(discovered=2, copied=1, failed=1, copied_bytes=10)


@pytest.fixture
def prefix(world):
    return world.prefix(world.job().id)


@pytest.fixture
def shard_id(world, prefix):
    return world.shards(prefix.id)[0]


def writes(world, prefix_id):
    """Every write that a lease allows."""
    shards = world.store.shards
    record = ObjectRecord(prefix_id, "a/zombie", RecordKind.FAILED)
    return {
        "renew": lambda lease: shards.renew(lease, 60),
        "record": lambda lease: shards.record(lease, "z", ONE, [record], ["a/1"], 60),
        "note": lambda lease: shards.note(lease, [record], ["a/1"]),
        "finish": lambda lease: shards.finish(lease, ONE),
        "give_back": shards.give_back,
        "fail": lambda lease: shards.fail(lease, "zombie", 1, 0),
        "verified": lambda lease: shards.verified(lease, 9, world.store.now()),
        "differs": lambda lease: shards.differs(lease, "zombie"),
    }


def test_a_claim_is_exclusive_and_counts(world, shard_id):
    shard, lease = world.claim(shard_id, "w1")
    assert lease == Lease(f"shard:{shard_id}", "w1", shard.fence)
    assert (shard.state, shard.fence, shard.attempts) == (ShardState.LEASED, 1, 1)
    assert shard == world.store.shards.get(shard_id)
    assert world.store.shards.claim(shard_id, "w1", 60) is None
    assert world.store.shards.claim_done(shard_id, "w2", 60) is None
    assert world.store.shards.claim(999, "w1", 60) is None
    world.expire(shard_id)
    taken, newer = world.claim(shard_id, "w2")
    assert (taken.attempts, newer.fence) == (2, 2)


def test_eight_threads_claim_three_hundred_shards_once(world, prefix):
    cuts = [Cut(f"{n:03}" if n else "", f"{n + 1:03}" if n < 299 else None, 1, 1) for n in range(300)]
    ids = world.store.shards.plan(world.lease(f"plan:{prefix.id}"), prefix.id, cuts, "", to_end=True)

    def work(number):
        order = ids[number * 37 :] + ids[: number * 37]
        return [claimed for each in order if (claimed := world.store.shards.claim(each, f"w{number}", 600))]

    with ThreadPoolExecutor(8) as pool:
        claimed = [each for found in pool.map(work, range(8)) for each in found]
    assert sorted(shard.id for shard, _ in claimed) == ids
    assert {lease.fence for _, lease in claimed} == {1}
    owners = {lease.name: lease.owner for _, lease in claimed}
    for shard_id in ids:
        assert world.store.shards.give_back(Lease(f"shard:{shard_id}", owners[f"shard:{shard_id}"], 1)) is None


def test_progress_is_absolute_and_survives_the_worker(world, shard_id):
    shards = world.store.shards
    shard, lease = world.claim(shard_id)
    assert (shard.cursor, shard.walk) == ("", Counters())
    shards.record(lease, "a/1", ONE, [], [], 60)
    shards.record(lease, "a/2", TWO, [], [], -1)
    again, lease = world.claim(shard_id, "w2")
    assert (again.cursor, again.walk, again.counters) == ("a/2", TWO, TWO)
    shards.finish(lease, TWO)
    done = shards.get(shard_id)
    assert (done.state, done.counters, done.attempts, done.verified_round) == (ShardState.DONE, TWO, 0, 0)


def test_a_repair_pass_leaves_the_public_counters_until_it_is_complete(world, shard_id):
    shards = world.store.shards
    world.done(shard_id, counters=TWO)
    shards.differs(world.compare(shard_id)[1], "'a/2' is missing")
    shard, lease = world.claim(shard_id)
    assert (shard.pass_no, shard.cursor, shard.walk, shard.counters) == (2, "", Counters(), TWO)
    shards.record(lease, "a/1", ONE, [], [], 60)
    shards.give_back(lease)
    assert (shards.get(shard_id).counters, shards.get(shard_id).walk) == (TWO, ONE)
    shards.finish(world.claim(shard_id)[1], ONE)
    assert shards.get(shard_id).counters == ONE


def test_records_are_stored_replaced_and_dropped_with_the_cursor(world, prefix, shard_id):
    _, lease = world.claim(shard_id)
    crc = 2**64 - 1
    proof = ObjectRecord(prefix.id, "a/1", RecordKind.PROOF, "", 5, "etag-1", "etag-2", crc)
    failed = ObjectRecord(prefix.id, "a/\0\udcff", RecordKind.FAILED, "timeout")
    world.store.shards.record(lease, "a/1", ONE, [proof, failed], [], 60)
    within = world.store.records.within
    assert list(within(prefix.id, "", None)) == [failed, proof]
    vanished = ObjectRecord(prefix.id, "a/1", RecordKind.VANISHED, "gone")
    world.store.shards.record(lease, "a/2", TWO, [vanished], ["a/\0\udcff", "a/none"], 60)
    assert list(within(prefix.id, "", None)) == [vanished]
    world.store.shards.note(lease, [failed], ["a/1"])
    assert list(within(prefix.id, "", None)) == [failed]


def test_a_waiver_is_for_one_kind_of_exception(world, prefix, shard_id):
    _, lease = world.claim(shard_id)

    def met(kind, waived_by=""):
        record = ObjectRecord(prefix.id, "a/1", kind, waived_by=waived_by)
        world.store.shards.record(lease, "a/1", ONE, [record], [], 60)
        return world.store.records.list(prefix.job_id)[0].waived_by

    assert met(RecordKind.FAILED) == ""
    world.store.records.waive(prefix.id, "a/1", "ops: a broken upload of 2019")
    assert met(RecordKind.FAILED) == "ops: a broken upload of 2019"
    assert met(RecordKind.QUARANTINED) == ""
    assert met(RecordKind.FAILED, "ops: again") == "ops: again"


def test_giving_back_is_no_attempt(world, shard_id):
    for expected in (1, 1, 1):
        shard, lease = world.claim(shard_id)
        assert shard.attempts == expected
        world.store.mark_sent("copy", [shard_id], 60)
        world.store.shards.give_back(lease)
        assert world.store.shards.get(shard_id).state is ShardState.PENDING
        assert world.store.shards.dispatchable(1) == [shard_id]


def test_failures_wait_and_end_in_quarantine(world, prefix, shard_id):
    shards = world.store.shards
    assert shards.fail(world.claim(shard_id)[1], "timeout", 2, 1000) is ShardState.PENDING
    assert shards.get(shard_id).last_error == "timeout"
    assert shards.claim(shard_id, "w1", 60) is None  # not before its time
    world.sql("UPDATE shard SET not_before = 1")
    assert shards.fail(world.claim(shard_id)[1], "timeout again", 2, 1000) is ShardState.QUARANTINED
    assert shards.claim(shard_id, "w1", 60) is None
    event = world.store.events.list(prefix.job_id)[-1]
    assert event.kind == "shard_quarantined"
    assert event.message == f"shard {shard_id} was given up after 2 attempts: timeout again"


def test_comparing_keeps_the_shard_done(world, shard_id):
    shards = world.store.shards
    world.done(shard_id)
    shard, lease = world.compare(shard_id)
    assert (shard.state, shard.fence) == (ShardState.DONE, 2)
    assert shards.claim_done(shard_id, "v2", 60) is None
    assert shards.claim(shard_id, "w1", 60) is None
    shards.give_back(lease)
    assert shards.fail(world.compare(shard_id)[1], "timeout", 1, 0) is ShardState.DONE
    began_at = world.store.now()
    shards.verified(world.compare(shard_id)[1], 3, began_at)
    clean = shards.get(shard_id)
    assert (clean.verified_round, clean.proven_at, clean.last_error) == (3, began_at, "")


@pytest.mark.parametrize("name", ["record", "finish"])
def test_a_comparing_worker_cannot_write_progress(world, prefix, shard_id, name):
    world.done(shard_id)
    _, lease = world.compare(shard_id)
    with pytest.raises(LeaseLost):
        writes(world, prefix.id)[name](lease)


@pytest.mark.parametrize("name", ["verified", "differs"])
def test_a_copying_worker_cannot_write_a_comparison(world, prefix, shard_id, name):
    _, lease = world.claim(shard_id)
    with pytest.raises(LeaseLost):
        writes(world, prefix.id)[name](lease)


def test_a_stale_fence_writes_nothing(world, prefix, shard_id):
    copying, zombie = world.claim(shard_id)
    world.store.shards.record(zombie, "a/1", ONE, [ObjectRecord(prefix.id, "a/1", RecordKind.FAILED)], [], -1)
    world.claim(shard_id, zombie.owner)  # the same worker took it again: its older self must not write either
    seen, records = world.store.shards.get(shard_id), list(world.store.records.within(prefix.id, "", None))
    forged = Lease(zombie.name, "somebody else", seen.fence)
    for stale in (zombie, forged):
        for write in writes(world, prefix.id).values():
            with pytest.raises(LeaseLost):
                write(stale)
    assert world.store.shards.get(shard_id) == seen
    assert list(world.store.records.within(prefix.id, "", None)) == records
    assert copying.fence < seen.fence


def test_a_stale_comparison_writes_nothing(world, prefix, shard_id):
    world.done(shard_id)
    _, zombie = world.compare(shard_id, ttl_s=-1)
    world.compare(shard_id)
    seen = world.store.shards.get(shard_id)
    for write in writes(world, prefix.id).values():
        with pytest.raises(LeaseLost):
            write(zombie)
    assert world.store.shards.get(shard_id) == seen


@pytest.mark.parametrize("ending", ["finish", "give_back", "fail"])
def test_a_lease_ends_once(world, prefix, shard_id, ending):
    _, lease = world.claim(shard_id)
    writes(world, prefix.id)[ending](lease)
    for write in writes(world, prefix.id).values():
        with pytest.raises(LeaseLost):
            write(lease)


def test_an_expired_lease_that_nobody_took_still_writes(world, shard_id):
    _, lease = world.claim(shard_id, ttl_s=-1)
    world.store.shards.record(lease, "a/1", ONE, [], [], -1)
    world.store.shards.renew(lease, -1)
    world.store.shards.finish(lease, ONE)
    assert world.store.shards.get(shard_id).counters == ONE
