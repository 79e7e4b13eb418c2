"""Objects in the sandbox OSS, as the official SDK and raw HTTP see them."""

from __future__ import annotations

import base64
import gzip
import hashlib
import socket

import oss2
import pytest
from fastcrc import crc64
from hostile import KEYS
from sandbox_rig import bucket, encoded, raw

from migrator.sandbox.oss.run import start_oss


@pytest.fixture(scope="module")
def oss():
    with start_oss() as running:
        yield running


@pytest.fixture(scope="module")
def public(oss):
    return bucket(oss, "public-read-write").bucket_name


@pytest.mark.parametrize("key", KEYS, ids=ascii)
def test_a_hostile_key_is_kept_byte_for_byte(oss, public, key):
    path = f"/{public}/{encoded(key)}"
    assert raw(oss, "PUT", path, key.encode()).status == 200
    assert raw(oss, "GET", path).body == key.encode()
    everything_encoded = f"/{public}/" + "".join(f"%{byte:02x}" for byte in key.encode())
    assert raw(oss, "GET", everything_encoded).body == key.encode()


def test_every_hostile_key_is_listed_once_in_byte_order(oss):
    listed = bucket(oss)
    for key in KEYS:
        raw_name = f"/{listed.bucket_name}/{encoded(key)}"
        listed.put_bucket_acl("public-read-write")
        assert raw(oss, "PUT", raw_name, b"").status == 200
    for iterator in (oss2.ObjectIterator(listed, max_keys=7), oss2.ObjectIteratorV2(listed, max_keys=7)):
        assert [item.key for item in iterator] == sorted(KEYS, key=str.encode)


@pytest.mark.parametrize("key", ["/leading", "\\leading", "x" * 1024, "ä" * 512])
def test_a_key_that_oss_cannot_hold_is_refused(oss, public, key):
    reply = raw(oss, "PUT", f"/{public}/{encoded(key)}", b"x")
    assert (reply.status, reply.code) == (400, "InvalidObjectName")


def test_a_key_that_is_not_utf8_is_refused(oss, public):
    reply = raw(oss, "PUT", f"/{public}/%ff%fe", b"x")
    assert (reply.status, reply.code) == (400, "InvalidObjectName")


def test_the_bucket_ends_at_the_first_raw_slash(oss, public):
    assert raw(oss, "GET", f"/{public}%2Fkey").code == "NoSuchBucket"


def test_a_put_answers_etag_and_crc64(oss):
    body = bytes(range(256)) * 40
    reply = bucket(oss).put_object("key", body)
    assert reply.etag == hashlib.md5(body).hexdigest().upper()
    assert reply.headers["ETag"] == f'"{reply.etag}"'
    assert reply.headers["x-oss-hash-crc64ecma"] == str(crc64.xz(body))
    assert len(reply.request_id) == 24
    assert reply.headers["Server"] == "AliyunOSS"


def test_headers_and_metadata_come_back(oss):
    sent = {
        "Content-Type": "text/x",
        "Cache-Control": "max-age=1",
        "Content-Encoding": "gzip",
        "Content-Disposition": "attachment; filename*=UTF-8''%e4",
        "Content-Language": "de",
        "Expires": "Thu, 01 Jan 2032 00:00:00 GMT",
        "x-oss-meta-a-b": "ü".encode(),
        "x-oss-meta-B": "2",
    }
    made = bucket(oss)
    made.put_object("key", gzip.compress(b"x"), headers=sent)
    head = made.head_object("key").headers
    for name, value in sent.items():
        assert head[name].encode("latin-1") == (value if isinstance(value, bytes) else value.encode())


def test_metadata_rules(oss):
    made = bucket(oss)
    for headers in ({"x-oss-meta-a_b": "1"}, {"x-oss-meta-a": "x" * 8192}):
        with pytest.raises(oss2.exceptions.InvalidArgument):
            made.put_object("key", b"", headers=headers)


def test_create_only(oss):
    made = bucket(oss)
    only = {"x-oss-forbid-overwrite": "true"}
    made.put_object("key", b"first", headers=only)
    for attempt in (
        lambda: made.put_object("key", b"second", headers=only),
        lambda: made.copy_object(made.bucket_name, "key", "key", headers=only),
        lambda: made.init_multipart_upload("key", headers=only),
    ):
        with pytest.raises(oss2.exceptions.ServerError) as refused:
            attempt()
        assert (refused.value.status, refused.value.code) == (409, "FileAlreadyExists")
    assert made.get_object("key").read() == b"first"


