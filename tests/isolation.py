"""Keeps the tests to this machine, and the machine's owner out of the tests."""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

SCRUBBED = ("MIGRATOR_", "OSS_", "AWS_", "ALIBABA_", "CELERY_", "XDG_")
"""Prefixes of variables that carry somebody's settings or credentials."""
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "ftp_proxy")


class NetworkBlocked(AssertionError):
    """A test reached beyond loopback. Not an OSError, so that no retry hides it."""


@contextmanager
def environment(home: str) -> Iterator[None]:
    """Clear what the code under test would read, and give it an empty home."""
    before = dict(os.environ)
    for name in before:
        if name.startswith(SCRUBBED) or name.lower() in PROXIES:
            del os.environ[name]
    os.environ["HOME"] = home
    # botocore would ask the cloud's metadata address for credentials.
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def network() -> Iterator[None]:
    """Refuse connections that leave this machine. Python's sockets only; C libraries are trusted to get loopback."""
    connect, connect_ex = socket.socket.connect, socket.socket.connect_ex

    def guarded(self: socket.socket, address: object) -> None:
        _check(self, address)
        connect(self, address)  # type: ignore[arg-type]

    def guarded_ex(self: socket.socket, address: object) -> int:
        _check(self, address)
        return connect_ex(self, address)  # type: ignore[arg-type]

    socket.socket.connect, socket.socket.connect_ex = guarded, guarded_ex  # type: ignore[method-assign]
    try:
        yield
    finally:
        socket.socket.connect, socket.socket.connect_ex = connect, connect_ex  # type: ignore[method-assign]


def _check(sock: socket.socket, address: object) -> None:
    if sock.family not in (socket.AF_INET, socket.AF_INET6):
        return
    assert isinstance(address, tuple)
    host = str(address[0])
    try:
        local = ipaddress.ip_address(host).is_loopback
    except ValueError:
        local = host == "localhost" or host.endswith(".localhost")
    if not local:
        sock.close()
        raise NetworkBlocked(f"a test tried to connect to {address}")
