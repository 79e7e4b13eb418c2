"""The legacy origin: an S3 bucket as far as a migration and redirected readers need one. Read-only over HTTP."""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_right
from dataclasses import dataclass
from email.utils import formatdate
from urllib.parse import parse_qsl, quote, unquote_to_bytes
from xml.sax.saxutils import escape

from .httpd import Request, reply
from .scene import ORIGIN_BUCKET, Thing

_RANGE = re.compile(r"bytes=(\d+)-(\d*)")


@dataclass(slots=True)
class Held:
    """One object as stored."""

    body: bytes
    etag: str
    headers: dict[str, str]
    modified: float


class Legacy:
    """The store, in byte order, and what it answers."""

    def __init__(self, now: float) -> None:
        self.objects: dict[str, Held] = {}
        self.order: list[str] = []
        self._now = now

    def add(self, thing: Thing) -> None:
        """Put one object that has been there for an hour."""
        body = thing.body
        etag = hashlib.md5(body).hexdigest()
        if thing.parted:
            etag = hashlib.md5(etag.encode()).hexdigest() + "-2"
        self.objects[thing.key] = Held(body, etag, thing.headers, self._now - 3600)
        self.order = sorted(self.objects, key=str.encode)

    def answer(self, request: Request) -> tuple[bytes, dict[str, object]]:
        """Answer one request; the second part is for the event log."""
        path, _, query = request.target.partition(b"?")
        bucket, _, raw = path[1:].partition(b"/")
        if bucket.decode() != ORIGIN_BUCKET or request.method not in {"GET", "HEAD"}:
            return _error(request, 405, "MethodNotAllowed"), {"op": request.method.lower(), "status": 405}
        if not raw:
            return self._list(dict(parse_qsl(query.decode(), keep_blank_values=True)))
        return self._read(request, unquote_to_bytes(raw).decode())

    def _read(self, request: Request, key: str) -> tuple[bytes, dict[str, object]]:
        note: dict[str, object] = {"op": "head" if request.method == "HEAD" else "get", "key": key}
        held = self.objects.get(key)
        if held is None:
            return _error(request, 404, "NoSuchKey"), {**note, "status": 404}
        wanted = request.header(b"if-match")
        if wanted and wanted.strip('"') != held.etag:
            return _error(request, 412, "PreconditionFailed"), {**note, "status": 412}
        headers = [
            ("etag", f'"{held.etag}"'),
            ("last-modified", formatdate(held.modified, usegmt=True)),
            ("accept-ranges", "bytes"),
            *held.headers.items(),
            *_common(),
        ]
        body, status = held.body, 200
        if match := _RANGE.fullmatch(request.header(b"range")):
            start = int(match[1])
            end = min(int(match[2]) + 1 if match[2] else len(body), len(body))
            if start >= len(body):
                return _error(request, 416, "InvalidRange"), {**note, "status": 416}
            headers.append(("content-range", f"bytes {start}-{end - 1}/{len(body)}"))
            body, status = body[start:end], 206
        note |= {"status": status, "size": len(body)}
        if request.method == "HEAD":
            return reply(200, headers, length=len(held.body)), note
        return reply(status, headers, body), note

    def _list(self, query: dict[str, str]) -> tuple[bytes, dict[str, object]]:
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
        after = query.get("continuation-token") or query.get("start-after", "")
        limit = min(int(query.get("max-keys", "1000")), 1000)
        found: list[str] = []
        groups: list[str] = []
        truncated, last = False, after
        for key in self.order[bisect_right(self.order, after.encode(), key=str.encode) :]:
            if not key.startswith(prefix):
                continue
            cut = key.find(delimiter, len(prefix)) if delimiter else -1
            group = key[: cut + len(delimiter)] if cut >= 0 else ""
            if group and (group in groups or after.startswith(group)):
                continue
            if len(found) + len(groups) >= limit:
                truncated = True
                break
            last = key
            if group:
                groups.append(group)
            else:
                found.append(key)
        note = {"op": "list", "prefix": prefix, "after": after, "n": len(found), "last": last, "more": truncated}
        return reply(
            200, [("content-type", "application/xml"), *_common()], self._page(found, groups, truncated, last)
        ), {
            **note,
            "status": 200,
        }

    def _page(self, found: list[str], groups: list[str], truncated: bool, last: str) -> bytes:
        parts = [
            '<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        ]
        parts.append(f"<Name>{ORIGIN_BUCKET}</Name><EncodingType>url</EncodingType>")
        parts.append(
            f"<KeyCount>{len(found) + len(groups)}</KeyCount><IsTruncated>{str(truncated).lower()}</IsTruncated>"
        )
        if truncated:
            parts.append(f"<NextContinuationToken>{escape(last)}</NextContinuationToken>")
        for key in found:
            held = self.objects[key]
            parts.append(
                f"<Contents><Key>{quote(key)}</Key><LastModified>{_iso(held.modified)}</LastModified>"
                f"<ETag>&quot;{held.etag}&quot;</ETag><Size>{len(held.body)}</Size>"
                "<StorageClass>STANDARD</StorageClass></Contents>"
            )
        parts += [f"<CommonPrefixes><Prefix>{quote(group)}</Prefix></CommonPrefixes>" for group in groups]
        return "".join([*parts, "</ListBucketResult>"]).encode()


def _error(request: Request, status: int, code: str) -> bytes:
    body = f'<?xml version="1.0" encoding="UTF-8"?><Error><Code>{code}</Code><Message>{code}</Message></Error>'.encode()
    headers = [("content-type", "application/xml"), *_common()]
    return reply(status, headers, b"" if request.method == "HEAD" else body)


def _common() -> list[tuple[str, str]]:
    return [("date", formatdate(usegmt=True)), ("server", "LegacyS3"), ("x-amz-request-id", "0123456789ABCDEF")]


def _iso(at: float) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(int(at), UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
