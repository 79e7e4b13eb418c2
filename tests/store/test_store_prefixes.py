from __future__ import annotations

import pytest

from migrator.domain.model import Counters, ObjectRecord, RecordKind
from migrator.domain.states import Authority, PrefixState
from migrator.errors import IllegalTransition, NotFound

STEP = (PrefixState.PLANNED, PrefixState.ARMING)


def test_adding_is_idempotent_and_counts_what_is_new(world):
    job, store = world.job(), world.store
    assert store.prefixes.add(job.id, ["b/", "", "a/"], Authority.FROZEN, held_by="retire: hold") == 3
    assert store.prefixes.add(job.id, iter(["a/", "c/"]), Authority.ORIGIN) == 1
    assert store.prefixes.names(job.id) == ["", "a/", "b/", "c/"]
    kept = store.prefixes.find(job.id, "a/")
    assert (kept.authority, kept.state, kept.held_by) == (Authority.FROZEN, PrefixState.PLANNED, "retire: hold")
    assert store.prefixes.get(kept.id) == kept
    assert store.prefixes.add(job.id, [], Authority.FROZEN) == 0


def test_many_prefixes_are_one_call(world):
    job = world.job()
    names = [f"{number:05}/" for number in range(2500)]
    assert world.store.prefixes.add(job.id, names, Authority.DESTINATION) == 2500
    assert world.store.prefixes.names(job.id) == names


def test_no_transaction_is_open_while_names_are_listed(world):
    job = world.job()

    def listing():
        yield "a/"
        world.store.events.add("listed", "a page")  # would wait for the lock of a transaction under way
        yield "b/"

    assert world.store.prefixes.add(job.id, listing(), Authority.DESTINATION) == 2


def test_names_are_exact(world):
    job = world.job()
    names = ["a_b/", "axb/", "A_B/", "a%/", "a\0/", "\udcff/", "日本/"]
    world.store.prefixes.add(job.id, names, Authority.DESTINATION)
    assert [world.store.prefixes.find(job.id, name).name for name in names] == names
    with pytest.raises(NotFound, match="no prefix 'a_'"):
        world.store.prefixes.find(job.id, "a_")
    with pytest.raises(NotFound):
        world.store.prefixes.get(99)


def test_facts_are_set_with_the_state(world):
    prefix = world.prefix(world.job().id, state=PrefixState.VERIFYING)
    world.store.prefixes.advance(
        prefix.id, PrefixState.VERIFYING, PrefixState.READY, "equal", clean_joins=2, sentinel="302 as expected"
    )
    ready = world.store.prefixes.get(prefix.id)
    assert (ready.state, ready.clean_joins, ready.sentinel) == (PrefixState.READY, 2, "302 as expected")
    assert ready.since_at >= prefix.since_at
    event = world.store.events.list(prefix.job_id)[-1]
    assert (event.kind, event.prefix_id, event.message) == ("prefix_ready", prefix.id, "verifying -> ready: equal")


def test_a_step_that_no_longer_applies_changes_nothing(world):
    prefix = world.prefix(world.job().id, state=PrefixState.ARMING)
    before = world.events()
    with pytest.raises(IllegalTransition, match="is arming, not planned"):
        world.store.prefixes.advance(prefix.id, *STEP, "again", sentinel="no")
    with pytest.raises(IllegalTransition, match="what is arming cannot become retired"):
        world.store.prefixes.advance(prefix.id, PrefixState.ARMING, PrefixState.RETIRED, "no")
    with pytest.raises(NotFound):
        world.store.prefixes.advance(99, *STEP, "no")
    assert world.store.prefixes.get(prefix.id) == prefix
    assert world.events() == before


def test_many_move_at_once_and_the_others_stay(world):
    job = world.job()
    world.store.prefixes.add(job.id, [f"{number:05}" for number in range(1500)], Authority.DESTINATION)
    ids = [view.prefix.id for view in world.store.prefixes.views(job.id)]
    world.store.prefixes.advance(ids[7], *STEP, "first")
    moved = world.store.prefixes.advance_many([*ids, 99999, ids[0]], *STEP, "all")
    assert moved == sorted(set(ids) - {ids[7]})
    assert world.store.prefixes.state_counts(job.id)[PrefixState.ARMING] == 1500
    assert len(world.store.events.list(job.id, limit=5000)) == 2 + 1500
    assert world.store.prefixes.advance_many([], *STEP, "none") == []
    with pytest.raises(IllegalTransition):
        world.store.prefixes.advance_many(ids, PrefixState.ARMING, PrefixState.RETIRED, "no")


def test_hold_release_authority_and_facts(world):
    prefix = world.prefix(world.job().id)
    prefixes = world.store.prefixes
    prefixes.hold(prefix.id, "ops: after the webinar")
    assert prefixes.get(prefix.id).held_by == "ops: after the webinar"
    prefixes.release(prefix.id)
    prefixes.set_authority(prefix.id, Authority.FROZEN, "writers moved")
    prefixes.update(prefix.id, verify_round=3, priority=-1.5)
    found = prefixes.get(prefix.id)
    assert (found.held_by, found.authority, found.verify_round) == ("", Authority.FROZEN, 3)
    assert world.events()[-3:] == ["prefix_held", "prefix_released", "prefix_authority"]
    for call in (lambda: prefixes.hold(99, "x"), lambda: prefixes.update(99, sentinel="x")):
        with pytest.raises(NotFound):
            call()


