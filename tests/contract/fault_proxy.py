"""A small HTTP server in front of another one that does, on demand, what networks and servers do in bad moments."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


@dataclass
class Reply:
    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass
class Seen:
    method: str
    path: str
    headers: dict[str, str]


Act = Callable[[Callable[..., Reply]], Reply | None]
"""Gets the way to the real server (with an optional other body); returns what the client gets, None to close the
connection without an answer."""


@dataclass
class Fault:
    method: str
    act: Act
    times: int = 1
    part_of_path: str = ""


def lose_reply(forward: Callable[..., Reply]) -> None:
    forward()


def cut_before(_forward: Callable[..., Reply]) -> None:
    return None


def answer(status: int, body: bytes = b"", **headers: str) -> Act:
    return lambda _forward: Reply(status, {name.replace("_", "-"): value for name, value in headers.items()}, body)


def change(**headers: str | None) -> Act:
    """Forward, then set or (None) take away headers of the answer."""

    def act(forward: Callable[..., Reply]) -> Reply:
        reply = forward()
        for name, value in headers.items():
            reply.headers.pop(name.replace("_", "-"), None)
            if value is not None:
                reply.headers[name.replace("_", "-")] = value
        return reply

    return act


class FaultProxy:
    def __init__(self, behind: str) -> None:
        self.behind = behind
        self.faults: list[Fault] = []
        self.seen: list[Seen] = []
        self.lock = threading.Lock()
        self.url = ""

    def add(self, method: str, act: Act, *, times: int = 1, part_of_path: str = "") -> None:
        self.faults.append(Fault(method, act, times, part_of_path))

    def pick(self, method: str, path: str, headers: dict[str, str]) -> Act | None:
        with self.lock:
            self.seen.append(Seen(method, path, headers))
            for fault in self.faults:
                if fault.times and fault.method == method and fault.part_of_path in path:
                    fault.times -= 1
                    return fault.act
        return None

    @property
    def unused(self) -> list[Fault]:
        return [fault for fault in self.faults if fault.times]


@contextmanager
def fault_proxy(behind: str) -> Iterator[FaultProxy]:
    proxy = FaultProxy(behind)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(proxy))
    server.daemon_threads = True
    proxy.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _forward(behind: str, method: str, path: str, headers: dict[str, str], body: bytes) -> Reply:
    parts = urlsplit(behind)
    upstream = http.client.HTTPConnection(parts.hostname, parts.port, timeout=30)
    try:
        upstream.putrequest(method, path, skip_accept_encoding=True, skip_host=True)
        for name, value in headers.items():
            upstream.putheader(name, value.encode())
        upstream.endheaders(body)
        response = upstream.getresponse()
        found = {
            name.lower(): value
            for name, value in response.getheaders()
            if name.lower() not in ("transfer-encoding", "connection")
        }
        return Reply(response.status, found, response.read())
    finally:
        upstream.close()


def _handler(proxy: FaultProxy) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            act = proxy.pick(self.command, self.path, headers)

            def forward(other: bytes | None = None) -> Reply:
                return _forward(proxy.behind, self.command, self.path, headers, body if other is None else other)

            reply = act(forward) if act else forward()
            if reply is None:
                self.close_connection = True
                return
            self.send_response_only(reply.status)
            if self.command != "HEAD" and reply.status != 204:
                reply.headers["content-length"] = str(len(reply.body))
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(reply.body)

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = do  # noqa: N815

        def log_message(self, *_args: object) -> None:
            pass

    return Handler
