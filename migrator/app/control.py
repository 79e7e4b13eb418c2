"""What people ask for. Each verb writes an intent; the next tick acts on it."""

from __future__ import annotations

from collections.abc import Sequence

from migrator import jobfile
from migrator.app.context import Runtime, spec_of
from migrator.domain.model import Job, Prefix
from migrator.domain.states import Authority, JobState, PrefixState
from migrator.errors import Invalid, NotFound
from migrator.spec import JobSpec

_PROVEN = (PrefixState.READY, PrefixState.RETIRING, PrefixState.SETTLING, PrefixState.RETIRED)
_ENDED = (JobState.DONE, JobState.CANCELLED)
_GOING = (PrefixState.RETIRING, PrefixState.SETTLING, PrefixState.RETIRED)


def start(rt: Runtime, spec: JobSpec) -> Job:
    """Record a job; it begins at the next tick. Raises Invalid for a taken name or keys that overlap another job."""
    destination = spec.destination
    job = rt.store.jobs.create(
        spec.name,
        jobfile.dump(spec),
        (destination.endpoint, destination.region, destination.bucket),
        destination.prefix,
    )
    rt.dispatcher.send("tick", 0)
    return job


def pause(rt: Runtime, name: str) -> Job:
    """Stop reading and writing objects; rules stay. Running work stops within two seconds."""
    job = rt.store.jobs.by_name(name)
    if job.state is not JobState.PAUSED:
        _refuse_ended(job)
        rt.store.jobs.advance(job.id, job.state, JobState.PAUSED, "paused by an operator")
    return rt.store.jobs.get(job.id)


def resume(rt: Runtime, name: str) -> Job:
    """Go on: lift a pause, and try again what blocked the job."""
    job = rt.store.jobs.by_name(name)
    _refuse_ended(job)
    if job.state is JobState.PAUSED:
        after = JobState.RUNNING if job.discovered else JobState.DRAFT
        rt.store.jobs.advance(job.id, JobState.PAUSED, after, "resumed by an operator")
    if job.blocked_reason:
        rt.store.jobs.unblock(job.id)
    rt.dispatcher.send("tick", 0)
    return rt.store.jobs.get(job.id)


def cancel(rt: Runtime, name: str, *, drop_rules: bool = False) -> str:
    """Stop for good and say what that means for readers.

    Before any reader was sent to OSS the rules are taken down again. Afterwards rules over what is not migrated
    stay, because readers would find nothing there without them; unless `drop_rules` says that no reader comes any
    more, which may also be said of a job that was cancelled before.
    """
    job = rt.store.jobs.by_name(name)
    if not (drop_rules and job.state is JobState.CANCELLED):
        _refuse_ended(job)
        rt.store.jobs.advance(job.id, job.state, JobState.CANCELLED, "cancelled by an operator")
    if drop_rules:
        rt.store.jobs.readers_are_gone(job.id)
    rt.dispatcher.send("publish", job.bucket_id)
    if job.readers_sent and not drop_rules:
        return f"{name} is cancelled; rules over what is not migrated stay, or readers would find nothing there"
    return f"{name} is cancelled; its rules are taken down"


def hold(rt: Runtime, name: str, prefix: str | None, by: str) -> list[Prefix]:
    """Keep the rule of a prefix (of all prefixes) up, however ready it is."""
    found = _prefixes(rt, name, prefix)
    if prefix is None:
        found = [each for each in found if each.state not in _GOING]
    for each in found:
        if each.state in _GOING:
            raise Invalid(
                f"{each.name!r} is {each.state}: its rule is going or gone",
                hint=f"migrator reopen {name} {each.name!r}",
            )
        rt.store.prefixes.hold(each.id, by)
    return found


def release(rt: Runtime, name: str, prefix: str | None) -> list[Prefix]:
    """Let the rule of a prefix (of all prefixes) retire when it is ready."""
    found = _prefixes(rt, name, prefix)
    for each in found:
        rt.store.prefixes.release(each.id)
    rt.dispatcher.send("tick", 0)
    return found


