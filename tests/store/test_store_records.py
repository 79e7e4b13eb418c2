from __future__ import annotations

import pytest

from migrator.domain.model import Counters, ObjectRecord, RecordKind
from migrator.domain.states import ShardState
from migrator.errors import LeaseLost, NotFound

KEYS = ["a/", "a/\0", "a/_b", "a/%", "a/A", "a/a", "a/é", "a/日本", "a/\udcff", "a/😀"]
FAILED, QUARANTINED = RecordKind.FAILED, RecordKind.QUARANTINED


@pytest.fixture
def prefix(world):
    return world.prefix(world.job().id)


@pytest.fixture
def remember(world):
    """Store records of one kind under the open shard that holds them."""

    def store(prefix_id, keys, kind=FAILED, **fields):
        records = [ObjectRecord(prefix_id, key, kind, **fields) for key in keys]
        shards = world.store.shards.of_prefix(prefix_id) or [None]
        if shards[0] is None:
            world.shards(prefix_id)
            shards = world.store.shards.of_prefix(prefix_id)
        _, lease = world.claim(shards[-1].id)
        world.store.shards.note(lease, records, [])
        world.store.shards.give_back(lease)
        return records

    return store


def test_ranges_are_exact_and_in_byte_order(world, prefix, remember):
    remember(prefix.id, reversed(KEYS))
    other = world.prefix(prefix.job_id, "b/")
    remember(other.id, ["a/a"])
    for after in ["", *KEYS]:
        for last in [None, *KEYS]:
            found = [record.key for record in world.store.records.within(prefix.id, after, last)]
            assert found == sorted(key for key in KEYS if key > after and (last is None or key <= last))


def test_a_range_is_read_a_page_at_a_time(world, prefix, remember):
    keys = [f"a/{number:05}" for number in range(2500)]
    remember(prefix.id, keys)
    reading = world.store.records.within(prefix.id, "a/00009", "a/02000")
    assert next(reading).key == "a/00010"
    world.store.events.add("test", "nothing is locked while the range is read")
    assert [record.key for record in reading] == keys[11:2001]


def test_lists_are_pages(world, prefix, remember):
    other = world.prefix(prefix.job_id, "b/")
    failed = remember(prefix.id, ["a/1", "a/2", "a/3"])
    proofs = remember(prefix.id, ["a/0"], RecordKind.PROOF, crc64=2**63)
    elsewhere = remember(other.id, ["b/1"], QUARANTINED)
    listed = world.store.records.list
    assert list(listed(prefix.job_id)) == [*proofs, *failed, *elsewhere]
    assert list(listed(prefix.job_id, [FAILED, QUARANTINED], limit=2)) == failed[:2]
    after = (failed[1].prefix_id, failed[1].key)
    assert list(listed(prefix.job_id, [FAILED, QUARANTINED], after=after)) == [failed[2], *elsewhere]
    assert list(listed(prefix.job_id, prefix_id=other.id)) == elsewhere
    assert list(listed(prefix.job_id, [])) == list(listed(999)) == []
    assert world.store.records.count(prefix.id) == {
        **dict.fromkeys(RecordKind, 0),
        FAILED: 3,
        RecordKind.PROOF: 1,
    }


def test_waived_exceptions_do_not_block(world, prefix, remember):
    first, second = remember(prefix.id, ["a/1", "a/2"])
    remember(prefix.id, ["a/3"], RecordKind.VANISHED)
    records = world.store.records
    assert list(records.blocking(prefix.id)) == [first, second]
    records.waive(prefix.id, "a/1", "ops: known to be broken")
    assert list(records.blocking(prefix.id)) == [second]
    assert [(record.key, record.waived_by) for record in records.waived(prefix.id)] == [
        ("a/1", "ops: known to be broken")
    ]
    assert world.store.prefixes.views(prefix.job_id)[0].blocking_failed == 1
    assert (
        world.store.events.list(prefix.job_id)[-1].message == "failed object 'a/1' is accepted: ops: known to be broken"
    )
    for key in ("a/3", "a/none"):  # what vanished needs nobody's leave
        with pytest.raises(NotFound):
            records.waive(prefix.id, key, "ops")


def test_retry_reopens_the_shards_of_what_failed_and_those_given_up(world, prefix):
    clean, broken, given_up, waived, busy = ids = world.shards(prefix.id, "a/1", "a/2", "a/3", "a/4")
    shards, records = world.store.shards, world.store.records
    exceptions = {
        clean: ("a/1", RecordKind.PROOF),
        broken: ("a/2", FAILED),
        waived: ("a/4", QUARANTINED),
        busy: ("a/5", FAILED),
    }
    for shard_id in ids:
        _, lease = world.claim(shard_id)
        if shard_id in exceptions:
            key, kind = exceptions[shard_id]
            shards.record(lease, key, Counters(discovered=1, failed=1), [ObjectRecord(prefix.id, key, kind)], [], 60)
        if shard_id == given_up:
            shards.fail(lease, "no", 1, 0)
        elif shard_id != busy:
            shards.finish(lease, Counters(discovered=1, failed=1))
    records.waive(prefix.id, "a/4", "ops: fine")
    _, verifier = world.compare(broken)

    assert records.retry(prefix.id) == 2
    states = {shard.id: (shard.state, shard.pass_no) for shard in shards.of_prefix(prefix.id)}
    assert states == {
        clean: (ShardState.DONE, 1),
        broken: (ShardState.PENDING, 2),
        given_up: (ShardState.PENDING, 2),
        waived: (ShardState.DONE, 1),
        busy: (ShardState.LEASED, 1),
    }
    assert [record.key for record in records.within(prefix.id, "", None)] == ["a/1", "a/4", "a/5"]
    with pytest.raises(LeaseLost):
        shards.differs(verifier, "too late")
    assert world.events()[-1] == "prefix_retried"
    assert records.retry(prefix.id) == 0
    world.expire(busy)
    assert records.retry(prefix.id) == 1


def test_retry_is_about_one_prefix(world, prefix, remember):
    other = world.prefix(prefix.job_id, "b/")
    remember(prefix.id, ["a/1"])
    remember(other.id, ["a/1"])
    assert world.store.records.retry(prefix.id) == 1
    assert list(world.store.records.blocking(prefix.id)) == []
    assert len(world.store.records.blocking(other.id)) == 1
