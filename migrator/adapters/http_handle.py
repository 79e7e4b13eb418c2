"""One curl handle: set it up for a request, collect its answer. Shared by the blocking client and multi loops."""

from __future__ import annotations

import functools
import os
import socket
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import certifi
import pycurl

from migrator import __version__
from migrator.adapters.http_errors import explain
from migrator.adapters.http_message import Headers, Request, Response, peer_of
from migrator.errors import IntegrityMismatch, Invalid, MigratorError

AddressGuard = Callable[[str], None]
"""Raises when this numeric address may not be connected to."""
USER_AGENT: Final = f"redirect-migrator/{__version__}"


class Handle:
    """One curl handle and what its callbacks gather; belongs to one thread, or to one multi loop.

    `configure`, then let libcurl perform (easy or multi), then `collect` or, when libcurl reports a code, `failure`.
    Connections are kept and used again; libcurl itself repeats a request once when a kept connection turns out
    dead before any byte of an answer, so a write may reach the server twice.
    """

    __slots__ = ("chunks", "curl", "lines", "refused", "request")

    def __init__(self, *, guard: AddressGuard | None = None, proxy: str = "") -> None:
        self.lines: list[bytes] = []
        self.chunks: list[bytes] = []
        self.refused: list[MigratorError] = []
        self.request = Request("GET", "")
        self.curl = curl = pycurl.Curl()
        for option, value in _fixed_options():
            curl.setopt(option, value)
        curl.setopt(pycurl.PROXY, proxy)  # an empty string also switches the environment's proxies off
        curl.setopt(pycurl.HEADERFUNCTION, self.lines.append)
        curl.setopt(pycurl.WRITEFUNCTION, self.chunks.append)
        if guard is not None and not proxy:  # behind a proxy the address connected to is the proxy's
            curl.setopt(pycurl.OPENSOCKETFUNCTION, functools.partial(_open_socket, guard, self.refused))

    def configure(self, request: Request) -> None:
        """Prepare the handle for one request; what an earlier request left behind is dropped."""
        self.request = request
        self.lines.clear()
        self.chunks.clear()
        self.refused.clear()
        setopt, waits, method = self.curl.setopt, request.timeouts, request.method
        if not request.url.isascii() or not request.url.isprintable() or " " in request.url:
            raise Invalid(f"the URL {request.url!r} is not percent-encoded")
        setopt(pycurl.URL, request.url)
        setopt(pycurl.HTTPGET, 1)  # takes back NOBODY and POSTFIELDS of an earlier request
        self.curl.unsetopt(pycurl.CUSTOMREQUEST)
        if method == "HEAD":
            setopt(pycurl.NOBODY, 1)
        elif method in ("PUT", "POST") or request.body:
            # Sent from memory without a callback per chunk; libcurl can rewind it.
            setopt(pycurl.POSTFIELDS, request.body if isinstance(request.body, bytes) else bytes(request.body))
            setopt(pycurl.CUSTOMREQUEST, method)
        elif method != "GET":
            setopt(pycurl.CUSTOMREQUEST, method)
        setopt(pycurl.HTTPHEADER, _header_lines(request.headers))
        setopt(pycurl.CONNECTTIMEOUT_MS, int(waits.connect_s * 1000))
        setopt(pycurl.LOW_SPEED_TIME, max(1, round(waits.idle_s)) if waits.idle_s else 0)
        setopt(pycurl.TIMEOUT_MS, int(waits.total_s * 1000))
        setopt(pycurl.MAXFILESIZE_LARGE, request.max_body_bytes)

    def collect(self) -> Response:
        """Return the answer that just arrived whole. Raises IntegrityMismatch when its length is not as announced."""
        body = self.chunks[0] if len(self.chunks) == 1 else b"".join(self.chunks)
        self.chunks.clear()
        status, headers = _parse_head(self.lines)
        announced = headers.get("content-length", "")
        if announced.isdecimal() and int(announced) != len(body) and self.request.method != "HEAD" and status != 304:
            raise IntegrityMismatch(
                f"{self.peer} announced {announced} bytes and sent {len(body)}", hint="it is tried again"
            )
        return Response(status, headers, body)

    def failure(self, code: int, text: str) -> MigratorError:
        """Say in plain words what libcurl's error means."""
        self.chunks.clear()
        if self.refused:
            return self.refused[0]
        connected = bool(self.curl.getinfo(pycurl.PRETRANSFER_TIME))
        return explain(code, text, self.request, os_errno=self.curl.getinfo(pycurl.OS_ERRNO), connected=connected)

    @property
    def peer(self) -> str:
        """Return host:port of the request, for messages; never its query, which may hold a signature."""
        return peer_of(self.request.url)


