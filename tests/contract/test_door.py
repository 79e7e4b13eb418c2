from __future__ import annotations

import oss_rig
import pytest
from fault_proxy import answer, fault_proxy

from migrator.adapters.door import MAX_ANSWER_BYTES, HttpDoor
from migrator.adapters.http import Http
from migrator.errors import EndpointUnreachable
from migrator.sandbox.oss.run import start_oss


@pytest.fixture(scope="module")
def server():
    with start_oss() as running:
        yield running


@pytest.fixture
def public(server):
    return oss_rig.new_bucket(server, "public-read")


def door(server, bucket, *, url="", signed=False, endpoint=""):
    return HttpDoor(
        Http(),
        oss_rig.address(server, bucket, endpoint),
        url=url,
        credentials=oss_rig.credentials(server) if signed else None,
    )


def test_a_rule_in_force_is_seen_with_its_location(server, public):
    oss_rig.website(server, public, oss_rig.redirect_rules("legacy.example.com", "a/"))
    seen = door(server, public).knock("a/s e+n%.txt")
    assert (seen.status, seen.location) == (302, "http://legacy.example.com/a/s%20e%2Bn%25.txt")
    assert seen.request_id
    absent = door(server, public).knock("b/x")
    assert (absent.status, absent.location, absent.error_code) == (404, "", "NoSuchKey")


def test_a_private_bucket_answers_the_signed_reader_only(server):
    private = oss_rig.new_bucket(server)
    oss_rig.website(server, private, oss_rig.redirect_rules("legacy.example.com"))
    unsigned = door(server, private).knock("x")
    assert (unsigned.status, unsigned.error_code) == (403, "AccessDenied")
    assert door(server, private, signed=True).knock("x").status == 302


def test_an_object_that_exists_answers_200_however_long_it_is(server, public):
    oss = oss_rig.destination(server, public)
    oss.create("short", b"x", {})
    oss.create("long", b"x" * (MAX_ANSWER_BYTES + 1), {})
    assert door(server, public).knock("short").status == 200
    assert door(server, public).knock("long").status == 200


@pytest.mark.parametrize("signed", [True, False])
def test_redirects_are_reported_not_followed_and_carry_nothing_on(server, public, signed):
    with fault_proxy(server.endpoint) as elsewhere, fault_proxy(server.endpoint) as cdn:
        cdn.add("GET", answer(302, location=f"{elsewhere.url}/x"))
        custom = door(server, public, url=f"{cdn.url}/{public}", signed=signed)
        seen = custom.knock("x")
        assert (seen.status, seen.location, seen.request_id) == (302, f"{elsewhere.url}/x", "")
        assert elsewhere.seen == []
        assert ("authorization" in cdn.seen[0].headers) == signed
        assert custom.url == f"{cdn.url}/{public}/"


def test_an_unsigned_knock_carries_no_credentials(server, public):
    with fault_proxy(server.endpoint) as cdn:
        door(server, public, url=f"{cdn.url}/{public}").knock("x")
        assert not {name for name in cdn.seen[0].headers if name.startswith("x-oss-") or name == "authorization"}


def test_a_closed_door_is_an_error(server, public):
    with pytest.raises(EndpointUnreachable):
        door(server, public, endpoint="http://127.0.0.1:9").knock("x")
