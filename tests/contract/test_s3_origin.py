"""How an S3 origin understands what servers say, rightly or wrongly."""

from __future__ import annotations

import gzip
import json

import boto3
import pytest
from hostile import KEYS
from origin_rigs import Fixed, S3Rig, quiet_moto
from raw_server import raw_server, reply

from migrator.adapters.credentials import AccessKey
from migrator.adapters.http import Http
from migrator.adapters.s3_origin import S3Origin
from migrator.errors import (
    AccessRefused,
    BucketMissing,
    CredentialsRefused,
    EndpointUnreachable,
    Fatal,
    IntegrityMismatch,
    Invalid,
    MigratorError,
    ObjectChanged,
    ObjectVanished,
    Permanent,
    Transient,
)


def origin(endpoint: str, **given) -> S3Origin:
    return S3Origin(
        Http(), **{"bucket": "legacy", "region": "us-east-1", "endpoint": endpoint, "credentials": None} | given
    )


def failure(code: str, status: str, headers: dict[str, str] | None = None, more: str = "") -> bytes:
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>Said so.</Message>{more}</Error>"
    return reply(body.encode(), status=status, headers=headers)


def asked(answer: bytes, call=lambda o: o.read("k")) -> MigratorError:
    with raw_server(answer) as raw, pytest.raises(MigratorError) as caught:
        call(origin(raw.url))
    return caught.value


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("NoSuchKey", "404 Not Found", ObjectVanished),
        ("NoSuchBucket", "404 Not Found", BucketMissing),
        ("SomethingElse", "404 Not Found", Transient),
        ("PreconditionFailed", "412 Precondition Failed", ObjectChanged),
        ("InvalidRange", "416 Range Not Satisfiable", ObjectChanged),
        ("AccessDenied", "403 Forbidden", AccessRefused),
        ("InvalidAccessKeyId", "403 Forbidden", CredentialsRefused),
        ("SignatureDoesNotMatch", "403 Forbidden", CredentialsRefused),
        ("ExpiredToken", "400 Bad Request", CredentialsRefused),
        ("RequestTimeTooSkewed", "403 Forbidden", Fatal),
        ("SlowDown", "503 Slow Down", Transient),
        ("InternalError", "500 Internal Server Error", Transient),
        ("Throttled", "429 Too Many Requests", Transient),
        ("RequestTimeout", "400 Bad Request", Transient),
        ("KeyTooLongError", "400 Bad Request", Permanent),
        ("Unheard", "401 Unauthorized", CredentialsRefused),
        ("Unheard", "403 Forbidden", AccessRefused),
    ],
)
def test_errors(code, status, kind):
    assert type(asked(failure(code, status))) is kind
    if code != "InvalidRange":  # the answer to the question about the first byte of an empty object
        assert code in str(asked(failure(code, status), lambda o: o.head("k")))


def test_a_404_without_s3s_own_word_proves_nothing():
    for body in (b"", b"<html>Not Found</html>", b"<Error/>", failure("NoSuchKey", "x").decode().encode("utf-16")):
        error = asked(reply(body, status="404 Not Found"))
        assert isinstance(error, Transient)
        assert "S3 endpoint" in error.hint


def test_an_archived_object_says_so():
    error = asked(failure("InvalidObjectState", "403 Forbidden", more="<StorageClass>GLACIER</StorageClass>"))
    assert isinstance(error, AccessRefused)
    assert "GLACIER" in str(error)
    assert "restore" in error.hint


def test_a_wrong_region_names_the_right_one():
    header = {"x-amz-bucket-region": "eu-west-1"}
    for answer in (
        failure("PermanentRedirect", "301 Moved Permanently", header),
        failure("AuthorizationHeaderMalformed", "400 Bad Request", more="<Region>eu-west-1</Region>"),
        reply(status="301 Moved Permanently", headers=header),
    ):
        error = asked(answer, lambda o: o.list_page(""))
        assert isinstance(error, BucketMissing)
        assert error.hint == "set origin.region: eu-west-1"


