"""Choose the places for the rules: dynamic programming over the radix tree.

At each place the question is: how cheap can everything from here down be served with exactly k rules? The answer
depends only on which rule answers here if none is placed here, the *state*: none at all, a rule of one of the routes
that are wanted below, or a rule of any other route (which serves nothing below, but already covers everything).

An answer is a *front*: (rules, cost) with rules ascending and cost falling. An entry that needs more rules without
being cheaper is dropped at once, so a front has one entry where there is nothing to choose.

Most places never get a front. On the way down each place learns its *room*: the slots that are left when everybody
beside it gets the least that they need. Where the children need more than that, one rule at the place itself is the
only choice, and nothing below needs to be looked at: a subtree that wants one route only and lies under one rule of
that route has its total as its price.

A cost packs three wishes into one integer, the most important in the highest bits, so that comparing is exact and
cheap: the weight covered in vain; the gaps covered in vain (see `tree`), so that what has no known weight is left
alone as well; and last, among covers with equally many rules, the characters by which rules at forks fall short of
the longest prefix, so that long beginnings are shared rather than short ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from migrator.domain.cover.tree import NOBODY, Tree

Front = list[tuple[int, int]]
"""(rules, cost), rules ascending, cost strictly falling above the tie-break bits."""

_BARE = -1
"""State: no rule above."""
_OTHER = -2
"""State: the rule above has a route that nobody below wants."""


class Optimum:
    """The choices for one tree; ask `placements` for the cheapest and `fewest` for the number that it takes."""

    def __init__(self, tree: Tree, domains: Sequence[str], limit: int, *, free: bool = False) -> None:
        """Solve for at most `limit` rules, those of route number r under `domains[r]`; `free` ignores all costs."""
        self._tree = tree
        self._domains = domains
        self._free = free
        self._longest = max(map(len, tree.names))
        self._tie_bits = 0 if free else (self._longest * limit).bit_length()
        gap_bits = sum(tree.gaps).bit_length()
        size = len(tree.names)
        self._own = [0] * size
        if not free:
            self._own = [
                ((weight << gap_bits) + gaps) << self._tie_bits
                for weight, gaps in zip(tree.weights, tree.gaps, strict=True)
            ]
        self._totals = list(self._own)
        self._wanted = [0 if route == NOBODY else 1 << route for route in tree.routes]
        for place in range(size - 1, 0, -1):
            above = tree.parents[place]
            self._totals[above] += self._totals[place]
            self._wanted[above] |= self._wanted[place]
        self._rooms = self._share_room(limit)
        self._fronts: dict[int, dict[int, Front]] = {}
        for place in sorted(self._rooms, reverse=True):
            self._fronts[place] = self._solve(place)

    def fewest(self) -> int | None:
        """Return the smallest number of rules that can serve everything; None if it exceeds the limit."""
        front = self._front(0, _BARE)
        return front[0][0] if front else None

    def placements(self) -> list[tuple[int, int]] | None:
        """Return the cheapest choice as (place, route number); None if nothing within the limit serves everything."""
        front = self._front(0, _BARE)
        if not front:
            return None
        chosen: list[tuple[int, int]] = []
        questions = [(0, _BARE, front[-1])]
        while questions:
            place, state, entry = questions.pop()
            if entry[0] == 0:
                continue
            if entry not in self._unplaced(place, state)[-1]:
                state, entry = self._rule_behind(place, entry)
                chosen.append((place, state))
            questions += self._shares(place, state, entry)
        return chosen

    # -- from the root down: how much room each place has --------------------------------------------------------------
    def _share_room(self, limit: int) -> dict[int, int]:
        """Return the rules that each place may use at most; places that cannot matter are left out."""
        rooms = {0: limit}
        waiting = [0]
        while waiting:
            place = waiting.pop()
            for state in self._states(place):
                if not self._answers(place, state):
                    continue
                still_open = self._open(place, state)
                spare = rooms[place] - sum(self._least(child, state) for child in still_open)
                if spare < 0:
                    continue
                for child in still_open:
                    if child not in rooms:
                        waiting.append(child)
                    rooms[child] = max(rooms.get(child, 0), spare + self._least(child, state))
        return rooms

    def _states(self, place: int) -> list[int]:
        """Return the states that make a difference here, beginning with the routes that are wanted below."""
        return [*self._routes(place), _BARE, _OTHER]

    def _routes(self, place: int) -> list[int]:
        wanted = self._wanted[place]
        return [route for route in range(wanted.bit_length()) if wanted >> route & 1]

    def _least(self, place: int, state: int) -> int:
        """Return a number of rules that is surely needed from here down: one per route that is not there yet."""
        wanted = self._wanted[place]
        return wanted.bit_count() - (state >= 0 and wanted >> state & 1)

    # -- back up: the fronts -------------------------------------------------------------------------------------------
    def _solve(self, place: int) -> dict[int, Front]:
        """Return the front of this place in each state."""
        inherited = {state: self._unplaced(place, state)[-1] for state in self._states(place)}
        placed = [entry for route in self._routes(place) for entry in self._placed(place, inherited[route], route)]
        return {state: self._best([*front, *placed]) for state, front in inherited.items()}

    def _unplaced(self, place: int, state: int) -> list[Front]:
        """Return the fronts, if no rule is placed here, of the first 0, 1, 2 and finally all open children together."""
        if not self._answers(place, state):
            return [[]]
        still_open = self._open(place, state)
        settled = 0 if state == _BARE else self._totals[place] - sum(self._totals[child] for child in still_open)
        sums = [[(0, settled)]]
        for child in still_open:
            sums.append(self._joined(sums[-1], self._front(child, state), self._rooms[place]))
            if not sums[-1]:
                break
        return sums

    def _open(self, place: int, state: int) -> list[int]:
        """Return the children that need rules although the rule of `state` stands above them."""
        return [child for child in self._tree.children(place) if self._least(child, state)]

    def _placed(self, place: int, unplaced: Front, route: int) -> Front:
        """Return the front if a rule of `route` is placed here, given the one for such a rule further up."""
        if not self._tree.names[place].startswith(self._domains[route]):
            return []
        shortfall = self._shortfall(place)
        return [(rules + 1, cost + shortfall) for rules, cost in unplaced if rules < self._rooms[place]]

    def _answers(self, place: int, state: int) -> bool:
        """Say whether the rule of `state` answers the keys right at this place correctly."""
        need = self._tree.needs[place]
        # A route that is needed here but wanted nowhere below can only be the one that was handed down.
        return need in (NOBODY, state) or (state == _OTHER and not self._wanted[place] >> need & 1)

    def _front(self, place: int, state: int) -> Front:
        fronts = self._fronts.get(place, {_OTHER: []})
        return fronts[state] if state in fronts else fronts[_OTHER]

    def _shortfall(self, place: int) -> int:
        shared = self._tree.routes[place] == NOBODY
        return self._longest - len(self._tree.names[place]) if shared and not self._free else 0

    def _joined(self, left: Front, right: Front, room: int) -> Front:
        """Return the front of two independent subtrees together."""
        return self._best(
            (rules + more, cost + extra) for rules, cost in left for more, extra in right if rules + more <= room
        )

    def _best(self, entries: Iterable[tuple[int, int]]) -> Front:
        """Drop every entry that needs more rules than another without being cheaper."""
        front: Front = []
        for rules, cost in sorted(entries):
            if not front or cost >> self._tie_bits < front[-1][1] >> self._tie_bits:
                front.append((rules, cost))
        return front

    # -- and down again: which choices made the best entry -------------------------------------------------------------
    def _rule_behind(self, place: int, entry: tuple[int, int]) -> tuple[int, tuple[int, int]]:
        """Return the route whose rule, placed here, gives this entry, and what is left of the entry below the rule."""
        for route in self._routes(place):
            unplaced = self._unplaced(place, route)[-1]
            if entry in self._placed(place, unplaced, route):
                return route, (entry[0] - 1, entry[1] - self._shortfall(place))
        raise AssertionError(entry)

    def _shares(self, place: int, state: int, entry: tuple[int, int]) -> list[tuple[int, int, tuple[int, int]]]:
        """Split an entry for no rule here into the entries of the children that it was joined from."""
        rules, cost = entry
        sums = self._unplaced(place, state)
        shares = []
        for child, before in zip(reversed(self._open(place, state)), reversed(sums[:-1]), strict=True):
            part = next(
                (more, extra) for more, extra in self._front(child, state) if (rules - more, cost - extra) in before
            )
            shares.append((child, state, part))
            rules, cost = rules - part[0], cost - part[1]
        return shares
