from __future__ import annotations

import gzip

import oss_rig
import pytest
from fault_proxy import answer, change, fault_proxy
from hostile import KEYS

from migrator.adapters.crc64 import combine_all, crc64_of
from migrator.adapters.oss_origin import OssOrigin
from migrator.errors import (
    AlreadyExists,
    BucketMissing,
    IntegrityMismatch,
    NotOss,
    Transient,
    Unrepresentable,
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


# -- whole objects -----------------------------------------------------------------------------------------------------
def test_an_object_arrives_whole_with_its_headers(oss, origin):
    body = gzip.compress(b"text " * 1000)
    headers = {
        "content-type": "text/html; charset=utf-8",
        "content-encoding": "gzip",
        "cache-control": "max-age=1",
        "content-disposition": "attachment; filename*=UTF-8''%e4.html",
        "content-language": "de",
        "expires": "Thu, 01 Dec 2033 16:00:00 GMT",
        "meta/color": "red",
        "meta/x-2": "=?UTF-8?B?w6Q=?=",
    }
    stored = oss.create("a/page.html", body, headers)
    head = oss.head("a/page.html")
    assert head is not None
    assert (head.size_bytes, head.crc64, head.headers) == (len(body), crc64_of(body), headers)
    assert head.etag == stored.etag
    assert head.modified_at is not None
    assert head.modified_at.tzinfo is not None
    again, read = origin.read("a/page.html", if_match=head.etag)
    assert read == body
    assert again.headers == headers


def test_hostile_keys_are_stored_read_and_listed_under_their_own_name(oss, origin):
    for number, key in enumerate(KEYS):
        oss.create(key, f"{number}".encode(), {})
    for number, key in enumerate(KEYS):
        assert origin.read(key)[1] == f"{number}".encode(), key
    found, after = [], ""
    while after is not None:
        page = oss.list_page("", after=after, limit=7)
        found += [entry.key for entry in page.objects]
        after = page.next_after
    assert found == sorted(KEYS)


def test_an_empty_object_has_checksum_zero(oss):
    oss.create("empty", b"", {"content-type": "text/plain"})
    head = oss.head("empty")
    assert (head.size_bytes, head.crc64) == (0, 0)


def test_what_exists_is_never_replaced(oss, origin):
    oss.create("k", b"first", {})
    with pytest.raises(AlreadyExists):
        oss.create("k", b"second", {})
    with pytest.raises(AlreadyExists):
        oss.start_upload("k", {})
    assert origin.read("k")[1] == b"first"


@pytest.mark.parametrize("key", ["/a", "\\a", "x" * 1024, ""])
def test_keys_oss_cannot_hold_never_reach_it(oss, key):
    for write in (
        lambda: oss.create(key, b"", {}),
        lambda: oss.start_upload(key, {}),
        lambda: oss.delete(key),
        lambda: oss.head(key),
        lambda: oss.abort_upload(key, "id"),
    ):
        with pytest.raises(Unrepresentable):
            write()


def test_deleting_is_idempotent(oss):
    oss.create("k", b"x", {})
    oss.delete("k")
    oss.delete("k")
    assert oss.head("k") is None


def test_groups_are_listed_by_delimiter(oss):
    for key in ("a/1", "a/2", "b", "c/1"):
        oss.create(key, b"", {})
    page = oss.list_page("", delimiter="/")
    assert page.common_prefixes == ("a/", "c/")
    assert [entry.key for entry in page.objects] == ["b"]
    assert oss.server_time().tzinfo is not None


# -- absence is only what OSS says -------------------------------------------------------------------------------------
def test_a_missing_object_is_none(oss):
    assert oss.head("nothing") is None


def test_a_redirect_rule_does_not_make_an_object_exist(server, bucket, oss):
    with fault_proxy(server.endpoint) as legacy:
        oss_rig.website(server, bucket, oss_rig.redirect_rules(legacy.url.removeprefix("http://")))
        assert oss.head("nothing") is None
        assert legacy.seen == []


def test_should_rules_redirect_heads_absence_is_still_known_and_presence_not_claimed():
    with start_oss(head_redirects=True) as eager:
        name = oss_rig.new_bucket(eager)
        with fault_proxy(eager.endpoint) as legacy:
            oss_rig.website(eager, name, oss_rig.redirect_rules(legacy.url.removeprefix("http://")))
            assert oss_rig.destination(eager, name).head("nothing") is None
            assert legacy.seen == []


def test_a_redirected_head_is_resolved_by_the_object_meta_no_rule_touches(server, bucket, oss):
    oss.create("there", b"x", {})
    with fault_proxy(server.endpoint) as proxy:
        proxy.add("HEAD", answer(302, x_oss_request_id="1", location="http://127.0.0.1:9/x"), part_of_path="/nothing")
        proxy.add("HEAD", answer(302, x_oss_request_id="1", location="http://127.0.0.1:9/x"), part_of_path="/there")
        redirected = oss_rig.destination(server, bucket, endpoint=proxy.url)
        assert redirected.head("nothing") is None
        with pytest.raises(NotOss):
            redirected.head("there")


def test_a_redirect_to_another_host_is_neither_followed_nor_believed(server, bucket):
    with fault_proxy(server.endpoint) as elsewhere, fault_proxy(server.endpoint) as proxy:
        oss = oss_rig.destination(server, bucket, endpoint=proxy.url, token="a-token")
        for method in ("HEAD", "PUT", "DELETE", "GET"):
            proxy.add(method, answer(302, location=f"{elsewhere.url}/{bucket}/k"))
        for ask in (
            lambda: oss.head("k"),
            lambda: oss.create("k", b"x", {}),
            lambda: oss.delete("k"),
            lambda: oss.list_page(""),
        ):
            with pytest.raises(NotOss):
                ask()
        assert elsewhere.seen == []
        assert len(proxy.seen) == 4


@pytest.mark.parametrize("status", [200, 404, 502])
def test_an_answer_without_request_id_proves_nothing(proxied, status):
    oss, proxy = proxied
    proxy.add("HEAD", answer(status, content_length="0"))
    with pytest.raises(NotOss):
        oss.head("k")


def test_a_404_that_is_not_about_the_key_is_an_error(proxied):
    oss, proxy = proxied
    proxy.add("HEAD", answer(404, x_oss_request_id="1"))
    with pytest.raises(Exception, match="without a code"):
        oss.head("k")


def test_a_missing_bucket_is_not_a_missing_object(server):
    oss = oss_rig.destination(server, "no-such-bucket-here")
    for ask in (lambda: oss.head("k"), lambda: oss.create("k", b"", {}), lambda: oss.list_page("")):
        with pytest.raises(BucketMissing):
            ask()


# -- multipart ---------------------------------------------------------------------------------------------------------
def test_parts_become_one_object_with_headers_and_checksum(oss, origin):
    bodies = [bytes([number]) * PART for number in range(3)] + [b"rest"]
    upload = oss.start_upload("big", {"content-type": "video/mp4", "meta/a": "b"})
    parts = [oss.upload_part("big", upload, number, body) for number, body in enumerate(bodies, start=1)]
    assert list(oss.list_uploads("b")) == [("big", upload)]
    stored = oss.complete_upload("big", upload, reversed(parts))
    head = oss.head("big")
    assert head.headers == {"content-type": "video/mp4", "meta/a": "b"}
    assert head.crc64 == stored.crc64 == combine_all((part.crc64, part.size_bytes) for part in parts)
    assert origin.read("big")[1] == b"".join(bodies)
    assert list(oss.list_uploads("")) == []
    with pytest.raises(Transient):
        oss.complete_upload("big", upload, parts)


def test_an_object_that_came_meanwhile_wins_over_the_upload(oss, origin):
    upload = oss.start_upload("k", {})
    part = oss.upload_part("k", upload, 1, b"ours")
    oss.create("k", b"theirs", {})
    with pytest.raises(AlreadyExists):
        oss.complete_upload("k", upload, [part])
    assert origin.read("k")[1] == b"theirs"
    oss.abort_upload("k", upload)
    oss.abort_upload("k", upload)
    assert list(oss.list_uploads("")) == []


def test_uploads_of_hostile_keys_are_listed_page_by_page(oss):
    started = {(key, oss.start_upload(key, {})) for key in KEYS}
    assert set(oss.list_uploads("")) == started


def test_a_success_with_an_error_in_its_body_is_an_error(proxied):
    oss, proxy = proxied
    upload = oss.start_upload("k", {})
    part = oss.upload_part("k", upload, 1, b"x")
    proxy.add("POST", answer(200, b"<Error><Code>InternalError</Code></Error>", x_oss_request_id="1"))
    with pytest.raises(Transient, match="InternalError"):
        oss.complete_upload("k", upload, [part])


@pytest.mark.parametrize("method", ["PUT", "POST"])
def test_wrong_checksums_of_parts_and_wholes_are_noticed(proxied, method):
    oss, proxy = proxied
    upload = oss.start_upload("k", {})
    proxy.add(method, change(x_oss_hash_crc64ecma="1"))
    with pytest.raises(IntegrityMismatch):
        oss.complete_upload("k", upload, [oss.upload_part("k", upload, 1, b"x")])
