"""A reader who never stops: random keys through OSS, one redirect followed, every byte compared."""

from __future__ import annotations

import random
import threading
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote, urlsplit


class Reader:
    """Reads on a thread of its own from entering the context to leaving it; counters may be read at any time."""

    def __init__(self, door: str, files: Mapping[str, Path], seed: int, *, pause_s: float = 0.0) -> None:
        self.reads = self.redirected = 0
        self.wrong: list[str] = []
        self._door = door
        self._files = files
        self._keys = sorted(files)
        self._random = random.Random(seed)  # noqa: S311 - a choice that can be repeated, not a secret
        self._pause_s = pause_s
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._read, name="reader", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _read(self) -> None:
        connections: dict[str, HTTPConnection] = {}
        while not self._over.wait(self._pause_s) and self._keys:
            key = self._random.choice(self._keys)
            try:
                status, body, hops = self._follow(connections, self._door + quote(key))
            except (OSError, HTTPException) as error:
                connections.clear()
                status, body, hops = 0, repr(error).encode(), 0
            self.reads += 1
            self.redirected += hops > 0
            if status != 200 or body != self._files[key].read_bytes():
                self.wrong.append(f"{key!r}: {status} after {hops} redirects, {len(body)} bytes")

    def _follow(self, connections: dict[str, HTTPConnection], url: str) -> tuple[int, bytes, int]:
        """GET a URL as a browser would, with at most one redirect: the origin must not redirect again."""
        for hops in (0, 1):
            parts = urlsplit(url)
            connection = connections.setdefault(parts.netloc, HTTPConnection(parts.netloc, timeout=30))
            connection.request("GET", parts.path + (f"?{parts.query}" if parts.query else ""))
            answer = connection.getresponse()
            body = answer.read()
            if answer.status not in (302, 307) or hops:
                return answer.status, body, hops
            url = answer.headers["Location"]
        raise AssertionError
