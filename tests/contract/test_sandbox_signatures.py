"""Who the sandbox OSS lets in: signatures of all versions, tokens, ACLs, host names."""

from __future__ import annotations

import time
from urllib.parse import urlsplit

import oss2
import pytest
from sandbox_rig import AUTHS, SESSION, bucket, raw, sdk

from migrator.sandbox.oss.config import OssConfig
from migrator.sandbox.oss.run import start_oss

KEYS = ["a b/ü+%", "?x=&y", "~(*)'!", "a/../b", "\x01"]


@pytest.fixture(scope="module")
def oss():
    with start_oss(OssConfig(cnames={"img.example.com": "cname-bucket"})) as running:
        yield running


@pytest.fixture(params=sorted(AUTHS))
def version(request):
    return request.param


def _error(call, *arguments, **options):
    with pytest.raises(oss2.exceptions.ServerError) as error:
        call(*arguments, **options)
    return error.value


def test_signed_requests_for_hostile_keys(oss, version):
    made = bucket(oss, auth=version)
    for key in KEYS:
        made.put_object(key, b"x", headers={"x-oss-meta-u": "ü".encode(), "Content-Type": "text/x"})
        assert made.get_object(key, byte_range=(0, 0), params={"response-content-type": "a b"}).read() == b"x"
    assert [item.key for item in oss2.ObjectIterator(made)] == sorted(KEYS)


def test_signed_urls(oss, version):
    made = bucket(oss, auth=version)
    for key in [key for key in KEYS if not key.startswith("?")]:
        url = urlsplit(made.sign_url("PUT", key, 60, slash_safe=True))
        assert raw(oss, "PUT", f"{url.path}?{url.query}", b"x").status == 200
        url = urlsplit(made.sign_url("GET", key, 60))
        assert raw(oss, "GET", f"{url.path}?{url.query}").body == b"x"
        tampered = raw(oss, "GET", f"{url.path}x?{url.query}")
        assert (tampered.status, tampered.code) == (403, "SignatureDoesNotMatch")


def test_an_expired_url_is_refused_before_its_signature_is_looked_at(oss, version):
    made = bucket(oss, auth=version)
    url = urlsplit(made.sign_url("GET", "k", -1 if version != "v4" else 1))
    query = url.query.replace("x-oss-date=2", "x-oss-date=1") if version == "v4" else f"{url.query}broken"
    reply = raw(oss, "GET", f"{url.path}?{query}")
    assert (reply.status, reply.code) == (403, "AccessDenied")
    assert b"expired" in reply.body


def test_a_wrong_secret_an_unknown_key(oss, version):
    name = bucket(oss).bucket_name
    error = _error(sdk(oss, name, auth=version, secret="wrong").get_object, "k")
    assert (error.status, error.code) == (403, "SignatureDoesNotMatch")
    stranger = oss2.Bucket(AUTHS[version]("stranger", "x"), oss.endpoint, name, region=oss.region, session=SESSION)
    error = _error(stranger.get_object, "k")
    assert (error.status, error.code, error.ec) == (403, "InvalidAccessKeyId", "0002-00000902")


def test_a_wrong_region_is_told_apart_by_where_it_stands(oss):
    made = sdk(oss, bucket(oss).bucket_name, region="cn-beijing")
    error = _error(made.get_object, "k")
    assert (error.status, error.code, error.ec) == (400, "InvalidArgument", "0002-00000226")
    assert error.message == "Invalid signing region in Authorization header."
    url = urlsplit(made.sign_url("GET", "k", 60))
    assert b"The signing region in credential is invalid." in raw(oss, "GET", f"{url.path}?{url.query}").body


def test_a_clock_that_is_off_is_refused(oss):
    made = bucket(oss, auth="v1")
    late = {"x-oss-date": oss2.utils.http_date(int(time.time()) - 16 * 60)}
    assert _error(made.get_object, "k", headers=late).code == "RequestTimeTooSkewed"


def test_half_a_url_signature_and_two_signatures(oss):
    name = bucket(oss).bucket_name
    reply = raw(oss, "GET", f"/{name}/k?OSSAccessKeyId=a&Expires=99999999999")
    assert (reply.status, reply.code) == (403, "AccessDenied")
    assert b"Query-string authentication requires the Signature, Expires and OSSAccessKeyId parameters" in reply.body
    url = urlsplit(sdk(oss, name, auth="v1").sign_url("GET", "k", 60))
    reply = raw(oss, "GET", f"{url.path}?{url.query}", headers={"Authorization": "OSS a:b"})
    assert (reply.status, reply.code) == (400, "InvalidArgument")


def test_a_temporary_key_needs_its_token(version):
    with start_oss(OssConfig(sts_token="token")) as oss:
        for token, code in (("token", ""), ("other", "InvalidSecurityToken"), ("", "InvalidAccessKeyId")):
            key = oss2.StsAuth(oss.access_key_id, oss.access_key_secret, token, version)
            made = oss2.Bucket(key, oss.endpoint, "temporary", region=oss.region, session=SESSION)
            if not code:
                made.create_bucket()
                url = urlsplit(made.sign_url("GET", "k", 60))
                assert raw(oss, "GET", f"{url.path}?{url.query}").code == "NoSuchKey"
            else:
                assert _error(made.get_bucket_info).code == code


def test_a_private_bucket_tells_strangers_nothing(oss):
    made = bucket(oss)
    made.put_object("there", b"x")
    for key in ("there", "absent"):
        reply = raw(oss, "GET", f"/{made.bucket_name}/{key}")
        assert (reply.status, reply.code) == (403, "AccessDenied")
    made.put_object_acl("there", "public-read")
    assert raw(oss, "GET", f"/{made.bucket_name}/there").body == b"x"


def test_a_public_bucket_can_be_read_and_not_written(oss):
    made = bucket(oss, "public-read")
    made.put_object("k", b"x")
    assert raw(oss, "GET", f"/{made.bucket_name}/k").body == b"x"
    assert raw(oss, "GET", f"/{made.bucket_name}/absent").code == "NoSuchKey"
    for method, path in (("PUT", "k"), ("DELETE", "k"), ("GET", "?acl"), ("GET", "?website"), ("GET", "k?acl")):
        body = b"y" if method == "PUT" else None
        assert raw(oss, method, f"/{made.bucket_name}/{path}", body).code == "AccessDenied", path


def test_host_names_choose_the_bucket(oss):
    made = bucket(oss, "public-read", name="cname-bucket")
    made.put_object("a//b", b"x")
    for host in (
        "cname-bucket.oss-cn-hangzhou.aliyuncs.com",
        "cname-bucket.oss-cn-hangzhou-internal.aliyuncs.com:80",
        "cname-bucket.localhost",
        "IMG.example.com",
    ):
        assert raw(oss, "GET", "/a//b", host=host).body == b"x", host
    assert raw(oss, "GET", "/a//b", host="other.example.com").code == "NoSuchBucket"
    assert raw(oss, "GET", "/cname-bucket/a//b", host="localhost:1").body == b"x"


def test_virtual_host_signatures_cover_the_bucket(oss, version):
    made = oss2.Bucket(
        AUTHS[version](oss.access_key_id, oss.access_key_secret),
        "http://oss-cn-hangzhou.aliyuncs.com",
        bucket(oss).bucket_name,
        region=oss.region,
        session=SESSION,
    )
    url = urlsplit(made.sign_url("GET", "absent", 60))
    assert raw(oss, "GET", f"{url.path}?{url.query}", host=url.netloc).code == "NoSuchKey"
