"""Clients of a running sandbox OSS, for contract tests."""

from __future__ import annotations

import itertools
from typing import Any

from migrator.adapters.credentials import OssCredentials
from migrator.adapters.http import Http
from migrator.adapters.oss_client import BucketAddress, OssClient
from migrator.adapters.oss_destination import OssDestination

_numbers = itertools.count(1)


def credentials(server: Any, *, key_id: str = "", secret: str = "", token: str = "") -> OssCredentials:
    return OssCredentials(
        environ={
            "OSS_ACCESS_KEY_ID": key_id or server.access_key_id,
            "OSS_ACCESS_KEY_SECRET": secret or server.access_key_secret,
            "OSS_SESSION_TOKEN": token,
        }
    )


def address(server: Any, bucket: str, endpoint: str = "", region: str | None = None) -> BucketAddress:
    return BucketAddress(endpoint or server.endpoint, bucket, server.region if region is None else region)


def client(server: Any, bucket: str, *, endpoint: str = "", region: str | None = None, **key: str) -> OssClient:
    return OssClient(Http(), address(server, bucket, endpoint, region), credentials(server, **key))


def new_bucket(server: Any, acl: str = "private") -> str:
    name = f"bucket-{next(_numbers)}"
    client(server, name).call("PUT", headers={"x-oss-acl": acl})
    return name


def destination(server: Any, bucket: str, *, endpoint: str = "", **key: str) -> OssDestination:
    return OssDestination(client(server, bucket, endpoint=endpoint, **key))


def website(server: Any, bucket: str, document: bytes) -> None:
    client(server, bucket).call("PUT", query={"website": ""}, body=document)


def redirect_rules(host: str, prefix: str = "", code: int = 302) -> bytes:
    condition = f"<KeyPrefixEquals>{prefix}</KeyPrefixEquals>" if prefix else ""
    return (
        "<WebsiteConfiguration><RoutingRules><RoutingRule><RuleNumber>1</RuleNumber>"
        f"<Condition>{condition}<HttpErrorCodeReturnedEquals>404</HttpErrorCodeReturnedEquals></Condition>"
        "<Redirect><RedirectType>External</RedirectType><Protocol>http</Protocol>"
        f"<HostName>{host}</HostName><HttpRedirectCode>{code}</HttpRedirectCode></Redirect>"
        "</RoutingRule></RoutingRules></WebsiteConfiguration>"
    ).encode()
