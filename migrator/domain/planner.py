"""Prefixes partition keys, shards tile prefixes: the arithmetic of key ranges."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from migrator.domain.objects import LAST_CHARACTER, ObjectInfo


def group_of(key: str, names: Sequence[str]) -> str:
    """Return the longest of the sorted `names` that `key` starts with; "" (the root group) if none does."""
    at = bisect_right(names, key)
    while at:
        name = names[at - 1]
        if key.startswith(name):
            return name
        # Everything between the common part and `name` sorts before `key` but cannot be a prefix of it.
        at = bisect_right(names, _common(key, name), 0, at - 1)
    return ""


def nested(name: str, names: Sequence[str]) -> tuple[str, ...]:
    """Return the outermost of the sorted `names` that lie below `name`: the holes in its key range."""
    found: list[str] = []
    for other in names[bisect_left(names, name) : bisect_right(names, behind(name))]:
        if other != name and not (found and other.startswith(found[-1])):
            found.append(other)
    return tuple(found)


def behind(prefix: str) -> str:
    """Return a string behind every key under `prefix` and before every later key."""
    return prefix + LAST_CHARACTER


def hole_at(key: str, holes: Sequence[str]) -> str | None:
    """Return the hole `key` falls into, if any; `holes` as `nested` returns them."""
    at = bisect_right(holes, key)
    return holes[at - 1] if at and key.startswith(holes[at - 1]) else None


@dataclass(frozen=True, slots=True)
class Cut:
    """One planned shard: the key range `(after, last]` and what the listing showed in it."""

    after: str
    last: str | None
    objects: int
    size_bytes: int


def cuts(objects: Iterable[ObjectInfo], after: str, shard_objects: int) -> Iterator[Cut]:
    """Cut a listing that begins behind `after` into shards; the last one is open-ended, so they tile the prefix.

    A cut is yielded as soon as the listing shows the first key behind it: copying need not wait for the end.
    """
    begin, last, count, size = after, "", 0, 0
    for info in objects:
        if count == shard_objects:
            yield Cut(begin, last, count, size)
            begin, count, size = last, 0, 0
        last, count, size = info.key, count + 1, size + info.size_bytes
    yield Cut(begin, None, count, size)


def _common(left: str, right: str) -> str:
    length = 0
    for a, b in zip(left, right, strict=False):
        if a != b:
            break
        length += 1
    return left[:length]
