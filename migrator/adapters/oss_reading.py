"""What OSS states about an object: its head, its checksum."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import replace

from migrator.adapters.answers import head_of
from migrator.adapters.fidelity import OSS_META
from migrator.domain.objects import ObjectHead
from migrator.errors import NotOss


def object_head(answer: Mapping[str, str], size_bytes: int | None = None) -> ObjectHead:
    """Read an object's properties from the headers of a HEAD or GET answer.

    `size_bytes` is the size of the whole object where Content-Length is not. Raises NotOss where neither is known.
    """
    if size_bytes is None:
        length = answer.get("content-length", "")
        if not length.isdecimal():
            raise NotOss("the answer does not state the object's size")
        size_bytes = int(length)
    return replace(head_of(answer, size_bytes, meta=OSS_META), crc64=stated_crc64(answer))


def stated_crc64(answer: Mapping[str, str]) -> int | None:
    """Return the CRC-64 OSS states, of the whole object even in the answer to a range."""
    value = answer.get("x-oss-hash-crc64ecma", "")
    return int(value) if value.isdecimal() else None


def content_md5(body: bytes) -> str:
    """Return the header Content-MD5, by which OSS refuses a body that was damaged on its way."""
    return base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
