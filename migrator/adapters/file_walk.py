"""Walk a directory tree in the byte order of keys, from any key on, holding one directory per level."""

from __future__ import annotations

import bisect
import itertools
import logging
import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from migrator.errors import ListingBroken

_log = logging.getLogger(__name__)
_KEPT_NAMES: Final = 500_000
"""Names of directories that are kept between pages (about 50 MB)."""
_SETTLED_NS: Final = 2_000_000_000
"""A directory changed less than this before it was read may change again without its time showing it."""


class FileWalk:
    """The regular files below one directory. Usable from many threads."""

    def __init__(self, root: Path) -> None:
        self._base = f"{str(root).rstrip('/')}/"
        self._identity = _identity(root.stat())
        self._kept: dict[str, tuple[int, list[str]]] = {}

    def files(self, prefix: str, after: str) -> Iterator[tuple[str, os.stat_result]]:
        """Yield (key, stat) of the files under `prefix` whose keys are greater than `after`, in byte order.

        Raises ListingBroken for a name that is not UTF-8 and for a directory that cannot be read.
        """
        yield from self._below("", prefix, after)

    def _below(self, directory: str, prefix: str, after: str) -> Iterator[tuple[str, os.stat_result]]:
        """Walk one directory, given as a key that is empty or ends in `/`."""
        names = self._names(directory)
        begin = max(_first(names, directory, after), _first(names, directory, prefix))
        for name in itertools.islice(names, begin, None):
            key = directory + name
            if not (key.startswith(prefix) or prefix.startswith(key)):
                if key > prefix:
                    return
            elif name.endswith("/"):
                if after < key or after.startswith(key):
                    yield from self._below(key, prefix, after)
            elif key > after and key.startswith(prefix):
                info = self._regular(key)
                if info is not None:
                    yield key, info

    def _names(self, directory: str) -> list[str]:
        """Return the sorted names in a directory; those of directories end in `/`, which is how their keys sort."""
        path = self._base + directory
        try:
            state = Path(path).stat()
            if not directory and _identity(state) != self._identity:
                raise ListingBroken(f"the directory {path!r} is another one than before; was it unmounted?")
            kept = self._kept.get(directory)
            if kept is not None and kept[0] == state.st_mtime_ns:
                return kept[1]
            with os.scandir(path) as entries:
                names = sorted(f"{e.name}/" if e.is_dir(follow_symlinks=False) else e.name for e in entries)
        except OSError as exc:
            if directory and isinstance(exc, FileNotFoundError | NotADirectoryError):
                return []  # removed since its parent was read
            raise ListingBroken(
                f"the directory {path!r} cannot be read: {exc.strerror}",
                hint="let this user read it, or mount it again",
            ) from exc
        for name in names:
            if not name.isascii():
                _check_utf8(path, name)
        # Kept between pages only where the directory's own time would show any later change.
        if time.time_ns() - state.st_mtime_ns > _SETTLED_NS:
            if sum(len(kept[1]) for kept in list(self._kept.values())) + len(names) > _KEPT_NAMES:
                self._kept.clear()
            self._kept[directory] = (state.st_mtime_ns, names)
        return names

    def _regular(self, key: str) -> os.stat_result | None:
        path = self._base + key
        try:
            info = os.lstat(path)
            if stat.S_ISLNK(info.st_mode):
                real = os.path.realpath(path)
                if real.startswith(self._base):
                    info = Path(real).stat()
        except (FileNotFoundError, NotADirectoryError):
            return None  # removed since its directory was read, or a link to nothing
        except OSError as exc:
            raise ListingBroken(f"the file {path!r} cannot be looked at: {exc.strerror}") from exc
        if not stat.S_ISREG(info.st_mode):
            _log.warning("not a regular file inside the origin's directory, so not migrated: %r", key)
            return None
        return info


def _first(names: list[str], directory: str, key: str) -> int:
    """Return the index of the first name that can lead to `key` or to keys behind it."""
    if not key.startswith(directory):
        return len(names) if key > directory else 0
    head, slash, _ = key[len(directory) :].partition("/")
    return bisect.bisect_left(names, head + slash)


def _identity(state: os.stat_result) -> tuple[int, int]:
    return state.st_dev, state.st_ino


def etag_of(info: os.stat_result) -> str:
    """Return what tells versions of a file apart; it cannot be mistaken for an MD5."""
    return f"{info.st_size}-{info.st_mtime_ns}"


def _check_utf8(path: str, name: str) -> None:
    try:
        name.encode()
    except UnicodeEncodeError:
        raise ListingBroken(
            f"a file name in {path!r} is not UTF-8: {os.fsencode(name)!r}", hint="rename it; OSS cannot hold it"
        ) from None
