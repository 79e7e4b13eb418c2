"""Knock at the readers' door with keys that cannot exist: the only proof that a rule is, or is no longer, in force."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from migrator.app.context import Runtime, spec_of
from migrator.app.ruleset import Ruleset, sentinel_key
from migrator.domain import rules
from migrator.domain.model import Bucket, Job, Lease, Prefix
from migrator.domain.states import PrefixState
from migrator.errors import IllegalTransition, MigratorError
from migrator.ports import Answer, Door

KNOCKS = 2
"""Answers in a row that must agree, at every door: caches and propagation make one answer worth little."""

_AT_A_TIME = 8
_BETWEEN_RENEWALS = 64
_WATCHED = frozenset({PrefixState.ARMING, PrefixState.REGRESSED, PrefixState.RETIRING})


@dataclass(frozen=True, slots=True)
class Sighting:
    """What was seen of one prefix, as one line for people."""

    as_expected: bool
    line: str


def observe(rt: Runtime, bucket: Bucket, ruleset: Ruleset, lease: Lease) -> int:
    """Look at every prefix whose rule should have come or gone, and advance those that are seen so. Returns how many.

    A prefix that is retiring while a broader rule still answers for others waits until that rule has gone too.
    """
    moved = 0
    for job in rt.store.jobs.active():
        if job.bucket_id != bucket.id:
            continue
        doors = rt.connections.doors(spec_of(job.spec_json))
        look = partial(_look, job, ruleset, doors)
        prefixes = [view.prefix for view in rt.store.prefixes.views(job.id, _WATCHED)]
        with ThreadPoolExecutor(_AT_A_TIME) as pool:
            for begin in range(0, len(prefixes), _BETWEEN_RENEWALS):
                rt.store.leases.renew(lease, rt.settings.lease_s)
                some = prefixes[begin : begin + _BETWEEN_RENEWALS]
                for prefix, sighting in zip(some, pool.map(look, some), strict=True):
                    moved += _note(rt, job, prefix, sighting)
    return moved


def _look(job: Job, ruleset: Ruleset, doors: Sequence[Door], prefix: Prefix) -> Sighting:
    spec = spec_of(job.spec_json)
    key = sentinel_key(spec, prefix, secrets.token_hex(8))
    serving = ruleset.serving(key)
    if prefix.state is PrefixState.RETIRING and serving is not None:
        return Sighting(as_expected=False, line=f"still answered by the rule over {serving.prefix!r}")
    if prefix.state is not PrefixState.RETIRING and serving is None:
        return Sighting(as_expected=False, line="its rule is not published yet")  # it came after this ruleset
    expected = serving.route.location(key) if serving is not None else None
    line = ""
    for door in doors:
        for _ in range(KNOCKS):
            try:
                answer = door.knock(key)
            except MigratorError as error:
                return Sighting(as_expected=False, line=f"GET {door.url}{key}: {error}")
            line = f"GET {door.url}{key}: {_spelled(answer)}"
            if not _fits(answer, expected, spec.redirect.code):
                return Sighting(as_expected=False, line=f"{line}, expected {expected or 404}")
    return Sighting(as_expected=True, line=line)


def _fits(answer: Answer, expected: str | None, code: int) -> bool:
    if expected is None:
        return answer.status == 404
    return answer.status == code and rules.same_location(answer.location, expected)


def _spelled(answer: Answer) -> str:
    return " ".join(part for part in (str(answer.status), answer.error_code, answer.location) if part)


def _note(rt: Runtime, job: Job, prefix: Prefix, sighting: Sighting) -> int:
    """Advance a prefix that was seen as expected; otherwise only write down what was seen."""
    if not sighting.as_expected:
        if prefix.sentinel != sighting.line:
            rt.store.prefixes.update(prefix.id, sentinel=sighting.line)
        return 0
    after = {
        PrefixState.ARMING: PrefixState.REDIRECTING,
        PrefixState.REGRESSED: PrefixState.COPYING,
        PrefixState.RETIRING: PrefixState.SETTLING,
    }[prefix.state]
    try:
        rt.store.prefixes.advance(prefix.id, prefix.state, after, sighting.line, sentinel=sighting.line)
    except IllegalTransition:
        return 0
    if after is PrefixState.REDIRECTING and not job.readers_sent:
        rt.store.jobs.readers_were_sent(job.id)
    return 1
