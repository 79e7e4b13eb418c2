"""The simulator answers the vectors under tests/cases/website as they say OSS does."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from urllib.parse import unquote
from xml.sax.saxutils import escape

import pytest

from migrator.domain.rules import parse
from migrator.domain.simulate import Assumptions, Bucket, Request, Signing, simulate

CASES = Path(__file__).parent.parent / "cases" / "website"


def element(name, value):
    if isinstance(value, list):
        return "".join(element(name, each) for each in value)
    if isinstance(value, dict):
        value = "".join(element(below, each) for below, each in value.items())
    else:
        value = escape(str(value), {"\r": "&#13;"})
    return f"<{name}>{value}</{name}>"


def website(described):
    inner = ""
    for name, value in described.items():
        inner += (
            f"<RoutingRules>{element('RoutingRule', value)}</RoutingRules>"
            if name == "RoutingRules"
            else element(name, value)
        )
    return f"<WebsiteConfiguration>{inner}</WebsiteConfiguration>".encode() if inner else None


def vectors():
    for file in sorted(CASES.glob("*.json")):
        for vector in json.loads(file.read_text("utf-8"))["vectors"]:
            # Signatures and headers that only a server can check are not the simulator's.
            if "expected" in vector and vector.get("signed") != "wrong":
                yield pytest.param(vector, id=f"{file.stem}: {vector['name']}")


def status_without_rules(vector):
    """What OSS would answer where that follows from more than whether the object exists."""
    headers = vector.get("headers", {})
    if "x-oss-copy-source" in headers:
        return 404
    return vector.get("error", {}).get("status") or (412 if "If-Match" in headers else None)


@pytest.mark.parametrize("vector", list(vectors()))
def test_a_vector(vector):
    method, _, url = vector["request"].partition(" ")
    path, _, query = url.partition("?")
    host = vector.get("host", "cn.example").replace("{bucket}", "b")
    facts = vector.get("bucket", {})
    expected = vector["expected"]
    objects = set(vector.get("objects", [])) - set(vector.get("deleted", []))
    request = Request(
        key=unquote(path[1:]),
        method=method,
        host=host,
        scheme="http",
        headers=vector.get("headers", {}),
        query=query,
        signed=Signing(vector.get("signed", "anonymous")),
        status=status_without_rules(vector),
    )
    bucket = Bucket(
        objects=objects,
        exists=expected.get("code") != "NoSuchBucket",
        acl=facts.get("acl", "public-read"),
        mirror_origin_status=0,
        created_at=datetime.fromisoformat(facts["created"]) if "created" in facts else None,
    )
    if "location_has" in expected:
        pytest.skip("only a client makes the signature that is passed on")
    document = parse(website(vector["website"])) if "website" in vector else parse(vector["document"].encode())
    outcome = simulate(document, request, bucket, Assumptions(**vector.get("switches", {})))
    assert outcome.status == expected["status"], outcome
    assert outcome.location == expected.get("location", ""), outcome
    if "body_of" in expected:
        assert outcome.body_from in {"object", "index", "error"}
    if "code" in expected and expected["code"] in {
        "ExternalRedirectForbidden",
        "NoSuchKey",
        "NoSuchBucket",
        "AccessDenied",
    }:
        assert outcome.error_code == expected["code"]
