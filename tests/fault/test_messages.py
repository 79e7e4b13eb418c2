"""Messages are hints: doubled, late, lost or out of order, they cost time and nothing more."""

from __future__ import annotations

import importlib
import random
import threading
from contextlib import suppress
from dataclasses import replace

import pytest
from rig import Rig, wait_for

from migrator.app import VERBS, control
from migrator.domain.states import JobState, PrefixState, ShardState
from migrator.errors import LeaseLost, MigratorError


def ids(rig: Rig, verb: str) -> list[int]:
    """Return every id that a verb could be sent with."""
    job = rig.rt.store.jobs.by_name("job")
    prefixes = [view.prefix.id for view in rig.rt.store.prefixes.views(job.id)]
    match verb:
        case "tick":
            return [0]
        case "discover":
            return [job.id]
        case "publish":
            return [job.bucket_id]
        case "plan" | "settle":
            return list(prefixes)
        case _:
            return [shard.id for prefix_id in prefixes for shard in rig.rt.store.shards.of_prefix(prefix_id)]


def test_every_message_twice(each_rig: Rig) -> None:
    rig = each_rig
    rig.fill(prefixes=2, each=12)
    send = rig.dispatcher.send

    def twice(verb: str, subject_id: int) -> None:
        send(verb, subject_id)
        rig.dispatcher.waiting.append((verb, subject_id))

    rig.dispatcher.send = twice
    rig.start()
    rig.drive()
    rig.check_end()
    assert rig.snapshot().counters.copied == 25


@pytest.mark.parametrize("seed", range(3))
def test_any_verb_at_any_time(rig: Rig, seed: int) -> None:
    """After every step a random verb is run that nobody asked for: every promise holds all the same."""
    rig.fill(prefixes=2, each=12)
    choice = random.Random(seed)
    rig.start()

    def uninvited() -> None:
        verb = choice.choice(list(VERBS))
        candidates = ids(rig, verb)
        if candidates:
            VERBS[verb](rig.rt, choice.choice(candidates))

    rig.drive(each=uninvited)
    rig.check_end()
    for key, body in rig.files.items():
        answer = rig.read(key)
        assert (answer.status, answer.body, answer.hops) == (200, body, 0)


@pytest.mark.parametrize("verb", sorted(set(VERBS) - {"tick"}))
def test_a_verb_that_is_never_heard_of_stops_the_job_and_spoils_nothing(rig: Rig, verb: str) -> None:
    rig.fill(prefixes=1, each=3)
    rig.start()
    lost = frozenset({verb})
    for _ in range(12):
        rig.tick(without=lost)
    assert rig.rt.store.jobs.by_name("job").state is not JobState.DONE
    rig.drive()
    rig.check_end()


def test_random_losses(rig: Rig) -> None:
    rig.fill(prefixes=2, each=5)
    choice, send = random.Random(7), rig.dispatcher.send
    rig.dispatcher.send = lambda verb, subject_id: choice.random() < 0.5 and send(verb, subject_id)
    rig.start()
    rig.drive()
    rig.check_end()


def test_a_verb_for_what_is_not_there_is_an_error_of_ours(rig: Rig) -> None:
    rig.fill(prefixes=1, each=1)
    rig.start()
    for verb in sorted(set(VERBS) - {"tick"}):
        with suppress(MigratorError):
            VERBS[verb](rig.rt, 999)
    rig.drive()
    rig.check_end()


def test_an_early_settle_retires_nothing(rig: Rig) -> None:
    rig.fill(prefixes=1, each=2)
    rig.start(verify={"settle_s": 3600})
    rig.drive(rig.is_in("p00/", PrefixState.SETTLING))
    VERBS["settle"](rig.rt, rig.prefix("p00/").id)
    assert rig.prefix("p00/").state is PrefixState.SETTLING


def test_a_late_comparison_cannot_leave_a_hole(rig: Rig) -> None:
    """A comparison that was asked for twice finds something new when the prefix is proven already."""
    rig.fill(prefixes=1, each=3)
    rig.start(retire="hold")
    rig.drive(rig.is_in("p00/", PrefixState.READY))
    [shard] = rig.rt.store.shards.of_prefix(rig.prefix("p00/").id)
    rig.put("p00/late.txt", b"late")
    # As if a worker had held the shard since before the proof.
    row, lease = rig.rt.store.shards.claim_done(shard.id, "late", 60) or pytest.fail("the shard is not free")
    rig.rt.store.shards.differs(lease, "'p00/late.txt' is missing")
    assert row.state is ShardState.DONE
    control.release(rig.rt, "job", None)
    rig.tick()
    assert rig.prefix("p00/").state in (PrefixState.COPYING, PrefixState.VERIFYING)
    rig.drive()
    rig.check_end()


def test_a_worker_that_died_between_two_steps_of_a_regress(rig: Rig) -> None:
    """The shard is open again, but the prefix was not moved: it must not be retired over it."""
    rig.fill(prefixes=1, each=3)
    rig.start(verify={"settle_s": 3600})
    rig.drive(rig.is_in("p00/", PrefixState.SETTLING))
    rig.put("p00/late.txt", b"late")
    [shard] = rig.rt.store.shards.of_prefix(rig.prefix("p00/").id)
    _, lease = rig.rt.store.shards.claim_done(shard.id, "dead", 60) or pytest.fail("the shard is not free")
    rig.rt.store.shards.differs(lease, "'p00/late.txt' is missing")
    rig.dispatcher.send("tick", 0)
    VERBS[rig.dispatcher.waiting.popleft()[0]](rig.rt, 0)
    assert rig.prefix("p00/").state is PrefixState.REGRESSED
    assert "missed" in rig.prefix("p00/").regressed_reason


