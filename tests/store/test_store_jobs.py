from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from migrator.domain.states import JobState
from migrator.errors import IllegalTransition, Invalid, NotFound


def test_a_new_job_is_a_draft(world):
    store = world.store
    job = store.jobs.create("photos", '{"a": 1}', world.bucket, "p/")
    assert (job.name, job.state, job.spec_json) == ("photos", JobState.DRAFT, '{"a": 1}')
    assert (job.discovered, job.readers_sent, job.blocked_reason) == (False, False, "")
    assert job.created_at.utcoffset().total_seconds() == 0
    assert abs((store.now() - job.created_at).total_seconds()) < 60
    assert store.jobs.get(job.id) == store.jobs.by_name("photos") == job
    bucket = store.rules.bucket(job.bucket_id)
    assert (bucket.endpoint, bucket.region, bucket.name) == world.bucket


def test_a_name_is_used_once(world):
    world.job("photos", "p/")
    with pytest.raises(Invalid, match="already a job named 'photos'") as refusal:
        world.store.jobs.create("photos", "{}", ("https://elsewhere.example.com", "", "other"), "")
    assert "migrator status photos" in refusal.value.hint


@pytest.mark.parametrize(("first", "second"), [("", "p/"), ("p/", ""), ("p/", "p/"), ("p/", "p/q/"), ("p/q", "p/")])
def test_keys_of_two_unfinished_jobs_never_mix(world, first, second):
    job = world.job("one", first)
    with pytest.raises(Invalid, match=r"overlaps with .* of the unfinished job 'one'"):
        world.job("two", second)
    world.job("elsewhere", second, bucket=("https://oss.example.com", "cn-hangzhou", "other"))
    world.store.jobs.advance(job.id, JobState.RUNNING, JobState.CANCELLED, "test")
    assert world.job("two", second).bucket_id == job.bucket_id


def test_neighbours_share_a_bucket(world):
    assert world.job("one", "p_/").bucket_id == world.job("two", "px/").bucket_id == world.job("three", "P_/").bucket_id


def test_only_one_of_many_wins_a_destination(world):
    store = world.store

    def create(number):
        try:
            return store.jobs.create(f"job{number}", "{}", world.bucket, "p/")
        except Invalid:
            return None

    with ThreadPoolExecutor(8) as pool:
        made = [job for job in pool.map(create, range(16)) if job]
    assert len(made) == 1
    assert store.jobs.all() == made


def test_an_unknown_name_names_the_known_ones(world):
    with pytest.raises(NotFound, match="no job named 'x'") as refusal:
        world.store.jobs.by_name("x")
    assert "migrator start" in refusal.value.hint
    world.job("photos", "p/")
    world.job("videos", "v/")
    with pytest.raises(NotFound) as refusal:
        world.store.jobs.by_name("x")
    assert refusal.value.hint == "there are: videos, photos"
    with pytest.raises(NotFound):
        world.store.jobs.get(99)


def test_states_move_by_compare_and_set(world):
    job = world.job("photos", state=JobState.DRAFT)
    jobs = world.store.jobs
    with pytest.raises(IllegalTransition, match="what is draft cannot become done"):
        jobs.advance(job.id, JobState.DRAFT, JobState.DONE, "no")
    jobs.advance(job.id, JobState.DRAFT, JobState.RUNNING, "ready")
    with pytest.raises(IllegalTransition, match="is running, not draft"):
        jobs.advance(job.id, JobState.DRAFT, JobState.RUNNING, "ready")
    with pytest.raises(NotFound):
        jobs.advance(99, JobState.DRAFT, JobState.RUNNING, "ready")
    assert world.events(job.id) == ["job_draft", "job_running"]
    assert world.store.events.list(job.id)[-1].message == "draft -> running: ready"


def test_active_jobs_are_those_a_tick_looks_at(world):
    draft, running, paused = (
        world.job(str(state), f"{state}/", state=state) for state in (JobState.DRAFT, JobState.RUNNING, JobState.PAUSED)
    )
    assert world.store.jobs.active() == [draft, running]
    assert world.store.jobs.all() == [draft, running, paused]


def test_marks_are_idempotent_and_tell_once(world):
    job = world.job()
    for _ in range(2):
        world.store.jobs.block(job.id, "bad key", "fix it")
        world.store.jobs.finish_discovery(job.id)
        world.store.jobs.readers_were_sent(job.id)
    marked = world.store.jobs.get(job.id)
    assert (marked.blocked_reason, marked.blocked_hint) == ("bad key", "fix it")
    assert marked.discovered
    assert marked.readers_sent
    for _ in range(2):
        world.store.jobs.unblock(job.id)
    assert world.store.jobs.get(job.id).blocked_reason == ""
    assert world.events(job.id)[2:] == ["job_blocked", "job_discovered", "job_readers_sent", "job_unblocked"]
