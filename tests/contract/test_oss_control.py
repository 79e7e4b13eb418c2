from __future__ import annotations

import datetime as dt
import logging

import oss_rig
import pytest
from fault_proxy import answer, cut_before, fault_proxy

from migrator.adapters.oss_control import OssControl
from migrator.errors import (
    AccessRefused,
    BucketMissing,
    CredentialsRefused,
    EndpointUnreachable,
    Invalid,
    NotOss,
    Transient,
)
from migrator.sandbox.oss.run import start_oss

DOCUMENT = (
    b"<WebsiteConfiguration>\n <IndexDocument><Suffix>index.html</Suffix><SupportSubDir>true</SupportSubDir>"
    b"<Type>1</Type></IndexDocument></WebsiteConfiguration>"
)


@pytest.fixture(scope="module")
def server():
    with start_oss() as running:
        yield running


@pytest.fixture
def bucket(server):
    return oss_rig.new_bucket(server)


def control(server, bucket, endpoint="", region=None, **key):
    return OssControl(oss_rig.address(server, bucket, endpoint, region), oss_rig.credentials(server, **key))


@pytest.mark.parametrize("acl", ["private", "public-read"])
def test_the_bucket_is_described(server, acl):
    name = oss_rig.new_bucket(server, acl)
    info = control(server, name).info()
    assert (info.name, info.acl, info.versioned, info.region) == (name, acl, False, server.region)
    assert info.created_at.tzinfo is not None
    assert abs(info.created_at - dt.datetime.now(dt.UTC)) < dt.timedelta(days=1)


@pytest.mark.parametrize("status", ["Enabled", "Suspended"])
def test_a_versioned_bucket_is_recognised_also_when_suspended(server, bucket, status):
    document = f"<VersioningConfiguration><Status>{status}</Status></VersioningConfiguration>".encode()
    oss_rig.client(server, bucket).call("PUT", query={"versioning": ""}, body=document)
    assert control(server, bucket).info().versioned


@pytest.mark.parametrize("region", [None, ""])
def test_the_website_document_goes_there_and_back(server, bucket, region):
    oss = control(server, bucket, region=region)
    assert oss.get_website() is None
    oss.put_website(DOCUMENT)
    read = oss.get_website()
    assert b"<SupportSubDir>true</SupportSubDir>" in read
    assert b"<Type>1</Type>" in read
    oss.delete_website()
    oss.delete_website()
    assert oss.get_website() is None


def test_what_is_put_is_sent_byte_for_byte(server, bucket):
    sent = []
    with fault_proxy(server.endpoint) as proxy:

        def keep(forward):
            sent.append(proxy.seen[-1])
            return forward()

        proxy.add("PUT", keep)
        control(server, bucket, endpoint=proxy.url).put_website(DOCUMENT)
    assert int(sent[0].headers["content-length"]) == len(DOCUMENT)


def _all(oss):
    return (oss.info, oss.get_website, lambda: oss.put_website(DOCUMENT), oss.delete_website)


def test_a_missing_bucket_is_said(server):
    for ask in _all(control(server, "no-such-bucket-here")):
        with pytest.raises(BucketMissing):
            ask()


@pytest.mark.parametrize("wrong", [{"key_id": "nobody"}, {"secret": "not-the-secret"}])
def test_wrong_keys_are_said_with_the_remedy(server, bucket, wrong):
    for ask in _all(control(server, bucket, **wrong)):
        with pytest.raises(CredentialsRefused) as caught:
            ask()
        assert caught.value.hint


def test_nobody_at_the_endpoint(server, bucket):
    for ask in _all(control(server, bucket, endpoint="http://127.0.0.1:9")):
        with pytest.raises(EndpointUnreachable):
            ask()


def test_a_bad_bucket_name_is_bad_input(server):
    with pytest.raises(Invalid):
        control(server, "Not_A_Bucket")


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (answer(200, b"<html/>"), NotOss),
        (answer(404, b"<Error><Code>NoSuchWebsiteConfiguration</Code></Error>"), NotOss),
        (answer(502), NotOss),
        (answer(503, b"<Error><Code>ServiceUnavailable</Code></Error>", x_oss_request_id="1"), Transient),
        (answer(403, b"<Error><Code>AccessDenied</Code></Error>", x_oss_request_id="1"), AccessRefused),
        (answer(404, b"<Error><Code>NoSuchKey</Code></Error>", x_oss_request_id="1"), Exception),
        (cut_before, Transient),
    ],
)
def test_only_oss_itself_says_that_there_is_no_document(server, bucket, fault, kind):
    with fault_proxy(server.endpoint) as proxy:
        proxy.add("GET", fault)
        with pytest.raises(kind):
            control(server, bucket, endpoint=proxy.url).get_website()


def test_redirects_are_not_followed_and_no_token_goes_elsewhere(server, bucket):
    with fault_proxy(server.endpoint) as elsewhere, fault_proxy(server.endpoint) as proxy:
        for method in ("GET", "PUT", "DELETE"):
            proxy.add(method, answer(307, location=f"{elsewhere.url}/{bucket}?website"), times=2)
        for ask in _all(control(server, bucket, endpoint=proxy.url, token="canary-token")):
            with pytest.raises(NotOss):
                ask()
        assert elsewhere.seen == []


def test_no_secret_reaches_a_log_even_at_debug(server, bucket, caplog):
    secret, token = "canary-secret-1f9a", "canary-token-77c2"
    caplog.set_level(logging.DEBUG)
    for name in ("oss2", "oss2.api", "oss2.auth", "oss2.http", "urllib3"):
        logging.getLogger(name).setLevel(logging.DEBUG)
    for ask in _all(control(server, bucket, secret=secret, token=token)):
        with pytest.raises(CredentialsRefused):
            ask()
    assert secret not in caplog.text
    assert token not in caplog.text
    assert "Signature=" not in caplog.text


def test_the_environments_proxy_and_netrc_are_not_used(server, bucket, monkeypatch, tmp_path):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login a password b\n")
    monkeypatch.setenv("NETRC", str(netrc))
    assert control(server, bucket).get_website() is None
