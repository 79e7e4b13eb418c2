"""Reads tests/cases/website/*.json and plays the vectors against the engine alone or against a server over HTTP.

A vector says: `website` (elements by name; RoutingRules as a list) or `document` (raw XML), then either `refused`
(PutBucketWebsite answers this error), `answer` (what GetBucketWebsite gives back), or a `request` and what is
`expected`. Defaults: bucket public-read and created in 2020, no objects, anonymous, host cn.example (a custom domain
of the bucket). Every object's content is "content of <key>". `error` gives the lookup an error that cannot be caused
over HTTP, and `over_http` is "no" where the server does not have the operation, "only" where the engine is not
asked at all. `basis` says whether the expectation is documented, taken from an SDK's suite, or inferred. Numbers in
names group the variations of one case.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

import oss2

from migrator.sandbox import website
from migrator.sandbox.switches import Switches

FOLDER = Path(__file__).parent.parent / "cases" / "website"
BUCKET = "vectors"
HOSTS = {"cn.example": BUCKET, "other-domain.example": BUCKET}
Vector = dict[str, Any]


def load() -> Iterator[tuple[str, Vector]]:
    for path in sorted(FOLDER.glob("*.json")):
        for vector in json.loads(path.read_text(encoding="utf-8"))["vectors"]:
            yield f"{path.stem}: {vector['name']}", vector


def document(vector: Vector) -> bytes:
    if "document" in vector:
        return vector["document"].encode()
    return xml_of(vector["website"])


def xml_of(elements: Vector) -> bytes:
    return f"<WebsiteConfiguration>{_inner(elements)}</WebsiteConfiguration>".encode()


def _inner(value: Any) -> str:
    if not isinstance(value, dict):
        return escape(str(value))
    text = ""
    for name, child in value.items():
        if name == "RoutingRules":
            text += f"<{name}>" + "".join(f"<RoutingRule>{_inner(rule)}</RoutingRule>" for rule in child) + f"</{name}>"
        else:
            text += "".join(
                f"<{name}>{_inner(one)}</{name}>" for one in (child if isinstance(child, list) else [child])
            )
    return text


def meaning(xml: bytes) -> Any:
    """Reduce a document to what does not depend on element order and layout."""

    def reduce(element: ET.Element) -> Any:
        if len(element):
            return (element.tag, tuple(sorted((reduce(child) for child in element), key=repr)))
        return (element.tag, element.text or "")

    return reduce(ET.fromstring(xml))


@dataclass(frozen=True)
class Got:
    """What came back."""

    status: int
    location: str = ""
    code: str = ""
    ec: str = ""
    body: bytes = b""
    for_cdn: bool = False


def check(expected: Vector, got: Got) -> None:
    assert got.status == expected["status"], got
    assert got.location == expected.get("location", "") or "location_has" in expected
    assert all(piece in got.location for piece in expected.get("location_has", ()))
    assert got.code == expected.get("code", got.code)
    assert got.ec == expected.get("ec", got.ec)
    assert got.for_cdn == expected.get("for_cdn", False)
    if "body_of" in expected:
        assert got.body == content(expected["body_of"])


def content(key: str) -> bytes:
    return f"content of {key}".encode()


def method_path_query(vector: Vector) -> tuple[str, str, str]:
    method, target = vector["request"].split(" ", 1)
    path, _, query = target.partition("?")
    return method, path, query


# -- the engine alone ------------------------------------------------------------------------------------------------
def play_pure(vector: Vector) -> Got | None:
    """Do around the engine what a server does; None for requests that are not reads, which it must not touch."""
    switches = Switches().changed(vector.get("switches", {}))
    config = website.parse(website.validate(document(vector), switches))
    method, path, query = method_path_query(vector)
    host = vector.get("host", "cn.example").replace("{bucket}", BUCKET)
    bucket, signed = vector.get("bucket", {}), vector.get("signed", "anonymous")
    objects = set(vector.get("objects", ())) - set(vector.get("deleted", ()))
    headers = {name.lower(): value for name, value in vector.get("headers", {}).items()}
    key = unquote(path[1:])
    if signed == "url":
        query = "&".join(filter(None, [query, "OSSAccessKeyId=k&Expires=1&Signature=s"]))
    request = website.Request(method, key, host, query, headers, signed, https=False)
    facts = website.Facts(
        created_at=datetime.fromisoformat(bucket.get("created", "2020-01-01T00:00:00Z")),
        oss_domain=host.endswith(".aliyuncs.com") and "-internal" not in host,
        object_exists=objects.__contains__,
        switches=switches,
    )

    def plain() -> Got:
        status, code = 0, ""
        if bucket.get("acl") == "private" and signed == "anonymous":
            status, code = 403, "AccessDenied"
        elif reply := website.before_lookup(config, request, facts):
            return _got(reply)
        elif "error" in vector:
            status, code = vector["error"]["status"], vector["error"]["code"]
        elif key not in objects:
            status, code = 404, "NoSuchKey"
        elif "if-match" in headers:
            status, code = 412, "PreconditionFailed"
        else:
            return Got(200, body=content(key))
        reply = website.on_error(config, request, facts, status, code)
        return _got(reply) if reply else Got(status, code=code)

    if method not in {"GET", "HEAD"}:
        assert website.before_lookup(config, request, facts) is None
        assert website.on_error(config, request, facts, 404, "NoSuchKey") is None
        return None
    return plain()


def _got(reply: website.Reply) -> Got:
    body = content(reply.serve_key) if reply.serve_key else b""
    status = reply.serve_status if reply.serve_key else reply.status
    return Got(status, reply.location, reply.code, reply.ec, body, reply.for_cdn)


# -- over HTTP -------------------------------------------------------------------------------------------------------
class _Signed(Exception):
    """Carries the request that oss2 was about to send."""


class _Catch:
    def do_request(self, request: Any, timeout: Any) -> Any:
        raise _Signed(request)


class Client:
    """Prepares the one bucket with oss2, and sends requests under any Host name, signed by oss2's own code."""

    def __init__(self, server: Any, version: str = "v1") -> None:
        self.server = server
        kind = {"v1": oss2.Auth, "v2": oss2.AuthV2, "v4": oss2.AuthV4}[version]
        self.auth = kind(server.access_key_id, server.access_key_secret)
        self.owner = oss2.Bucket(self.auth, server.endpoint, BUCKET, region=server.region)

    def prepare(self, vector: Vector) -> None:
        bucket = vector.get("bucket", {})
        self.server.switch(**vars_of(Switches().changed(vector.get("switches", {}))))
        self.owner.create_bucket(bucket.get("acl", "public-read"))
        created = bucket.get("created", "2020-01-01T00:00:00Z")
        self.server.admin("POST", "buckets", {"bucket": BUCKET, "created_at": created})
        self.owner.delete_bucket_website()
        for found in oss2.ObjectIterator(self.owner):
            self.owner.delete_object(found.key)
        for key in vector.get("objects", ()):
            self.owner.put_object(key, content(key))
        for key in vector.get("deleted", ()):
            self.owner.delete_object(key)
        self.owner.put_bucket_website(document(vector))

    def play(self, vector: Vector) -> Got:
        method, path, query = method_path_query(vector)
        host = vector.get("host", "cn.example").replace("{bucket}", BUCKET)
        headers = {name: value.replace("{bucket}", BUCKET) for name, value in vector.get("headers", {}).items()}
        target = path + (f"?{query}" if query else "")
        match vector.get("signed", "anonymous"):
            case "header" | "wrong" as how:
                target, headers = self._signed(how, method, host, path, query, headers)
            case "url":
                bucket = oss2.Bucket(self.auth, f"http://{host}", BUCKET, is_cname=True, region=self.server.region)
                parts = urlsplit(bucket.sign_url(method, unquote(path[1:]), 60, params=_parameters(query)))
                target = f"{parts.path}?{parts.query}"
        return self._send(method, target, {**headers, "Host": host})

    def _signed(
        self, how: str, method: str, host: str, path: str, query: str, headers: dict[str, str]
    ) -> tuple[str, dict[str, str]]:
        auth = type(self.auth)(self.server.access_key_id, "not the secret") if how == "wrong" else self.auth
        bucket = oss2.Bucket(auth, f"http://{host}", BUCKET, is_cname=True, region=self.server.region, session=_Catch())
        try:
            bucket._do(method, BUCKET, unquote(path[1:]), params=_parameters(query), headers=headers)
        except _Signed as caught:
            request = caught.args[0]
        pairs = "&".join(f"{name}={quote(value, safe='')}" if value else name for name, value in request.params.items())
        return urlsplit(request.url).path + (f"?{pairs}" if pairs else ""), {
            k: v for k, v in request.headers.items() if v is not None
        }

    def _send(self, method: str, target: str, headers: dict[str, str]) -> Got:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=20)
        try:
            connection.request(method, target, headers={"Accept-Encoding": "identity", **headers})
            answer = connection.getresponse()
            body = answer.read()
        finally:
            connection.close()
        code = ""
        if answer.status >= 400 and body.lstrip().startswith(b"<?xml"):
            code = ET.fromstring(body).findtext("Code") or ""
        location = (answer.headers.get("Location") or "").encode("latin-1").decode()
        ec = answer.headers.get("x-oss-ec") or ""
        cdn = answer.headers.get(Switches().cdn_header) is not None
        return Got(answer.status, location, code, ec, body, cdn)


def vars_of(switches: Switches) -> dict[str, Any]:
    return {name: getattr(switches, name) for name in Switches.__slots__}


def _parameters(query: str) -> dict[str, str]:
    pairs = (pair.partition("=") for pair in query.split("&") if pair)
    return {unquote(name): unquote(value) for name, _, value in pairs}


__all__ = ["HOSTS", "Client", "Vector", "check", "document", "load", "meaning", "play_pure", "xml_of"]
