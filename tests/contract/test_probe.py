"""The probe against the sandbox: each answer follows its switch."""

from __future__ import annotations

import json
from contextlib import contextmanager
from urllib.parse import urlsplit

import oss_rig
import pytest
from probe_rig import answers, oss, place, rt, switched

from migrator.adapters.door import HttpDoor
from migrator.adapters.http import Http
from migrator.adapters.oss_client import BucketAddress
from migrator.app.probe import probe
from migrator.domain import rules
from migrator.domain.assumptions import NO, NOT_ASKED, QUESTIONS, UNCLEAR, YES, assume
from migrator.domain.simulate import Assumptions
from migrator.runtime import Wiring

__all__ = ["oss", "place", "rt", "switched"]
"""Fixtures."""


CORS = (
    "<CORSConfiguration><CORSRule><AllowedOrigin>https://*.example.com</AllowedOrigin>"
    "<AllowedMethod>GET</AllowedMethod></CORSRule></CORSConfiguration>"
)


def test_every_question_is_answered_and_nothing_is_left(rt, place):
    before, spec = place.website(), place.spec()
    learned = probe(rt, spec, patience_s=10)
    found = answers(learned)
    assert list(found) == list(QUESTIONS)
    assert {name for name, answer in found.items() if answer == NOT_ASKED} == {
        "forbidden_applies",
        "header_signed_exempt",
        "cors_on_redirect",
        "versioned_refuses_rules",
    }
    assert UNCLEAR not in found.values()
    assert {name: found[name] for name in USUAL} == USUAL
    assert all(each.evidence for each in learned)
    assert (float(found["rule_arrives_s"]), float(found["rule_leaves_s"])) < (10, 10)
    assert place.website() == before
    assert place.keys() == ["error.html"]
    known = rt.store.rules.bucket_at(place.oss.endpoint, place.bucket)
    assert rt.store.rules.own(known.id) == ()
    assert answers(rt.store.assumptions.of(known.id)) == found
    assert assume(learned) == Assumptions()  # the sandbox's defaults are the best evidence, too
    assert rt.store.leases.holder(f"rules:{known.id}") is None


FLIPPED = {
    "head_redirects": YES,
    "range_redirects": NO,
    "subresources_redirect": YES,
    "unconditional_rules": NO,
    "denied_reads_redirect": NO,
    "signature_in_location": NO,
    "replace_prefix_without_flag": NO,
    "location_encoded": NO,
    "duplicates_allowed": NO,
    "unknown_elements_kept": NO,
    "error_page_first": YES,
    "stale_reads": YES,
}
"""Every switch of the sandbox that the probe asks about, and the answer when it stands other than by default."""
USUAL = {name: NO if answer == YES else YES for name, answer in FLIPPED.items()}


@pytest.mark.parametrize(
    ("name", "acl"), [*((name, "public-read") for name in FLIPPED), ("denied_reads_redirect", "private")]
)
def test_the_answer_follows_the_switch(rt, place, switched, name, acl):
    if acl == "private":
        place.client.call("PUT", query={"acl": ""}, headers={"x-oss-acl": "private"})
    if name == "stale_reads":
        switched(propagation_delay_s=0.3)
    if acl == "private":
        assert answers(probe(rt, place.spec(), patience_s=10))[name] == USUAL[name]
    before = place.website()
    switched(**{name: FLIPPED[name] == YES})
    assert answers(probe(rt, place.spec(), patience_s=10))[name] == FLIPPED[name]
    rules_before = rules.parse(before)
    assert [live.fingerprint for live in rules.parse(place.website()).rules] == [
        live.fingerprint for live in rules_before.rules
    ]


