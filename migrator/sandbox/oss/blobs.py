"""The bytes of objects and parts, in memory or in a file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

CHUNK = 1 << 20


class Blob(Protocol):
    """Bytes that never change."""

    @property
    def size_bytes(self) -> int:
        """How many."""
        ...

    def read(self, start: int, end: int) -> bytes:
        """Return the bytes `[start, end)`."""
        ...

    def chunks(self, start: int, end: int) -> Iterator[bytes]:
        """Yield the bytes `[start, end)` piece by piece, even if the blob is replaced meanwhile."""
        ...


@dataclass(frozen=True, slots=True)
class MemoryBlob:
    """Bytes in memory."""

    data: bytes

    @property
    def size_bytes(self) -> int:
        """How many."""
        return len(self.data)

    def read(self, start: int, end: int) -> bytes:
        """Return the bytes `[start, end)`."""
        return self.data[start:end]

    def chunks(self, start: int, end: int) -> Iterator[bytes]:
        """Yield the bytes `[start, end)` piece by piece."""
        for at in range(start, end, CHUNK):
            yield self.data[at : min(at + CHUNK, end)]


@dataclass(frozen=True, slots=True)
class FileBlob:
    """Bytes in a file behind a header of `offset` bytes. The file is only ever replaced as a whole."""

    path: Path
    offset: int
    size_bytes: int

    def read(self, start: int, end: int) -> bytes:
        """Return the bytes `[start, end)`."""
        with self.path.open("rb") as file:
            file.seek(self.offset + start)
            return file.read(end - start)

    def chunks(self, start: int, end: int) -> Iterator[bytes]:
        """Yield the bytes `[start, end)` piece by piece.

        The file is opened now, not at the first piece: its bytes then outlive a replacement of the name.
        """
        file = self.path.open("rb")
        file.seek(self.offset + start)

        def pieces() -> Iterator[bytes]:
            with file:
                left = end - start
                while left > 0 and (piece := file.read(min(left, CHUNK))):
                    left -= len(piece)
                    yield piece

        return pieces()
