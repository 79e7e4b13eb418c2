"""Bodies that say what they are: any single read can be judged alone, without asking anybody what was written.

`key|writer|seq|size|filler|crc`: the wrong object, a mixture, a truncation or a flipped bit does not check out.
"""

from __future__ import annotations

import random
import zlib
from dataclasses import dataclass
from urllib.parse import quote

LEGACY = "legacy"
"""The writer of what the origin holds; its sequence number is 0."""


@dataclass(frozen=True, slots=True)
class Version:
    """What a body says about itself."""

    key: str
    writer: str
    seq: int
    size: int


def make(key: str, writer: str, seq: int, size: int) -> bytes:
    """Return the body of one version of a key; as long as asked, but never shorter than what it must say."""
    head = f"{quote(key)}|{writer}|{seq}|".encode()
    size = max(size, len(head) + 16)
    head += f"{size}|".encode()
    filler = random.Random(f"{key}|{writer}|{seq}").randbytes(max(0, size - len(head) - 9)).replace(b"|", b"!")
    checked = (head + filler)[: size - 9] + b"|"
    return checked + f"{zlib.crc32(checked):08x}".encode()


def read(body: bytes) -> Version | None:
    """Return what a whole body says; None when it is not one whole version of anything."""
    if len(body) < 9 or body[-9:-8] != b"|" or f"{zlib.crc32(body[:-8]):08x}".encode() != body[-8:]:
        return None
    try:
        key, writer, seq, size, _ = body.split(b"|", 4)
        found = Version(key.decode(), writer.decode(), int(seq), int(size))
    except ValueError:
        return None
    return found if found.size == len(body) else None


def is_version_of(body: bytes, key: str) -> Version | None:
    """Return what a body says if it is one whole version of this key."""
    found = read(body)
    return found if found is not None and found.key == quote(key) else None
