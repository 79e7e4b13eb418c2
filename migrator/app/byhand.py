"""Rules by hand: plan a change first, then put it through the bucket's one publisher and record it.

Hand-made rules are foreign ones to the migrator: it never touches them, and never takes them for its own.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from migrator.app.context import Runtime, spec_of
from migrator.app.place import Place, recorded
from migrator.app.putting import put, storable
from migrator.app.rulebook import ever_own, revision
from migrator.app.ruleset import desired
from migrator.domain import rules
from migrator.domain.model import Bucket, Lease, Revision, RevisionState
from migrator.domain.rules import Finding, byhand
from migrator.domain.rules.byhand import Difference
from migrator.domain.rules.wishes import Edit, Remove, Replace, Wish, carried_out, own_rule_touched, spelled
from migrator.domain.simulate import Change, compared
from migrator.errors import ForeignRuleShadows, Invalid, LeaseLost, RuleCapacityExceeded, RulesConflict

log = logging.getLogger(__name__)

_ATTEMPTS = 5
_WARNINGS = 8
_LEASE_TRIES = 60
_LEASE_PAUSE_S = 0.25


@dataclass(frozen=True, slots=True)
class Plan:
    """What a change would do; nothing is done yet."""

    wish: Wish
    live: bytes | None
    after: bytes | None
    own: tuple[str, ...]
    """Fingerprints of the migration rules from then on."""
    differences: tuple[Difference, ...]
    pages: bool
    """The index document, the error document or another setting outside the rules changes."""
    changes: tuple[Change, ...]
    """Every prefix whose keys get another answer, with an example."""
    findings: tuple[Finding, ...]
    """What lint finds in the new document and did not find before."""
    warnings: tuple[str, ...]

    @property
    def changed(self) -> bool:
        """Say whether anything changes."""
        return bool(self.differences) or self.pages

    @property
    def by_hand(self) -> tuple[tuple[Difference, ...], bool]:
        """What was asked for, without what the migration's own rules make of it."""
        return tuple(each for each in self.differences if not each.own), self.pages


def plan(rt: Runtime, place: Place, wish: Wish) -> Plan:
    """Compute what the wish does to the live document. Changes nothing.

    Raises Invalid, NotFound, RuleCapacityExceeded, MaskedSecret; ForeignRuleShadows when a migration rule would no
    longer answer first.
    """
    return _plan(rt, place, wish, place.control(rt).get_website())


def restoring(rt: Runtime, place: Place, number: int) -> Replace:
    """Return the wish for everything of a revision but its migration rules. Raises NotFound, Invalid, MaskedSecret."""
    found = revision(rt, place, number)
    if found.state is not RevisionState.PUBLISHED:
        raise Invalid(
            f"revision {number} was never seen in force", hint="choose a published one: migrator rules history"
        )
    return _replacing(found.after, found.own, f"revision {number}")


def importing(rt: Runtime, place: Place, document: bytes | None, name: str) -> Replace:
    """Return the wish for everything of a document but the rules of migrations. Raises MaskedSecret."""
    return _replacing(document, (*ever_own(rt, place), *place.own(rt)), name)


def apply(rt: Runtime, place: Place, shown: Plan, why: str = "") -> Revision:
    """Do what was shown, and nothing else, and record it as a revision.

    Raises RulesConflict when the document changed so that something else would come of it; LeaseLost when another
    publisher does not let go; and what `plan` raises.
    """
    bucket = recorded(rt, place)
    place = replace(place, bucket=bucket)
    control = place.control(rt)
    lease = _lease(rt, bucket)
    try:
        for _ in range(_ATTEMPTS):
            live = control.get_website()
            now = _plan(rt, place, shown.wish, live)
            if now.by_hand != shown.by_hand:
                raise RulesConflict(
                    f"the rules of {bucket.name} changed since the plan was made; nothing was written",
                    hint="run it again and look at the new plan",
                )
            reason = f"by hand: {spelled(shown.wish, rules.parse(now.after))}" + (f"; {why}" if why else "")
            begun = rt.store.rules.begin(lease, bucket.id, storable(live), storable(now.after), now.own, reason)
            if control.get_website() != live:
                continue
            rt.store.leases.renew(lease, rt.settings.lease_s)  # whoever was away for long must not overwrite the next
            if put(control, live, now.after):
                rt.store.rules.confirm(lease, begun.id)
                return begun
        raise RulesConflict(f"the website document of {bucket.name} kept changing while it was written")
    finally:
        rt.store.leases.release(lease)


def _plan(rt: Runtime, place: Place, wish: Wish, live: bytes | None) -> Plan:
    own = place.own(rt)
    document = rules.parse(live)
    own = _without_unneeded(rt, place, wish, document, own)
    after, own_after = _fitted(rt, place, carried_out(wish, document, place.own(rt)), own)
    byhand.refuse_masked(after, wish.whence if isinstance(wish, Replace) else "the live document")
    differences = byhand.differences(live, after, own_after)
    return Plan(
        wish=wish,
        live=live,
        after=after,
        own=own_after,
        differences=differences,
        pages=byhand.pages_differ(live, after),
        changes=compared(document, rules.parse(after)),
        findings=_new_findings(live, after, place.doors),
        warnings=(*_left_out(wish), *_warnings(rt, place, after, own_after, differences)),
    )


