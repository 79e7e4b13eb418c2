"""What every write shares: rules for keys, headers and bodies, and create-only."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from hashlib import md5

from fastcrc import crc64

from migrator.sandbox.oss import access
from migrator.sandbox.oss.answers import Refusal
from migrator.sandbox.oss.call import Call
from migrator.sandbox.oss.store import Bucket
from migrator.sandbox.oss.tags import Tags, parse_tag_header

MAX_KEY_BYTES = 1023
MAX_BODY_BYTES = 5 << 30
MAX_META_BYTES = 8 << 10
STORAGE_CLASSES = ("Standard", "IA", "Archive", "ColdArchive", "DeepColdArchive")
_SYSTEM = frozenset(
    ("cache-control", "content-disposition", "content-encoding", "content-language", "content-type", "expires")
)
_META = "x-oss-meta-"
_META_NAME = re.compile(r"x-oss-meta-[a-z0-9-]+")


@dataclass(frozen=True, slots=True)
class Body:
    """The checksums of a body that arrived whole."""

    md5_hex: str
    """Upper case, as ETags are."""
    md5: str
    """Base64."""
    crc64: int


@dataclass(frozen=True, slots=True)
class Intake:
    """What a write says about the object besides its bytes."""

    headers: tuple[tuple[str, str], ...]
    storage_class: str
    acl: str
    tags: Tags


def check_key(key: str) -> None:
    """Refuse keys that OSS cannot hold, per its documentation of object names."""
    if not key or key[0] in "/\\" or len(key) > MAX_KEY_BYTES or len(key.encode()) > MAX_KEY_BYTES:
        raise Refusal.object_name(key)


def checked_body(call: Call, *, needs_length: bool = True) -> Body:
    """Return the checksums of the body. Raises Refusal when its length or MD5 is not as announced."""
    headers = call.headers
    if needs_length and "content-length" not in headers and "transfer-encoding" not in headers:
        message = "You must provide the Content-Length HTTP header."
        raise Refusal(411, "MissingContentLength", message, "0017-00000041")
    if len(call.body) > MAX_BODY_BYTES:
        message = "Your proposed upload exceeds the maximum allowed size (5 GB)."
        raise Refusal.argument("Content-Length", str(len(call.body)), message)
    digest = md5(call.body, usedforsecurity=False).digest()
    check_md5(call, digest)
    return Body(digest.hex().upper(), base64.b64encode(digest).decode(), crc64.xz(call.body))


def check_md5(call: Call, digest: bytes | None = None) -> None:
    """Refuse a body whose MD5 is not the announced one. Without a Content-MD5 nothing is checked."""
    given = call.header("content-md5")
    if not given:
        return
    if digest is None:
        digest = md5(call.body, usedforsecurity=False).digest()
    try:
        matches = base64.b64decode(given, validate=True) == digest
    except binascii.Error:
        matches = False
    if not matches:
        message = "The Content-MD5 you specified was invalid."
        raise Refusal(400, "InvalidDigest", message, "0017-00000002", details=(("Content-MD5", given),))


def forbids_overwrite(call: Call) -> bool:
    """Return whether the request is create-only."""
    return call.header("x-oss-forbid-overwrite").lower() == "true"


def check_free(call: Call, bucket: Bucket, *, forbid: bool = False) -> None:
    """Refuse a create-only write to a key that is taken; void on versioned buckets, per PutObject's documentation."""
    if not (forbid or forbids_overwrite(call)) or bucket.create_only_is_void or call.key not in bucket.objects:
        return
    message = "The object you specified already exists and can not be overwritten."
    raise Refusal(409, "FileAlreadyExists", message, "0026-00000051", details=(("Key", call.key),))


def read_intake(call: Call, bucket_class: str) -> Intake:
    """Read headers, storage class, ACL and tags of a write. Raises Refusal."""
    for name in ("x-oss-server-side-encryption", "x-oss-callback"):
        if name in call.headers:
            raise Refusal.not_implemented(name)
    kept: dict[str, str] = {"content-type": "application/octet-stream"}
    meta_bytes = 0
    for name, value in call.headers.items():
        if name in _SYSTEM:
            kept[name] = value
        elif name.startswith(_META):
            if not _META_NAME.fullmatch(name):
                raise Refusal.argument(name, value, "Names of user metadata may hold letters, digits and hyphens only.")
            meta_bytes += len(name) - len(_META) + len(value)
            kept[name] = value
    if meta_bytes > MAX_META_BYTES:
        message = "Your metadata headers exceed the maximum allowed metadata size."
        raise Refusal(400, "InvalidArgument", message, "0017-00000302")
    storage_class = call.headers.get("x-oss-storage-class", bucket_class)
    if storage_class not in STORAGE_CLASSES:
        raise Refusal.argument("x-oss-storage-class", storage_class, "The storage class is not valid.")
    acl = access.checked_acl(call.headers.get("x-oss-object-acl", "default"), access.OBJECT_ACLS)
    tags = parse_tag_header(call.headers.get("x-oss-tagging", ""))
    return Intake(tuple(kept.items()), storage_class, acl, tags)
