"""A strict HTTP/1.1 client over libcurl: sends what it is told, hands back what came, adds nothing of its own.

No redirects, no decoding, no `.netrc`, no proxy from the environment, no folding of dot segments, no silent short body.
"""

from __future__ import annotations

import os
import threading

import pycurl

from migrator.adapters.http_handle import AddressGuard, Handle
from migrator.adapters.http_message import (
    DEFAULT_TIMEOUTS,
    MAX_BODY_BYTES,
    Headers,
    Request,
    Response,
    Timeouts,
    peer_of,
)

__all__ = [
    "DEFAULT_TIMEOUTS",
    "MAX_BODY_BYTES",
    "AddressGuard",
    "Handle",
    "Headers",
    "Http",
    "Request",
    "Response",
    "Timeouts",
    "peer_of",
]

_INHERITED: list[Handle] = []


class Http:
    """Blocking requests from any thread: one handle, and so one set of kept connections, per thread."""

    def __init__(self, *, guard: AddressGuard | None = None, proxy: str = "") -> None:
        self._guard = guard
        self._proxy = proxy
        self._local = threading.local()

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Headers = (),
        body: bytes | memoryview = b"",
        timeout: Timeouts = DEFAULT_TIMEOUTS,
        max_body_bytes: int = MAX_BODY_BYTES,
    ) -> Response:
        """Perform one request and return the whole answer, whatever its status; redirects are answers.

        Raises EndpointUnreachable or Transient when no answer came, IntegrityMismatch when it was cut short.
        """
        return self.perform(Request(method, url, headers, body, timeout, max_body_bytes))

    def perform(self, request: Request) -> Response:
        """Perform one prepared request; see `request`."""
        handle = self._handle()
        handle.configure(request)
        try:
            handle.curl.perform()
        except pycurl.error as exc:
            raise handle.failure(*exc.args[:2]) from None
        return handle.collect()

    def new_handle(self) -> Handle:
        """Return a handle with this client's guard and proxy, for a loop of somebody else."""
        return Handle(guard=self._guard, proxy=self._proxy)

    def close(self) -> None:
        """Close the calling thread's connections."""
        handle: Handle | None = self._local.__dict__.pop("handle", None)
        if handle is not None:
            handle.curl.close()

    def _handle(self) -> Handle:
        local = self._local.__dict__
        if local.get("pid") != os.getpid():
            if "handle" in local:  # born before a fork: closing it would disturb the parent's connections
                _INHERITED.append(local.pop("handle"))
            local["pid"] = os.getpid()
        handle: Handle | None = local.get("handle")
        if handle is None:
            handle = local["handle"] = self.new_handle()
        return handle
