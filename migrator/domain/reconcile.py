"""Decide what happens next, from facts alone. Level-triggered: whatever was lost is decided again at the next tick."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from migrator.domain.model import BucketId, Job, JobId, PrefixId, PrefixView, ShardId
from migrator.domain.states import Authority, JobState, PrefixState


@dataclass(frozen=True, slots=True)
class Policy:
    """How careful and how eager; durations in seconds."""

    clean_joins: int = 2
    """Comparisons in a row that must find both sides equal before a prefix is ready."""
    settle_s: float = 60.0
    """How long after its rule went a prefix is compared once more."""
    evidence_max_age_s: float = 3600.0
    """A proof older than this is renewed before a rule is removed on it."""
    delta_interval_s: float = 60.0
    """Between comparisons while writers are still at the origin."""


@dataclass(frozen=True, slots=True)
class JobView:
    """Everything one decision about one job may depend on."""

    job: Job
    bucket_id: BucketId
    policy: Policy
    prefixes: Sequence[PrefixView] = ()
    """Those that are not retired."""
    retired: int = 0
    copyable: Sequence[ShardId] = ()
    """Shards a worker could copy now and none was told to lately."""
    comparable: Sequence[ShardId] = ()
    """Done shards that lack the current comparison, likewise."""


@dataclass(frozen=True, slots=True)
class Send:
    """Tell a worker to run a verb."""

    verb: str
    subject_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Advance:
    """Move prefixes from one state to the next."""

    prefix_ids: tuple[PrefixId, ...]
    before: PrefixState
    after: PrefixState
    why: str


@dataclass(frozen=True, slots=True)
class Compare:
    """Begin a new comparison round of one prefix."""

    prefix_id: PrefixId
    verify_round: int
    clean_joins: int
    begin: bool
    """True: the prefix also enters `verifying`."""


@dataclass(frozen=True, slots=True)
class Prove:
    """The last comparison of a prefix was clean, and enough of them were in a row."""

    prefix_id: PrefixId
    clean_joins: int


@dataclass(frozen=True, slots=True)
class FinishJob:
    """Every prefix is retired."""

    job_id: JobId


Action = Send | Advance | Compare | Prove | FinishJob


def next_actions(view: JobView, now: datetime) -> list[Action]:
    """Return what follows from the facts, in the order to apply it. Applying any part of it is safe at any time."""
    return list(_decide(view, now))


def _decide(view: JobView, now: datetime) -> Iterator[Action]:
    job = view.job
    if job.blocked_reason or job.state in (JobState.DONE, JobState.CANCELLED):
        return
    if job.state is JobState.DRAFT:
        yield Send("discover", (job.id,))
        return
    if job.state is JobState.PAUSED:
        return

    by_state: dict[PrefixState, list[PrefixView]] = {state: [] for state in PrefixState}
    for each in view.prefixes:
        by_state[each.prefix.state].append(each)
    yield from _arm(by_state)
    yield from _copy(view, by_state)
    yield from _verify(view, by_state[PrefixState.VERIFYING], now)
    yield from _retire(view, by_state, now)
    if view.comparable:
        yield Send("verify", tuple(view.comparable))
    if (
        any(by_state[state] for state in (PrefixState.ARMING, PrefixState.RETIRING, PrefixState.REGRESSED))
        or (by_state[PrefixState.PLANNED])
    ):
        yield Send("publish", (view.bucket_id,))
    if job.discovered and view.retired and not view.prefixes:
        yield FinishJob(job.id)


def _arm(by_state: Mapping[PrefixState, Sequence[PrefixView]]) -> Iterator[Action]:
    if planned := by_state[PrefixState.PLANNED]:
        yield Advance(_ids(planned), PrefixState.PLANNED, PrefixState.ARMING, "rules go up before the first byte moves")
    if redirecting := by_state[PrefixState.REDIRECTING]:
        yield Advance(_ids(redirecting), PrefixState.REDIRECTING, PrefixState.COPYING, "its rule was observed in force")


def _copy(view: JobView, by_state: Mapping[PrefixState, Sequence[PrefixView]]) -> Iterator[Action]:
    copying = by_state[PrefixState.COPYING]
    unplanned = [each for each in (*by_state[PrefixState.REDIRECTING], *copying) if not each.prefix.planned_to_end]
    if unplanned:
        yield Send("plan", _ids(unplanned))
    for each in copying:
        if copied(each) and not blocked(each):
            yield Compare(each.prefix.id, each.prefix.verify_round + 1, 0, begin=True)
    if view.copyable:
        yield Send("copy", tuple(view.copyable))


def _verify(view: JobView, verifying: Sequence[PrefixView], now: datetime) -> Iterator[Action]:
    for each in verifying:
        prefix = each.prefix
        if not copied(each):
            yield Advance(
                (prefix.id,), PrefixState.VERIFYING, PrefixState.COPYING, "the comparison found differences to copy"
            )
        elif each.shards_unverified == 0:
            clean = prefix.clean_joins + 1
            if clean < view.policy.clean_joins:
                yield Compare(prefix.id, prefix.verify_round + 1, clean, begin=False)
            elif prefix.authority is not Authority.ORIGIN:
                yield Prove(prefix.id, clean)
            elif _older(prefix.since_at, view.policy.delta_interval_s, now):
                # Writers are still at the origin: keep following them until someone says they have moved.
                yield Compare(prefix.id, prefix.verify_round + 1, view.policy.clean_joins - 1, begin=False)


def _retire(view: JobView, by_state: Mapping[PrefixState, Sequence[PrefixView]], now: datetime) -> Iterator[Action]:
    policy = view.policy
    ready: list[PrefixView] = []
    stale: list[PrefixView] = []
    for each in by_state[PrefixState.READY]:
        if not copied(each):
            why = "a late comparison found differences to copy"
            yield Advance((each.prefix.id,), PrefixState.READY, PrefixState.COPYING, why)
        elif not each.prefix.held_by:
            old = _older(each.prefix.since_at, policy.evidence_max_age_s, now)
            (stale if old else ready).append(each)
    if stale:
        yield Advance(
            _ids(stale), PrefixState.READY, PrefixState.COPYING, "its proof is old; both sides are compared anew"
        )
    if ready:
        yield Advance(_ids(ready), PrefixState.READY, PrefixState.RETIRING, "proven equal twice; its rule goes down")
        yield Send("publish", (view.bucket_id,))
    for each in (*by_state[PrefixState.RETIRING], *by_state[PrefixState.SETTLING]):
        if not copied(each):
            why = "a late comparison found something that was missed"
            yield Advance((each.prefix.id,), each.prefix.state, PrefixState.REGRESSED, why)
    for each in by_state[PrefixState.SETTLING]:
        prefix = each.prefix
        if not copied(each):
            continue
        if prefix.clean_joins:  # still those of the proof: the comparison after the rule went has not begun
            if _older(prefix.since_at, policy.settle_s, now):
                yield Compare(prefix.id, prefix.verify_round + 1, 0, begin=False)
        elif each.shards_unverified == 0:
            yield Send("settle", (prefix.id,))


def copied(view: PrefixView) -> bool:
    """Say whether every key of the prefix has been through a copy."""
    return view.prefix.planned_to_end and view.shards_open == 0 and view.shards_quarantined == 0


def blocked(view: PrefixView) -> bool:
    """Say whether exceptions that nobody waived keep the prefix from being proven."""
    return bool(view.shards_quarantined or view.blocking_failed or view.blocking_quarantined)


def _ids(views: Sequence[PrefixView]) -> tuple[PrefixId, ...]:
    return tuple(each.prefix.id for each in views)


def _older(at: datetime, age_s: float, now: datetime) -> bool:
    return now - at >= timedelta(seconds=age_s)
