"""GetObject, HeadObject and GetObjectMeta: conditions, ranges, overrides, compression."""

from __future__ import annotations

import re
import zlib
from email.utils import formatdate
from functools import lru_cache

from migrator.sandbox.oss import access, site
from migrator.sandbox.oss.answers import CHUNKED, Answer, Refusal
from migrator.sandbox.oss.call import Call
from migrator.sandbox.oss.conditions import check_read
from migrator.sandbox.oss.state import Oss
from migrator.sandbox.oss.store import Bucket, Entry, Held

PROCESS = "x-oss-process"
"""Asks for the object in another form, which this server cannot make."""
INLINE_BYTES = 1 << 21
"""Larger bodies are streamed instead of held."""
_RANGE = re.compile(r"bytes=(\d*)-(\d*)(?:,.*)?")
_GZIP_TYPES = frozenset(
    """
    text/plain text/html text/css text/xml text/javascript application/javascript application/x-javascript
    application/json application/xml application/rss+xml text/x-component
    """.split()  # noqa: SIM905 - one name per line would be a wall
)
_OVERRIDES = tuple(
    (f"response-{name}", name)
    for name in (
        "content-type",
        "content-language",
        "expires",
        "cache-control",
        "content-disposition",
        "content-encoding",
    )
)


def get_object(oss: Oss, call: Call, bucket: Bucket) -> Answer:
    """Answer GetObject and HeadObject, through the bucket's website if it has one."""
    config = oss.site(bucket).in_force()

    def allowed() -> None:
        access.may_read(call, bucket)

    def plain() -> Answer:
        held = find_version(call, bucket)
        if PROCESS in call.query:
            raise Refusal.not_implemented(PROCESS)
        return _send(call, bucket, held, 200)

    if config is None:
        allowed()
        return plain()

    def serve(held: Held, status: int) -> Answer:
        return _send(call, bucket, held, status)

    return site.read_through(config, call, bucket, oss.switches, allowed=allowed, plain=plain, serve=serve)


def get_root(oss: Oss, call: Call, bucket: Bucket) -> Answer:
    """Answer an anonymous GET of the bucket: its website where it has an index page; nobody may list without a name."""
    config = oss.site(bucket).in_force()
    if config is None or config.index is None:
        access.owner_only(call)
    return get_object(oss, call, bucket)


def get_meta(_oss: Oss, call: Call, bucket: Bucket) -> Answer:
    """Answer GetObjectMeta: what a listing knows, never touched by the website."""
    access.may_read(call, bucket)
    held = find_version(call, bucket)
    entry = follow(bucket, held).entry
    headers = [
        ("etag", f'"{entry.etag}"'),
        ("last-modified", http_date(entry.modified)),
        ("x-oss-hash-crc64ecma", str(entry.crc64)),
    ]
    if held.entry.version:
        headers.append(("x-oss-version-id", held.entry.version))
    # A GET of it has the same headers and no body (the old Java SDK asks that way).
    return Answer(200, headers, length=entry.size_bytes if call.method == "HEAD" else 0)


def find(bucket: Bucket, key: str) -> Held:
    """Return an object. Raises Refusal NoSuchKey."""
    held = bucket.find(key)
    if held is None:
        raise Refusal.no_key(key, marker=bucket.markers.get(key, ""))
    return held


def find_version(call: Call, bucket: Bucket) -> Held:
    """Return the object, in the version that the request names; only current versions are kept. Raises Refusal."""
    version = call.parameter("versionId")
    if not version:
        return find(bucket, call.key)
    held = bucket.find(call.key)
    if held is not None and held.entry.version == version:
        return held
    if bucket.markers.get(call.key) == version:
        message = "The specified method is not allowed against this resource."
        details = (("Method", call.method), ("ResourceType", "DeleteMarker"))
        headers = (("allow", "DELETE"), ("x-oss-delete-marker", "true"))
        raise Refusal(405, "MethodNotAllowed", message, "0016-00000101", details=details, headers=headers)
    message = "The specified version does not exist."
    details = (("Key", call.key), ("VersionId", version))
    raise Refusal(404, "NoSuchVersion", message, "0026-00000002", details=details)


def follow(bucket: Bucket, held: Held) -> Held:
    """Return what a symlink points at, or the object itself. Raises Refusal SymlinkTargetNotExist."""
    if held.entry.kind != "Symlink":
        return held
    target = bucket.find(held.entry.target)
    if target is None:
        message = "The target object of the symlink does not exist."
        raise Refusal(404, "SymlinkTargetNotExist", message, "0026-00000011")
    return target


