"""How covers follow one another: what to finish first, the timeline of retirements, and waves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Generic

from migrator.domain.cover.explain import span
from migrator.domain.cover.model import Cover, Finished, Route, Unfinished
from migrator.domain.cover.plan import checked_unfinished, fits, plan_cover
from migrator.errors import Invalid, RuleCapacityExceeded


@dataclass(frozen=True, slots=True)
class Step(Generic[Route]):
    """The cover that stands after some retirements."""

    retired: tuple[str, ...]
    """What retires in this step; empty in the first, which shows the cover now."""
    left: int
    """Unfinished prefixes after it."""
    cover: Cover[Route]


@dataclass(frozen=True, slots=True)
class Wave(Generic[Route]):
    """Prefixes that can be open together. The next wave is armed when all of this one are retired."""

    unfinished: tuple[Unfinished[Route], ...]
    cover: Cover[Route]


def finish_first(prefixes: Iterable[str], *, delimiter: str = "/") -> dict[str, int]:
    """Rank each prefix for the order of work, 0 first, so that the cover gets narrow as early as possible.

    First those that contain other prefixes, the one with most inside leading (the root group, as a rule): while such
    a one is unfinished its rule covers everything inside in vain. Then partial names, which do not end with the
    delimiter: their rules reach beyond any folder. Then byte order, so that neighbours finish together and what is
    left has long beginnings in common.
    """
    names = sorted(set(prefixes))
    inside = _insides(names)
    order = sorted(names, key=lambda name: (-inside[name], name.endswith(delimiter), name))
    return {name: rank for rank, name in enumerate(order)}


def timeline(
    unfinished: Iterable[Unfinished[Route]],
    finished: Iterable[Finished] = (),
    *,
    budget: int,
    domains: Mapping[Route, str] | None = None,
    order: Sequence[str] | None = None,
    steps: int | None = None,
) -> Iterator[Step[Route]]:
    """Yield the cover now, then after each retirement in `order` (by default that of `finish_first`).

    With `steps`, retirements are published together in at most that many steps, as evenly as possible: every step
    plans anew, so 10^5 single ones are not for looking at. Prefixes missing in `order` stay. A retired prefix counts
    as finished with its own weight. Raises what `plan_cover` raises, at the first step or never.
    """
    standing = {one.prefix: one for one in unfinished}
    done = list(finished)
    ranks = finish_first(standing)
    chosen = sorted(standing, key=ranks.__getitem__) if order is None else list(dict.fromkeys(order))
    for prefix in chosen:
        if prefix not in standing:
            raise Invalid(f"{prefix!r} cannot retire: it is not among the unfinished prefixes")
    yield Step((), len(standing), plan_cover(standing.values(), done, budget=budget, domains=domains))
    count = len(chosen) if steps is None else min(max(steps, 1), len(chosen))
    bounds = [len(chosen) * step // count for step in range(count + 1)] if count else []
    for start, end in pairwise(bounds):
        retired = tuple(chosen[start:end])
        done += (_finished(standing.pop(prefix)) for prefix in retired)
        yield Step(retired, len(standing), plan_cover(standing.values(), done, budget=budget, domains=domains))


def waves(
    unfinished: Iterable[Unfinished[Route]],
    finished: Iterable[Finished] = (),
    *,
    budget: int,
    domains: Mapping[Route, str] | None = None,
) -> tuple[Wave[Route], ...]:
    """Split what does not fit at once into waves that fit one after another; one wave if everything fits.

    A route is never split, since its prefixes can share one rule at worst, and outer routes come first, because they
    stand in the way of broad rules inside them. While a wave is open all other prefixes count as finished.
    Raises RuleCapacityExceeded only if there is no slot at all, and Invalid like `plan_cover`.
    """
    domains = domains or {}
    everything = {one.prefix: one for one in unfinished}
    done = list(finished)
    by_route: dict[Route, list[Unfinished[Route]]] = {}
    for prefix, route in checked_unfinished(everything.values(), domains).items():
        by_route.setdefault(route, []).append(everything[prefix])
    routes = list(by_route)
    if routes and budget < 1:
        raise RuleCapacityExceeded(f"{len(routes)} different redirects need rules, but no rule may be used")

    # Whether rules fit depends on finished prefixes only where they stand around unfinished ones.
    names = sorted({*everything, *(one.prefix for one in done)})
    around = {name for name, inside in _insides(names).items() if inside}

    def split(first: int, behind: int) -> tuple[list[Unfinished[Route]], list[Finished]]:
        now = [one for route in routes[first:behind] for one in by_route[route]]
        later = [one for route in (*routes[:first], *routes[behind:]) for one in by_route[route]]
        return now, [*done, *map(_finished, later)]

    plan: list[Wave[Route]] = []
    first = 0
    while first < len(routes):
        behind, too_many = first + 1, min(first + budget, len(routes)) + 1
        # Fewer routes never need more rules, so the longest run that fits is found by halving; usually at once.
        probe = too_many - 1
        while too_many - behind > 1:
            now, others = split(first, probe)
            if fits(now, [one for one in others if one.prefix in around], budget, domains):
                behind = probe
            else:
                too_many = probe
            probe = (behind + too_many) // 2
        now, others = split(first, behind)
        plan.append(Wave(tuple(now), plan_cover(now, others, budget=budget, domains=domains)))
        first = behind
    return tuple(plan)


def _finished(one: Unfinished[Route]) -> Finished:
    return Finished(one.prefix, one.weight)


def _insides(names: Sequence[str]) -> dict[str, int]:
    """Count for each of the sorted names the others that begin with it."""
    return {name: len(range(*span(names, name))) - 1 for name in names}
