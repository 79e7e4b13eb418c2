"""A TCP server that records each request as it came over the wire and answers with prepared bytes."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field


@dataclass
class Raw:
    port: int
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def targets(self) -> list[bytes]:
        return [request.split(b" ", 2)[1] for request in self.requests]


def reply(body: bytes = b"", *, status: str = "200 OK", headers: dict[str, str] | None = None) -> bytes:
    lines = {"Content-Length": str(len(body)), **(headers or {})}
    return (f"HTTP/1.1 {status}\r\n" + "".join(f"{k}: {v}\r\n" for k, v in lines.items() if v) + "\r\n").encode() + body


@contextmanager
def raw_server(answer: bytes | Callable[[bytes], bytes], *, keep: bool = True, silent: bool = False) -> Iterator[Raw]:
    """Answer every request; then keep the connection, or close it. `silent` never answers."""
    listener = socket.create_server(("127.0.0.1", 0))
    raw = Raw(listener.getsockname()[1])
    open_sockets: list[socket.socket] = [listener]
    threads: list[threading.Thread] = []

    def serve(connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as stream:
            while True:
                head = b""
                while line := stream.readline():
                    head += line
                    if line == b"\r\n":
                        break
                if not line:
                    return
                length = next(
                    (int(h.split(b":")[1]) for h in head.split(b"\r\n") if h.lower().startswith(b"content-length")), 0
                )
                raw.requests.append(head + stream.read(length))
                if silent:
                    continue
                connection.sendall(answer(raw.requests[-1]) if callable(answer) else answer)
                if not keep:
                    return

    def guarded(connection: socket.socket) -> None:
        with suppress(OSError):
            serve(connection)

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            raw.connections += 1
            open_sockets.append(connection)
            thread = threading.Thread(target=guarded, args=(connection,), daemon=True)
            threads.append(thread)
            thread.start()

    acceptor = threading.Thread(target=accept, daemon=True)
    acceptor.start()
    try:
        yield raw
    finally:
        for each in open_sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        acceptor.join(5)
        for thread in threads:
            thread.join(5)
