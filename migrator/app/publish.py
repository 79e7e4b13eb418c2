"""The bucket's one publisher: read the live document, merge, put, read back, then see at the readers' door."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from migrator.app.context import Runtime, spec_of
from migrator.app.observe import observe
from migrator.app.putting import put, storable
from migrator.app.ruleset import Ruleset, desired
from migrator.domain import rules
from migrator.domain.model import Bucket, BucketId, Lease
from migrator.domain.states import JobState
from migrator.errors import ForeignRuleShadows, LeaseLost, MigratorError, RulesConflict, Transient
from migrator.ports import BucketControl

log = logging.getLogger(__name__)

_ATTEMPTS = 5
RULES = "rules: "
"""Begins the reason of a job that is blocked by its bucket's rules; such a block lifts when publishing works again."""


def publish(rt: Runtime, bucket_id: int) -> None:
    """Make the live document say what it should, and move prefixes whose rule was seen to come or go."""
    bucket = rt.store.rules.bucket(BucketId(bucket_id))
    lease = rt.store.leases.take(f"rules:{bucket_id}", rt.worker, rt.settings.lease_s)
    if lease is None:
        return
    try:
        ruleset = _published(rt, bucket, lease)
        rt.store.rules.seen_right(bucket.id)
        _unblock(rt, bucket)
        if observe(rt, bucket, ruleset, lease):
            rt.dispatcher.send("tick", 0)
    except LeaseLost:
        log.info("bucket %s: another publisher took over", bucket.name)
    except Transient as error:
        log.warning("bucket %s: %s", bucket.name, error)
        rt.store.events.add("publish_failed", f"{bucket.name}: {error}")
    except MigratorError as error:
        _block(rt, bucket, error)
    finally:
        rt.store.leases.release(lease)
        rt.store.clear_sent("publish", bucket_id)


def _published(rt: Runtime, bucket: Bucket, lease: Lease) -> Ruleset:
    """Publish until what is read back means what was meant. Raises RulesConflict when others keep editing."""
    control = rt.connections.control(spec_of(_any_job(rt, bucket)))
    for _ in range(_ATTEMPTS):
        live = control.get_website()
        own = rt.store.rules.own(bucket.id)
        ruleset = desired(rt, bucket.id, rules.foreign_count(live, own))
        _refuse_shadows(live, own, ruleset)
        merge = rules.merge(live, own, ruleset.rules)
        noticed = _noticed(rt, bucket, live, own, merge)
        if not merge.changed:
            if noticed or not set(merge.own) <= set(own):
                _record(rt, bucket, lease, live, merge, noticed or ["own rules stand under other numbers"])
            return ruleset
        if _put(rt, bucket, lease, control, live, merge, noticed):
            return ruleset
    raise RulesConflict(f"the website document of {bucket.name} kept changing while it was written")


def _noticed(rt: Runtime, bucket: Bucket, live: bytes | None, own: Sequence[str], merge: rules.Merge) -> list[str]:
    """Tell people what others did to the document since our last revision; each thing once."""
    latest = rt.store.rules.latest(bucket.id)
    if latest is None:
        return []
    noticed = list(rules.foreign_changes(latest.after, storable(live), own))
    gone = [each for each in merge.missing_own if each in latest.own]
    if gone:
        since = f" for at most {(rt.clock() - bucket.right_at).total_seconds():.0f} s" if bucket.right_at else ""
        noticed.append(f"{len(gone)} own rules had been removed by somebody else{since}; they are put back.")
    for sentence in noticed:
        rt.store.events.add("rules_drift", f"{bucket.name}: {sentence}")
    return noticed


def _record(
    rt: Runtime, bucket: Bucket, lease: Lease, live: bytes | None, merge: rules.Merge, why: Sequence[str]
) -> None:
    """Remember the document as others left it; nothing is put."""
    document = storable(live)
    revision = rt.store.rules.begin(lease, bucket.id, document, document, merge.own, " ".join(why))
    rt.store.rules.confirm(lease, revision.id)


def _put(
    rt: Runtime,
    bucket: Bucket,
    lease: Lease,
    control: BucketControl,
    live: bytes | None,
    merge: rules.Merge,
    noticed: Sequence[str],
) -> bool:
    """Put one document; False when somebody else wrote meanwhile, so that it must be merged again."""
    reason = " ".join([f"{len(merge.own)} own rules, {merge.foreign_count} foreign.", *noticed])
    revision = rt.store.rules.begin(lease, bucket.id, storable(live), storable(merge.after), merge.own, reason)
    if control.get_website() != live:
        return False
    rt.store.leases.renew(lease, rt.settings.lease_s)  # a publisher that was away for long must not overwrite the next
    if not put(control, live, merge.after):
        return False
    rt.store.rules.confirm(lease, revision.id)
    return True


def _refuse_shadows(live: bytes | None, own: tuple[str, ...], ruleset: Ruleset) -> None:
    for conflict in rules.conflicts(live, own, [each.prefix for each in ruleset.cover.rules]):
        if conflict.severity == rules.SHADOWS:
            raise ForeignRuleShadows(
                conflict.sentence, hint=f"change or remove rule {conflict.rule_number}; see: migrator rules show"
            )


def _any_job(rt: Runtime, bucket: Bucket) -> str:
    """Return the job file of some job into the bucket: all of them reach the same bucket."""
    return next(job.spec_json for job in reversed(rt.store.jobs.all()) if job.bucket_id == bucket.id)


def _block(rt: Runtime, bucket: Bucket, error: MigratorError) -> None:
    for job in rt.store.jobs.active():
        if job.bucket_id == bucket.id and job.state is JobState.RUNNING and not job.blocked_reason:
            rt.store.jobs.block(job.id, f"{RULES}{error}", error.hint)


def _unblock(rt: Runtime, bucket: Bucket) -> None:
    for job in rt.store.jobs.active():
        if job.bucket_id == bucket.id and job.blocked_reason.startswith(RULES):
            rt.store.jobs.unblock(job.id)
