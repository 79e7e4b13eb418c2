"""Chooses real files to play legacy objects: the running Python's own, or any tree."""

from __future__ import annotations

import os
import sysconfig
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from random import Random
from typing import Final

MAX_FILE_BYTES: Final = 16 * 1024 * 1024
"""Larger files are left out, so that the origin fits into memory."""
MAX_GROUPS: Final = 36
"""Folders taken from the Python tree: well over the 20 rules that a bucket may have."""
ROOT_FILES: Final = 12
SKIPPED: Final = frozenset({"__pycache__", ".git", ".venv", ".mypy_cache", ".ruff_cache", ".pytest_cache"})

Groups = dict[str, list[tuple[str, str]]]
"""Top-level folder (empty: none) -> keys and files."""


def real_files(root: Path | None = None, limit: int | None = None, seed: int = 0) -> list[tuple[str, Path]]:
    """Return (key, file) pairs in key order, the same ones for the same tree, limit and seed.

    Keys are paths relative to `root`. Without a root, the files of the running Python are taken: some three dozen
    folders of its standard library and site-packages, and single modules above the first delimiter. `limit` thins
    every folder alike; none is lost as long as the limit allows one file each. Links, caches, unreadable files,
    names that are not UTF-8 and files over 16 MiB are left out.
    """
    groups = _grouped(_python_files() if root is None else dict(_files(str(root))))
    random = Random(seed)  # noqa: S311 - a choice that can be repeated, not a secret
    if root is None:
        groups = _some_groups(groups, random)
    return [(key, Path(path)) for key, path in sorted(_thinned(groups, limit, random))]


def _files(root: str, below: str = "") -> Iterator[tuple[str, str]]:
    """Walk by plain strings: a Python tree has ten thousand files, and pathlib would take seconds."""
    try:
        entries = sorted(os.scandir(root), key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries:
        key = below + entry.name
        if entry.is_dir(follow_symlinks=False):
            if entry.name not in SKIPPED:
                yield from _files(entry.path, key + "/")
        elif entry.is_file(follow_symlinks=False) and _fits(key, entry):
            yield key, entry.path


def _fits(key: str, entry: os.DirEntry[str]) -> bool:
    try:
        key.encode()
        return entry.stat(follow_symlinks=False).st_size <= MAX_FILE_BYTES and os.access(entry.path, os.R_OK)
    except (OSError, UnicodeEncodeError):
        return False


def _python_files() -> dict[str, str]:
    """Standard library first; a package of the same name does not overwrite it."""
    found = dict(_files(sysconfig.get_path("purelib")))
    standard = _files(sysconfig.get_path("stdlib"))
    return found | {key: path for key, path in standard if not key.startswith(("site-packages/", "dist-packages/"))}


def _grouped(files: Mapping[str, str]) -> Groups:
    groups: Groups = defaultdict(list)
    for key in sorted(files):
        groups[key.partition("/")[0] if "/" in key else ""].append((key, files[key]))
    return groups


def _some_groups(groups: Groups, random: Random) -> Groups:
    """Keep the largest folders and some others, and a few files of the root."""
    names = sorted(name for name in groups if name and len(groups[name]) > 1)
    names.sort(key=lambda name: -len(groups[name]))
    largest, others = names[: MAX_GROUPS // 2], sorted(names[MAX_GROUPS // 2 :])
    kept = {name: groups[name] for name in [*largest, *random.sample(others, min(len(others), MAX_GROUPS // 2))]}
    root = groups.get("", [])
    return kept | {"": random.sample(root, min(len(root), ROOT_FILES))}


def _thinned(groups: Groups, limit: int | None, random: Random) -> list[tuple[str, str]]:
    """Take the same share of every group, but one file of each and some of the root's while the limit lasts."""
    total = sum(len(files) for files in groups.values())
    if limit is None or total <= limit:
        return [pair for files in groups.values() for pair in files]
    ranked = []
    for name, files in sorted(groups.items()):
        sure = 1 if name else max(1, limit // 20)
        for index, pair in enumerate(random.sample(files, len(files))):
            ranked.append((0.0 if index < sure else (index + 1) / len(files), pair))
    ranked.sort()
    return [pair for _, pair in ranked[:limit]]
