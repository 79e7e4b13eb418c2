"""The readers' door as preflight meets it: OSS's own domain, custom domains, CDNs."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from preflight_fixtures import origin, oss, rt, scene

from migrator.adapters.door import HttpDoor
from migrator.adapters.http import Http
from migrator.adapters.oss_client import BucketAddress
from migrator.app.preflight import Level
from migrator.domain.assumptions import NO, YES, Learned
from migrator.ports import BucketDetails
from migrator.runtime import Wiring

__all__ = ["origin", "oss", "rt", "scene"]
"""Fixtures."""


RULE = (
    "<RoutingRules><RoutingRule><RuleNumber>1</RuleNumber><Condition>{condition}</Condition><Redirect>"
    "<RedirectType>External</RedirectType><Protocol>https</Protocol><HostName>x.example</HostName>"
    "<HttpRedirectCode>{code}</HttpRedirectCode></Redirect></RoutingRule></RoutingRules>"
)
STATUS_404 = "<HttpErrorCodeReturnedEquals>404</HttpErrorCodeReturnedEquals>"


# -- the door ------------------------------------------------------------------------------------------------------
class Behind(Http):
    """Reaches the sandbox under any host name, with answers dressed as a CDN dresses them."""

    def __init__(self, port, added=()):
        super().__init__()
        self._port, self._added = port, dict(added)

    def request(self, method, url, *, headers=(), **more):
        parts = urlsplit(url)
        there = parts._replace(scheme="http", netloc=f"127.0.0.1:{self._port}").geturl()
        answer = super().request(method, there, headers={**dict(headers), "host": parts.netloc}, **more)
        kept = {name: value for name, value in answer.headers.items() if name not in self._added}
        dressed = {**kept, **{name: value for name, value in self._added.items() if value}}
        return type(answer)(answer.status, dressed, answer.body)


class Around(Wiring):
    """The usual wiring with one door at an OSS domain, and other details of the bucket."""

    def __init__(self, oss, *, endpoint, details=None, added=()):
        super().__init__()
        self._oss, self._endpoint, self._details, self._added = oss, endpoint, details, added

    def doors(self, spec):
        address = BucketAddress(self._endpoint, spec.destination.bucket, self._oss.region)
        return (HttpDoor(Behind(self._oss.port, self._added), address, url=spec.readers.url or ""),)

    def control(self, spec):
        control = super().control(spec)
        if self._details is None:
            return control
        return type(
            "Described",
            (),
            {"info": control.info, "get_website": control.get_website, "details": lambda _: self._details},
        )()


def behind(rt, oss, *, endpoint="https://oss-cn-hangzhou.aliyuncs.com", **more):
    wiring = Around(oss, endpoint=endpoint, **more)
    return type(rt)(rt.settings, rt.store, rt.dispatcher, wiring, rt.clock, rt.worker, rt.drain)


DOMAIN = "https://{bucket}.oss-cn-hangzhou.aliyuncs.com"


@pytest.mark.parametrize("signed", [False, True])
def test_a_new_bucket_without_a_custom_domain(rt, oss, scene, signed):
    readers = {"url": DOMAIN.format(bucket=scene.bucket), "signed": signed}
    details = BucketDetails(cnames=("img.example.com",), cors=(), expiring=(), accelerated=False)
    found = scene.found(behind(rt, oss, details=details), readers=readers)
    assert found["readers.custom-domain"].level is (Level.WARNING if signed else Level.ERROR)
    assert "ExternalRedirectForbidden" in found["readers.custom-domain"].message
    assert "img.example.com" in found["readers.custom-domain"].remedy
    assert ("readers.force-download" in found) is not signed


def test_an_old_bucket_is_spared_until_acceleration_is_used(rt, oss, scene):
    oss.admin("POST", "buckets", {"bucket": scene.bucket, "created_at": "2024-08-04T15:59:59+00:00"})
    assert "readers.custom-domain" not in scene.found(
        behind(rt, oss), readers={"url": DOMAIN.format(bucket=scene.bucket)}
    )
    fast = f"https://{scene.bucket}.oss-accelerate.aliyuncs.com"
    assert "readers.custom-domain" in scene.found(behind(rt, oss), readers={"url": fast})


def test_what_a_probe_found_out_counts_more_than_the_date(rt, oss, scene):
    readers = {"url": DOMAIN.format(bucket=scene.bucket)}
    into = scene.spec().destination
    bucket = rt.store.rules.add_bucket(into.endpoint, into.region, into.bucket)
    rt.store.assumptions.save(bucket.id, [Learned("forbidden_applies", NO), Learned("head_redirects", YES)])
    found = scene.found(behind(rt, oss), readers=readers)
    assert "readers.custom-domain" not in found
    assert "readers.head" not in found


def test_a_refusal_at_the_door_itself(rt, oss, scene):
    scene.website(RULE.format(condition=STATUS_404, code=302))
    found = scene.found(behind(rt, oss), readers={"url": DOMAIN.format(bucket=scene.bucket)})
    assert found["readers.custom-domain"].level is Level.ERROR


@pytest.mark.parametrize("from_cdn", [False, True])
@pytest.mark.parametrize("header", [("via", "cache1.cn1[0,0,404-1280,H]"), ("x-cache", "MISS TCP_MISS"), ("age", "5")])
def test_a_cdn_in_front(rt, oss, scene, origin, from_cdn, header):
    there = behind(rt, oss, endpoint="https://cdn.example", added=[header])
    redirect = {"url": f"{origin.url}/", "from_cdn": from_cdn}
    found = scene.found(
        there, redirect=redirect, readers={"url": f"https://{scene.bucket}.oss-cn-x.aliyuncs.com.example"}
    )
    is_cdn = header[0] != "age"
    assert ("readers.cdn-caches-redirect" in found) is (is_cdn and not from_cdn)
    assert ("readers.no-cdn-seen" in found) is (from_cdn and not is_cdn)


def test_a_door_that_is_not_oss(rt, oss, scene):
    there = behind(rt, oss, added=[("x-oss-request-id", "")])
    found = scene.found(there, readers={"url": DOMAIN.format(bucket=scene.bucket)})
    assert found["readers.not-oss"].level is Level.WARNING


def test_a_domain_that_is_not_bound(rt, oss, scene):
    details = BucketDetails(cnames=("img.example.com",), cors=(), expiring=(), accelerated=False)
    there = behind(rt, oss, details=details)
    url = f"https://{scene.bucket}.files.example"
    assert scene.found(there, readers={"url": url})["readers.unbound-domain"].level is Level.NOTE


def test_an_internal_endpoint_is_no_door(rt, oss, scene):
    destination = {**scene.document()["destination"], "endpoint": "https://oss-cn-hangzhou-internal.aliyuncs.com"}
    spec = scene.spec(destination=destination)

    class Inside(Around):
        def control(self, _):
            return super().control(scene.spec())

    inside = Inside(oss, endpoint=destination["endpoint"])
    there = type(rt)(rt.settings, rt.store, rt.dispatcher, inside, rt.clock, rt.worker, rt.drain)
    assert spec.destination.endpoint == destination["endpoint"]
    assert scene.found(there, destination=destination)["readers.no-door"].level is Level.WARNING
