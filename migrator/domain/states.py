"""The state machines of job, prefix and shard: one table, one sentence per state about the world while it holds."""

from __future__ import annotations

from enum import StrEnum


class JobState(StrEnum):
    """Where a whole migration stands."""

    DRAFT = "draft"
    """Recorded; its prefixes are being discovered, nothing is published or copied."""
    RUNNING = "running"
    """Its prefixes move on their own."""
    PAUSED = "paused"
    """Nothing is read from the origin or written to the destination; rules stay where they are."""
    DONE = "done"
    """Every prefix is retired; no rule of this job is left."""
    CANCELLED = "cancelled"
    """Nothing is copied any more; rules over unmigrated prefixes stay unless no reader was ever sent to OSS."""


class PrefixState(StrEnum):
    """Where one prefix stands on its way from the origin to the destination."""

    PLANNED = "planned"
    """Known, but readers may not use OSS for it: no rule covers it yet."""
    ARMING = "arming"
    """A rule is being published; it has not been observed in force."""
    REDIRECTING = "redirecting"
    """The rule was observed: readers may use OSS, the origin answers what is missing."""
    COPYING = "copying"
    """Shards are planned and copied; the rule covers what is not there yet."""
    VERIFYING = "verifying"
    """Every shard is copied; both sides are listed afresh and compared."""
    READY = "ready"
    """Two clean comparisons in a row prove both sides equal; the rule is still up."""
    RETIRING = "retiring"
    """The cover is being published without this prefix; its rule may still answer."""
    SETTLING = "settling"
    """The rule is gone; keys that turn up at the origin now would be missed, so it is listed once more."""
    RETIRED = "retired"
    """OSS answers alone, and the certificate says how we know."""
    REGRESSED = "regressed"
    """Something was missed after the rule went: the rule goes back first, then the key is copied."""


class ShardState(StrEnum):
    """Where one key range stands. The same lease serves copying and verifying."""

    PENDING = "pending"
    """To be copied."""
    LEASED = "leased"
    """A worker is copying it under a fence."""
    DONE = "done"
    """Every key of the range has an outcome."""
    QUARANTINED = "quarantined"
    """Given up after too many attempts; a person must look."""


class Authority(StrEnum):
    """Who writes keys of a prefix. A fact told by people, stored, never guessed."""

    DESTINATION = "destination"
    """Writers already write to OSS: we create only, and never touch what exists."""
    ORIGIN = "origin"
    """Writers are still at the origin: stale copies of ours are invalidated, then filled again."""
    FROZEN = "frozen"
    """Keys never change."""


class Outcome(StrEnum):
    """What became of one listed object."""

    COPIED = "copied"
    ALREADY_EQUAL = "already_equal"
    KEPT_DESTINATION = "kept_destination"
    VANISHED = "vanished"
    FAILED = "failed"
    QUARANTINED = "quarantined"


_J, _P, _S = JobState, PrefixState, ShardState

JOB_TRANSITIONS: dict[JobState, frozenset[JobState]] = {
    _J.DRAFT: frozenset({_J.RUNNING, _J.PAUSED, _J.CANCELLED}),
    _J.RUNNING: frozenset({_J.PAUSED, _J.DONE, _J.CANCELLED}),
    _J.PAUSED: frozenset({_J.DRAFT, _J.RUNNING, _J.CANCELLED}),
    _J.DONE: frozenset({_J.RUNNING}),  # reopen: a prefix regressed after the end
    _J.CANCELLED: frozenset(),
}

PREFIX_TRANSITIONS: dict[PrefixState, frozenset[PrefixState]] = {
    _P.PLANNED: frozenset({_P.ARMING}),
    _P.ARMING: frozenset({_P.REDIRECTING}),
    _P.REDIRECTING: frozenset({_P.COPYING}),
    _P.COPYING: frozenset({_P.VERIFYING}),
    _P.VERIFYING: frozenset({_P.COPYING, _P.READY}),
    _P.READY: frozenset({_P.RETIRING, _P.COPYING}),
    _P.RETIRING: frozenset({_P.SETTLING, _P.REGRESSED}),
    _P.SETTLING: frozenset({_P.RETIRED, _P.REGRESSED}),
    _P.RETIRED: frozenset({_P.REGRESSED}),
    _P.REGRESSED: frozenset({_P.COPYING}),
}

SHARD_TRANSITIONS: dict[ShardState, frozenset[ShardState]] = {
    _S.PENDING: frozenset({_S.LEASED, _S.QUARANTINED}),
    _S.LEASED: frozenset({_S.PENDING, _S.DONE, _S.QUARANTINED}),
    _S.DONE: frozenset({_S.PENDING}),
    _S.QUARANTINED: frozenset({_S.PENDING}),
}

COVERED: frozenset[PrefixState] = frozenset(
    {_P.ARMING, _P.REDIRECTING, _P.COPYING, _P.VERIFYING, _P.READY, _P.REGRESSED}
)
"""While a prefix is in one of these, the published cover must answer every key of it that OSS does not have."""


def may_become(before: JobState | PrefixState | ShardState, after: JobState | PrefixState | ShardState) -> bool:
    """Say whether the table allows this step; states of different machines never follow each other."""
    if isinstance(before, JobState):
        return after in JOB_TRANSITIONS[before]
    if isinstance(before, PrefixState):
        return after in PREFIX_TRANSITIONS[before]
    return after in SHARD_TRANSITIONS[before]
