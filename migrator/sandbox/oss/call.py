"""One request, taken apart: which bucket and key it names, and what it carries."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal
from urllib.parse import unquote_plus, unquote_to_bytes

from migrator.sandbox.oss.answers import Refusal

Signed = Literal["header", "url", "anonymous"]

_OSS_DOMAIN = re.compile(r"(?:(?P<bucket>[^.]+)\.)?(?:s3\.)?(?P<endpoint>oss-[a-z0-9-]+)\.aliyuncs\.com")


@dataclass(frozen=True, slots=True)
class Host:
    """What a host name says about the request."""

    name: str
    path_style: bool
    bucket: str = ""
    oss_domain: bool = False
    """A public OSS or accelerate domain, where ExternalRedirectForbidden applies."""


@dataclass(slots=True)
class Call:
    """One request in flight. Header names are lower case, values one character per byte (latin-1)."""

    method: str
    host: Host
    bucket: str
    key: str
    query: dict[str, str]
    raw_query: str
    headers: dict[str, str]
    https: bool
    client: str
    raw_path: bytes = b"/"
    signed: Signed = "anonymous"
    access_key_id: str = ""
    body: bytes = b""
    request_id: str = ""
    notes: dict[str, str] = field(default_factory=dict)

    def parameter(self, name: str) -> str:
        """Return a query parameter; empty when absent, as OSS treats empty ones as absent."""
        return self.query.get(name, "")

    def header(self, name: str) -> str:
        """Return a header; empty when absent."""
        return self.headers.get(name, "")

    def number(self, name: str, *, default: int, low: int, high: int) -> int:
        """Return an integer query parameter between `low` and `high`, or refuse as OSS does."""
        text = self.query.get(name, "")
        if not text:
            return default
        if not text.isascii() or not text.isdigit() or not low <= int(text) <= high:
            raise Refusal.argument(name, text, f"Argument {name} must be an integer between {low} and {high}.")
        return int(text)

    @property
    def has_body(self) -> bool:
        """Whether the client announced a body."""
        return "transfer-encoding" in self.headers or self.headers.get("content-length", "0") != "0"


def read_host(header: str, cnames: Mapping[str, str]) -> Host:
    """Judge a Host header: path style on IPs and localhost, else the name decides the bucket."""
    return _read_host(header, cnames.get(_bare(header), ""))


def _bare(header: str) -> str:
    name = header.strip().lower()
    if name.startswith("["):
        return name.partition("]")[0][1:]
    return name.partition(":")[0].rstrip(".")


@lru_cache(maxsize=1024)
def _read_host(header: str, cname_bucket: str) -> Host:
    name = _bare(header)
    if cname_bucket:
        return Host(name, path_style=False, bucket=cname_bucket)
    if name in {"", "localhost"} or _is_address(name):
        return Host(name, path_style=True)
    match = _OSS_DOMAIN.fullmatch(name)
    if match:
        internal = match["endpoint"].endswith("-internal")
        return Host(name, path_style=False, bucket=match["bucket"] or "", oss_domain=not internal)
    return Host(name, path_style=False, bucket=name.partition(".")[0])


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def read_call(scope: Mapping[str, Any], cnames: Mapping[str, str]) -> Call:
    """Take an ASGI scope apart without normalising anything.

    The bucket ends at the first raw slash; only then is the key percent-decoded, so `%2F`, `//` and dot
    segments survive. Raises Refusal for a key that is not UTF-8.
    """
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1").strip()
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    host = read_host(headers.get("host", ""), cnames)
    path: bytes = scope["raw_path"]
    bucket, rest = host.bucket, path[1:]
    if host.path_style:
        raw_bucket, _, rest = rest.partition(b"/")
        bucket = unquote_to_bytes(raw_bucket).decode("utf-8", "replace")
    raw_query = scope["query_string"].decode("latin-1")
    client = scope.get("client")
    call = Call(
        method=scope["method"],
        host=host,
        bucket=bucket,
        key="",
        query=_query(raw_query) if raw_query else {},
        raw_query=raw_query,
        headers=headers,
        https=scope.get("scheme") == "https",
        client=client[0] if client else "",
        raw_path=path,
    )
    call.key = _key(rest)
    return call


def _key(raw: bytes) -> str:
    try:
        return (unquote_to_bytes(raw) if b"%" in raw else raw).decode("utf-8")
    except UnicodeDecodeError:
        raise Refusal.object_name(raw.decode("latin-1")) from None


def _query(raw: str) -> dict[str, str]:
    query: dict[str, str] = {}
    for pair in raw.split("&"):
        if pair:
            name, _, value = pair.partition("=")
            query[unquote_plus(name)] = unquote_plus(value)
    return query
