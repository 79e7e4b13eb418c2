"""Take snapshots for people: one read of the tracking database, rendered elsewhere."""

from __future__ import annotations

import json
from dataclasses import asdict, is_dataclass
from datetime import datetime
from typing import Any

from migrator.app.context import Runtime, spec_of
from migrator.app.ruleset import Ruleset, desired
from migrator.domain import rules
from migrator.domain.model import BucketId, Job
from migrator.domain.progress import JobSnapshot, PrefixLine, RuleSlot, job_wait, waits
from migrator.domain.states import JobState, PrefixState
from migrator.errors import MigratorError

EVENTS = 50


def snapshot(rt: Runtime, name: str) -> JobSnapshot:
    """Describe one job now, from the tracking database alone. Raises NotFound."""
    store = rt.store
    job = store.jobs.by_name(name)
    spec = spec_of(job.spec_json)
    live, own = _document(rt, job.bucket_id)
    slots, ruleset = slots_of(rt, job.bucket_id, live, own)
    numbers = {slot.prefix: slot.number for slot in slots if slot.own}
    lines = []
    for view in store.prefixes.views(job.id):
        serving = ruleset.serving(spec.destination.prefix + view.prefix.name) if ruleset else None
        number = numbers.get(serving.prefix) if serving else None
        lines.append(
            PrefixLine(
                name=view.prefix.name,
                state=view.prefix.state,
                since_at=view.prefix.since_at,
                counters=view.counters,
                planned_objects=view.planned_objects,
                planned_bytes=view.planned_bytes,
                planned_to_end=view.prefix.planned_to_end,
                blocking=view.blocking_failed + view.blocking_quarantined,
                held_by=view.prefix.held_by,
                rule_number=number,
                wait=waits(view, job, number),
            )
        )
    counters, planned_objects, planned_bytes = store.prefixes.totals(job.id)
    counts = store.prefixes.state_counts(job.id)
    return JobSnapshot(
        at=rt.clock(),
        name=job.name,
        state=job.state,
        wait=job_wait(job, lines),
        counters=counters,
        planned_objects=planned_objects,
        planned_bytes=planned_bytes,
        planned=job.discovered and all(line.planned_to_end for line in lines),
        states=tuple((state, counts[state]) for state in PrefixState if counts.get(state)),
        prefixes=tuple(lines),
        slots=slots,
        revisions=len(store.rules.history(job.bucket_id, limit=1000)),
        workers=tuple(store.workers()),
        events=tuple(store.events.list(job.id, limit=EVENTS)),
        created_at=job.created_at,
    )


def slots_of(
    rt: Runtime, bucket_id: BucketId, document: bytes | None, own: tuple[str, ...]
) -> tuple[tuple[RuleSlot, ...], Ruleset | None]:
    """Describe every rule of a document in order, and the cover the tracking database asks for."""
    mine, foreign, _ = rules.ownership(rules.parse(document), own)
    try:
        ruleset: Ruleset | None = desired(rt, bucket_id, len(foreign))
    except MigratorError:
        ruleset = None
    covers = {each.prefix: each.covers for each in ruleset.cover.rules} if ruleset else {}
    slots = [_slot(each.rule, own=True, covers=covers.get(each.rule.condition.key_prefix, 0)) for each in mine]
    slots += [_slot(each.rule, own=False) for each in foreign]
    return tuple(sorted(slots, key=lambda slot: slot.number)), ruleset


def _slot(rule: rules.Rule, *, own: bool, covers: int = 0) -> RuleSlot:
    return RuleSlot(rule.number, own, rule.condition.key_prefix, describe(rule), covers)


def describe(rule: rules.Rule) -> str:
    """Say in a few words what a rule does."""
    redirect = rule.redirect
    if not redirect.redirects:
        return f"{redirect.kind} {redirect.mirror_url}".strip()
    return f"{redirect.code} {redirect.protocol or 'http'}://{redirect.host}/"


def unfinished_jobs(rt: Runtime) -> list[Job]:
    """Return the jobs that still need workers."""
    return [job for job in rt.store.jobs.all() if job.state not in (JobState.DONE, JobState.CANCELLED)]


def as_json(value: object) -> str:
    """Render a snapshot (or any value of ours) as one JSON line; times in ISO 8601."""
    return json.dumps(asdict(value) if is_dataclass(value) and not isinstance(value, type) else value, default=_plain)


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _document(rt: Runtime, bucket_id: BucketId) -> tuple[bytes | None, tuple[str, ...]]:
    """Return the document as last published by us: what people see must not depend on the bucket answering."""
    latest = rt.store.rules.latest(bucket_id)
    return (latest.after, latest.own) if latest else (None, ())