def reopen(rt: Runtime, name: str, prefix: str, why: str) -> Prefix:
    """Put the rule of a retired (or retiring, settling) prefix back, then copy and prove it again."""
    job = rt.store.jobs.by_name(name)
    found = rt.store.prefixes.find(job.id, prefix)
    if found.state not in _GOING:
        raise Invalid(f"{prefix!r} is {found.state}; its rule is still up", hint=f"migrator status {name}")
    rt.store.prefixes.advance(found.id, found.state, PrefixState.REGRESSED, f"reopened: {why}", regressed_reason=why)
    rt.store.shards.reopen([shard.id for shard in rt.store.shards.of_prefix(found.id)], f"reopened: {why}")
    if job.state is JobState.DONE:
        rt.store.jobs.advance(job.id, JobState.DONE, JobState.RUNNING, f"{prefix!r} was reopened")
    rt.dispatcher.send("publish", job.bucket_id)
    return rt.store.prefixes.get(found.id)


def retry(rt: Runtime, name: str, prefix: str | None) -> int:
    """Try failed and quarantined objects again; returns how many shards that reopens."""
    count = sum(rt.store.records.retry(each.id) for each in _prefixes(rt, name, prefix))
    rt.dispatcher.send("tick", 0)
    return count


def waive(rt: Runtime, name: str, prefix: str, keys: Sequence[str], by: str) -> int:
    """Accept that objects are not migrated, by name; they no longer keep the prefix from retiring."""
    job = rt.store.jobs.by_name(name)
    found = rt.store.prefixes.find(job.id, prefix)
    if not by:
        raise Invalid("a waiver needs a name and a reason", hint="--by 'who: why'")
    for key in keys:
        rt.store.records.waive(found.id, key, by)
    rt.dispatcher.send("tick", 0)
    return len(keys)


def writes(rt: Runtime, name: str, prefix: str | None, authority: Authority) -> list[Prefix]:
    """Tell who writes from now on: origin, then frozen, then destination; never back.

    Writers that were followed at the origin stop first (frozen). Only when a prefix is proven after that may they
    begin at the destination: before, a copy of ours may be stale, and could no longer be told from their objects.
    """
    found = _prefixes(rt, name, prefix)
    followed = spec_of(rt.store.jobs.by_name(name).spec_json).authority is Authority.ORIGIN
    for each in found:
        _refuse_step(name, each, authority, followed=followed)
    for each in found:
        if authority is not each.authority:
            rt.store.prefixes.set_authority(each.id, authority, "told by an operator")
    rt.dispatcher.send("tick", 0)
    return found


def _refuse_step(name: str, prefix: Prefix, authority: Authority, *, followed: bool) -> None:
    if authority is Authority.ORIGIN and prefix.authority is not Authority.ORIGIN:
        raise Invalid(
            f"writers of {prefix.name!r} are at the {prefix.authority}; what they wrote there is not at the origin",
            hint="copy it back first, then start a new job",
        )
    proven = prefix.authority is not Authority.ORIGIN and prefix.state in _PROVEN
    if authority is Authority.DESTINATION and followed and not proven:
        raise Invalid(
            f"{prefix.name!r} was not proven since its writers stopped at the origin; a copy of it may be stale",
            hint=f"stop the writers, migrator writes {name} {prefix.name!r} frozen, and wait until it is ready",
        )


def _prefixes(rt: Runtime, name: str, prefix: str | None) -> list[Prefix]:
    job = rt.store.jobs.by_name(name)
    if prefix is not None:
        return [rt.store.prefixes.find(job.id, prefix)]
    found = [view.prefix for view in rt.store.prefixes.views(job.id)]
    if not found:
        raise NotFound(f"{name} has no prefixes yet", hint=f"migrator status {name}")
    return found


def _refuse_ended(job: Job) -> None:
    if job.state in _ENDED:
        raise Invalid(f"{job.name} is {job.state}; nothing can be changed any more")
