"""Multipart uploads: initiate, part, part copy, complete, abort."""

from __future__ import annotations

import base64
import re
import secrets
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from hashlib import md5

from fastcrc import crc64

from migrator.sandbox.oss import access
from migrator.sandbox.oss.answers import Answer, Refusal, element, iso, xml
from migrator.sandbox.oss.blobs import MemoryBlob
from migrator.sandbox.oss.call import Call
from migrator.sandbox.oss.conditions import check_copy_source
from migrator.sandbox.oss.encoding import encoding_type, name_encoder, read_xml
from migrator.sandbox.oss.incoming import check_free, check_key, checked_body, forbids_overwrite, read_intake
from migrator.sandbox.oss.state import Oss
from migrator.sandbox.oss.store import Bucket, Entry, PartHeld, Upload, whole
from migrator.sandbox.oss.writing import copy_source

MIN_PART_BYTES = 100 << 10
"""Of every part but the last; checked only when the upload is completed."""
MAX_PART_NUMBER = 10_000
_COPY_RANGE = re.compile(r"bytes=(\d+)-(\d*)")


def initiate(oss: Oss, call: Call, bucket: Bucket) -> Answer:
    """Answer InitiateMultipartUpload."""
    access.may_write(call, bucket)
    check_key(call.key)
    check_free(call, bucket)
    encoding = encoding_type(call)
    intake = read_intake(call, bucket.storage_class)
    upload = Upload(
        upload_id=secrets.token_hex(16).upper(),
        key=call.key,
        initiated=int(time.time()),
        headers=intake.headers,
        storage_class=intake.storage_class,
        acl=intake.acl,
        tags=intake.tags,
        forbid_overwrite=forbids_overwrite(call),
        sequential="sequential" in call.query,
    )
    oss.store.begin(bucket, upload)
    call.notes["upload_id"] = upload.upload_id
    inner = (
        ("<EncodingType>url</EncodingType>" if encoding else "")
        + element("Bucket", bucket.name)
        + f"<Key>{name_encoder(encoding)(call.key)}</Key>"
        + element("UploadId", upload.upload_id)
    )
    return xml("InitiateMultipartUploadResult", inner)


def put_part(oss: Oss, call: Call, bucket: Bucket) -> Answer:
    """Answer UploadPart, or UploadPartCopy where a source is named."""
    access.may_write(call, bucket)
    upload = find_upload(call, bucket)
    number = call.number("partNumber", default=0, low=1, high=MAX_PART_NUMBER)
    if not number:
        raise Refusal.argument("partNumber", "", "Part number must be an integer between 1 and 10000.")
    if upload.sequential and number != len(upload.parts) + 1:
        message = "The part number is not sequential."
        raise Refusal(400, "PartNotSequential", message, "0042-00000104")
    if "x-oss-copy-source" in call.headers:
        return _copy_part(oss, call, bucket, upload, number)
    body = checked_body(call)
    part = PartHeld(number, body.md5_hex, body.crc64, int(time.time()), MemoryBlob(call.body))
    oss.store.put_part(bucket, upload, part)
    return Answer(
        200,
        [("etag", f'"{part.etag}"'), ("content-md5", body.md5), ("x-oss-hash-crc64ecma", str(part.crc64))],
    )


def _copy_part(oss: Oss, call: Call, bucket: Bucket, upload: Upload, number: int) -> Answer:
    _, source = copy_source(oss, call)
    check_copy_source(call, source.entry)
    size = source.entry.size_bytes
    start, end = 0, size
    match = _COPY_RANGE.fullmatch(call.header("x-oss-copy-source-range"))
    if match:
        first, last = int(match[1]), int(match[2] or size - 1)
        if first <= last < size:  # any other range copies the whole source, per the OSS documentation
            start, end = first, last + 1
    data = source.blob.read(start, end)
    etag = md5(data, usedforsecurity=False).hexdigest().upper()
    part = PartHeld(number, etag, crc64.xz(data), int(time.time()), MemoryBlob(data))
    oss.store.put_part(bucket, upload, part)
    inner = element("LastModified", iso(part.modified)) + element("ETag", f'"{etag}"')
    return xml("CopyPartResult", inner, [("etag", f'"{etag}"'), ("x-oss-hash-crc64ecma", str(part.crc64))])


