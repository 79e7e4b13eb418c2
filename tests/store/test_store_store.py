"""Events, workers, marks, and the store as a whole."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from migrator.domain.model import Counters
from migrator.domain.states import JobState, PrefixState
from migrator.errors import SchemaOutOfDate
from migrator.tracking.store import Store


def test_events_come_newest_last(world):
    job, other = world.job("one", "1/"), world.job("two", "2/")
    for number in range(5):
        world.store.events.add("test", f"{number}", job_id=job.id)
    world.store.events.add("test", "elsewhere", job_id=other.id)
    listed = world.store.events.list
    assert [event.message for event in listed(job.id, limit=3)] == ["2", "3", "4"]
    third = listed(job.id)[-3]
    assert [event.message for event in listed(job.id, after_id=third.id)] == ["3", "4"]
    assert [event.message for event in listed(job.id, after_id=third.id, limit=1)] == ["3"]
    assert listed()[-1].message == "elsewhere"
    assert (third.job_id, third.prefix_id, third.kind) == (job.id, None, "test")
    assert timedelta() <= world.store.now() - third.at < timedelta(minutes=1)


def test_workers_are_known_by_their_last_sign_of_life(world):
    store = world.store
    store.beat("w2", "idle")
    store.beat("w1", "idle")
    first = {worker.name: worker for worker in store.workers()}
    store.beat("w1", "copy photos a/")
    found = store.workers()
    assert [(worker.name, worker.doing) for worker in found] == [("w1", "copy photos a/"), ("w2", "idle")]
    assert found[0].seen_at >= first["w1"].seen_at
    world.sql("UPDATE worker SET seen_at = '2020-01-01 00:00:00.000000' WHERE name = 'w2'")
    assert [worker.name for worker in store.workers()] == ["w1"]


def test_each_verb_marks_its_own_kind_of_subject(world):
    job = world.job()
    prefix = world.prefix(job.id)
    [shard_id] = world.shards(prefix.id)
    store = world.store
    subjects = {"copy": shard_id, "plan": prefix.id, "discover": job.id, "publish": job.bucket_id}
    for verb, subject in subjects.items():
        assert store.mark_sent(verb, [subject, subject], 60) == [subject]
        assert store.mark_sent(verb, [subject], 60) == []
        store.clear_sent(verb, subject)
        assert store.mark_sent(verb, [subject], 60) == [subject]
    assert store.mark_sent("verify", [shard_id], 60) == store.mark_sent("settle", [prefix.id], 60) == []
    assert store.mark_sent("copy", [], 60) == []
    # A message for the state before says nothing about the one after.
    store.prefixes.advance(prefix.id, PrefixState.COPYING, PrefixState.VERIFYING, "test")
    store.jobs.advance(job.id, JobState.RUNNING, JobState.PAUSED, "test")
    assert store.mark_sent("plan", [prefix.id], 60) == [prefix.id]
    assert store.mark_sent("discover", [job.id], 60) == [job.id]


def test_two_tickers_send_each_message_once(world):
    prefix = world.prefix(world.job().id)
    ids = world.shards(prefix.id, *(f"{number:03}" for number in range(1, 120)))
    with ThreadPoolExecutor(4) as pool:
        sent = [
            each for marked in pool.map(lambda _: world.store.mark_sent("copy", ids, 60), range(4)) for each in marked
        ]
    assert sorted(sent) == ids


def test_reads_wait_for_no_writer(world):
    job = world.job()
    with world.engine.begin() as writer:
        writer.exec_driver_sql("UPDATE job SET blocked_reason = 'uncommitted'")
        assert world.store.jobs.get(job.id) == job


def test_a_store_is_opened_by_its_url(database_url):
    if database_url.startswith("postgresql"):
        with pytest.raises(SchemaOutOfDate):
            Store.open(database_url)
        return
    store = Store.open(database_url)
    assert store.jobs.all() == []
    store.close()


def test_a_shard_that_was_copied_meanwhile_is_not_marked_for_copying(world):
    """The mark would keep its comparison from being sent until it expires."""
    prefix = world.prefix(world.job().id)
    [shard_id] = world.shards(prefix.id)
    _, lease = world.store.shards.claim(shard_id, "worker", 60)
    world.store.shards.finish(lease, Counters())
    assert world.store.mark_sent("copy", [shard_id], 60) == []
    assert world.store.mark_sent("verify", [shard_id], 60) == [shard_id]
