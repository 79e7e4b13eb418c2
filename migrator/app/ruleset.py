"""Which own rules should stand in a bucket right now: the cover over every unfinished prefix of every job into it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from migrator.app.context import Runtime, spec_of
from migrator.domain import rules
from migrator.domain.cover import Cover, CoverRule, Finished, Unfinished, plan_cover, serves
from migrator.domain.model import BucketId, Prefix
from migrator.errors import RuleCapacityExceeded
from migrator.spec import JobSpec


@dataclass(frozen=True, slots=True)
class Route:
    """Where the readers of one job are sent; prefixes with equal routes can share a rule."""

    destination_prefix: str
    redirect_url: str
    code: int
    pass_query_string: bool
    from_cdn: bool

    @classmethod
    def of(cls, spec: JobSpec) -> Route:
        """Return the route a job file declares."""
        redirect = spec.redirect
        return cls(spec.destination.prefix, redirect.url, redirect.code, redirect.pass_query_string, redirect.from_cdn)

    def location(self, key: str) -> str:
        """Return where a reader of the complete destination key must be sent."""
        base = rules.parse_redirect_url(self.redirect_url)
        return rules.expected_location(base, key[len(self.destination_prefix) :])

    def rule(self, key_prefix: str) -> rules.Rule:
        """Return the rule that sends the readers of every key under `key_prefix` along this route."""
        return rules.migration_rule(
            key_prefix,
            self.destination_prefix,
            rules.parse_redirect_url(self.redirect_url),
            code=self.code,
            pass_query_string=self.pass_query_string,
            from_cdn=self.from_cdn,
        )


@dataclass(frozen=True, slots=True)
class Ruleset:
    """The own rules that should stand, and what each is there for."""

    cover: Cover[Route]

    @property
    def rules(self) -> tuple[rules.Rule, ...]:
        """The rules in order, not numbered yet."""
        return tuple(each.route.rule(each.prefix) for each in self.cover.rules)

    def serving(self, key: str) -> CoverRule[Route] | None:
        """Return the own rule that answers a missing key."""
        return serves(self.cover.rules, key)


@dataclass(frozen=True, slots=True)
class Demand:
    """What the own rules of a bucket are for, by complete destination prefix."""

    unfinished: tuple[Unfinished[Route], ...] = ()
    finished: tuple[Finished, ...] = ()


def domains_of(unfinished: Sequence[Unfinished[Route]]) -> dict[Route, str]:
    """Say how far the rules of each route may reach."""
    return {each.route: each.route.destination_prefix for each in unfinished}


def demand(rt: Runtime, bucket_id: BucketId) -> Demand:
    """Read from the tracking database what the bucket's own rules must cover, and what they should not."""
    unfinished = [
        Unfinished(writable(spec.destination.prefix + prefix.name), Route.of(spec))
        for job, prefix in rt.store.rules.covered(bucket_id)
        for spec in (spec_of(job.spec_json),)
    ]
    finished = [
        Finished(spec_of(job.spec_json).destination.prefix + prefix.name, float(objects))
        for job, prefix, objects in rt.store.rules.finished(bucket_id)
    ]
    return Demand(tuple(unfinished), tuple(finished))


def desired(rt: Runtime, bucket_id: BucketId, foreign_count: int) -> Ruleset:
    """Compute the cover from the tracking database. Raises RuleCapacityExceeded when it cannot fit."""
    wanted = demand(rt, bucket_id)
    return fitted(wanted.unfinished, wanted.finished, foreign_count)


def writable(prefix: str) -> str:
    """Return as much of a prefix as a rule can carry: XML has no control characters, so a broader rule must do."""
    return next((prefix[:end] for end in range(len(prefix), 0, -1) if rules.can_be_written(prefix[:end])), "")


def fitted(unfinished: Sequence[Unfinished[Route]], finished: Sequence[Finished], foreign_count: int) -> Ruleset:
    """Fit the cover beside the foreign rules, leaving one slot free for a reopened prefix while that is possible."""
    free = max(0, rules.MAX_RULES - foreign_count)
    domains = domains_of(unfinished)
    try:
        return Ruleset(plan_cover(unfinished, finished, budget=free - 1, domains=domains))
    except RuleCapacityExceeded:
        return Ruleset(plan_cover(unfinished, finished, budget=free, domains=domains))


def sentinel_key(spec: JobSpec, prefix: Prefix, token: str) -> str:
    """Return a key of the prefix that cannot exist: asking for it shows whether a rule answers."""
    return f"{spec.destination.prefix}{prefix.name}.migrator-sentinel-{token}"