def test_a_prefix_is_not_taken_for_armed_by_rules_that_were_computed_before_it(rig: Rig, monkeypatch) -> None:
    publish = importlib.import_module("migrator.app.publish")
    rig.fill(prefixes=2, each=1)
    rig.start()
    real, late = publish.desired, []

    def desired_then_more(*arguments):
        found = real(*arguments)
        if not late:  # a tick moves prefixes on while the publisher is at work
            late.append(1)
            job = rig.rt.store.jobs.by_name("job")
            views = rig.rt.store.prefixes.views(job.id, {PrefixState.PLANNED})
            moved = [view.prefix.id for view in views]
            rig.rt.store.prefixes.advance_many(moved, PrefixState.PLANNED, PrefixState.ARMING, "meanwhile")
        return found

    monkeypatch.setattr(publish, "desired", desired_then_more)
    rig.drive(lambda: rig.rt.store.jobs.by_name("job").discovered)
    VERBS["publish"](rig.rt, rig.rt.store.jobs.by_name("job").bucket_id)
    assert late
    assert not rig.own_left
    assert rig.prefix("p00/").state is PrefixState.ARMING


def test_a_zombie_cannot_write(each_rig: Rig) -> None:
    """A worker sleeps over its lease in the middle of a shard; another one finishes it; the first one wakes up."""
    rig = each_rig
    rig.fill(prefixes=1, each=12)
    rig.start(copy={"shard_objects": 100, "concurrency": 2}, retire="hold")
    rig.drive(rig.is_in("p00/", PrefixState.COPYING), without=frozenset({"copy"}))
    rig.drive(lambda: rig.rt.store.shards.of_prefix(rig.prefix("p00/").id), without=frozenset({"copy"}))
    [shard] = rig.rt.store.shards.of_prefix(rig.prefix("p00/").id)
    _, asleep = rig.rt.store.shards.claim(shard.id, "asleep", -1) or pytest.fail("the shard is not free")
    rig.drive(rig.is_in("p00/", PrefixState.READY))
    counters = rig.view("p00/").counters
    for write in (
        lambda: rig.rt.store.shards.renew(asleep, 60),
        lambda: rig.rt.store.shards.record(asleep, "p00/001.txt", counters, [], [], 60),
        lambda: rig.rt.store.shards.finish(asleep, counters),
        lambda: rig.rt.store.shards.give_back(asleep),
        lambda: rig.rt.store.shards.fail(asleep, "I woke up", 1, 0),
        lambda: rig.rt.store.shards.verified(asleep, 99, rig.rt.clock()),
        lambda: rig.rt.store.shards.differs(asleep, "I woke up"),
    ):
        with pytest.raises(LeaseLost):
            write()
    assert rig.view("p00/").counters == counters
    control.release(rig.rt, "job", None)
    rig.drive()
    rig.check_end()


def test_a_publisher_that_slept_over_its_lease_does_not_put(rig: Rig, monkeypatch) -> None:
    rig.fill(prefixes=2, each=1)
    rig.start()
    lost = frozenset({"publish"})
    rig.drive(rig.is_in("p00/", PrefixState.ARMING), without=lost)
    job = rig.rt.store.jobs.by_name("job")
    real = rig.rt.store.rules.begin

    def begin_and_sleep(*arguments):
        revision = real(*arguments)
        wait_for(lambda: rig.rt.store.leases.take(f"rules:{job.bucket_id}", "another", 60), "the lease running out")
        return revision

    monkeypatch.setattr(rig.rt.store.rules, "begin", begin_and_sleep)
    VERBS["publish"](replace(rig.rt, settings=replace(rig.rt.settings, lease_s=0.2)), job.bucket_id)
    assert rig.rt.store.leases.holder(f"rules:{job.bucket_id}") == "another"
    assert rig.own_left == []


def test_many_workers_on_one_job(each_rig: Rig) -> None:
    """Threads that run every message twice at the same time, on one database."""
    rig = each_rig
    rig.fill(prefixes=3, each=12)
    rig.start()
    fleet = [rig.another_worker(f"worker-{number}") for number in range(2)]
    over, troubles = threading.Event(), []

    def work(rt) -> None:
        while not over.is_set():
            try:
                for verb in VERBS:
                    for subject_id in ids(rig, verb):
                        VERBS[verb](rt, subject_id)
            except MigratorError:
                pass  # somebody else was faster
            except Exception as error:  # noqa: BLE001 - each is a failure of the test
                troubles.append(error)

    threads = [threading.Thread(target=work, args=(rt,)) for rt in fleet]
    for thread in threads:
        thread.start()
    try:
        rig.drive()
    finally:
        over.set()
        for thread in threads:
            thread.join()
        for rt in fleet:
            rt.store.close()
    assert troubles == []
    rig.check_end()
    assert rig.snapshot().counters.copied == 37
