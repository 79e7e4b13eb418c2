"""A sorted file of keys, one a line, read from the disk by binary search: nothing is held in memory.

A line is `key` or `key<TAB>size in bytes`, UTF-8, not percent-encoded, in byte order without duplicates.
"""

from __future__ import annotations

import mmap
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from migrator.errors import Invalid

_SIZED: Final = re.compile(rb"(.*)\t([0-9]{1,18})\Z", re.DOTALL)
_BOM: Final = b"\xef\xbb\xbf"


class Manifest:
    """One manifest file; checked whole before its first use, and again when the file changed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._checked: tuple[int, int] | None = None

    def entries(self, start: str, *, inclusive: bool = False) -> Iterator[tuple[str, int | None]]:
        """Yield (key, size or None) of the keys behind `start` (from `start` on if inclusive), in byte order.

        Raises Invalid with the line's number when the file is not in order, not UTF-8, or cannot be read.
        """
        try:
            with self._path.open("rb") as file:
                stat = (self._path.stat().st_mtime_ns, self._path.stat().st_size)
                if not stat[1]:
                    return
                with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
                    if self._checked != stat:
                        self._check(text)
                        self._checked = stat
                    yield from _from(text, start, inclusive=inclusive)
        except OSError as exc:
            raise Invalid(
                f"the manifest {self._path} cannot be read: {exc.strerror}", hint="check origin.manifest"
            ) from exc

    def _check(self, text: mmap.mmap) -> None:
        before, position, number = b"", _begin(text), 0
        while position < len(text):
            raw, position = _line(text, position)
            number += 1
            key = _parse(raw)[0]
            where = f"line {number} of the manifest {self._path}"
            if key <= before:  # an empty line too: it would mislead the binary search
                sort = f"LC_ALL=C sort -u -o {self._path} {self._path}"
                raise Invalid(f"{where} is empty, a duplicate, or not in byte order", hint=f"sort it: {sort}")
            try:
                key.decode()
            except UnicodeDecodeError:
                raise Invalid(f"{where} is not UTF-8", hint="OSS can hold UTF-8 keys only") from None
            before = key


def _from(text: mmap.mmap, start: str, *, inclusive: bool) -> Iterator[tuple[str, int | None]]:
    wanted = start.encode()
    low, high = _begin(text), len(text)
    while low < high:  # the first line whose key is not before `wanted` begins in [low, high]
        middle = text.rfind(b"\n", low, (low + high) // 2) + 1 or low
        raw, onward = _line(text, middle)
        if _parse(raw)[0] < wanted:
            low = onward
        else:
            high = middle
    position = low
    while position < len(text):
        raw, position = _line(text, position)
        key, size = _parse(raw)
        if key > wanted or (inclusive and key == wanted):
            yield key.decode(), size


def _begin(text: mmap.mmap) -> int:
    return len(_BOM) if text[: len(_BOM)] == _BOM else 0


def _line(text: mmap.mmap, position: int) -> tuple[bytes, int]:
    """Return the line that begins here, without its end, and where the next one begins."""
    end = text.find(b"\n", position)
    end = len(text) if end < 0 else end
    return text[position:end].removesuffix(b"\r"), end + 1


def _parse(raw: bytes) -> tuple[bytes, int | None]:
    sized = _SIZED.match(raw)
    return (sized.group(1), int(sized.group(2))) if sized else (raw, None)
