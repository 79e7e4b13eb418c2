"""The radix tree of the unfinished prefixes: every place where a rule can be worth its slot, and what it costs there.

A rule may carry any string, but only two kinds of strings are worth looking at: an unfinished prefix itself, and the
longest beginning that several of them share (a *fork*, such as `img-` for `img-1/` and `img-2/`). A rule anywhere
else can be moved down to the next such place: it serves the same prefixes and covers less.

Finished prefixes need no places of their own. A rule covers one exactly if it stands at or above the deepest place
that the finished prefix starts with, so its weight is charged to that place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

NOBODY = -1
"""Stands for a route where no unfinished prefix owns the keys."""
_TOP = -1


@dataclass(frozen=True, slots=True)
class Tree:
    """Parallel lists over places in byte order of their names: place 0 is the root, parents precede children."""

    names: Sequence[str]
    parents: Sequence[int]
    """The root has none; what stands there is not to be used."""
    ends: Sequence[int]
    """Where the places below this one end, exclusive; they begin right behind it."""
    routes: Sequence[int]
    """Of the unfinished prefix at this place; NOBODY at a fork."""
    needs: Sequence[int]
    """Route of the group that owns the keys right at this place, that is outside of all deeper prefixes; or NOBODY."""
    weights: Sequence[int]
    """Of the finished prefixes that a rule here covers, but no rule at a deeper place."""
    gaps: Sequence[int]
    """How many of them there are, plus one if nobody unfinished owns the keys right here."""

    def children(self, place: int) -> Iterator[int]:
        """Yield the places right below this one."""
        child = place + 1
        while child < self.ends[place]:
            yield child
            child = self.ends[child]


def shared_beginning(left: str, right: str) -> str:
    """Return the longest common beginning, in a logarithmic number of comparisons."""
    same, differ = 0, min(len(left), len(right)) + 1
    while differ - same > 1:
        middle = (same + differ) // 2
        if left[same:middle] == right[same:middle]:
            same = middle
        else:
            differ = middle
    return left[:same]


def build(unfinished: Mapping[str, int], finished: Mapping[str, int]) -> Tree:
    """Arrange unfinished prefixes (with the numbers of their routes), then charge the finished ones (with weights).

    Both mappings are in byte order; there is at least one unfinished prefix.
    """
    leaves = list(unfinished)
    forks = {shared_beginning(left, right) for left, right in pairwise(leaves)} - unfinished.keys()
    names = sorted([*leaves, *sorted(forks)])
    size = len(names)
    routes = [unfinished.get(name, NOBODY) for name in names]
    needs, weights, gaps = list(routes), [0] * size, [0] * size
    parents, ends = [_TOP] * size, list(range(1, size + 1))

    # One walk over places and finished prefixes in byte order. The stack holds whatever the current string starts
    # with: (string, deepest place so far, route of the group that owns the keys there).
    stack = [("", _TOP, NOBODY)]
    waiting = list(finished)[::-1]

    def enclosing(name: str) -> tuple[str, int, int]:
        while not name.startswith(stack[-1][0]):
            stack.pop()
        return stack[-1]

    def charge(prefix: str, place: int) -> None:
        if place != _TOP:
            weights[place] += finished[prefix]
            gaps[place] += 1

    for place, name in enumerate(names):
        while waiting and waiting[-1] < name:
            prefix = waiting.pop()
            _, above, _ = enclosing(prefix)
            charge(prefix, above)
            stack.append((prefix, above, NOBODY))
        _, parents[place], owner = enclosing(name)
        if waiting and waiting[-1] == name:
            charge(waiting.pop(), place)
            owner = NOBODY
        if routes[place] == NOBODY:
            needs[place] = owner
            gaps[place] += owner == NOBODY
        stack.append((name, place, needs[place]))
    for prefix in reversed(waiting):
        charge(prefix, enclosing(prefix)[1])
    for place in range(size - 1, 0, -1):
        ends[parents[place]] = max(ends[parents[place]], ends[place])
    return Tree(names, parents, ends, routes, needs, weights, gaps)
