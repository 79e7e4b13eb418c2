from __future__ import annotations

import pytest

from migrator.domain.model import Counters, RevisionState
from migrator.domain.states import COVERED, JobState, PrefixState
from migrator.errors import IllegalTransition, LeaseLost, NotFound


@pytest.fixture
def job(world):
    return world.job()


@pytest.fixture
def lease(world, job):
    return world.lease(f"rules:{job.bucket_id}")


def test_a_revision_is_pending_until_it_was_read_back(world, job, lease):
    rules = world.store.rules
    assert rules.latest(job.bucket_id) is None
    assert rules.own(job.bucket_id) == ()
    first = rules.begin(lease, job.bucket_id, None, b"<a>\0\xff</a>", ["f1", "f2"], "arm a/")
    assert first.state is RevisionState.PENDING
    assert (first.before, first.after, first.own) == (None, b"<a>\0\xff</a>", ("f1", "f2"))
    assert rules.own(job.bucket_id) == ("f1", "f2")  # it may have been put, with the reply lost
    assert rules.latest(job.bucket_id) is None
    rules.confirm(lease, first.id)
    assert rules.latest(job.bucket_id) == rules.revision(first.id)
    assert rules.revision(first.id).state is RevisionState.PUBLISHED
    assert world.store.events.list()[-1].message == f"revision {first.id} with 2 own rules: arm a/"


def test_own_rules_are_the_last_published_and_every_pending_one(world, job, lease):
    rules = world.store.rules

    def begin(*own):
        return rules.begin(lease, job.bucket_id, b"before", None, own, "test").id

    rules.confirm(lease, begin("old"))
    rules.confirm(lease, begin("f1", "f2"))
    lost = begin("f2", "f3")
    assert rules.own(job.bucket_id) == ("f1", "f2", "f3")
    newest = begin("f4")
    assert rules.own(job.bucket_id) == ("f1", "f2", "f3", "f4")
    rules.confirm(lease, newest)
    assert rules.own(job.bucket_id) == ("f4",)
    assert rules.revision(lost).state is RevisionState.SUPERSEDED
    for revision_id in (lost, newest, 999):
        with pytest.raises(IllegalTransition):
            rules.confirm(lease, revision_id)
    assert [revision.id for revision in rules.history(job.bucket_id)] == [4, 3, 2, 1]
    assert [revision.id for revision in rules.history(job.bucket_id, 1)] == [4]
    with pytest.raises(NotFound):
        rules.revision(999)
    with pytest.raises(NotFound):
        rules.bucket(999)


def test_publishing_needs_the_lease_of_the_bucket(world, job):
    rules = world.store.rules
    stale = world.lease(f"rules:{job.bucket_id}", ttl_s=-1)
    revision = rules.begin(stale, job.bucket_id, None, b"", [], "nobody took it yet")
    world.lease(f"rules:{job.bucket_id}", "another")
    for lease in (stale, world.lease("rules:999")):
        with pytest.raises(LeaseLost):
            rules.begin(lease, job.bucket_id, None, b"", [], "no")
        with pytest.raises(LeaseLost):
            rules.confirm(lease, revision.id)
    assert [each.state for each in rules.history(job.bucket_id)] == [RevisionState.PENDING]


def test_buckets_are_apart(world, job, lease):
    other = world.job("other", bucket=("https://oss.example.com", "cn-hangzhou", "other"))
    revision = world.store.rules.begin(lease, job.bucket_id, None, b"", ["f1"], "test")
    world.store.rules.confirm(lease, revision.id)
    world.prefix(job.id, "a/")
    assert world.store.rules.own(other.bucket_id) == ()
    assert world.store.rules.latest(other.bucket_id) is None
    assert world.store.rules.history(other.bucket_id) == []
    assert world.store.rules.covered(other.bucket_id) == []


def prefixes_in_every_state(world, job):
    for state in PrefixState:
        world.prefix(job.id, f"{state}/", state)
    return job


def covered(world, job):
    return {found.state for owner, found in world.store.rules.covered(job.bucket_id) if owner.id == job.id}


@pytest.mark.parametrize("state", [JobState.DRAFT, JobState.RUNNING, JobState.PAUSED, JobState.DONE])
def test_what_is_not_migrated_is_covered(world, state):
    job = world.job(state=JobState.DRAFT if state is JobState.DRAFT else JobState.RUNNING)
    prefixes_in_every_state(world, job)
    if state not in (JobState.DRAFT, JobState.RUNNING):
        world.store.jobs.advance(job.id, JobState.RUNNING, state, "test")
    assert covered(world, job) == COVERED


def test_a_cancelled_job_stays_covered_if_readers_were_sent(world):
    told, untold = world.job("told", "t/"), world.job("untold", "u/")
    for job in (told, untold):
        prefixes_in_every_state(world, job)
        if job is told:
            world.store.jobs.readers_were_sent(job.id)
        world.store.jobs.advance(job.id, JobState.RUNNING, JobState.CANCELLED, "test")
    assert covered(world, told) == set(PrefixState) - {PrefixState.RETIRED}
    assert covered(world, untold) == set()


def test_covered_prefixes_come_job_by_job_in_byte_order(world):
    one, two = world.job("one", "1/"), world.job("two", "2/")
    for job, name in ((two, "b/"), (one, "é/"), (one, "a_/"), (one, "A/"), (one, "a/")):
        world.prefix(job.id, name, PrefixState.REDIRECTING)
    found = world.store.rules.covered(one.bucket_id)
    assert [(owner.name, prefix.name) for owner, prefix in found] == [
        ("one", "A/"),
        ("one", "a/"),
        ("one", "a_/"),
        ("one", "é/"),
        ("two", "b/"),
    ]
    assert found[0][0] == world.store.jobs.get(one.id)


def test_finished_prefixes_say_how_much_they_hold(world, job):
    prefixes_in_every_state(world, job)
    settling = world.store.prefixes.find(job.id, "settling/")
    ids = world.shards(settling.id, "m")
    world.done(ids[0], counters=Counters(6, 1, 1, 1, 1, 1, 1))
    world.done(ids[1], counters=Counters(discovered=3, copied=3))
    found = {prefix.state: objects for _, prefix, objects in world.store.rules.finished(job.bucket_id)}
    assert found == {PrefixState.RETIRING: 0, PrefixState.SETTLING: 9, PrefixState.RETIRED: 0}


def test_a_bucket_is_known_once_a_job_goes_into_it(world):
    endpoint, _, name = world.bucket
    assert world.store.rules.bucket_at(endpoint, name) is None
    job = world.job()
    assert world.store.rules.bucket_at(endpoint, name) == world.store.rules.bucket(job.bucket_id)
    assert world.store.rules.bucket_at(endpoint, name + "2") is None


def test_a_bucket_may_be_recorded_without_a_job_and_only_once(world):
    made = world.store.rules.add_bucket("https://oss.example", "r", "alone")
    assert world.store.rules.add_bucket("https://oss.example", "r", "alone") == made
    assert made in world.store.rules.buckets()
    assert world.store.rules.own(made.id) == ()
