"""Turn chosen rule prefixes into a cover that says of each rule what it serves, what it redirects in vain, and why."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from math import fsum

from migrator.domain.cover.model import Cover, CoverRule, Route


def explained(
    chosen: Mapping[str, Route], unfinished: Mapping[str, Route], finished: Mapping[str, float]
) -> Cover[Route]:
    """Order the chosen rules and account for each; `unfinished` and `finished` are in byte order."""
    open_prefixes, closed, weights = list(unfinished), list(finished), list(finished.values())
    rules = []
    redirected: list[float] = []
    for prefix in sorted(chosen, key=lambda name: (-len(name), name)):
        inner = [name for name in sorted(chosen) if name != prefix and name.startswith(prefix)]
        covers = sum(end - start for start, end in _spans(open_prefixes, prefix, inner))
        over = [place for start, end in _spans(closed, prefix, inner) for place in range(start, end)]
        redirected += (weights[place] for place in over)
        heaviest = max(over, key=weights.__getitem__, default=None)
        reason = _why(prefix, prefix in unfinished, covers)
        if heaviest is not None:
            reason += (
                f"; also redirects {_counted(len(over), 'finished prefix', 'finished prefixes')}"
                f" below it, the heaviest is {closed[heaviest]!r}"
            )
        over_weight = fsum(weights[place] for place in over)
        rules.append(CoverRule(prefix, chosen[prefix], covers, over_weight, len(over), reason))
    return Cover(tuple(rules), fsum(redirected))


def _why(prefix: str, unfinished: bool, covers: int) -> str:
    if unfinished and covers == 1:
        return f"{prefix!r} is unfinished and has this rule to itself"
    if unfinished:
        below = _counted(covers - 1, "unfinished prefix", "unfinished prefixes")
        return f"{prefix!r} is unfinished itself, and no longer rule reaches all its keys; serves {below} below it too"
    return f"shared by {covers} unfinished prefixes: the longest beginning that they have in common"


def _counted(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"


def _spans(names: Sequence[str], prefix: str, inner: Iterable[str]) -> list[tuple[int, int]]:
    """Return where in the sorted `names` those stand that start with `prefix` but with none of the sorted `inner`."""
    start, end = span(names, prefix)
    spans = []
    for name in inner:
        first, behind = span(names, name)
        if start < first:
            spans.append((start, first))
        start = max(start, behind)
    return [*spans, (start, end)] if start < end else spans


def span(names: Sequence[str], prefix: str) -> tuple[int, int]:
    """Return from where to where (exclusive) the sorted `names` start with `prefix`."""
    start = bisect_left(names, prefix)
    return start, bisect_left(names, True, start, key=lambda name: not name.startswith(prefix))
