"""ListObjects and ListObjectsV2: byte order, delimiters, continuation."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass

from migrator.sandbox.oss import access
from migrator.sandbox.oss.answers import Answer, Refusal, element, iso, xml
from migrator.sandbox.oss.call import Call
from migrator.sandbox.oss.encoding import encoding_type, name_encoder
from migrator.sandbox.oss.state import Oss
from migrator.sandbox.oss.store import Bucket, Entry

MAX_KEYS = 1000
OWNER = "<Owner><ID>1000000000000001</ID><DisplayName>1000000000000001</DisplayName></Owner>"
_LAST = chr(0x10FFFF)


@dataclass(frozen=True, slots=True)
class Slice:
    """One page of a listing."""

    entries: list[Entry]
    prefixes: list[str]
    last: str
    """The greatest key or common prefix on the page."""
    truncated: bool


def cut(bucket: Bucket, prefix: str, delimiter: str, after: str, limit: int) -> Slice:
    """Return the keys and common prefixes under `prefix` that are greater than `after`, at most `limit` together."""
    keys, objects = bucket.keys, bucket.objects
    entries: list[Entry] = []
    prefixes: list[str] = []
    last = after
    at = bucket.keys_from(max(prefix, after))
    while at < len(keys) and keys[at].startswith(prefix):
        key = keys[at]
        folded = _fold(key, prefix, delimiter) if delimiter else ""
        # A page that ended with a common prefix goes on behind everything under it.
        if last == (folded or key):
            at = max(at + 1, bucket.keys_from(folded + _LAST)) if folded else at + 1
            continue
        if len(entries) + len(prefixes) == limit:
            return Slice(entries, prefixes, last, truncated=True)
        last = folded or key
        if folded:
            prefixes.append(folded)
        else:
            entries.append(objects[key].entry)
    return Slice(entries, prefixes, last, truncated=False)


def _fold(key: str, prefix: str, delimiter: str) -> str:
    at = key.find(delimiter, len(prefix))
    return key[: at + len(delimiter)] if at >= 0 else ""


def list_objects(_oss: Oss, call: Call, bucket: Bucket) -> Answer:
    """Answer ListObjects in the version that is asked for."""
    access.owner_only(call)
    version = call.parameter("list-type")
    if version not in {"", "2"}:
        raise Refusal.argument("list-type", version, "The list-type must be 2.")
    return _version_two(call, bucket) if version else _version_one(call, bucket)


def _version_one(call: Call, bucket: Bucket) -> Answer:
    prefix, delimiter, marker = (call.parameter(name) for name in ("prefix", "delimiter", "marker"))
    limit = call.number("max-keys", default=100, low=1, high=MAX_KEYS)
    encoding = encoding_type(call)
    encode = name_encoder(encoding)
    page = cut(bucket, prefix, delimiter, marker, limit)
    parts = [
        element("Name", bucket.name),
        f"<Prefix>{encode(prefix)}</Prefix><Marker>{encode(marker)}</Marker>",
        f"<MaxKeys>{limit}</MaxKeys><Delimiter>{encode(delimiter)}</Delimiter>",
        *_common(page, encoding),
    ]
    if page.truncated:
        parts.append(f"<NextMarker>{encode(page.last)}</NextMarker>")
    return xml("ListBucketResult", "\n  ".join(parts + _items(page, encode, owner=True)))


def _version_two(call: Call, bucket: Bucket) -> Answer:
    prefix, delimiter, start = (call.parameter(name) for name in ("prefix", "delimiter", "start-after"))
    token = call.parameter("continuation-token")
    limit = call.number("max-keys", default=100, low=1, high=MAX_KEYS)
    encoding = encoding_type(call)
    encode = name_encoder(encoding)
    page = cut(bucket, prefix, delimiter, _untoken(token) if token else start, limit)
    parts = [
        element("Name", bucket.name),
        f"<Prefix>{encode(prefix)}</Prefix><StartAfter>{encode(start)}</StartAfter>",
        f"<MaxKeys>{limit}</MaxKeys><Delimiter>{encode(delimiter)}</Delimiter>",
        *_common(page, encoding),
        f"<KeyCount>{len(page.entries) + len(page.prefixes)}</KeyCount>",
    ]
    if token:
        parts.append(element("ContinuationToken", token))
    if page.truncated:
        parts.append(element("NextContinuationToken", _token(page.last)))
    owner = call.parameter("fetch-owner").lower() == "true"
    return xml("ListBucketResult", "\n  ".join(parts + _items(page, encode, owner=owner)))


def _common(page: Slice, encoding: str) -> list[str]:
    parts = [f"<IsTruncated>{str(page.truncated).lower()}</IsTruncated>"]
    if encoding:
        parts.append("<EncodingType>url</EncodingType>")
    return parts


def _items(page: Slice, encode: Callable[[str], str], *, owner: bool) -> list[str]:
    who = OWNER if owner else ""
    parts = []
    for entry in page.entries:
        restore = element("RestoreInfo", entry.restore) if entry.restore else ""
        parts.append(
            f"<Contents><Key>{encode(entry.key)}</Key><LastModified>{iso(entry.modified)}</LastModified>"
            f'<ETag>"{entry.etag}"</ETag><Type>{entry.kind}</Type><Size>{entry.size_bytes}</Size>'
            f"<StorageClass>{entry.storage_class}</StorageClass>{who}{restore}</Contents>"
        )
    return parts + [f"<CommonPrefixes><Prefix>{encode(prefix)}</Prefix></CommonPrefixes>" for prefix in page.prefixes]


def _token(last: str) -> str:
    return base64.b64encode(b"\x01" + last.encode()).decode()


def _untoken(token: str) -> str:
    message = "The continuation token provided is incorrect."
    wrong = Refusal.argument("continuation-token", token, message)
    try:
        data = base64.b64decode(token, validate=True)
        last = data[1:].decode()
    except (binascii.Error, ValueError):
        raise wrong from None
    if data[:1] != b"\x01":
        raise wrong
    return last