def _replacing(document: bytes | None, own: Collection[str], name: str) -> Replace:
    byhand.refuse_masked(document, name)
    found = rules.parse(document)
    ours = tuple(live.rule.number for live in rules.ownership(found, own)[0])
    return Replace(rules.rewrite(found, drop=ours), name, ours)


def _without_unneeded(
    rt: Runtime, place: Place, wish: Wish, document: rules.Document, own: tuple[str, ...]
) -> tuple[str, ...]:
    """Refuse to touch a migration rule that prefixes still need; one that nobody needs is ours no longer."""
    target = own_rule_touched(wish, document, own)
    if target is None or place.bucket is None:
        return own
    prefix = target.rule.condition.key_prefix
    needed = [
        (job.name, spec_of(job.spec_json).destination.prefix + each.name)
        for job, each in rt.store.rules.covered(place.bucket.id)
        if rules.related(prefix, spec_of(job.spec_json).destination.prefix + each.name)
    ]
    if needed:
        job, first = needed[0]
        more = f" and {len(needed) - 1} more" if len(needed) > 1 else ""
        what = {
            Edit: "redirect: in its job file says where readers go",
            Remove: "it goes by itself when they are proven",
        }
        raise Invalid(
            f"rule {target.rule.number} is the migration rule of job {job} for {first!r}{more}, not finished yet",
            hint=f"{what.get(type(wish), 'its place follows from its prefix')}; see: migrator status {job}; "
            f"to give the migration up: migrator cancel {job}",
        )
    content = target.fingerprint.partition(":")[2]
    return tuple(name for name in own if name.partition(":")[2] != content)


def _fitted(
    rt: Runtime, place: Place, after: bytes | None, own: tuple[str, ...]
) -> tuple[bytes | None, tuple[str, ...]]:
    """Make the migration's own rules fit beside what others have; they stay as they are where that is possible."""
    document = rules.parse(after)
    _, foreign, missing = rules.ownership(document, own)
    if len(foreign) > rules.MAX_RULES:
        raise RuleCapacityExceeded(
            f"that would make {len(foreign)} rules; a bucket holds at most {rules.MAX_RULES}",
            hint="remove a rule first: migrator rules remove",
        )
    if place.bucket is None or (len(document.rules) <= rules.MAX_RULES and not missing):
        return after, own
    merged = rules.merge(after, own, desired(rt, place.bucket.id, len(foreign)).rules)
    return merged.after, merged.own


def _new_findings(live: bytes | None, after: bytes | None, doors: tuple[str, ...]) -> tuple[Finding, ...]:
    hosts = [urlsplit(door).netloc for door in doors]
    before = set(rules.lint(rules.parse(live), bucket_hosts=hosts))
    return tuple(each for each in rules.lint(rules.parse(after), bucket_hosts=hosts) if each not in before)


def _warnings(
    rt: Runtime,
    place: Place,
    after: bytes | None,
    own: Sequence[str],
    differences: Sequence[Difference],
) -> tuple[str, ...]:
    """Say what the new rules do to one another. Raises ForeignRuleShadows."""
    document = rules.parse(after)
    mine, foreign, _ = rules.ownership(document, own)
    touched = {each.after.number for each in differences if each.after and not each.own}
    others = [found.rule for found in foreign if found.rule.number in touched]
    said = []
    for conflict in byhand.in_front(_covered(rt, place), [found.rule for found in mine], others):
        if conflict.severity == rules.SHADOWS:
            raise ForeignRuleShadows(
                f"{conflict.sentence} A migration that is not finished needs that rule.",
                hint="place it behind (--after NUMBER), give it a longer prefix, or a status other than 404",
            )
        said.append(conflict.sentence)
    said += [conflict.sentence for conflict in rules.hidden_behind(others, [found.rule for found in mine])]
    said += [
        f"Rule {rule.number} has the prefix and suffix of rule {other.number}; the console wants them to differ."
        for rule in others
        for other in byhand.same_question(document, rule)
    ]
    shown = list(dict.fromkeys(said))
    if len(shown) > _WARNINGS:
        shown[_WARNINGS:] = [f"{len(shown) - _WARNINGS} more warnings like these."]
    return tuple(shown)


def _left_out(wish: Wish) -> tuple[str, ...]:
    if not isinstance(wish, Replace) or not wish.left_out:
        return ()
    numbers = ", ".join(map(str, wish.left_out))
    return (f"Migration rules of {wish.whence} are left out ({numbers}): those follow from the jobs.",)


def _covered(rt: Runtime, place: Place) -> list[str]:
    """Return the complete destination prefixes that are not finished."""
    if place.bucket is None:
        return []
    return sorted(
        spec_of(job.spec_json).destination.prefix + prefix.name
        for job, prefix in rt.store.rules.covered(place.bucket.id)
    )


def _lease(rt: Runtime, bucket: Bucket) -> Lease:
    name = f"rules:{bucket.id}"
    for _ in range(_LEASE_TRIES):
        lease = rt.store.leases.take(name, f"{rt.worker} by hand", rt.settings.lease_s)
        if lease is not None:
            return lease
        time.sleep(_LEASE_PAUSE_S)
    holder = rt.store.leases.holder(name) or "somebody else"
    raise LeaseLost(f"{holder} is publishing rules of {bucket.name} right now", hint="try again in a moment")
