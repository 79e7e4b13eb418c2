"""The decisions alone, against a small world in which messages get lost and workers die."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator.domain.model import BucketId, Job, JobId, Prefix, PrefixId, PrefixView, ShardId
from migrator.domain.reconcile import Advance, Compare, FinishJob, JobView, Policy, Prove, Send, next_actions
from migrator.domain.states import Authority, JobState, PrefixState, may_become

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def job(state=JobState.RUNNING, **fields):
    return Job(JobId(1), "photos", state, "{}", BucketId(7), NOW, discovered=state is not JobState.DRAFT, **fields)


def prefix(state, number=1, *, at=NOW, **fields):
    fields.setdefault("authority", Authority.DESTINATION)
    return Prefix(PrefixId(number), JobId(1), f"p{number}/", state, since_at=at, **fields)


def decide(*views, retired=0, at=NOW, the_job=None, **more):
    view = JobView(the_job or job(), BucketId(7), Policy(), views, retired, **more)
    return next_actions(view, at)


def test_a_draft_is_only_discovered():
    assert decide(the_job=job(JobState.DRAFT)) == [Send("discover", (1,))]


@pytest.mark.parametrize("state", [JobState.PAUSED, JobState.CANCELLED, JobState.DONE])
def test_a_job_that_does_not_run_is_left_alone(state):
    assert decide(PrefixView(prefix(PrefixState.COPYING)), the_job=job(state), copyable=[ShardId(1)]) == []


def test_a_blocked_job_is_left_alone():
    assert decide(PrefixView(prefix(PrefixState.PLANNED)), the_job=job(blocked_reason="no access")) == []


def test_rules_come_before_the_first_byte():
    actions = decide(PrefixView(prefix(PrefixState.PLANNED)))
    assert not [each for each in actions if isinstance(each, Send) and each.verb in {"plan", "copy"}]
    assert Send("publish", (7,)) in actions


def test_failed_objects_keep_a_prefix_from_being_compared():
    done = PrefixView(prefix(PrefixState.COPYING, planned_to_end=True), shards_done=1)
    assert [type(each) for each in decide(done)] == [Compare]
    for flaw in ("blocking_failed", "blocking_quarantined", "shards_quarantined"):
        assert decide(replace(done, **{flaw: 1})) == []


def test_one_clean_comparison_is_not_proof():
    once = PrefixView(prefix(PrefixState.VERIFYING, planned_to_end=True, verify_round=1, clean_joins=0), shards_done=1)
    assert decide(once) == [Compare(PrefixId(1), 2, 1, begin=False)]
    twice = replace(once, prefix=replace(once.prefix, clean_joins=1, verify_round=2))
    assert decide(twice) == [Prove(PrefixId(1), 2)]


def test_nothing_is_proven_while_writers_are_at_the_origin():
    following = PrefixView(
        prefix(PrefixState.VERIFYING, planned_to_end=True, clean_joins=1, authority=Authority.ORIGIN), shards_done=1
    )
    assert decide(following) == []
    later = NOW + timedelta(seconds=Policy().delta_interval_s)
    assert [type(each) for each in decide(following, at=later)] == [Compare]


def test_a_held_prefix_keeps_its_rule():
    assert decide(PrefixView(prefix(PrefixState.READY, held_by="webinar", planned_to_end=True))) == []


def test_an_old_proof_is_renewed_before_a_rule_goes():
    later = NOW + timedelta(seconds=Policy().evidence_max_age_s)
    (action,) = decide(PrefixView(prefix(PrefixState.READY, planned_to_end=True)), at=later)
    assert isinstance(action, Advance)
    assert action.after is PrefixState.COPYING


def test_all_that_are_ready_retire_in_one_revision():
    actions = decide(*(PrefixView(prefix(PrefixState.READY, number, planned_to_end=True)) for number in (1, 2, 3)))
    assert [each for each in actions if isinstance(each, Send)] == [Send("publish", (7,))]
    assert actions[0].prefix_ids == (1, 2, 3)


# -- a world ---------------------------------------------------------------------------------------------------------
@dataclass
class World:
    """What the store and the workers would do, reduced to what decisions depend on."""

    now: datetime = NOW
    job: Job = field(default_factory=lambda: job(JobState.DRAFT))
    views: dict[int, PrefixView] = field(default_factory=dict)
    published: frozenset[int] = frozenset()
    proofs: dict[int, int] = field(default_factory=dict)

    def view(self):
        live = [each for each in self.views.values() if each.prefix.state is not PrefixState.RETIRED]
        open_ = [
            ShardId(number)
            for number, each in self.views.items()
            if each.prefix.state is PrefixState.COPYING and each.shards_pending
        ]
        unverified = [
            ShardId(number)
            for number, each in self.views.items()
            if each.prefix.state in (PrefixState.VERIFYING, PrefixState.SETTLING) and each.shards_unverified
        ]
        return JobView(self.job, BucketId(7), Policy(settle_s=5), live, len(self.views) - len(live), open_, unverified)

    def move(self, number, after, **fields):
        before = self.views[number].prefix
        assert may_become(before.state, after), (before.state, after)
        self.views[number] = replace(
            self.views[number], prefix=replace(before, state=after, since_at=self.now, **fields)
        )

    def apply(self, action, lost, difference):
        match action:
            case Send(verb, ids):
                for number in ids:
                    if not lost():
                        getattr(self, verb)(number, difference)
            case Advance(ids, before, after, _):
                for number in ids:
                    assert self.views[number].prefix.state is before
                    self.move(number, after)
            case Compare(number, verify_round, clean_joins, begin):
                fields = {"verify_round": verify_round, "clean_joins": clean_joins}
                if begin:
                    self.move(number, PrefixState.VERIFYING, **fields)
                else:
                    now = self.views[number]
                    self.views[number] = replace(now, prefix=replace(now.prefix, **fields))
                self.views[number] = replace(self.views[number], shards_unverified=self.views[number].shards_done)
            case Prove(number, clean_joins):
                assert self.proofs.get(number, 0) >= 2
                self.move(number, PrefixState.READY, clean_joins=clean_joins)
            case FinishJob():
                assert all(each.prefix.state is PrefixState.RETIRED for each in self.views.values())
                self.job = replace(self.job, state=JobState.DONE)

    def discover(self, _, __):
        self.views = {number: PrefixView(prefix(PrefixState.PLANNED, number)) for number in (1, 2, 3)}
        self.job = replace(self.job, state=JobState.RUNNING, discovered=True)

    def publish(self, _, __):
        for number, each in self.views.items():
            after = {
                PrefixState.ARMING: PrefixState.REDIRECTING,
                PrefixState.REGRESSED: PrefixState.COPYING,
                PrefixState.RETIRING: PrefixState.SETTLING,
            }.get(each.prefix.state)
            if after is not None:
                self.move(number, after)

    def plan(self, number, _):
        each = self.views[number]
        if not each.prefix.planned_to_end:
            planned = replace(each.prefix, planned_to_end=True)
            self.views[number] = replace(each, prefix=planned, shards_pending=1, planned_objects=1)

    def copy(self, number, _):
        if self.views[number].shards_pending:
            self.proofs[number] = 0
            self.views[number] = replace(self.views[number], shards_pending=0, shards_done=1)

    def verify(self, number, difference):
        each = self.views[number]
        if difference():
            self.views[number] = replace(each, shards_pending=1, shards_done=0, shards_unverified=0)
            if each.prefix.state is PrefixState.SETTLING:
                self.move(number, PrefixState.REGRESSED)
        else:
            self.proofs[number] = self.proofs.get(number, 0) + 1
            self.views[number] = replace(each, shards_unverified=0)

    def settle(self, number, _):
        self.move(number, PrefixState.RETIRED)


@given(st.integers(0, 2**32 - 1), st.floats(0, 0.8), st.integers(0, 6))
def test_every_job_ends_however_many_messages_are_lost(seed, loss, differences):
    chance = random.Random(seed)
    world, left, faults = World(), [differences], [True]

    def lost():
        return faults[0] and chance.random() < loss

    def difference():
        if left[0] and chance.random() < 0.5:
            left[0] -= 1
            return True
        return False

    for step in range(160):
        faults[0] = step < 80  # then the faults are over, and it must end soon
        for action in next_actions(world.view(), world.now):
            if lost():
                break  # the ticker died here
            world.apply(action, lost, difference)
        if world.job.state is JobState.DONE:
            break
        world.now += timedelta(seconds=2)
    assert world.job.state is JobState.DONE
