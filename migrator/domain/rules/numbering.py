"""Which numbers own rules get: behind the foreign rules that stand before them, with gaps for rules to come."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from migrator.domain.rules.model import MAX_NUMBER
from migrator.errors import RuleCapacityExceeded

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

STEP = 100
"""The gap between own rules; wide, because prefixes come and go between them for the length of a migration."""


def assign(
    count: int, standing: Mapping[int, int], foreign: Collection[int], home: int | None = None
) -> tuple[int, ...]:
    """Number `count` rules in the order in which they must be tried; strictly increasing, foreign numbers avoided.

    `standing` maps positions to the numbers they hold; these stay unless there is no room between them.
    `home` is the lowest number any own rule held: the block stays between the foreign rules it stood between.
    Raises RuleCapacityExceeded when foreign rules leave no run of free numbers.
    """
    kept = [standing[position] for position in sorted(standing)]
    if all(a < b for a, b in pairwise(kept)):
        filled = _fill(count, standing, foreign, home)
        if filled is not None:
            return filled
    return _block(count, foreign, home)


def last_before(home: int | None, foreign: Collection[int]) -> int:
    """Return the highest foreign number that own rules at `home` come behind; 0 when there is none."""
    return max((number for number in foreign if home is None or number < home), default=0)


def _fill(
    count: int, standing: Mapping[int, int], foreign: Collection[int], home: int | None
) -> tuple[int, ...] | None:
    """Number the rules between those that stand; None where a gap is too narrow."""
    if not standing:
        return None
    numbers: list[int] = []
    position = 0
    while position < count:
        if position in standing:
            numbers.append(standing[position])
            position += 1
            continue
        end = min((held for held in standing if held > position), default=count)
        if numbers:
            low = numbers[-1]
            high = min((n for n in foreign if n > low), default=MAX_NUMBER + 1)
            high = min(high, standing.get(end, high))
        else:
            high = standing[end]
            low = last_before(home if home is not None and home < high else high, foreign)
        run = _spread(end - position, low, high)
        if run is None:
            return None
        numbers += run
        position = end
    return tuple(numbers)


def _block(count: int, foreign: Collection[int], home: int | None) -> tuple[int, ...]:
    """Number all rules afresh in one run: at home if they fit, else as far behind foreign rules as there is room."""
    edges = [0, *sorted(foreign), MAX_NUMBER + 1]
    gaps = list(pairwise(edges))[::-1]
    at_home = last_before(home, foreign)
    gaps.sort(key=lambda gap: gap[0] != at_home)
    for low, high in gaps:
        run = _spread(count, low, high)
        if run is not None:
            return tuple(run)
    raise RuleCapacityExceeded(f"Foreign rules leave no {count} consecutive free rule numbers.")


def _spread(count: int, low: int, high: int) -> list[int] | None:
    """Return `count` numbers strictly between the two, evenly, on round numbers where there is plenty of room."""
    start = (low // STEP + 1) * STEP
    if start + STEP * count <= high:
        return [start + STEP * i for i in range(count)]
    step = (high - low) // (count + 1)
    return [low + step * (i + 1) for i in range(count)] if step else None
