from __future__ import annotations

import oss_rig
import pytest
from fault_proxy import answer, change, cut_before, fault_proxy, lose_reply

from migrator.adapters.crc64 import crc64_of
from migrator.adapters.credentials import AccessKey
from migrator.adapters.http import Http
from migrator.adapters.oss_client import OssClient
from migrator.adapters.oss_destination import OssDestination
from migrator.adapters.oss_origin import OssOrigin
from migrator.errors import (
    AccessRefused,
    CredentialsRefused,
    EndpointUnreachable,
    Fatal,
    IntegrityMismatch,
    Invalid,
    NotOss,
    Transient,
    Unrepresentable,
)
from migrator.sandbox.oss.config import OssConfig
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


# -- refusals ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("wrong", [{"key_id": "nobody"}, {"secret": "not-the-secret"}])
def test_wrong_keys_are_fatal_and_not_repeated_in_the_message(server, bucket, wrong):
    oss = oss_rig.destination(server, bucket, **wrong)
    for ask in (lambda: oss.head("k"), lambda: oss.create("k", b"", {}), lambda: oss.list_page("")):
        with pytest.raises(CredentialsRefused) as caught:
            ask()
        assert "not-the-secret" not in str(caught.value)
        assert caught.value.hint


def test_temporary_keys_need_their_token():
    with start_oss(OssConfig(sts_token="the-token")) as temporary:
        name = "bucket"
        oss_rig.client(temporary, name, token="the-token").call("PUT")
        assert oss_rig.destination(temporary, name, token="the-token").head("k") is None
        for token in ("", "expired"):
            with pytest.raises(CredentialsRefused):
                oss_rig.destination(temporary, name, token=token).head("k")


def test_keys_renewed_meanwhile_are_used_at_once(server, bucket):
    keys = [AccessKey("old", "old"), AccessKey(server.access_key_id, server.access_key_secret)]

    class Renewing:
        def get(self):
            return keys.pop(0) if len(keys) > 1 else keys[0]

    client = OssClient(Http(), oss_rig.address(server, bucket), Renewing())
    assert OssDestination(client).create("k", b"x", {}).crc64 == crc64_of(b"x")


def test_version_1_signatures_are_accepted_too(server, bucket):
    client = oss_rig.client(server, bucket, region="")
    assert client.call("PUT", "a b/ä", headers={"x-oss-meta-a": "1"}, body=b"x").status == 200
    assert client.call("GET", query={"list-type": "2", "prefix": "a b"}).body.count(b"<Key>") == 1


def _error(status: int, code: str, message: str = "", **headers: str):
    body = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()
    return answer(status, body, x_oss_request_id="1", **headers)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (_error(503, "QpsLimitExceeded", Retry_After="7"), Transient),
        (_error(503, "QpsLimitExceeded", x_oss_qos_delay_time="7000"), Transient),
        (_error(429, "TooManyRequests", Retry_After="7"), Transient),
    ],
)
def test_throttling_says_when_to_come_back(proxied, fault, kind):
    oss, proxy = proxied
    proxy.add("PUT", fault)
    with pytest.raises(kind) as caught:
        oss.create("k", b"x", {})
    assert caught.value.retry_after_s == 7.0


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (_error(500, "InternalError"), Transient),
        (_error(403, "SecurityTokenExpired"), CredentialsRefused),
        (_error(403, "RequestTimeTooSkewed"), Fatal),
        (_error(403, "AccessDenied"), AccessRefused),
        (_error(400, "InvalidObjectName"), Unrepresentable),
        (_error(400, "InvalidDigest"), IntegrityMismatch),
        (cut_before, Transient),
        (lose_reply, Transient),
        (change(x_oss_hash_crc64ecma="1"), IntegrityMismatch),
        (change(x_oss_hash_crc64ecma=None), IntegrityMismatch),
        (change(x_oss_request_id=None), NotOss),
    ],
)
def test_failed_writes_are_typed(proxied, fault, kind):
    oss, proxy = proxied
    proxy.add("PUT", fault)
    with pytest.raises(kind) as caught:
        oss.create("k", b"x", {})
    assert str(caught.value)


def test_a_refused_connection_names_the_endpoint(server, bucket):
    oss = oss_rig.destination(server, bucket, endpoint="http://127.0.0.1:9")
    with pytest.raises(EndpointUnreachable, match=r"127\.0\.0\.1:9"):
        oss.head("k")


def test_the_client_needs_a_scheme(server):
    with pytest.raises(Invalid) as caught:
        oss_rig.client(server, "b", endpoint="oss-cn-hangzhou.aliyuncs.com").ask("GET")
    assert "https://oss-" in caught.value.hint
