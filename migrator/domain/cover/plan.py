"""Plan the cheapest cover within a budget, or say what stands in the way."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import inf

from migrator.domain.cover.explain import explained, span
from migrator.domain.cover.model import Cover, Finished, Route, Unfinished
from migrator.domain.cover.optimum import Optimum
from migrator.domain.cover.tree import Tree, build, shared_beginning
from migrator.errors import Invalid, RuleCapacityExceeded

MOST_RULES = 20
"""Per bucket, per the OSS documentation of PutBucketWebsite."""
_NAMED_ROUTES = 20


def plan_cover(
    unfinished: Iterable[Unfinished[Route]],
    finished: Iterable[Finished] = (),
    *,
    budget: int,
    domains: Mapping[Route, str] | None = None,
) -> Cover[Route]:
    """Return the cheapest at most `budget` rules under which each key of each unfinished prefix finds its route first.

    Cheapest means, in this order: least weight of finished prefixes covered, fewest gaps covered (finished prefixes of
    any weight, and shared beginnings whose own keys belong to nobody unfinished), fewest rules, and long shared
    beginnings rather than short ones. A finished prefix is covered when a rule's prefix is a beginning of it; what
    lies below an unfinished prefix is covered unavoidably, because no rule can exempt keys from another.
    Depends on the sets given only, not on their order. Rules of a route stay under its domain ("" if it has none).

    Raises RuleCapacityExceeded naming the routes if no such rules exist (then see `waves`), and Invalid for a prefix
    with two routes, one outside of its route's domain, or a weight that is negative or not finite.
    """
    domains = domains or {}
    open_prefixes, closed = checked_unfinished(unfinished, domains), _checked_finished(finished)
    if not open_prefixes:
        return Cover((), 0.0)
    routes = list(dict.fromkeys(open_prefixes.values()))
    if len(routes) > budget:
        raise _exceeded(routes, domains, len(routes), budget)
    tree, limits = _arranged(open_prefixes, closed, routes, domains)
    placements = Optimum(tree, limits, budget).placements()
    if placements is None:
        needed = Optimum(tree, limits, max(budget, MOST_RULES), free=True).fewest()
        raise _exceeded(routes, domains, needed, budget)
    return explained({tree.names[place]: routes[number] for place, number in placements}, open_prefixes, closed)


def fits(
    unfinished: Iterable[Unfinished[Route]],
    finished: Iterable[Finished],
    budget: int,
    domains: Mapping[Route, str],
) -> bool:
    """Say whether `plan_cover` would find a cover, without looking for the cheapest."""
    open_prefixes = checked_unfinished(unfinished, domains)
    routes = list(dict.fromkeys(open_prefixes.values()))
    if not routes or len(routes) > budget:
        return not routes
    tree, limits = _arranged(open_prefixes, _checked_finished(finished), routes, domains)
    return Optimum(tree, limits, budget, free=True).fewest() is not None


def _arranged(
    unfinished: Mapping[str, Route],
    finished: Mapping[str, float],
    routes: Sequence[Route],
    domains: Mapping[Route, str],
) -> tuple[Tree, list[str]]:
    """Return the tree, with routes as numbers, and the domains in the order of these numbers."""
    numbers = {route: number for number, route in enumerate(routes)}
    # Outside of what all unfinished prefixes have in common nothing is ever covered.
    names = list(unfinished)
    closed = list(finished)
    start, end = span(closed, shared_beginning(names[0], names[-1]))
    finished = {prefix: finished[prefix] for prefix in closed[start:end]}
    tree = build({prefix: numbers[route] for prefix, route in unfinished.items()}, _as_integers(finished))
    return tree, [domains.get(route, "") for route in routes]


def checked_unfinished(unfinished: Iterable[Unfinished[Route]], domains: Mapping[Route, str]) -> dict[str, Route]:
    """Return route by prefix, in byte order of the prefixes. Raises Invalid for contradictions."""
    routes: dict[str, Route] = {}
    for one in unfinished:
        if routes.setdefault(one.prefix, one.route) != one.route:
            raise Invalid(
                f"the unfinished prefix {one.prefix!r} has two routes: {routes[one.prefix]!r} and {one.route!r}",
                hint="a key can be redirected to one place only; let one job own the prefix",
            )
        if not one.prefix.startswith(domains.get(one.route, "")):
            raise Invalid(
                f"the unfinished prefix {one.prefix!r} lies outside of {domains[one.route]!r}",
                hint="rules of a job stay under its destination prefix, and so must its prefixes",
            )
    return {prefix: routes[prefix] for prefix in sorted(routes)}


def _checked_finished(finished: Iterable[Finished]) -> dict[str, float]:
    """Return weight by prefix, in byte order; weights of equal prefixes add up. Raises Invalid for impossible ones."""
    weights: dict[str, float] = {}
    for one in finished:
        if not 0 <= one.weight < inf:
            raise Invalid(
                f"the weight of the finished prefix {one.prefix!r} is {one.weight!r}",
                hint="a weight is a finite number, 0 or more: objects, or measured 404s",
            )
        weights[one.prefix] = weights.get(one.prefix, 0.0) + one.weight
    return {prefix: weights[prefix] for prefix in sorted(weights)}


def _as_integers(weights: Mapping[str, float]) -> dict[str, int]:
    """Scale all weights by one power of two, so that sums are exact and equal covers really compare equal."""
    ratios = {prefix: weight.as_integer_ratio() for prefix, weight in weights.items()}
    scale = max((below for _, below in ratios.values()), default=1)
    return {prefix: above * (scale // below) for prefix, (above, below) in ratios.items()}


def _exceeded(
    routes: list[Route], domains: Mapping[Route, str], needed: int | None, budget: int
) -> RuleCapacityExceeded:
    named = [f"{route} under {domains.get(route, '')!r}" for route in routes[:_NAMED_ROUTES]]
    if len(routes) > _NAMED_ROUTES:
        named.append(f"{len(routes) - _NAMED_ROUTES} more")
    need = f"at least {needed}" if needed else f"more than {max(budget, MOST_RULES)}"
    return RuleCapacityExceeded(
        f"{len(routes)} different redirects need {need} rules, but only {max(budget, 0)} may be used: "
        + "; ".join(named)
    )
