"""What OSS can hold exactly: keys, headers, user metadata. Whatever it cannot is refused by name, never dropped."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from migrator.domain.objects import META, SYSTEM_HEADERS
from migrator.errors import Unrepresentable

MAX_KEY_BYTES: Final = 1023
MAX_METADATA_BYTES: Final = 8 * 1024
"""All user metadata of an object, names with their `x-oss-meta-` included."""
MAX_OBJECT_BYTES: Final = 48_800_000_000_000

OSS_META: Final = "x-oss-meta-"
_META_NAME: Final = re.compile(r"[a-z0-9-]+\Z")
_SYSTEM: Final = frozenset(SYSTEM_HEADERS)


def representable(key: str) -> str:
    """Say in one sentence why OSS cannot hold an object under this key; empty when it can."""
    if not key:
        return "OSS has no object with an empty key"
    if key[0] in "/\\":
        return f"OSS keys cannot start with {key[0]!r}"
    try:
        size_bytes = len(key.encode())
    except UnicodeEncodeError:
        return "OSS keys must be UTF-8, this one is not"
    if size_bytes > MAX_KEY_BYTES:
        return f"OSS keys have at most {MAX_KEY_BYTES} bytes in UTF-8, this one has {size_bytes}"
    return ""


def oss_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Translate `ObjectHead.headers` into the headers of a PutObject that stores exactly these.

    Raises Unrepresentable with a sentence that names the header OSS cannot hold.
    """
    translated: dict[str, str] = {}
    metadata_bytes = 0
    for name, value in headers.items():
        _check_value(name, value)
        if name.startswith(META):
            own = name.removeprefix(META).lower()
            if not _META_NAME.match(own):
                raise Unrepresentable(
                    f"the metadata name {own!r} cannot be stored in OSS: only letters, digits and '-' are allowed"
                )
            translated[OSS_META + own] = value
            metadata_bytes += len(OSS_META) + len(own) + len(value)
        elif name in _SYSTEM:
            translated[name] = value
        else:
            raise Unrepresentable(f"the header {name!r} has no counterpart in OSS")
    if metadata_bytes > MAX_METADATA_BYTES:
        raise Unrepresentable(
            f"the user metadata has {metadata_bytes} bytes, OSS stores at most {MAX_METADATA_BYTES} per object"
        )
    return translated


def _check_value(name: str, value: str) -> None:
    what = f"metadata {name.removeprefix(META)!r}" if name.startswith(META) else f"header {name!r}"
    if not value.isascii():
        raise Unrepresentable(f"the value of {what} holds characters outside ASCII, which OSS headers cannot carry")
    if not value.isprintable():  # a line break would become another header
        raise Unrepresentable(f"the value of {what} holds control characters, which no header can carry")
    if value != value.strip():
        raise Unrepresentable(f"the value of {what} begins or ends with a space, which no header can carry")
