"""A directory tree as the legacy origin: keys are relative paths, written with `/`. Never written.

Regular files only. Symbolic links are followed to files inside the root, never to directories nor out of the root.
"""

from __future__ import annotations

import mimetypes
import os
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from migrator.adapters.answers import shown
from migrator.adapters.file_walk import FileWalk, etag_of
from migrator.domain.objects import LAST_CHARACTER, ObjectHead, ObjectInfo, Page
from migrator.errors import AccessRefused, BucketMissing, IntegrityMismatch, Invalid, ObjectChanged, ObjectVanished

_TYPES: Final = mimetypes.MimeTypes()
"""Python's own table, so that every machine says the same."""
_PACKED: Final = {"gzip": "application/gzip", "bzip2": "application/x-bzip2", "xz": "application/x-xz"}


class FileOrigin:
    """Origin over one directory. Usable from many threads."""

    def __init__(self, root: Path) -> None:
        if not root.is_dir():
            raise BucketMissing(f"there is no directory {root}", hint="check origin.url (file:///absolute/path/)")
        real = root.resolve()
        self._base = f"{str(real).rstrip('/')}/"
        self._walk = FileWalk(real)

    def list_page(self, prefix: str, *, after: str = "", delimiter: str = "", limit: int = 1000) -> Page:
        """List keys under `prefix` that are greater than `after`; a directory without files is not there."""
        objects: list[ObjectInfo] = []
        groups: list[str] = []
        position = after
        while True:
            for key, info in self._walk.files(prefix, position):
                if len(objects) + len(groups) >= limit:
                    return Page(tuple(objects), tuple(groups), position)
                cut = key.find(delimiter, len(prefix)) if delimiter else -1
                if cut >= 0:
                    groups.append(key[: cut + len(delimiter)])
                    position = groups[-1] + LAST_CHARACTER
                    break  # the walk starts anew behind the group
                objects.append(ObjectInfo(key, info.st_size, etag_of(info), datetime.fromtimestamp(info.st_mtime, UTC)))
                position = key
            else:
                return Page(tuple(objects), tuple(groups))

    def server_time(self) -> datetime:
        """Return the local clock: it is the one that dates the files."""
        return datetime.now(UTC)

    def head(self, key: str) -> ObjectHead:
        """Describe one file."""
        with os.fdopen(self._open(key), "rb") as file:
            return _head(key, os.fstat(file.fileno()))

    def read(self, key: str, *, if_match: str = "", start: int = 0, end: int | None = None) -> tuple[ObjectHead, bytes]:
        """Read the bytes `[start, end)`. A file that changes meanwhile raises ObjectChanged."""
        if end is not None and not 0 <= start < end:
            raise Invalid(f"an empty range cannot be read: [{start}, {end})")
        with os.fdopen(self._open(key), "rb", buffering=0) as file:
            before = os.fstat(file.fileno())
            if (if_match and if_match != etag_of(before)) or before.st_size < (start if end is None else end):
                raise ObjectChanged(f"{shown(key)} has changed since it was listed")
            wanted = (before.st_size if end is None else end) - start
            file.seek(start)
            chunks, left = [], wanted
            while left and (chunk := file.read(left)):
                chunks.append(chunk)
                left -= len(chunk)
            if etag_of(os.fstat(file.fileno())) != etag_of(before):
                raise ObjectChanged(f"{shown(key)} changed while it was read")
            if left:
                raise IntegrityMismatch(f"{shown(key)} ended {left} bytes early")
            return _head(key, before), chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def _open(self, key: str) -> int:
        if not key or "\0" in key or any(part in ("", ".", "..") for part in key.split("/")):
            raise ObjectVanished(f"no file can have the key {key!r}")
        try:
            real = os.path.realpath(self._base + key, strict=True)
            if not real.startswith(self._base):
                raise AccessRefused(f"{shown(key)} leads out of the origin's directory")
            # The path is real by now: a link here was put in its place meanwhile. Opening a FIFO must not wait.
            handle = os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError, UnicodeEncodeError) as exc:
            raise ObjectVanished(f"the file {shown(key)} is not there any more") from exc
        except OSError as exc:
            raise AccessRefused(f"{shown(key)} cannot be opened: {exc.strerror}") from exc
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            os.close(handle)
            raise ObjectVanished(f"{shown(key)} is not a regular file")
        return handle


def _head(key: str, info: os.stat_result) -> ObjectHead:
    kind, packing = _TYPES.guess_type(f"/{key}", strict=False)
    kind = _PACKED.get(packing, "") if packing else kind
    return ObjectHead(
        info.st_size,
        etag_of(info),
        {"content-type": kind or "application/octet-stream"},
        modified_at=datetime.fromtimestamp(info.st_mtime, UTC),
    )
