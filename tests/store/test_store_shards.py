from __future__ import annotations

import pytest

from migrator.domain.model import Counters
from migrator.domain.planner import Cut
from migrator.domain.states import JobState, PrefixState, ShardState
from migrator.errors import IllegalTransition, LeaseLost, NotFound


def cut(after, last):
    return Cut(after, last, 7, 70)


@pytest.fixture
def prefix(world):
    return world.prefix(world.job().id)


def test_shards_and_cursor_move_together(world, prefix):
    lease, shards = world.lease(f"plan:{prefix.id}"), world.store.shards
    first = shards.plan(lease, prefix.id, [cut("", "a/1"), cut("a/1", "a/\0")][:1], "a/1", to_end=False)
    assert world.store.prefixes.get(prefix.id).plan_cursor == "a/1"
    more = shards.plan(lease, prefix.id, [cut("a/1", "a/2"), cut("a/2", "a/3")], "a/3", to_end=False)
    last = shards.plan(lease, prefix.id, [cut("a/3", None)], "", to_end=True)
    planned = world.store.prefixes.get(prefix.id)
    assert (planned.plan_cursor, planned.planned_to_end) == ("a/3", True)
    stored = shards.of_prefix(prefix.id)
    assert [each.id for each in stored] == [*first, *more, *last]
    assert [(each.after, each.last) for each in stored] == [
        ("", "a/1"),
        ("a/1", "a/2"),
        ("a/2", "a/3"),
        ("a/3", None),
    ]
    assert {each.state for each in stored} == {ShardState.PENDING}
    assert [each.cursor for each in stored] == [each.after for each in stored]
    assert (stored[0].planned_objects, stored[0].planned_bytes, stored[0].pass_no) == (7, 70, 1)
    assert shards.get(first[0]) == stored[0]


@pytest.mark.parametrize(
    ("cuts", "cursor", "to_end"),
    [
        ([cut("x", "y")], "y", False),  # does not begin at the cursor
        ([cut("", "b"), cut("c", "d")], "d", False),  # a hole
        ([cut("", "b"), cut("b", "a")], "a", False),  # backwards
        ([cut("", "b"), cut("b", "b")], "b", False),  # empty
        ([cut("", "b")], "c", False),  # the cursor is elsewhere
        ([cut("", "b")], "b", True),  # the end would not be covered
        ([cut("", None)], "", False),  # open, yet not the end
        ([cut("", None), cut("b", None)], "", True),
        ([], "", True),
        ([], "b", False),
    ],
)
def test_ranges_that_do_not_tile_are_refused(world, prefix, cuts, cursor, to_end):
    lease = world.lease(f"plan:{prefix.id}")
    with pytest.raises(IllegalTransition):
        world.store.shards.plan(lease, prefix.id, cuts, cursor, to_end=to_end)
    assert world.store.shards.of_prefix(prefix.id) == []
    assert world.store.prefixes.get(prefix.id) == prefix


def test_a_plan_is_stored_once(world, prefix):
    lease = world.lease(f"plan:{prefix.id}")
    world.store.shards.plan(lease, prefix.id, [cut("", "b")], "b", to_end=False)
    with pytest.raises(IllegalTransition):
        world.store.shards.plan(lease, prefix.id, [cut("", "b")], "b", to_end=False)
    world.store.shards.plan(lease, prefix.id, [cut("b", None)], "", to_end=True)
    with pytest.raises(IllegalTransition, match="planned to its end"):
        world.store.shards.plan(lease, prefix.id, [cut("b", None)], "", to_end=True)
    assert len(world.store.shards.of_prefix(prefix.id)) == 2


def test_planning_needs_the_lease_of_the_prefix(world, prefix):
    stale = world.lease(f"plan:{prefix.id}", ttl_s=-1)
    world.lease(f"plan:{prefix.id}", "another")
    for lease in (stale, world.lease("plan:999"), world.lease("tick")):
        with pytest.raises(LeaseLost):
            world.store.shards.plan(lease, prefix.id, [cut("", None)], "", to_end=True)
    with pytest.raises(NotFound):
        world.store.shards.plan(world.lease("plan:1000"), 1000, [cut("", None)], "", to_end=True)
    assert world.store.shards.of_prefix(prefix.id) == []


def test_the_shard_that_holds_a_key(world, prefix):
    ids = world.shards(prefix.id, "b", "b\0", "é")
    held = {"a": ids[0], "b": ids[0], "b\0": ids[1], "b\0\0": ids[2], "c": ids[2], "é": ids[2], "\udcff": ids[3]}
    assert {key: world.store.shards.holding(prefix.id, key).id for key in held} == held
    with pytest.raises(NotFound, match="no shard of prefix"):
        world.store.shards.holding(prefix.id + 1, "a")
    with pytest.raises(NotFound):
        world.store.shards.get(999)


def test_a_key_behind_what_is_planned_is_nobodys(world, prefix):
    world.store.shards.plan(world.lease(f"plan:{prefix.id}"), prefix.id, [cut("", "b")], "b", to_end=False)
    with pytest.raises(NotFound):
        world.store.shards.holding(prefix.id, "c")


