"""What people are shown: immutable snapshots, sampled once, rendered by terminal, JSON lines and page alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from migrator.domain.model import Counters, Event, Job, Prefix, PrefixView, Worker
from migrator.domain.reconcile import blocked
from migrator.domain.states import Authority, JobState, PrefixState

CAPACITY = 20
"""Rules one bucket may hold, per the OSS documentation of PutBucketWebsite."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Why something does not move on its own right now, and the command that resolves it (empty: just wait)."""

    reason: str = ""
    command: str = ""


@dataclass(frozen=True, slots=True)
class PrefixLine:
    """One prefix as people see it."""

    name: str
    state: PrefixState
    since_at: datetime
    counters: Counters
    planned_objects: int
    planned_bytes: int
    planned_to_end: bool
    blocking: int
    """Failed or quarantined objects nobody waived."""
    held_by: str
    rule_number: int | None
    """The own rule that answers for it now."""
    wait: Wait

    @property
    def title(self) -> str:
        """The name for display; the root group has none of its own."""
        return self.name or "(root)"

    @property
    def share(self) -> float | None:
        """Settled objects out of the planned ones, 0 to 1; None while that is unknown."""
        if self.state in (PrefixState.PLANNED, PrefixState.ARMING, PrefixState.REDIRECTING):
            return 0.0
        if not self.planned_objects:
            return 1.0 if self.planned_to_end else None
        return min(1.0, self.counters.settled / self.planned_objects)


@dataclass(frozen=True, slots=True)
class RuleSlot:
    """One rule of the bucket's website document."""

    number: int
    own: bool
    prefix: str
    sends_to: str
    """Kind and address in one line, e.g. `302 https://legacy.example.com/base/`."""
    covers: int = 0
    """Unfinished prefixes an own rule serves."""


@dataclass(frozen=True, slots=True)
class JobSnapshot:
    """One job at one moment."""

    at: datetime
    name: str
    state: JobState
    wait: Wait
    counters: Counters
    planned_objects: int
    planned_bytes: int
    planned: bool
    """Every prefix is listed to its end, so the planned figures are exact."""
    states: tuple[tuple[PrefixState, int], ...]
    """How many prefixes are in each state, in the order of the states; states without prefixes are left out."""
    prefixes: tuple[PrefixLine, ...]
    slots: tuple[RuleSlot, ...]
    revisions: int
    workers: tuple[Worker, ...]
    events: tuple[Event, ...]
    created_at: datetime
    objects_per_s: float | None = None
    bytes_per_s: float | None = None

    @property
    def eta_s(self) -> float | None:
        """Seconds until everything is copied; None without evidence, 0 when nothing is left."""
        if not self.planned:
            return None
        left = self.planned_objects - self.counters.settled
        if left <= 0:
            return 0.0
        return left / self.objects_per_s if self.objects_per_s else None

    @property
    def readers_may_come(self) -> bool:
        """Say whether every prefix has been observed to be answered: by its rule, or by OSS alone."""
        waiting = (PrefixState.PLANNED, PrefixState.ARMING, PrefixState.REGRESSED)
        return bool(self.states) and not any(state in waiting for state, _ in self.states)

    @property
    def sentence(self) -> str:
        """The job's state in one sentence."""
        total = sum(count for _, count in self.states)
        retired = dict(self.states).get(PrefixState.RETIRED, 0)
        if self.state is JobState.DONE:
            return f"All {total} prefixes are retired; OSS answers alone."
        if self.state is JobState.DRAFT:
            return "Looking for prefixes at the origin."
        begun = {JobState.PAUSED: "Paused", JobState.CANCELLED: "Cancelled"}.get(self.state, "Running")
        active = [f"{count} {state}" for state, count in self.states if state is not PrefixState.RETIRED]
        return f"{begun}: {retired} of {total} prefixes are retired" + (f"; {', '.join(active)}." if active else ".")


def with_rate(current: JobSnapshot, earlier: JobSnapshot | None) -> JobSnapshot:
    """Add rates measured between two snapshots; none where nothing can be said."""
    if earlier is None:
        return current
    seconds = (current.at - earlier.at).total_seconds()
    if seconds <= 0:
        return replace(current, objects_per_s=earlier.objects_per_s, bytes_per_s=earlier.bytes_per_s)
    moved = current.counters.settled - earlier.counters.settled
    size = current.counters.copied_bytes - earlier.counters.copied_bytes
    return replace(current, objects_per_s=max(0.0, moved / seconds), bytes_per_s=max(0.0, size / seconds))


def waits(view: PrefixView, job: Job, covered_by: int | None) -> Wait:
    """Say why a prefix does not move on its own right now; every wait has a reason."""
    prefix, name = view.prefix, view.prefix.name or '""'
    if job.blocked_reason:
        return Wait("the job is blocked", f"migrator resume {job.name}")
    if job.state is JobState.PAUSED:
        return Wait("the job is paused", f"migrator resume {job.name}")
    match prefix.state:
        case PrefixState.ARMING:
            return Wait("its rule has not been observed in force yet" + _seen(prefix))
        case PrefixState.COPYING if blocked(view) and not view.shards_open and prefix.planned_to_end:
            parts = [
                f"{count} {what}"
                for count, what in (
                    (view.blocking_failed, "failed"),
                    (view.blocking_quarantined, "quarantined"),
                    (view.shards_quarantined, "shards given up"),
                )
                if count
            ]
            return Wait(f"blocked: {', '.join(parts)}", f"migrator retry {job.name} {name}")
        case PrefixState.COPYING if view.last_error:
            return Wait(f"trying again: {view.last_error}")
        case PrefixState.VERIFYING if prefix.authority is Authority.ORIGIN and prefix.clean_joins:
            return Wait(
                "writers are still at the origin; it is followed until they have stopped",
                f"migrator writes {job.name} {name} frozen",
            )
        case PrefixState.READY if prefix.held_by:
            return Wait(f"proven; held: {prefix.held_by}", f"migrator release {job.name} {name}")
        case PrefixState.RETIRING if covered_by is not None:
            return Wait(f"rule {covered_by} still answers here for other prefixes that are not finished")
        case PrefixState.RETIRING:
            return Wait("its rule was taken down but has not been seen gone" + _seen(prefix))
        case PrefixState.SETTLING:
            return Wait("its rule is gone; both sides are compared once more when the time is over")
        case PrefixState.REGRESSED:
            return Wait(f"the rule goes back first: {prefix.regressed_reason}")
        case _:
            return Wait()


def job_wait(job: Job, lines: Sequence[PrefixLine]) -> Wait:
    """Say what keeps the whole job, most urgent first."""
    if job.blocked_reason:
        return Wait(f"blocked: {job.blocked_reason}", job.blocked_hint or f"migrator resume {job.name}")
    if job.state is JobState.PAUSED:
        return Wait("paused by an operator", f"migrator resume {job.name}")
    return next((line.wait for line in lines if line.wait.command), Wait())


def _seen(prefix: Prefix) -> str:
    return f": {prefix.sentinel}" if prefix.sentinel else ""
