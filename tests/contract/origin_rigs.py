"""The same objects behind each kind of origin, for contract tests."""

from __future__ import annotations

import hashlib
import itertools
import logging
import re
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

import boto3
from botocore.config import Config
from moto.server import ThreadedMotoServer

from migrator.adapters.credentials import AccessKey, Described
from migrator.adapters.file_origin import FileOrigin
from migrator.adapters.http import Http
from migrator.adapters.http_origin import HttpOrigin
from migrator.adapters.s3_origin import S3Origin
from migrator.ports import Origin

_numbers = itertools.count(1)


class Fixed:
    """Credentials that are given."""

    def __init__(self, key: AccessKey) -> None:
        self._key = key

    def get(self) -> AccessKey:
        return self._key

    def describe(self) -> Described:
        return Described("test", self._key.masked_id)


class S3Rig:
    """A bucket of moto's server."""

    def __init__(self, server: ThreadedMotoServer) -> None:
        host, port = server.get_host_and_port()
        self.endpoint = f"http://{host}:{port}"
        self.bucket = f"origin-{next(_numbers)}"  # all of moto's servers in a process share their buckets
        self.http = Http()
        self.boto3 = boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id="AKIDEXAMPLE1234",
            aws_secret_access_key="secret",
            config=Config(s3={"addressing_style": "path"}, request_checksum_calculation="when_required"),
        )
        self.boto3.create_bucket(Bucket=self.bucket)
        self.origin: Origin = S3Origin(
            self.http,
            bucket=self.bucket,
            region="us-east-1",
            endpoint=self.endpoint,
            credentials=Fixed(AccessKey("AKIDEXAMPLE1234", "secret")),
        )

    def can_hold(self, key: str) -> bool:
        return "\n" not in key  # moto's router does not match it

    def put(self, key: str, body: bytes, **properties: object) -> None:
        self.boto3.put_object(Bucket=self.bucket, Key=key, Body=body, **properties)

    def delete(self, key: str) -> None:
        self.boto3.delete_object(Bucket=self.bucket, Key=key)

    def close(self) -> None:
        self.boto3.close()
        self.http.close()


class FileRig:
    """A directory."""

    def __init__(self, where: Path) -> None:
        self.root = where / "root"
        self.root.mkdir()
        self.origin: Origin = FileOrigin(self.root)

    def can_hold(self, key: str) -> bool:
        parts = key.split("/")
        return not any(p in ("", ".", "..") or len(p.encode()) > 255 or "\0" in p for p in parts)

    def put(self, key: str, body: bytes, **_properties: object) -> None:
        path = self.root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)

    def delete(self, key: str) -> None:
        (self.root / key).unlink()

    def close(self) -> None:
        pass


@dataclass
class Site:
    """What the static server has, and which virtues it lacks."""

    files: dict[str, bytes] = field(default_factory=dict)
    without: set[str] = field(default_factory=set)
    """Of: head, range, etag, if-match, length."""
    requests: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)


class HttpRig:
    """A small static web server and a manifest."""

    def __init__(self, where: Path) -> None:
        self.site = site = Site()
        self.manifest = where / "manifest.txt"
        self.manifest.write_bytes(b"")

        class Handler(_Static):
            served = site

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/base/"
        self.http = Http()
        self.origin: Origin = HttpOrigin(self.http, base_url=self.url, manifest=self.manifest)

    def can_hold(self, key: str) -> bool:
        return "\n" not in key and not key.endswith("\r")

    def put(self, key: str, body: bytes, **_properties: object) -> None:
        self.site.files[key] = body
        self._write_manifest()

    def delete(self, key: str) -> None:
        del self.site.files[key]

    def close(self) -> None:
        self.http.close()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _write_manifest(self) -> None:
        lines = [
            key.encode() + (b"\t%d" % len(body) if n % 2 else b"")
            for n, (key, body) in enumerate(sorted(self.site.files.items()))
        ]
        self.manifest.write_bytes(b"".join(line + b"\n" for line in lines))


class _Static(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    served: Site

    def do_GET(self) -> None:
        self._answer(body_too=True)

    def do_HEAD(self) -> None:
        if "head" in self.served.without:
            self._send(405, {}, b"")
        else:
            self._answer(body_too=False)

    def _answer(self, *, body_too: bool) -> None:
        site = self.served
        site.requests.append((self.command, self.path, {k.lower(): v for k, v in self.headers.items()}))
        body = site.files.get(unquote(self.path.removeprefix("/base/")))
        if body is None:
            self._send(404, {}, b"<h1>Not Found</h1>" if body_too else b"")
            return
        etag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        headers = {"Content-Type": "text/plain", "Last-Modified": "Sun, 22 Nov 2026 09:00:00 GMT"}
        if "etag" not in site.without:
            headers["ETag"] = etag
        condition = self.headers.get("If-Match")
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if condition and condition != etag and "if-match" not in site.without:
            self._send(412, {}, b"")
        elif wanted and "range" not in site.without:
            first, last = int(wanted[1]), min(int(wanted[2] or len(body)), len(body) - 1)
            if first >= len(body):
                self._send(416, {"Content-Range": f"bytes */{len(body)}"}, b"")
            else:
                headers["Content-Range"] = f"bytes {first}-{last}/{len(body)}"
                self._send(206, headers, body[first : last + 1])
        else:
            self._send(200, headers, body, body_too=body_too)

    def _send(self, status: int, headers: dict[str, str], body: bytes, *, body_too: bool = True) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if "length" in self.served.without:
            self.send_header("Connection", "close")
        else:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if body_too:
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def quiet_moto() -> ThreadedMotoServer:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    return server
