"""What a job would do, computed by the same code that does it, with nothing recorded and nothing changed."""

from __future__ import annotations

from dataclasses import dataclass

from migrator.app.context import Runtime, Work
from migrator.app.discover import names
from migrator.app.ruleset import Route, Ruleset, fitted
from migrator.domain import rules
from migrator.domain.cover import Unfinished, timeline
from migrator.domain.model import BucketId, Job, JobId
from migrator.domain.planner import group_of
from migrator.domain.states import JobState
from migrator.spec import JobSpec

_STEPS = 40


@dataclass(frozen=True, slots=True)
class PlannedPrefix:
    """One prefix as it would be recorded."""

    name: str
    objects: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class DryRun:
    """A whole job before it begins."""

    prefixes: tuple[PlannedPrefix, ...]
    foreign_rules: int
    first: Ruleset
    """The rules that would be published first."""
    shrinking: tuple[int, ...]
    """How many own rules stand at first and as prefixes are retired, in up to 40 even steps."""


def dry_run(rt: Runtime, spec: JobSpec) -> DryRun:
    """List the origin once and compute prefixes, counts and rules. Writes nowhere, not even to the database."""
    job = Job(JobId(0), spec.name, JobState.DRAFT, "", BucketId(0), rt.clock())
    work = Work(job, spec, rt.connections.origin(spec), rt.connections.destination(spec))
    found = sorted(set(names(work)))
    counts = _counts(work, found)
    live = rt.connections.control(spec).get_website()
    bucket = rt.store.rules.bucket_at(spec.destination.endpoint, spec.destination.bucket)
    own = rt.store.rules.own(bucket.id) if bucket else ()
    foreign = rules.foreign_count(live, own)
    base, route = spec.destination.prefix, Route.of(spec)
    unfinished = [Unfinished(base + name, route, float(counts[name].objects)) for name in found]
    first = fitted(unfinished, [], foreign)
    steps = timeline(unfinished, budget=rules.MAX_RULES - foreign, domains={route: base}, steps=_STEPS)
    return DryRun(
        prefixes=tuple(counts[name] for name in found),
        foreign_rules=foreign,
        first=first,
        shrinking=tuple(len(step.cover.rules) for step in steps),
    )


def _counts(work: Work, found: list[str]) -> dict[str, PlannedPrefix]:
    counts = {name: [0, 0] for name in found}
    base, after = work.spec.origin.prefix, ""
    while True:
        page = work.origin.list_page(base, after=after)
        for info in page.objects:
            count = counts[group_of(info.key[len(base) :], found)]
            count[0] += 1
            count[1] += info.size_bytes
        if page.next_after is None:
            return {name: PlannedPrefix(name, *count) for name, count in counts.items()}
        after = page.next_after
