"""Walk one side's keys of a range, relative to the job, page by page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from migrator.domain.model import Prefix
from migrator.domain.objects import ObjectInfo
from migrator.domain.planner import behind, hole_at
from migrator.ports import Listing


def walk(
    side: Listing, base: str, prefix: Prefix, holes: Sequence[str], *, after: str = "", last: str | None = None
) -> Iterator[ObjectInfo]:
    """Yield the objects of one prefix in `(after, last]`, in byte order, with keys relative to `base`.

    Keys of prefixes nested in this one are left out; where a page ends inside such a hole the listing jumps
    behind it, so the cost is bounded by the smaller of all pages and the number of holes.
    """
    cursor = base + after if after else ""
    while True:
        page = side.list_page(base + prefix.name, after=cursor)
        hole = None
        for info in page.objects:
            key = info.key[len(base) :]
            if last is not None and key > last:
                return
            hole = hole_at(key, holes)
            if hole is None:
                yield replace(info, key=key)
        if page.next_after is None:
            return
        cursor = page.next_after if hole is None else max(page.next_after, base + behind(hole))