def test_the_certificate_is_stored_with_the_last_step(world):
    prefix = world.prefix(world.job().id, state=PrefixState.SETTLING)
    assert world.store.prefixes.certificate(prefix.id) is None
    steps = (PrefixState.SETTLING, PrefixState.RETIRED)
    world.store.prefixes.advance(prefix.id, *steps, "settled", certificate_json='{"a": 1}')
    assert world.store.prefixes.certificate(prefix.id) == '{"a": 1}'


def test_views_show_every_sum(world):
    job = world.job()
    prefix = world.prefix(job.id, "b/")
    ids = world.shards(prefix.id, "b/1", "b/2", "b/3", "b/4")
    world.done(ids[0], counters=Counters(discovered=3, copied=2, failed=1, copied_bytes=2**60))
    world.done(ids[1], counters=Counters(discovered=2, already_equal=2, copied_bytes=2**60, equal_bytes=5))
    _, lease = world.claim(ids[2])
    world.store.shards.record(
        lease,
        "b/25",
        Counters(discovered=4, failed=2, quarantined=2),
        [
            ObjectRecord(prefix.id, "b/21", RecordKind.FAILED),
            ObjectRecord(prefix.id, "b/22", RecordKind.FAILED, waived_by="me"),
            ObjectRecord(prefix.id, "b/23", RecordKind.QUARANTINED),
            ObjectRecord(prefix.id, "b/24", RecordKind.QUARANTINED),
            ObjectRecord(prefix.id, "b/25", RecordKind.PROOF),
        ],
        [],
        60,
    )
    for shard_id, attempts, error in ((ids[3], 9, "waits"), (ids[4], 1, "given up")):
        _, lease = world.claim(shard_id)
        world.store.shards.fail(lease, error, attempts, 1000 if attempts == 1 else 10)
    world.store.prefixes.update(prefix.id, verify_round=1)
    _, lease = world.compare(ids[0])
    world.store.shards.verified(lease, 1, world.store.now())

    view = world.store.prefixes.views(job.id)[0]
    assert view.prefix == world.store.prefixes.get(prefix.id)
    states = (view.shards_pending, view.shards_leased, view.shards_done, view.shards_quarantined)
    assert states == (1, 1, 2, 1)
    assert (view.shards_open, view.shards_unverified) == (2, 1)
    assert (view.blocking_failed, view.blocking_quarantined) == (1, 2)
    assert (view.planned_objects, view.planned_bytes) == (50, 500)
    assert view.counters == Counters(
        discovered=9, copied=2, already_equal=2, failed=3, quarantined=2, copied_bytes=2**61, equal_bytes=5
    )
    assert view.last_error == "given up"
    assert world.store.prefixes.totals(job.id) == (view.counters, 50, 500)


def test_views_are_pages_in_byte_order(world):
    job, other = world.job("one", "1/"), world.job("two", "2/")
    names = ["", "A/", "a\0/", "a/", "é/", "日本/"]
    world.store.prefixes.add(job.id, reversed(names), Authority.DESTINATION)
    world.store.prefixes.add(other.id, ["a/"], Authority.DESTINATION)
    ids = {name: world.store.prefixes.find(job.id, name).id for name in names}
    for name in names[::2]:
        world.shards(ids[name], name + "k")

    def shown(**options):
        return [view.prefix.name for view in world.store.prefixes.views(job.id, **options)]

    assert shown() == names
    assert shown(limit=2) == names[:2]
    assert shown(after="a\0/", limit=2) == names[3:5]
    world.walk_to(ids["a/"], PrefixState.ARMING)
    assert shown(states=[PrefixState.ARMING]) == ["a/"]
    assert shown(states=[]) == []
    open_shards = [view.shards_open for view in world.store.prefixes.views(job.id, limit=3)]
    assert open_shards == [2, 0, 2]
    counts = world.store.prefixes.state_counts(job.id)
    assert counts[PrefixState.PLANNED] == 5
    assert set(counts) == set(PrefixState)
    assert world.store.prefixes.totals(other.id) == (Counters(), 0, 0)


def test_ranks_order_the_work_of_one_job(world):
    job, other = world.job("one", "1/"), world.job("two", "2/")
    first, second = world.prefix(job.id, "a\0/"), world.prefix(job.id, "é/")
    elsewhere = world.prefix(other.id, "é/")
    ids = [*world.shards(first.id), *world.shards(elsewhere.id), *world.shards(second.id)]
    world.store.prefixes.rank(job.id, {"é/": -1.0, "a\0/": 2.5, "unknown/": -9.0})
    assert world.store.shards.dispatchable(10) == [ids[2], ids[1], ids[0]]
    world.store.prefixes.rank(job.id, {})