def _send(call: Call, bucket: Bucket, held: Held, status: int) -> Answer:
    entry = held.entry
    target = follow(bucket, held)
    check_unarchived(call, entry)
    if check_read(call, target.entry):
        return Answer(304, [("etag", f'"{entry.etag}"'), ("last-modified", http_date(entry.modified))])
    headers = _headers(call, entry, target.entry)
    size = target.entry.size_bytes
    start, end = 0, size
    wanted = call.headers.get("range") if status == 200 else None
    if wanted and (span := _span(call, wanted, size)):
        start, end = span
        status = 206
        headers.append(("content-range", f"bytes {start}-{end - 1}/{size}"))
    elif _wants_gzip(call, headers, size):
        return _gzipped(headers, target)
    if call.method == "HEAD":
        return Answer(status, headers, length=end - start)
    if end - start <= INLINE_BYTES:
        return Answer(status, headers, target.blob.read(start, end))
    return Answer(status, headers, stream=target.blob.chunks(start, end), length=end - start)


def _headers(call: Call, entry: Entry, target: Entry) -> list[tuple[str, str]]:
    headers = [
        ("etag", f'"{target.etag}"'),
        ("last-modified", http_date(entry.modified)),
        ("accept-ranges", "bytes"),
        ("x-oss-object-type", entry.kind),
        ("x-oss-storage-class", target.storage_class),
        ("x-oss-hash-crc64ecma", str(target.crc64)),
        *entry.headers,
    ]
    if target.md5:
        headers.append(("content-md5", target.md5))
    if target.kind == "Appendable":
        headers.append(("x-oss-next-append-position", str(target.size_bytes)))
    if entry.tags:
        headers.append(("x-oss-tagging-count", str(len(entry.tags))))
    if entry.restore:
        headers.append(("x-oss-restore", entry.restore))
    if entry.version:
        headers.append(("x-oss-version-id", entry.version))
    if call.raw_query:
        headers = _overridden(call, headers)
    return headers


def _overridden(call: Call, headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    wanted = {name: call.query[parameter] for parameter, name in _OVERRIDES if call.query.get(parameter)}
    if not wanted:
        return headers
    if call.signed == "anonymous":
        message = "An anonymous request can not override response headers."
        raise Refusal(400, "InvalidRequest", message, "0017-00000601")
    kept = [(name, value) for name, value in headers if name not in wanted]
    return kept + [(name, value.encode().decode("latin-1")) for name, value in wanted.items()]


def _span(call: Call, wanted: str, size: int) -> tuple[int, int] | None:
    """Return the range to send, or None for the whole object.

    Per the OSS documentation of range reads: anything invalid or out of bounds sends the whole object, unless
    `x-oss-range-behavior: standard` asks for clipping and 416.
    """
    match = _RANGE.fullmatch(wanted.strip())
    if match is None or (not match[1] and not match[2]):
        return None
    standard = call.header("x-oss-range-behavior") == "standard"
    if not match[1]:
        length = int(match[2])
        start, last = (max(size - length, 0) if standard else size - length), size - 1
        valid = length > 0
    else:
        start, last = int(match[1]), int(match[2]) if match[2] else size - 1
        if match[2] and last < start:
            return None
        valid = True
    if valid and 0 <= start < size and last < size:
        return start, last + 1
    if not standard:
        return None
    if valid and 0 <= start < size:
        return start, size
    message = "The requested range cannot be satisfied."
    headers = (("content-range", f"bytes */{size}"),)
    raise Refusal(416, "InvalidRange", message, "0016-00000801", headers=headers)


def _wants_gzip(call: Call, headers: list[tuple[str, str]], size: int) -> bool:
    if size < 1024 or call.method == "HEAD" or "gzip" not in call.header("accept-encoding"):
        return False
    named = dict(headers)
    kind = named.get("content-type", "").partition(";")[0].strip().lower()
    return kind in _GZIP_TYPES and "content-encoding" not in named


def _gzipped(headers: list[tuple[str, str]], held: Held) -> Answer:
    compressor = zlib.compressobj(1, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    body = compressor.compress(held.blob.read(0, held.blob.size_bytes)) + compressor.flush()
    kept = [(name, value) for name, value in headers if name not in {"etag", "content-md5", "accept-ranges"}]
    return Answer(200, [*kept, ("content-encoding", "gzip"), ("vary", "Accept-Encoding")], body, length=CHUNKED)


def check_unarchived(call: Call, entry: Entry) -> None:
    """Refuse to send the bytes of an archived object that nobody restored; its head stays readable."""
    if (
        call.method == "GET"
        and entry.storage_class.endswith("Archive")
        and 'ongoing-request="false"' not in entry.restore
    ):
        message = "The operation is not valid for the object's state"
        raise Refusal(403, "InvalidObjectState", message, "0026-00000041", details=(("ObjectName", entry.key),))


@lru_cache(maxsize=4096)
def http_date(second: int) -> str:
    """Render a time as HTTP does."""
    return formatdate(second, usegmt=True)
