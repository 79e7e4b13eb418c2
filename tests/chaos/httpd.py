"""A small, fast HTTP/1.1 server: one protocol object per connection, one synchronous handler for whole requests.

A request takes effect in one call, without interleaving. That makes the order of the event log the order of effects.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

REASONS = {200: "OK", 204: "No Content", 206: "Partial Content", 302: "Found", 404: "Not Found", 409: "Conflict"}


@dataclass(slots=True)
class Request:
    """One whole request; header names in lower case."""

    method: str
    target: bytes
    headers: list[tuple[bytes, bytes]]
    body: bytes

    def header(self, name: bytes) -> str:
        """Return a header's value, empty where there is none."""
        return next((value.decode("latin-1") for each, value in self.headers if each == name), "")


Handler = Callable[[Request], bytes]
"""Answers with the whole reply as bytes."""


def reply(status: int, headers: list[tuple[str, str]], body: bytes = b"", *, length: int | None = None) -> bytes:
    """Spell a reply; `length` where it is not that of the body (HEAD)."""
    lines = [f"HTTP/1.1 {status} {REASONS.get(status, 'Status')}"]
    lines += [f"{name}: {value}" for name, value in headers]
    if status not in {204, 304}:
        lines.append(f"content-length: {len(body) if length is None else length}")
    return "\r\n".join(lines).encode("latin-1", "replace") + b"\r\n\r\n" + body


def parse_head(head: bytes) -> tuple[bytes, bytes, list[tuple[bytes, bytes]], int]:
    """Take a head apart: first word, second word, headers, announced length of the body."""
    first, *lines = head.split(b"\r\n")
    words = first.split(b" ", 2)
    headers, length = [], 0
    for line in lines:
        name, _, value = line.partition(b":")
        name, value = name.lower(), value.strip()
        headers.append((name, value))
        if name == b"content-length":
            length = int(value)
    return words[0], words[1], headers, length


class Connection(asyncio.Protocol):
    """One client's connection."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._held = b""
        self._need = 0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass

    def data_received(self, data: bytes) -> None:
        held = self._held + data if self._held else data
        while len(held) >= self._need:
            end = held.find(b"\r\n\r\n")
            if end < 0:
                break
            method, target, headers, length = parse_head(held[:end])
            whole = end + 4 + length
            if len(held) < whole:
                self._need = whole
                break
            self._need = 0
            request = Request(method.decode(), target, headers, held[end + 4 : whole])
            held = held[whole:]
            assert self._transport is not None
            self._transport.write(self._handler(request))
            if not held:
                break
        self._held = held


async def listen(handler: Handler) -> tuple[asyncio.Server, int]:
    """Serve on a free port of loopback."""
    server = await asyncio.get_running_loop().create_server(lambda: Connection(handler), "127.0.0.1", 0, backlog=512)
    port: int = server.sockets[0].getsockname()[1]
    return server, port