def test_dispatchable_shards_in_order_of_urgency(world):
    job = world.job()
    late, urgent = world.prefix(job.id, "a/"), world.prefix(job.id, "b/")
    first, second = world.shards(late.id, "a/5"), world.shards(urgent.id, "b/5")
    world.store.prefixes.update(urgent.id, priority=-1)
    dispatchable = world.store.shards.dispatchable
    assert dispatchable(10) == dispatchable(10, job.id) == [*second, *first]
    assert dispatchable(3) == [*second, first[0]]
    assert dispatchable(10, 999) == []
    assert world.store.mark_sent("copy", [*first, *second, 999], 60) == [*first, *second]
    assert world.store.mark_sent("copy", first, 60) == []
    assert dispatchable(10) == []
    world.store.clear_sent("copy", first[1])
    assert dispatchable(10) == [first[1]]
    world.store.mark_sent("copy", [first[1]], -1)
    assert dispatchable(10) == [first[1]]


@pytest.mark.parametrize("state", PrefixState)
def test_only_copying_prefixes_are_copied(world, state):
    job = world.job()
    prefix = world.prefix(job.id, state=state)
    ids = world.shards(prefix.id)
    assert world.store.shards.dispatchable(10) == (ids if state is PrefixState.COPYING else [])


def test_only_running_jobs_that_nothing_blocks_are_worked_on(world, prefix):
    copying, compared = world.shards(prefix.id, "m")
    world.done(compared)
    world.store.prefixes.update(prefix.id, verify_round=1)
    other = world.prefix(prefix.job_id, "v/", PrefixState.VERIFYING)
    world.store.prefixes.update(other.id, verify_round=1)
    verifying = world.shards(other.id)
    world.done(*verifying)
    shards, jobs = world.store.shards, world.store.jobs

    def work():
        return [*shards.dispatchable(10), *shards.verifiable(10)]

    assert work() == [copying, *verifying]
    jobs.block(prefix.job_id, "bad key", "")
    assert work() == []
    jobs.unblock(prefix.job_id)
    jobs.advance(prefix.job_id, JobState.RUNNING, JobState.PAUSED, "test")
    assert work() == []


def test_shards_under_way_or_waiting_are_not_dispatched_until_their_time(world, prefix):
    leased, failed, done, given_up = world.shards(prefix.id, "a/1", "a/2", "a/3")
    world.claim(leased)
    world.store.shards.fail(world.claim(failed)[1], "no", 9, 1000)
    world.store.shards.fail(world.claim(given_up)[1], "no", 1, 0)
    world.done(done)
    assert world.store.shards.dispatchable(10) == []
    assert world.store.shards.expire_check() == []
    world.expire(leased)
    world.sql(f"UPDATE shard SET not_before = 1 WHERE id = {failed}")
    assert world.store.shards.dispatchable(10) == [leased, failed]
    [(shard_id, owner, age_s)] = world.store.shards.expire_check()
    assert (shard_id, owner) == (leased, "w1")
    assert age_s > 1e9


@pytest.mark.parametrize("state", [PrefixState.VERIFYING, PrefixState.SETTLING])
def test_verifiable_shards_lack_the_current_round(world, state):
    job = world.job()
    prefix = world.prefix(job.id, state=state)
    clean, held, told, waiting, pending = world.shards(prefix.id, "a/1", "a/2", "a/3", "a/4")
    world.done(clean, held, told, waiting)
    verifiable = world.store.shards.verifiable
    assert verifiable(10) == []
    world.store.prefixes.update(prefix.id, verify_round=1)
    assert verifiable(10) == verifiable(10, job.id) == [clean, held, told, waiting]
    world.store.shards.verified(world.compare(clean)[1], 1, world.store.now())
    world.compare(held)
    world.store.mark_sent("verify", [told], 60)
    world.store.shards.fail(world.compare(waiting)[1], "timeout", 1, 1000)
    assert verifiable(10) == []
    world.expire(held)
    assert verifiable(10) == [held]
    world.store.prefixes.update(prefix.id, verify_round=2)
    assert verifiable(10) == [clean, held]
    assert pending not in verifiable(10)
    world.walk_to(prefix.id, PrefixState.REGRESSED if state is PrefixState.SETTLING else PrefixState.COPYING)
    assert verifiable(10) == []


def test_reopened_shards_walk_their_whole_range_again(world, prefix):
    done, given_up, copying, compared = world.shards(prefix.id, "a/1", "a/2", "a/3")
    world.done(done, compared, counters=Counters(discovered=5, copied=5))
    world.store.shards.fail(world.claim(given_up)[1], "no", 1, 1000)
    _, copier = world.claim(copying)
    _, verifier = world.compare(compared)
    shards = world.store.shards
    assert shards.reopen([compared, done, given_up, copying, 999], "missed") == [done, given_up, compared]
    for shard_id in (done, given_up, compared):
        again = shards.get(shard_id)
        assert (again.state, again.pass_no, again.cursor) == (ShardState.PENDING, 2, again.after)
        assert (again.attempts, again.verified_round, again.last_error, again.walk) == (0, 0, "", Counters())
    assert shards.get(done).counters == Counters(discovered=5, copied=5)  # known until the new pass is complete
    assert shards.dispatchable(10) == [done, given_up, compared]
    with pytest.raises(LeaseLost):
        shards.verified(verifier, 1, world.store.now())
    shards.renew(copier, 60)
    assert world.events().count("shard_reopened") == 3