def test_create_only_is_void_with_versioning(oss):
    made = bucket(oss)
    made.put_bucket_versioning(oss2.models.BucketVersioningConfig("Enabled"))
    made.put_object("key", b"first")
    made.put_object("key", b"second", headers={"x-oss-forbid-overwrite": "true"})
    assert made.get_object("key").read() == b"second"
    made.put_bucket_versioning(oss2.models.BucketVersioningConfig("Suspended"))
    made.put_object("key", b"third", headers={"x-oss-forbid-overwrite": "true"})
    assert made.get_object("key").read() == b"third"


def test_a_delete_marker_hides_the_object_and_says_so(oss):
    made = bucket(oss)
    made.put_bucket_versioning(oss2.models.BucketVersioningConfig("Enabled"))
    made.put_object("key", b"x")
    made.delete_object("key")
    with pytest.raises(oss2.exceptions.NoSuchKey) as refused:
        made.get_object("key")
    assert refused.value.headers["x-oss-delete-marker"] == "true"
    marker = refused.value.headers["x-oss-version-id"]
    with pytest.raises(oss2.exceptions.ServerError) as refused:
        made.get_object("key", params={"versionId": marker})
    assert refused.value.status == 405


def test_a_wrong_content_md5_is_refused_and_nothing_stored(oss):
    made = bucket(oss)
    with pytest.raises(oss2.exceptions.InvalidDigest):
        made.put_object("key", b"x", headers={"Content-MD5": base64.b64encode(bytes(16)).decode()})
    assert not made.object_exists("key")


def test_a_put_without_a_length_is_refused(oss, public):
    reply = raw(oss, "PUT", f"/{public}/key")
    assert (reply.status, reply.code) == (411, "MissingContentLength")


def test_a_chunked_put(oss):
    made = bucket(oss)
    made.put_object("key", iter([b"ab", b"", b"c" * 70_000]))
    assert made.get_object("key").read() == b"ab" + b"c" * 70_000


def test_a_put_that_ends_early_stores_nothing(oss, public):
    with socket.create_connection(("127.0.0.1", oss.port)) as connection:
        connection.sendall(f"PUT /{public}/short HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n\r\nabc".encode())
    assert raw(oss, "GET", f"/{public}/short").code == "NoSuchKey"


RANGES = [
    ("bytes=0-0", "", 206, b"0", "bytes 0-0/10"),
    ("bytes=3-", "", 206, b"3456789", "bytes 3-9/10"),
    ("bytes=-3", "", 206, b"789", "bytes 7-9/10"),
    ("bytes=5-9", "", 206, b"56789", "bytes 5-9/10"),
    ("bytes=5-10", "", 200, b"0123456789", None),
    ("bytes=10-", "", 200, b"0123456789", None),
    ("bytes=-11", "", 200, b"0123456789", None),
    ("bytes=4-2", "", 200, b"0123456789", None),
    ("pages=1-2", "", 200, b"0123456789", None),
    ("bytes=1-2,4-5", "", 206, b"12", "bytes 1-2/10"),
    ("bytes=5-10", "standard", 206, b"56789", "bytes 5-9/10"),
    ("bytes=-11", "standard", 206, b"0123456789", "bytes 0-9/10"),
    ("bytes=10-", "standard", 416, None, "bytes */10"),
]


@pytest.mark.parametrize(("wanted", "behavior", "status", "body", "content_range"), RANGES)
def test_ranges(oss, public, wanted, behavior, status, body, content_range):
    raw(oss, "PUT", f"/{public}/digits", b"0123456789")
    headers = {"Range": wanted} | ({"x-oss-range-behavior": behavior} if behavior else {})
    reply = raw(oss, "GET", f"/{public}/digits", headers=headers)
    assert reply.status == status
    assert reply.headers.get("content-range") == content_range
    assert body is None or reply.body == body


