"""PutObject, PutSymlink, AppendObject, CopyObject."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import replace
from urllib.parse import unquote, unquote_to_bytes

from fastcrc import crc64

from migrator.sandbox.oss import access
from migrator.sandbox.oss.answers import Answer, Refusal, element, iso, xml
from migrator.sandbox.oss.call import Call
from migrator.sandbox.oss.conditions import check_copy_source
from migrator.sandbox.oss.incoming import Intake, check_free, check_key, checked_body, read_intake
from migrator.sandbox.oss.reading import find
from migrator.sandbox.oss.state import Oss
from migrator.sandbox.oss.store import Bucket, Entry, Held, whole

MAX_COPY_BYTES = 1 << 30


def put_object(oss: Oss, call: Call, bucket: Bucket) -> Answer:
    """Answer PutObject, or CopyObject where a source is named."""
    access.may_write(call, bucket)
    check_key(call.key)
    if "x-oss-copy-source" in call.headers:
        return _copy(oss, call, bucket)
    body = checked_body(call)
    check_free(call, bucket)
    entry = _entry(bucket, call.key, read_intake(call, bucket.storage_class), body.md5_hex, body.crc64, len(call.body))
    held = oss.store.put(bucket, replace(entry, md5=body.md5), [call.body])
    return Answer(200, [*_stored(held), ("content-md5", body.md5)])


def put_symlink(oss: Oss, call: Call, bucket: Bucket) -> Answer:
    """Answer PutSymlink; the target need not exist."""
    access.may_write(call, bucket)
    check_key(call.key)
    target = unquote(call.header("x-oss-symlink-target"))
    check_key(target)
    check_free(call, bucket)
    body = checked_body(call, needs_length=False)
    entry = _entry(bucket, call.key, read_intake(call, bucket.storage_class), body.md5_hex, 0, 0)
    held = oss.store.put(bucket, replace(entry, kind="Symlink", target=target), [])
    return Answer(200, [("etag", f'"{held.entry.etag}"'), *_version(held)])


def append_object(oss: Oss, call: Call, bucket: Bucket) -> Answer:
    """Answer AppendObject: the position must be the present length; the first append decides the headers."""
    access.may_write(call, bucket)
    check_key(call.key)
    position = call.number("position", default=0, low=0, high=5 << 30)
    body = checked_body(call)
    old = bucket.find(call.key)
    if old is None:
        if position:
            raise _wrong_position(0)
        entry = _entry(
            bucket, call.key, read_intake(call, bucket.storage_class), body.md5_hex, body.crc64, len(call.body)
        )
        entry = replace(entry, kind="Appendable")
        held = oss.store.put(bucket, entry, [call.body])
    else:
        if old.entry.kind != "Appendable":
            message = "The object is not appendable"
            raise Refusal(409, "ObjectNotAppendable", message, "0026-00000021")
        if position != old.entry.size_bytes:
            raise _wrong_position(old.entry.size_bytes)
        entry = replace(
            old.entry,
            size_bytes=position + len(call.body),
            crc64=crc64.xz(call.body, old.entry.crc64),
            modified=int(time.time()),
            etag=body.md5_hex,
        )
        held = oss.store.put(bucket, entry, [*whole(old.blob), call.body])
    return Answer(200, [*_stored(held), ("x-oss-next-append-position", str(entry.size_bytes))])


def _copy(oss: Oss, call: Call, bucket: Bucket) -> Answer:
    source_bucket, source = copy_source(oss, call)
    old = source.entry
    check_copy_source(call, old)
    if old.size_bytes > MAX_COPY_BYTES:
        message = "The source is larger than 1 GB; use UploadPartCopy."
        raise Refusal(400, "InvalidRequest", message, "0017-00000521")
    check_free(call, bucket)
    intake = read_intake(call, bucket.storage_class)
    onto_itself = source_bucket is bucket and old.key == call.key
    if not _directive(call, "x-oss-metadata-directive") and not onto_itself:
        intake = replace(intake, headers=old.headers)
    if not _directive(call, "x-oss-tagging-directive"):
        intake = replace(intake, tags=old.tags)
    entry = _entry(bucket, call.key, intake, old.etag, old.crc64, old.size_bytes)
    kind = old.kind if old.kind == "Symlink" else "Normal"
    entry = replace(entry, kind=kind, md5=old.md5, target=old.target)
    held = oss.store.put(bucket, entry, whole(source.blob))
    inner = element("ETag", f'"{entry.etag}"') + element("LastModified", iso(entry.modified))
    return xml("CopyObjectResult", inner, _stored(held))


def copy_source(oss: Oss, call: Call) -> tuple[Bucket, Held]:
    """Return the object that x-oss-copy-source (`/bucket/url-encoded-key`) names. Raises Refusal."""
    header = call.header("x-oss-copy-source").partition("?")[0].removeprefix("/")
    name, slash, raw_key = header.partition("/")
    try:
        key = unquote_to_bytes(raw_key.encode("latin-1")).decode()
    except UnicodeDecodeError:
        key = ""
    if not slash or not key:
        raise Refusal.argument("x-oss-copy-source", header, "Copy Source must mention the source bucket and key.")
    bucket = oss.bucket(name)
    access.owner_only(call)  # else a public bucket would be a way to read private ones
    return bucket, find(bucket, key)


def _entry(bucket: Bucket, key: str, intake: Intake, etag: str, crc: int, size_bytes: int) -> Entry:
    return Entry(
        key=key,
        size_bytes=size_bytes,
        etag=etag,
        crc64=crc,
        modified=int(time.time()),
        headers=intake.headers,
        storage_class=intake.storage_class,
        acl=intake.acl,
        tags=intake.tags,
        version=bucket.new_version(),
    )


def _directive(call: Call, name: str) -> bool:
    """Return whether the directive says REPLACE."""
    value = call.header(name).upper() or "COPY"
    if value not in {"COPY", "REPLACE"}:
        raise Refusal.argument(name, value, f"The {name} must be COPY or REPLACE.")
    return value == "REPLACE"


def _stored(held: Held) -> Iterable[tuple[str, str]]:
    entry = held.entry
    return (("etag", f'"{entry.etag}"'), ("x-oss-hash-crc64ecma", str(entry.crc64)), *_version(held))


def _version(held: Held) -> tuple[tuple[str, str], ...]:
    return (("x-oss-version-id", held.entry.version),) if held.entry.version else ()


def _wrong_position(length: int) -> Refusal:
    message = "Position is not equal to file length"
    headers = (("x-oss-next-append-position", str(length)),)
    return Refusal(409, "PositionNotEqualToLength", message, "0026-00000022", headers=headers)
