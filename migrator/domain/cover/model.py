"""What goes into a cover and what comes out of it, and the two questions anybody may ask of a finished one."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

Route = TypeVar("Route", bound=Hashable)
"""Where a rule sends readers. Prefixes with equal routes may share a rule, which then answers all their keys right."""


@dataclass(frozen=True, slots=True)
class Unfinished(Generic[Route]):
    """A prefix every key of which must be answered by a rule with its route."""

    prefix: str
    """The complete destination prefix. Its group: the keys that start with it and with no longer prefix of the set."""
    route: Route
    weight: float = 0.0
    """What redirecting its missing keys costs once it is finished; used by `timeline` and `waves`."""


@dataclass(frozen=True, slots=True)
class Finished:
    """A prefix whose missing keys should give a true 404; a rule above it redirects them needlessly."""

    prefix: str
    weight: float
    """What that costs, in any unit that adds up: objects, or measured 404s."""


@dataclass(frozen=True, slots=True)
class CoverRule(Generic[Route]):
    """One own rule: keys that start with `prefix` are redirected along `route`."""

    prefix: str
    route: Route
    covers: int
    """Unfinished prefixes that this rule serves."""
    over_weight: float
    """Weight of the finished prefixes that it redirects needlessly."""
    over_count: int
    reason: str
    """Why it is as broad as it is, for people."""


@dataclass(frozen=True, slots=True)
class Cover(Generic[Route]):
    """The rules in the order in which OSS must try them: longest prefix first, equal lengths by string."""

    rules: tuple[CoverRule[Route], ...]
    over_coverage: float
    """Sum of the weights of all finished prefixes below some rule; no cover within the budget has a smaller one."""


def serves(rules: Iterable[CoverRule[Route]], key: str) -> CoverRule[Route] | None:
    """Return the rule that answers `key` when it is missing: the first whose prefix it starts with."""
    return next((rule for rule in rules if key.startswith(rule.prefix)), None)


def unserved(
    rules: Iterable[CoverRule[Route]], unfinished: Iterable[Unfinished[Route]], finished: Iterable[Finished] = ()
) -> tuple[str, ...]:
    """Name, in order, the unfinished prefixes that have a key which `rules` would answer wrongly or not at all.

    Independent of how the cover was found: the last gate before a ruleset is published.
    """
    rules = tuple(rules)
    routes = {one.prefix: one.route for one in unfinished}
    members = routes.keys() | {one.prefix for one in finished}
    wrong = set()
    for prefix, route in routes.items():
        rule = serves(rules, prefix)
        if rule is None or rule.route != route:
            wrong.add(prefix)
    for rule in rules:
        # The keys that reach this rule and belong to no deeper prefix are of the group around it.
        around = next(
            (rule.prefix[:end] for end in range(len(rule.prefix), -1, -1) if rule.prefix[:end] in members), None
        )
        if around in routes and serves(rules, rule.prefix) is rule and rule.route != routes[around]:
            wrong.add(around)
    return tuple(sorted(wrong))