def test_conditions(oss, public):
    path = f"/{public}/conditional"
    raw(oss, "PUT", path, b"x")
    head = raw(oss, "HEAD", path).headers
    old, new = "Mon, 01 Jan 2001 00:00:00 GMT", "Fri, 01 Jan 2100 00:00:00 GMT"
    for headers, status in (
        ({"If-Match": head["etag"]}, 200),
        ({"If-Match": '"other"'}, 412),
        ({"If-None-Match": head["etag"]}, 304),
        ({"If-None-Match": "*"}, 304),
        ({"If-None-Match": '"other"'}, 200),
        ({"If-Unmodified-Since": old}, 412),
        ({"If-Unmodified-Since": new}, 200),
        ({"If-Modified-Since": head["last-modified"]}, 304),
        ({"If-Modified-Since": old}, 200),
    ):
        assert raw(oss, "GET", path, headers=headers).status == status, headers


def test_gzip_on_the_fly_has_neither_length_nor_etag(oss, public):
    raw(oss, "PUT", f"/{public}/t.txt", b"a" * 2000, {"Content-Type": "text/plain"})
    reply = raw(oss, "GET", f"/{public}/t.txt", headers={"Accept-Encoding": "gzip"})
    assert gzip.decompress(reply.body) == b"a" * 2000
    assert "content-length" not in reply.headers
    assert "etag" not in reply.headers
    assert raw(oss, "GET", f"/{public}/t.txt").headers["content-length"] == "2000"


def test_overrides_need_a_signature(oss):
    made = bucket(oss, "public-read")
    made.put_object("key", b"x")
    reply = made.get_object("key", params={"response-content-type": "image/x"})
    assert reply.read() == b"x"
    assert reply.headers["Content-Type"] == "image/x"
    path = f"/{made.bucket_name}/key?response-content-type=image/x"
    assert raw(oss, "GET", path).code == "InvalidRequest"


def test_a_head_error_has_its_document_in_a_header(oss, public):
    reply = raw(oss, "HEAD", f"/{public}/absent")
    assert (reply.status, reply.body) == (404, b"")
    assert reply.headers["x-oss-ec"] == "0026-00000001"
    assert b"<Code>NoSuchKey</Code>" in base64.b64decode(reply.headers["x-oss-err"])


def test_object_meta_is_brief(oss):
    made = bucket(oss)
    made.put_object("key", b"12345", headers={"x-oss-meta-a": "1"})
    reply = made.get_object_meta("key")
    assert reply.content_length == 5
    assert "x-oss-meta-a" not in reply.headers
    assert made.object_exists("key")


def test_copy_keeps_or_replaces_metadata(oss):
    made = bucket(oss)
    made.put_object("a +/ü", b"x", headers={"x-oss-meta-a": "1", "Content-Type": "text/x"})
    made.copy_object(made.bucket_name, "a +/ü", "kept")
    made.copy_object(
        made.bucket_name,
        "a +/ü",
        "replaced",
        headers={"x-oss-metadata-directive": "REPLACE", "x-oss-meta-b": "2"},
    )
    assert made.head_object("kept").headers["x-oss-meta-a"] == "1"
    assert made.head_object("kept").headers["Content-Type"] == "text/x"
    replaced = made.head_object("replaced").headers
    assert (replaced["x-oss-meta-b"], "x-oss-meta-a" in replaced) == ("2", False)


def test_deleting_many_keys(oss):
    made = bucket(oss)
    keys = ["a&b<c>", "control\x0c", "ü", "&amp;", "plain"]
    for key in keys:
        made.put_object(key, b"")
    assert made.batch_delete_objects([*keys, "absent"]).deleted_keys == [*keys, "absent"]
    assert not made.list_objects().object_list


def test_a_get_with_a_length_and_no_body_does_not_hang(oss, public):
    with socket.create_connection(("127.0.0.1", oss.port), timeout=30) as connection:
        connection.sendall(f"GET /{public}/absent HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n\r\n".encode())
        assert connection.recv(1000).startswith(b"HTTP/1.1 404")


def test_a_large_body_is_streamed_whole(oss):
    made = bucket(oss)
    body = bytes(range(256)) * 20_000
    made.put_object("large", body)
    assert made.get_object("large").read() == body
    assert made.get_object("large", byte_range=(1, 4_000_000)).read() == body[1:4_000_001]