def test_a_redirect_is_not_followed():
    with raw_server(reply(b"other")) as other:
        error = asked(reply(status="302 Found", headers={"Location": other.url}))
        assert isinstance(error, BucketMissing)
        assert "redirects" in error.hint
        assert other.connections == 0


def test_the_servers_wish_to_wait_is_passed_on():
    error = asked(failure("SlowDown", "503 Slow Down", {"Retry-After": "9"}))
    assert isinstance(error, Transient)
    assert error.retry_after_s == 9


def test_a_listing_that_is_refused_blocks_the_job():
    error = asked(failure("AccessDenied", "403 Forbidden"), lambda o: o.list_page(""))
    assert error.fatal
    assert "s3:ListBucket" in error.hint


def test_nothing_of_a_message_reaches_the_terminal_raw():
    error = asked(failure("AccessDenied", "403 Forbidden", more="<Message>Said&#10; \u202e so.</Message>"))
    assert str(error).endswith("Said so.")
    error = asked(failure("NoSuchKey", "404 Not Found"), lambda o: o.read("\x1b]0;x\x07\nk"))
    assert str(error).isprintable()


# -- bodies ----------------------------------------------------------------------------------------------------------
PART = {"ETag": '"e"', "Content-Range": "bytes 2-4/10"}


def test_a_whole_object_for_a_range_is_cut():
    with raw_server(reply(b"0123456789", headers={"ETag": '"e"'})) as raw:
        head, body = origin(raw.url).read("k", if_match="e", start=2, end=5)
        assert (head.size_bytes, body) == (10, b"234")
        assert b'\r\nIf-Match: "e"\r\n' in raw.requests[0]
        assert b"\r\nRange: bytes=2-4\r\n" in raw.requests[0]
        assert b"\r\nAccept-Encoding: identity\r\n" in raw.requests[0]
        with pytest.raises(ObjectChanged):
            origin(raw.url).read("k", start=2, end=11)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (reply(b"234", status="206 Partial", headers=PART | {"Content-Range": "bytes 1-3/10"}), IntegrityMismatch),
        (reply(b"23", status="206 Partial", headers=PART | {"Content-Range": "bytes 2-3/10"}), IntegrityMismatch),
        (reply(b"23", status="206 Partial", headers=PART), IntegrityMismatch),
        (reply(b"234", status="206 Partial", headers=PART | {"Content-Range": "bytes 2-4/*"}), IntegrityMismatch),
        (reply(b"234", status="206 Partial", headers=PART | {"Content-Range": ""}), IntegrityMismatch),
        (reply(b"23", status="206 Partial", headers=PART | {"Content-Range": "bytes 2-3/4"}), ObjectChanged),
        (reply(b"234", status="206 Partial", headers=PART | {"ETag": '"other"'}), ObjectChanged),
        (b"HTTP/1.1 200 OK\r\n\r\n0123456789", IntegrityMismatch),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n0123456789", IntegrityMismatch),
        (reply(b"", status="204 No Content"), Permanent),
    ],
)
def test_other_bytes_than_asked_for_are_never_taken(answer, kind):
    with raw_server(answer, keep=False) as raw, pytest.raises(kind):
        origin(raw.url).read("k", if_match="e", start=2, end=5)


def test_a_part_that_nobody_asked_for():
    with raw_server(reply(b"234", status="206 Partial", headers=PART)) as raw, pytest.raises(MigratorError):
        origin(raw.url).read("k")


def test_a_head_without_a_length_is_no_head():
    with raw_server(b"HTTP/1.1 200 OK\r\n\r\n", keep=False) as raw, pytest.raises(IntegrityMismatch):
        origin(raw.url).head("k")


def test_keys_go_over_the_wire_exactly():
    with raw_server(reply(b"x", headers={"ETag": '"e"'})) as raw:
        for key in [*KEYS, "/lead"]:
            origin(raw.url).read(key)
        sent = [target.decode() for target in raw.targets]
    from urllib.parse import unquote

    assert [unquote(target.removeprefix("/legacy/")) for target in sent] == [*KEYS, "/lead"]
    assert not any(set(target) & set(" +?#&") for target in sent)


# -- over moto -------------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def moto():
    server = quiet_moto()
    yield server
    server.stop()


