"""One fast server for all tools: S3 reads and listings, S3 and OSS writes, over http and TLS.

Every body that is put is read to its end and its CRC-64 taken; a Content-MD5 is checked. Signatures are not checked.
An optional delay before each answer stands for the round-trip time of a network.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import re
import signal
import ssl
import sys
from collections.abc import Callable
from email.utils import formatdate
from urllib.parse import parse_qs, quote, unquote
from xml.sax.saxutils import escape

import uvloop
from fastcrc import crc64

from benchmarks.copy.stored import Destination, Origin

ORIGIN, DESTINATION = "origin", "destination"
_DATE = formatdate(usegmt=True).encode()
_REASONS = {200: b"OK", 204: b"No Content", 206: b"Partial Content", 400: b"Bad Request", 404: b"Not Found"}
_REASONS |= {409: b"Conflict", 412: b"Precondition Failed"}
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_EXPECT = re.compile(rb"\r\nexpect: *100-continue", re.IGNORECASE)
_RANGE = re.compile(rb"\r\nrange: *bytes=(\d+)-(\d*)", re.IGNORECASE)
_MATCH = re.compile(rb'\r\nif-match: *"?([^"\r]+)"?', re.IGNORECASE)
_MD5 = re.compile(rb"\r\ncontent-md5: *([^\r]+)", re.IGNORECASE)
_FORBID = re.compile(rb"\r\nx-oss-forbid-overwrite: *true", re.IGNORECASE)


class Connection(asyncio.Protocol):
    """One keep-alive connection; requests one after the other."""

    def __init__(self, origin: Origin, destination: Destination, later: Callable[[Callable[[], None]], None]) -> None:
        self.origin, self.destination, self.later = origin, destination, later
        self.transport: asyncio.Transport | None = None
        self.buffer = b""
        self.head = b""
        self.missing = self.crc = self.size = 0
        self.text = b""

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        while data:
            if not self.head:
                self.buffer += data
                end = self.buffer.find(b"\r\n\r\n")
                if end < 0:
                    return
                self.head, data = self.buffer[: end + 2], self.buffer[end + 4 :]
                self.buffer = b""
                length = _LENGTH.search(self.head)
                self.missing = int(length[1]) if length else 0
                self.crc, self.size, self.text = 0, 0, b""
                if _EXPECT.search(self.head) and not data:
                    self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            if self.missing:
                taken = data[: self.missing] if len(data) > self.missing else data
                self.crc = crc64.xz(taken, self.crc)
                self.size += len(taken)
                if self.head.startswith(b"POST"):
                    self.text += taken
                self.missing -= len(taken)
                data = data[len(taken) :]
            if not self.missing:
                head, self.head = self.head, b""
                self.serve(head)

    # -- requests ------------------------------------------------------------------------------------------------------
    def serve(self, head: bytes) -> None:
        method, target, _ = head.split(b" ", 2)
        path, _, query = target.decode().partition("?")
        bucket, _, key = unquote(path[1:]).partition("/")
        asked = parse_qs(query, keep_blank_values=True) if query else {}
        if not key:
            self.reply(200, body=self.listing(bucket, {name: values[0] for name, values in asked.items()}))
        elif method == b"PUT":
            self.put(key, head, asked)
        elif method == b"POST":
            self.post(key, asked)
        elif method == b"DELETE":
            self.reply(204)
        else:
            self.get(bucket, key, head, empty=method == b"HEAD")

    def get(self, bucket: str, key: str, head: bytes, *, empty: bool) -> None:
        if bucket == DESTINATION:
            if (found := self.destination.objects.get(key)) is None:
                self.refuse(404, b"NoSuchKey")
                return
            size, etag, crc = found
            lines = b'etag: "%b"\r\nx-oss-hash-crc64ecma: %d\r\nlast-modified: %b\r\n' % (etag.encode(), crc, _DATE)
            self.reply(200, lines, length=size)
            return
        body = self.origin.body(key)
        match = _MATCH.search(head)
        if body is None:
            self.refuse(404, b"NoSuchKey")
        elif match and match[1].decode() != body.md5:
            self.refuse(412, b"PreconditionFailed")
        else:
            data, status = memoryview(body.data), 200
            lines = b'etag: "%b"\r\nlast-modified: %b\r\ncontent-type: application/x-bench\r\naccept-ranges: bytes\r\n'
            lines %= body.md5.encode(), _DATE
            if ranged := _RANGE.search(head):
                first, last = int(ranged[1]), int(ranged[2] or len(data) - 1)
                lines += b"content-range: bytes %d-%d/%d\r\n" % (first, min(last, len(data) - 1), len(data))
                data, status = data[first : last + 1], 206
            self.reply(status, lines, body=b"" if empty else data, length=len(data))

    def put(self, key: str, head: bytes, asked: dict[str, list[str]]) -> None:
        digest = _MD5.search(head)
        known = self.origin.by_crc.get(self.crc)
        if "partNumber" in asked:
            number, upload_id = int(asked["partNumber"][0]), asked["uploadId"][0]
            self.destination.uploads[upload_id].parts[number] = (self.crc, self.size)
            self.reply(200, b'etag: "part-%d-%d"\r\nx-oss-hash-crc64ecma: %d\r\n' % (number, self.crc, self.crc))
        elif key in self.destination.objects and _FORBID.search(head):
            self.refuse(409, b"FileAlreadyExists")
        elif known is None or (digest and digest[1].strip() != known.md5_base64):
            self.refuse(400, b"InvalidDigest")
        else:
            self.destination.objects[key] = (self.size, known.md5, self.crc)
            self.reply(200, b'etag: "%b"\r\nx-oss-hash-crc64ecma: %d\r\n' % (known.md5.encode(), self.crc))

    def post(self, key: str, asked: dict[str, list[str]]) -> None:
        if "uploads" in asked:
            upload_id = self.destination.start(key).encode()
            name = b"InitiateMultipartUploadResult"
            text = b"<Bucket>destination</Bucket><Key>%b</Key><UploadId>%b</UploadId>" % (
                quote(key).encode(),
                upload_id,
            )
            self.reply(200, body=b"<%b>%b</%b>" % (name, text, name))
            return
        etag, crc = self.destination.complete(asked["uploadId"][0])
        name = b"CompleteMultipartUploadResult"
        text = b'<%b><Key>%b</Key><ETag>"%b"</ETag></%b>' % (name, quote(key).encode(), etag.encode(), name)
        self.reply(200, b"x-oss-hash-crc64ecma: %d\r\n" % crc, body=text)

    def listing(self, bucket: str, asked: dict[str, str]) -> bytes:
        prefix, delimiter = asked.get("prefix", ""), asked.get("delimiter", "")
        after = unquote(asked.get("continuation-token", "") or asked.get("start-after", ""))
        side = self.origin if bucket == ORIGIN else self.destination
        rows, more = side.after(prefix, after, int(asked.get("max-keys", "1000")))
        date = "2024-01-01T00:00:00.000Z"
        text = [f"<Name>{bucket}</Name><Prefix>{escape(quote(prefix))}</Prefix><KeyCount>{len(rows)}</KeyCount>"]
        text.append(
            f"<MaxKeys>1000</MaxKeys><IsTruncated>{str(more).lower()}</IsTruncated><EncodingType>url</EncodingType>"
        )
        if delimiter and (folded := sorted({k[: k.find(delimiter, len(prefix)) + 1] for k, *_ in rows} - {""})):
            text += [f"<CommonPrefixes><Prefix>{quote(name)}</Prefix></CommonPrefixes>" for name in folded]
            rows = [row for row in rows if delimiter not in row[0][len(prefix) :]]
        if more:
            text.append(f"<NextContinuationToken>{quote(rows[-1][0])}</NextContinuationToken>")
        text += [
            f"<Contents><Key>{quote(key)}</Key><LastModified>{date}</LastModified><ETag>&quot;{etag}&quot;</ETag>"
            f"<Size>{size}</Size><StorageClass>STANDARD</StorageClass></Contents>"
            for key, size, etag in rows
        ]
        return f"<ListBucketResult>{''.join(text)}</ListBucketResult>".encode()

    # -- answers -------------------------------------------------------------------------------------------------------
    def refuse(self, status: int, code: bytes) -> None:
        self.reply(status, body=b"<Error><Code>%b</Code></Error>" % code)

    def reply(self, status: int, lines: bytes = b"", body: bytes | memoryview = b"", length: int | None = None) -> None:
        head = b"HTTP/1.1 %d %b\r\nserver: bench\r\ndate: %b\r\nx-oss-request-id: 64F0A1B2C3D4E5F601234567\r\n%b" % (
            status,
            _REASONS[status],
            _DATE,
            lines,
        )
        head += b"content-length: %d\r\n\r\n" % (len(body) if length is None else length)
        self.later(functools.partial(self.send, head, body))

    def send(self, head: bytes, body: bytes | memoryview) -> None:
        if len(body) <= 128 * 1024:
            self.transport.write(head + body)
        else:
            self.transport.writelines([head, body])


async def serve(options: argparse.Namespace) -> None:
    loop = asyncio.get_running_loop()
    origin, destination = Origin(dict(options.objects)), Destination()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(options.certificate)
    delay_s = options.rtt_ms / 1000
    later = functools.partial(loop.call_later, delay_s) if delay_s else lambda send: send()
    make = functools.partial(Connection, origin, destination, later)
    ports = []
    for tls in (None, context):
        server = await loop.create_server(make, "127.0.0.1", 0, ssl=tls, backlog=1024)
        ports.append(str(server.sockets[0].getsockname()[1]))
    print(*ports, flush=True)
    stopped = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stopped.set)
    await stopped.wait()


def _pair(text: str) -> tuple[int, int]:
    size, count = text.split("=")
    return int(size), int(count)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--objects", type=_pair, nargs="+", required=True, metavar="SIZE=COUNT")
    parser.add_argument("--certificate", required=True, help="a PEM file with key and certificate")
    parser.add_argument("--rtt-ms", type=float, default=0.0)
    uvloop.run(serve(parser.parse_args()))


if __name__ == "__main__":
    sys.exit(main())
