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

_NO_ROUTE = -1


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
    given, done = list(unfinished), list(finished)
    standing = {one.prefix: one for one in given}
    ranks = finish_first(standing)
    chosen = sorted(standing, key=ranks.__getitem__) if order is None else list(dict.fromkeys(order))
    for prefix in chosen:
        if prefix not in standing:
            raise Invalid(f"{prefix!r} cannot retire: it is not among the unfinished prefixes")
    yield Step((), len(standing), plan_cover(given, done, budget=budget, domains=domains))
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
    given, done = list(unfinished), list(finished)
    numbers: dict[Route, int] = {}
    for route in checked_unfinished(given, domains).values():
        numbers.setdefault(route, len(numbers))
    if numbers and budget < 1:
        raise RuleCapacityExceeded(f"{len(numbers)} different redirects need rules, but no rule may be used")
    numbered = sorted(((numbers[one.route], one) for one in given), key=lambda pair: (pair[0], pair[1].prefix))
    closed = [(_NO_ROUTE, one) for one in done] + [(number, _finished(one)) for number, one in numbered]
    # Whether rules fit depends on finished prefixes only where they stand around others.
    insides = _insides(sorted({one.prefix for _, one in closed}))
    around = [(number, one) for number, one in closed if insides[one.prefix]]

    def between(first: int, behind: int) -> list[Unfinished[Route]]:
        return [one for number, one in numbered if first <= number < behind]

    def beside(first: int, behind: int, others: list[tuple[int, Finished]]) -> list[Finished]:
        return [one for number, one in others if not first <= number < behind]

    plan: list[Wave[Route]] = []
    first = 0
    while first < len(numbers):
        # Fewer routes never need more rules, so the longest run that fits is found by halving; usually at once.
        behind, too_many = first + 1, min(first + budget, len(numbers)) + 1
        probe = too_many - 1
        while too_many - behind > 1:
            if fits(between(first, probe), beside(first, probe, around), budget, domains):
                behind = probe
            else:
                too_many = probe
            probe = (behind + too_many) // 2
        now = between(first, behind)
        cover = plan_cover(now, beside(first, behind, closed), budget=budget, domains=domains)
        plan.append(Wave(tuple(now), cover))
        first = behind
    return tuple(plan)


def _finished(one: Unfinished[Route]) -> Finished:
    return Finished(one.prefix, one.weight)


def _insides(names: Sequence[str]) -> dict[str, int]:
    """Count for each of the sorted names the others that begin with it."""
    return {name: len(range(*span(names, name))) - 1 for name in names}