def test_properties_and_bodies_travel_unopened(moto):
    rig = S3Rig(moto)
    packed = gzip.compress(b"page " * 1000)
    rig.put(
        "page",
        packed,
        ContentType="text/html; charset=utf-8",
        ContentEncoding="gzip",
        CacheControl="max-age=60",
        ContentDisposition="attachment; filename*=UTF-8''%E2%82%AC.html",
        ContentLanguage="de",
        Expires="Wed, 21 Oct 2026 07:28:00 GMT",
        Metadata={"owner": "a b", "x-y": "1"},
    )
    head, body = rig.origin.read("page")
    assert body == packed
    assert head == rig.origin.head("page")
    assert head.headers == {
        "content-type": "text/html; charset=utf-8",
        "content-encoding": "gzip",
        "cache-control": "max-age=60",
        "content-disposition": "attachment; filename*=UTF-8''%E2%82%AC.html",
        "content-language": "de",
        "expires": "Wed, 21 Oct 2026 07:28:00 GMT",
        "meta/owner": "a b",
        "meta/x-y": "1",
    }
    rig.close()


def test_moto_checks_our_signature(moto):
    rig = S3Rig(moto)
    for key in KEYS:
        if rig.can_hold(key):
            rig.put(key, b"x")
    given = {"region_name": "us-east-1", "aws_access_key_id": "a", "aws_secret_access_key": "b"}
    iam = boto3.client("iam", endpoint_url=rig.endpoint, **given)
    iam.create_user(UserName="reader")
    allow = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
    iam.put_user_policy(UserName="reader", PolicyName="all", PolicyDocument=json.dumps(allow))
    made = iam.create_access_key(UserName="reader")["AccessKey"]
    iam.close()
    good = AccessKey(made["AccessKeyId"], made["SecretAccessKey"])
    Http().request("POST", f"{rig.endpoint}/moto-api/reset-auth", body=b"0")
    try:
        signed = origin(rig.endpoint, bucket=rig.bucket, credentials=Fixed(good))
        for entry in signed.list_page("", after="\x02").objects:
            assert signed.read(entry.key, if_match=entry.etag, end=1)[1] == b"x"
            assert signed.head(entry.key).size_bytes == 1
        for bad in (AccessKey(good.id, "wrong"), AccessKey("AKIDUNKNOWN12345", "x")):
            wrong = origin(rig.endpoint, bucket=rig.bucket, credentials=Fixed(bad))
            for call in (wrong.list_page, wrong.head, wrong.read):
                with pytest.raises(CredentialsRefused):
                    call("plain.txt")
    finally:
        Http().request("POST", f"{rig.endpoint}/moto-api/reset-auth", body=b"Infinity")
    rig.close()


# -- addresses -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("given", "url"),
    [
        ({"endpoint": ""}, "https://legacy.s3.us-east-1.amazonaws.com/k"),
        ({"endpoint": "", "region": "cn-north-1"}, "https://legacy.s3.cn-north-1.amazonaws.com.cn/k"),
        ({"endpoint": "", "bucket": "a.b"}, "https://s3.us-east-1.amazonaws.com/a.b/k"),
        ({"endpoint": "https://S3.example.com:443/"}, "https://s3.example.com/legacy/k"),
        ({"endpoint": "http://10.0.0.1:9000"}, "http://10.0.0.1:9000/legacy/k"),
        ({"endpoint": "http://[::1]:9000/base/"}, "http://[::1]:9000/base/legacy/k"),
    ],
)
def test_addressing(given, url):
    reading = origin(**{"endpoint": ""} | given).aread("k")
    assert reading.send(None).prepare().url == url
    reading.close()


@pytest.mark.parametrize("endpoint", ["example.com", "ftp://example.com", "https://u:p@example.com", "https://h/?x"])
def test_what_is_no_endpoint(endpoint):
    with pytest.raises(Invalid, match="endpoint"):
        origin(endpoint)


def test_nothing_listens():
    with raw_server(b"") as raw:
        pass
    with pytest.raises(EndpointUnreachable):
        origin(raw.url).server_time()