def complete(oss: Oss, call: Call, bucket: Bucket) -> Answer:
    """Answer CompleteMultipartUpload: the object appears, whole, if the key is still free or may be replaced."""
    access.may_write(call, bucket)
    upload = find_upload(call, bucket)
    parts = _chosen_parts(call, upload)
    if any(part.blob.size_bytes < MIN_PART_BYTES for part in parts[:-1]):
        message = "Your proposed upload smaller than the minimum allowed size."
        raise Refusal(400, "EntityTooSmall", message, "0042-00000101")
    check_free(call, bucket, forbid=upload.forbid_overwrite)
    encoding = encoding_type(call)
    entry = _entry(bucket, upload, parts)
    oss.store.put(bucket, entry, _bytes(parts))
    oss.store.end(bucket, upload)
    inner = (
        ("<EncodingType>url</EncodingType>" if encoding else "")
        + element("Location", f"http://{bucket.name}.oss-{oss.config.region}.aliyuncs.com/{entry.key}")
        + element("Bucket", bucket.name)
        + f"<Key>{name_encoder(encoding)(entry.key)}</Key>"
        + element("ETag", f'"{entry.etag}"')
    )
    headers = [("etag", f'"{entry.etag}"'), ("x-oss-hash-crc64ecma", str(entry.crc64))]
    if entry.version:
        headers.append(("x-oss-version-id", entry.version))
    return xml("CompleteMultipartUploadResult", inner, headers)


def _entry(bucket: Bucket, upload: Upload, parts: list[PartHeld]) -> Entry:
    digests = bytes.fromhex("".join(part.etag for part in parts))
    etag = f"{md5(digests, usedforsecurity=False).hexdigest().upper()}-{len(parts)}"
    crc = 0
    for piece in _bytes(parts):
        crc = crc64.xz(piece, crc)
    entry = Entry(
        key=upload.key,
        size_bytes=sum(part.blob.size_bytes for part in parts),
        etag=etag,
        crc64=crc,
        modified=int(time.time()),
        headers=upload.headers,
        kind="Multipart",
        storage_class=upload.storage_class,
        acl=upload.acl,
        tags=upload.tags,
        version=bucket.new_version(),
    )
    return replace(entry, md5=_md5(parts)) if upload.sequential else entry


def _md5(parts: list[PartHeld]) -> str:
    digest = md5(usedforsecurity=False)
    for piece in _bytes(parts):
        digest.update(piece)
    return base64.b64encode(digest.digest()).decode()


def _bytes(parts: Iterable[PartHeld]) -> Iterator[bytes]:
    for part in parts:
        yield from whole(part.blob)


def _chosen_parts(call: Call, upload: Upload) -> list[PartHeld]:
    if call.header("x-oss-complete-all").lower() == "yes":
        if call.body:
            message = "A body is not allowed together with x-oss-complete-all."
            raise Refusal.argument("x-oss-complete-all", "yes", message)
        return [upload.parts[number] for number in sorted(upload.parts)]
    nodes = read_xml(call.body, "CompleteMultipartUpload").findall("Part")
    if not nodes:
        raise Refusal.malformed()
    chosen: list[PartHeld] = []
    for node in nodes:
        number, etag = node.findtext("PartNumber") or "", (node.findtext("ETag") or "").strip().strip('"')
        if not number.strip().isdigit():
            raise Refusal.malformed()
        part = upload.parts.get(int(number))
        if chosen and int(number) <= chosen[-1].number:
            message = "The list of parts was not in ascending order."
            raise Refusal(400, "InvalidPartOrder", message, "0042-00000103")
        if part is None or part.etag != etag.upper():
            message = "One or more of the specified parts could not be found or has another entity tag."
            raise Refusal(400, "InvalidPart", message, "0042-00000102", details=(("PartNumber", number),))
        chosen.append(part)
    return chosen


def abort(oss: Oss, call: Call, bucket: Bucket) -> Answer:
    """Answer AbortMultipartUpload."""
    access.may_write(call, bucket)
    oss.store.end(bucket, find_upload(call, bucket))
    return Answer(204)


def find_upload(call: Call, bucket: Bucket) -> Upload:
    """Return the upload that the request names. Raises Refusal NoSuchUpload."""
    upload_id = call.parameter("uploadId")
    upload = bucket.uploads.get(upload_id)
    if upload is None or upload.key != call.key:
        message = "The specified upload does not exist; it may have been aborted or completed."
        raise Refusal(404, "NoSuchUpload", message, "0042-00000002", details=(("UploadId", upload_id),))
    return upload
