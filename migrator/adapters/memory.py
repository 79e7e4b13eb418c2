"""A bound for the bytes of objects held in memory at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class MemoryBudget:
    """Lets threads hold at most `limit_bytes` together; one that wants more than all of it gets it alone."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._free_bytes = limit_bytes
        self._changed = threading.Condition()

    @contextmanager
    def hold(self, size_bytes: int) -> Iterator[None]:
        """Wait until there is room. Never wait for other threads' work while holding: that could wait for ever."""
        share = min(size_bytes, self._limit_bytes)
        with self._changed:
            self._changed.wait_for(lambda: self._free_bytes >= share)
            self._free_bytes -= share
        try:
            yield
        finally:
            with self._changed:
                self._free_bytes += share
                self._changed.notify_all()