def _fixed_options() -> list[tuple[int, Any]]:
    return [
        (pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS),
        (pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1),
        (pycurl.PATH_AS_IS, 1),
        (pycurl.FOLLOWLOCATION, 0),
        (pycurl.NETRC, 0),
        (pycurl.NOSIGNAL, 1),
        (pycurl.TCP_NODELAY, 1),
        (pycurl.TCP_KEEPALIVE, 1),
        (pycurl.LOW_SPEED_LIMIT, 1),
        (pycurl.USERAGENT, USER_AGENT),
        (pycurl.BUFFERSIZE, 128 * 1024),
        (pycurl.UPLOAD_BUFFERSIZE, 128 * 1024),
        (pycurl.SSL_VERIFYPEER, 1),
        (pycurl.SSL_VERIFYHOST, 2),
        (pycurl.SSLVERSION, pycurl.SSLVERSION_TLSv1_2),
        (pycurl.CAINFO, os.environ.get("SSL_CERT_FILE") or certifi.where()),
    ]


class _Lent:
    """A socket that closes with its last reference; libcurl works on its own duplicate of the descriptor."""

    __slots__ = ("_socket",)

    def __init__(self, family: int, kind: int, protocol: int) -> None:
        self._socket = socket.socket(family, kind, protocol)

    def fileno(self) -> int:
        return self._socket.fileno()

    def __del__(self) -> None:
        self._socket.close()


def _open_socket(guard: AddressGuard, refused: list[MigratorError], _purpose: int, address: Any) -> Any:
    """Veto the address that is really about to be connected to, whatever the name resolved to earlier."""
    family, kind, protocol, where = address
    try:
        guard(where[0])
    except MigratorError as exc:
        refused.append(exc)
        return pycurl.SOCKET_BAD
    return _Lent(family, kind, protocol)


def _header_lines(headers: Headers) -> list[bytes]:
    """Spell the header lines; what libcurl would add on its own (Accept, Expect, a form's type) is suppressed."""
    lines = [b"Accept:", b"Expect:"]
    typed = False
    for name, value in headers.items() if isinstance(headers, Mapping) else headers:
        line = f"{name}: {value}" if value else f"{name};"
        if not line.isprintable() and any(c in line for c in "\r\n\0"):
            raise Invalid(f"the header {name!r} holds a line break or NUL")
        typed = typed or name.lower() == "content-type"
        lines.append(line.encode())
    if not typed:
        lines.append(b"Content-Type:")
    return lines


def _parse_head(lines: Sequence[bytes]) -> tuple[int, dict[str, str]]:
    """Read status and headers of the final answer: interim answers before it and trailers behind it do not count."""
    status, headers, inside = 0, dict[str, str](), False
    for raw in lines:
        if raw[:5] == b"HTTP/":
            status, headers, inside = int(raw.split(None, 2)[1]), {}, True
            continue
        line = raw.strip()
        if not line:
            inside = False
        elif inside:
            name, _, value = line.partition(b":")
            try:
                text = value.strip().decode()
            except UnicodeDecodeError:
                text = value.strip().decode("latin-1")
            key = name.strip().decode("latin-1").lower()
            headers[key] = f"{headers[key]}, {text}" if key in headers else text
    return status, headers
