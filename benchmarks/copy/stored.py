"""What the benchmark's server holds: an origin bucket that is computed, a destination of which only checksums are kept."""

from __future__ import annotations

import base64
import hashlib
import os
from bisect import bisect_right
from dataclasses import dataclass, field

from migrator.adapters.crc64 import combine_all, crc64_of

VARIANTS = 64
"""Different bodies per size: enough that no client can confuse objects unnoticed, few enough to stay in memory."""
MAX_VARIED_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Body:
    data: bytes
    md5: str
    crc64: int

    @property
    def md5_base64(self) -> bytes:
        return base64.b64encode(bytes.fromhex(self.md5))


class Origin:
    """Objects `<size>/<number>` for every (size, count) that was asked for."""

    def __init__(self, sizes: dict[int, int]) -> None:
        self.keys = sorted(f"{size}/{number:08d}" for size, count in sizes.items() for number in range(count))
        self._bodies = {size: _bodies(size, count) for size, count in sizes.items()}
        self.by_crc = {body.crc64: body for bodies in self._bodies.values() for body in bodies}

    def body(self, key: str) -> Body | None:
        size, _, number = key.partition("/")
        bodies = self._bodies.get(int(size)) if size.isdecimal() and number.isdecimal() else None
        return bodies[int(number) % len(bodies)] if bodies else None

    def after(self, prefix: str, after: str, limit: int) -> tuple[list[tuple[str, int, str]], bool]:
        found = []
        for place in range(bisect_right(self.keys, max(prefix, after)), len(self.keys)):
            key = self.keys[place]
            if not key.startswith(prefix):
                break
            if len(found) == limit:
                return found, True
            body = self.body(key)
            assert body is not None
            found.append((key, len(body.data), body.md5))
        return found, False


def _bodies(size: int, count: int) -> list[Body]:
    variants = min(count, VARIANTS if size <= MAX_VARIED_BYTES else 1)
    filler = os.urandom(min(size, MAX_VARIED_BYTES))
    filler = (filler * (size // len(filler) + 1))[:size] if size else b""
    datas = [number.to_bytes(4, "big")[:size] + filler[4:] for number in range(variants)]
    return [Body(data, hashlib.md5(data).hexdigest(), crc64_of(data)) for data in datas]


@dataclass
class Upload:
    key: str
    parts: dict[int, tuple[int, int]] = field(default_factory=dict)
    """(CRC-64, size) by number."""


class Destination:
    """What was put: key -> (size, ETag, CRC-64). Bodies are checked against the origin's, then dropped."""

    def __init__(self) -> None:
        self.objects: dict[str, tuple[int, str, int]] = {}
        self.uploads: dict[str, Upload] = {}
        self._sorted: list[str] = []

    def after(self, prefix: str, after: str, limit: int) -> tuple[list[tuple[str, int, str]], bool]:
        if len(self._sorted) != len(self.objects):
            self._sorted = sorted(self.objects)
        place = bisect_right(self._sorted, max(prefix, after))
        keys = [key for key in self._sorted[place : place + limit + 1] if key.startswith(prefix)]
        return [(key, *self.objects[key][:2]) for key in keys[:limit]], len(keys) > limit

    def start(self, key: str) -> str:
        number = f"{len(self.uploads) + 1:032x}"
        self.uploads[number] = Upload(key)
        return number

    def complete(self, upload_id: str) -> tuple[str, int]:
        upload = self.uploads.pop(upload_id)
        parts = [upload.parts[number] for number in sorted(upload.parts)]
        crc64 = combine_all(parts)
        etag = f"{hashlib.md5(str(parts).encode()).hexdigest()}-{len(parts)}"
        self.objects[upload.key] = (sum(size for _, size in parts), etag, crc64)
        return etag, crc64
