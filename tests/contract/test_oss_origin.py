from __future__ import annotations

import oss_rig
import pytest
from fault_proxy import answer, fault_proxy

from migrator.adapters.oss_origin import OssOrigin
from migrator.errors import (
    IntegrityMismatch,
    ObjectChanged,
    ObjectVanished,
)
from migrator.sandbox.oss.run import start_oss

PART = 100 * 1024


@pytest.fixture(scope="module")
def server():
    with start_oss() as running:
        yield running


@pytest.fixture
def bucket(server):
    return oss_rig.new_bucket(server)


@pytest.fixture
def oss(server, bucket):
    return oss_rig.destination(server, bucket)


@pytest.fixture
def origin(server, bucket):
    return OssOrigin(oss_rig.client(server, bucket))


@pytest.fixture
def proxied(server, bucket):
    with fault_proxy(server.endpoint) as proxy:
        yield oss_rig.destination(server, bucket, endpoint=proxy.url), proxy
        assert not proxy.unused


# -- the same bucket as an origin --------------------------------------------------------------------------------------
def test_ranges_are_exact(oss, origin):
    oss.create("k", b"0123456789", {"content-type": "text/plain"})
    head, body = origin.read("k", start=2, end=5)
    assert (body, head.size_bytes) == (b"234", 10)
    assert origin.read("k", start=8)[1] == b"89"
    assert origin.read("k", start=0, end=10)[1] == b"0123456789"
    with pytest.raises(ObjectChanged):
        origin.read("k", start=8, end=20)


def test_another_version_and_a_vanished_object_are_told_apart(oss, origin):
    oss.create("k", b"x", {})
    with pytest.raises(ObjectChanged):
        origin.read("k", if_match="0" * 32)
    with pytest.raises(ObjectVanished):
        origin.read("gone")
    with pytest.raises(ObjectVanished):
        origin.head("gone")


def test_texts_are_not_packed_on_the_way(oss, origin):
    body = b"text " * 1000
    oss.create("k.txt", body, {"content-type": "text/plain"})
    assert origin.read("k.txt")[1] == body


@pytest.mark.parametrize(
    "wrong",
    [
        answer(206, b"345", x_oss_request_id="1", content_range="bytes 3-5/10"),
        answer(206, b"234", x_oss_request_id="1"),
    ],
)
def test_another_range_than_asked_for_is_refused(server, bucket, wrong):
    with fault_proxy(server.endpoint) as proxy:
        proxy.add("GET", wrong)
        with pytest.raises(IntegrityMismatch):
            OssOrigin(oss_rig.client(server, bucket, endpoint=proxy.url)).read("k", start=2, end=5)


def test_damaged_bytes_are_noticed(server, bucket, oss):
    oss.create("k", b"0123456789", {})
    with fault_proxy(server.endpoint) as proxy:

        def flip(forward):
            reply = forward()
            reply.body = b"1" + reply.body[1:]
            return reply

        proxy.add("GET", flip)
        with pytest.raises(IntegrityMismatch):
            OssOrigin(oss_rig.client(server, bucket, endpoint=proxy.url)).read("k")
