"""ListMultipartUploads and ListParts."""

from __future__ import annotations

from migrator.sandbox.oss import access
from migrator.sandbox.oss.answers import Answer, element, iso, xml
from migrator.sandbox.oss.call import Call
from migrator.sandbox.oss.encoding import encoding_type, name_encoder
from migrator.sandbox.oss.listing import OWNER
from migrator.sandbox.oss.multipart import MAX_PART_NUMBER, find_upload
from migrator.sandbox.oss.state import Oss
from migrator.sandbox.oss.store import Bucket, Upload

MAX_UPLOADS = 1000
MAX_PARTS = 1000


def list_parts(_oss: Oss, call: Call, bucket: Bucket) -> Answer:
    """Answer ListParts."""
    access.owner_only(call)
    upload = find_upload(call, bucket)
    limit = call.number("max-parts", default=MAX_PARTS, low=1, high=MAX_PARTS)
    marker = call.number("part-number-marker", default=0, low=0, high=MAX_PART_NUMBER)
    encoding = encoding_type(call)
    numbers = [number for number in sorted(upload.parts) if number > marker]
    page = numbers[:limit]
    inner = [
        "<EncodingType>url</EncodingType>" if encoding else "",
        element("Bucket", bucket.name),
        f"<Key>{name_encoder(encoding)(upload.key)}</Key>",
        element("UploadId", upload.upload_id),
        element("StorageClass", upload.storage_class),
        element("PartNumberMarker", marker),
        element("NextPartNumberMarker", page[-1] if page else marker),
        element("MaxParts", limit),
        element("IsTruncated", str(len(numbers) > limit).lower()),
    ]
    for number in page:
        part = upload.parts[number]
        inner.append(
            f"<Part><PartNumber>{number}</PartNumber><LastModified>{iso(part.modified)}</LastModified>"
            f'<ETag>"{part.etag}"</ETag><HashCrc64ecma>{part.crc64}</HashCrc64ecma>'
            f"<Size>{part.blob.size_bytes}</Size></Part>"
        )
    return xml("ListPartsResult", "\n  ".join(inner))


def list_uploads(_oss: Oss, call: Call, bucket: Bucket) -> Answer:
    """Answer ListMultipartUploads: by key, then by upload id."""
    access.owner_only(call)
    prefix, delimiter, key_marker = (call.parameter(name) for name in ("prefix", "delimiter", "key-marker"))
    # Without a key marker the id marker is ignored, per the OSS documentation of ListMultipartUploads.
    id_marker = call.parameter("upload-id-marker") if key_marker else ""
    limit = call.number("max-uploads", default=MAX_UPLOADS, low=1, high=MAX_UPLOADS)
    encoding = encoding_type(call)
    encode = name_encoder(encoding)
    found = sorted(
        ((upload.key, upload.upload_id, upload) for upload in bucket.uploads.values() if upload.key.startswith(prefix)),
        key=lambda item: item[:2],
    )
    page: list[Upload] = []
    prefixes: list[str] = []
    last = (key_marker, id_marker)
    truncated = False
    for key, upload_id, upload in found:
        at = key.find(delimiter, len(prefix)) if delimiter else -1
        folded = key[: at + len(delimiter)] if at >= 0 else ""
        if _is_behind(key, upload_id, folded, key_marker, id_marker) or (folded and folded in prefixes[-1:]):
            continue
        if len(page) + len(prefixes) == limit:
            truncated = True
            break
        if folded:
            prefixes.append(folded)
            last = (folded, "")
        else:
            page.append(upload)
            last = (key, upload_id)
    next_key, next_id = last if truncated else ("", "")
    inner = [
        "<EncodingType>url</EncodingType>" if encoding else "",
        element("Bucket", bucket.name),
        f"<KeyMarker>{encode(key_marker)}</KeyMarker><UploadIdMarker>{id_marker}</UploadIdMarker>",
        f"<NextKeyMarker>{encode(next_key)}</NextKeyMarker><NextUploadIdMarker>{next_id}</NextUploadIdMarker>",
        f"<Delimiter>{encode(delimiter)}</Delimiter><Prefix>{encode(prefix)}</Prefix>",
        f"<MaxUploads>{limit}</MaxUploads><IsTruncated>{str(truncated).lower()}</IsTruncated>",
    ]
    inner += [
        f"<Upload><Key>{encode(upload.key)}</Key><UploadId>{upload.upload_id}</UploadId>"
        f"<StorageClass>{upload.storage_class}</StorageClass><Initiated>{iso(upload.initiated)}</Initiated>"
        f"{OWNER.replace('Owner>', 'Initiator>')}</Upload>"
        for upload in page
    ]
    inner += [f"<CommonPrefixes><Prefix>{encode(name)}</Prefix></CommonPrefixes>" for name in prefixes]
    return xml("ListMultipartUploadsResult", "\n  ".join(inner))


def _is_behind(key: str, upload_id: str, folded: str, key_marker: str, id_marker: str) -> bool:
    """Whether an upload was on an earlier page."""
    if folded:
        return folded <= key_marker
    return key < key_marker or (key == key_marker and (not id_marker or upload_id <= id_marker))