@pytest.mark.parametrize(("refuses", "answer"), [(True, YES), (False, NO)])
def test_a_versioned_bucket(rt, place, switched, refuses, answer):
    place.client.call("DELETE", query={"website": ""})
    document = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
    place.client.call("PUT", query={"versioning": ""}, body=document)
    switched(versioned_refuses_rules=refuses)
    found = answers(probe(rt, place.spec(), patience_s=10))
    assert found["versioned_refuses_rules"] == answer
    assert found["forbid_overwrite_holds"] == found["unconditional_rules"] == NOT_ASKED
    assert (found["head_redirects"] == NOT_ASKED) is refuses
    assert place.keys() == ["error.html"]
    versions = place.client.ask("GET", query={"list-type": "2", "prefix": ".migrator"})
    assert b"<Contents>" not in versions.body


@pytest.mark.parametrize(("carried", "answer"), [(False, NO), (True, YES)])
def test_cors_headers_on_the_redirect(rt, place, switched, carried, answer):
    place.client.call("PUT", query={"cors": ""}, body=CORS.replace("https://*.example.com", "*").encode())
    switched(cors_on_redirect=carried)
    assert answers(probe(rt, place.spec(), patience_s=10))["cors_on_redirect"] == answer


def test_propagation_is_timed_and_waited_for(rt, place, switched):
    switched(propagation_delay_s=0.4)
    found = answers(probe(rt, place.spec(), patience_s=20))
    assert float(found["rule_arrives_s"]) > 0.2
    assert float(found["rule_leaves_s"]) > 0.2
    assert found["head_redirects"] == NO
    assert found["stale_reads"] == NO


# -- OSS's own domain ----------------------------------------------------------------------------------------------
class ToLoopback(Http):
    """Sends every request to the sandbox, under the host name that it was meant for."""

    def __init__(self, port):
        super().__init__()
        self._port = port

    def request(self, method, url, *, headers=(), **more):
        parts = urlsplit(url)
        there = parts._replace(scheme="http", netloc=f"127.0.0.1:{self._port}").geturl()
        return super().request(method, there, headers={**dict(headers), "host": parts.netloc}, **more)


class ThroughOssDomain(Wiring):
    """The usual wiring, but readers and questions come through OSS's public domain."""

    def __init__(self, oss):
        super().__init__()
        self._oss = oss

    def _door(self, spec, credentials):
        address = BucketAddress("https://oss-cn-hangzhou.aliyuncs.com", spec.destination.bucket, self._oss.region)
        return HttpDoor(ToLoopback(self._oss.port), address, credentials=credentials)

    def doors(self, spec):
        return (self._door(spec, None),)

    def endpoint(self, spec):
        return self._door(spec, oss_rig.credentials(self._oss))


@contextmanager
def through_oss_domain(rt, oss):
    yield type(rt)(rt.settings, rt.store, rt.dispatcher, ThroughOssDomain(oss), rt.clock, rt.worker, rt.drain)


@pytest.mark.parametrize(
    ("switches", "applies", "exempt"),
    [
        ({}, YES, YES),
        ({"header_signed_exempt": False}, YES, NO),
        ({"forbidden_applies": False}, NO, NOT_ASKED),
    ],
)
def test_the_refusal_of_redirects_on_new_buckets(rt, oss, place, switched, switches, applies, exempt):
    switched(**switches)
    with through_oss_domain(rt, oss) as there:
        found = answers(probe(there, place.spec(), patience_s=10))
    assert (found["forbidden_applies"], found["header_signed_exempt"]) == (applies, exempt)
    assert found["signature_in_location"] == YES


def test_old_buckets_are_not_refused_and_say_so(rt, oss, place):
    oss.admin("POST", "buckets", {"bucket": place.bucket, "created_at": "2024-08-04T15:59:59+00:00"})
    with through_oss_domain(rt, oss) as there:
        learned = {each.question: each for each in probe(there, place.spec(), patience_s=10)}
    assert learned["forbidden_applies"].answer == NOT_ASKED
    assert "created on 2024-08-04" in learned["forbidden_applies"].evidence


def test_no_signature_is_written_down(rt, oss, place):
    with through_oss_domain(rt, oss) as there:
        learned = probe(there, place.spec(), patience_s=10)
    text = json.dumps([each.evidence for each in learned])
    assert "x-oss-signature" in text  # its name
    assert oss.access_key_id not in text
    assert "OSS4-HMAC" not in text
