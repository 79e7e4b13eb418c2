"""A sandbox OSS and clients of it: the official SDK, and raw HTTP that normalises nothing."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any
from urllib.parse import quote

import oss2

REGION = "cn-hangzhou"
AUTHS = {"v1": oss2.Auth, "v2": oss2.AuthV2, "v4": oss2.AuthV4}


class _Session(oss2.Session):
    """Gives a connection back after a HEAD, which the SDK forgets; else its socket is reported as leaked, any time."""

    def do_request(self, req: Any, timeout: Any) -> Any:
        reply = super().do_request(req, timeout)
        if req.method == "HEAD":
            reply.response.close()
        return reply


# The SDK closes no session either, so there is one for all.
SESSION = _Session()

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> str:
        return self.body.partition(b"<Code>")[2].partition(b"</Code>")[0].decode()


def raw(
    oss: Any,
    method: str,
    path: str,
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
    host: str = "",
) -> Reply:
    """Send exactly this path, from a connection of its own."""
    connection = HTTPConnection("127.0.0.1", oss.port, timeout=30)
    try:
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        connection.putheader("Host", host or f"127.0.0.1:{oss.port}")
        for name, value in (headers or {}).items():
            connection.putheader(name, value)
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        text = answer.read()
        return Reply(answer.status, {name.lower(): value for name, value in answer.getheaders()}, text)
    finally:
        connection.close()


def encoded(key: str) -> str:
    return quote(key, safe="/")


def bucket(oss: Any, acl: str = "private", *, auth: str = "v4", name: str = "") -> oss2.Bucket:
    made = sdk(oss, name or f"sandbox-{next(_numbers)}", auth=auth)
    made.create_bucket(acl)
    return made


def sdk(oss: Any, name: str, *, auth: str = "v4", secret: str = "", region: str = REGION) -> oss2.Bucket:
    key = AUTHS[auth](oss.access_key_id, secret or oss.access_key_secret)
    return oss2.Bucket(key, oss.endpoint, name, region=region, session=SESSION)


def rules(*inner: str) -> bytes:
    return f"<WebsiteConfiguration>{''.join(inner)}</WebsiteConfiguration>".encode()


def to_origin(prefix: str, *, status: str = "404", number: int = 1) -> str:
    condition = f"<KeyPrefixEquals>{prefix}</KeyPrefixEquals>"
    if status:
        condition += f"<HttpErrorCodeReturnedEquals>{status}</HttpErrorCodeReturnedEquals>"
    return (
        f"<RoutingRules><RoutingRule><RuleNumber>{number}</RuleNumber><Condition>{condition}</Condition>"
        "<Redirect><RedirectType>External</RedirectType><Protocol>https</Protocol><HostName>o.example</HostName>"
        "<HttpRedirectCode>302</HttpRedirectCode></Redirect></RoutingRule></RoutingRules>"
    )
