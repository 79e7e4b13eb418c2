"""Multipart uploads, appends, links and tags of the sandbox OSS."""

from __future__ import annotations

import oss2
import pytest
from fastcrc import crc64
from oss2.models import PartInfo, Tagging, TaggingRule
from sandbox_rig import bucket

from migrator.sandbox.oss.run import start_oss

PART = 100 * 1024


@pytest.fixture(scope="module")
def oss():
    with start_oss() as running:
        yield running


def _upload(made, key, pieces, *, headers=None, numbers=None):
    upload_id = made.init_multipart_upload(key, headers=headers).upload_id
    parts = []
    for number, piece in zip(numbers or range(1, len(pieces) + 1), pieces, strict=True):
        parts.append(PartInfo(number, made.upload_part(key, upload_id, number, piece).etag))
    return upload_id, parts


def test_the_object_appears_whole_at_the_end(oss):
    made = bucket(oss)
    pieces = [bytes([number]) * PART for number in range(3)] + [b"end"]
    upload_id, parts = _upload(made, "k", pieces, headers={"Content-Type": "text/x", "x-oss-meta-a": "1"})
    assert not made.object_exists("k")
    done = made.complete_multipart_upload("k", upload_id, parts)
    assert done.crc == crc64.xz(b"".join(pieces))
    head = made.head_object("k")
    assert made.get_object("k").read() == b"".join(pieces)
    assert (head.object_type, head.content_type, head.headers["x-oss-meta-a"]) == ("Multipart", "text/x", "1")
    assert head.etag.endswith("-4")
    with pytest.raises(oss2.exceptions.NoSuchUpload):
        made.complete_multipart_upload("k", upload_id, parts)


def test_gaps_are_fine_and_a_part_may_be_replaced(oss):
    made = bucket(oss)
    upload_id, parts = _upload(made, "k", [b"a" * PART, b"b"], numbers=[3, 10000])
    parts[1] = PartInfo(10000, made.upload_part("k", upload_id, 10000, b"c").etag)
    made.complete_multipart_upload("k", upload_id, parts)
    assert made.get_object("k").read() == b"a" * PART + b"c"


def test_what_complete_refuses(oss):
    made = bucket(oss)
    upload_id, parts = _upload(made, "k", [b"a" * PART, b"small", b"b"])

    def refused(chosen):
        with pytest.raises(oss2.exceptions.ServerError) as error:
            made.complete_multipart_upload("k", upload_id, chosen)
        return error.value.status, error.value.code

    assert refused(parts) == (400, "EntityTooSmall")
    assert refused([PartInfo(1, "0" * 32)]) == (400, "InvalidPart")
    assert refused([PartInfo(7, parts[0].etag)]) == (400, "InvalidPart")
    # The SDK sorts the parts, so the body is written by hand.
    body = "".join(f"<Part><PartNumber>{p.part_number}</PartNumber><ETag>{p.etag}</ETag></Part>" for p in parts[1::-1])
    document = f"<CompleteMultipartUpload>{body}</CompleteMultipartUpload>".encode()
    with pytest.raises(oss2.exceptions.ServerError) as error:
        made._do("POST", made.bucket_name, "k", params={"uploadId": upload_id}, data=document)
    assert error.value.code == "InvalidPartOrder"


@pytest.mark.parametrize("number", [0, 10001])
def test_part_numbers_have_bounds(oss, number):
    made = bucket(oss)
    upload_id = made.init_multipart_upload("k").upload_id
    with pytest.raises(oss2.exceptions.InvalidArgument):
        made.upload_part("k", upload_id, number, b"x")


def test_create_only_holds_until_the_end(oss):
    made = bucket(oss)
    upload_id, parts = _upload(made, "k", [b"mine"], headers={"x-oss-forbid-overwrite": "true"})
    made.put_object("k", b"theirs")
    with pytest.raises(oss2.exceptions.ServerError) as error:
        made.complete_multipart_upload("k", upload_id, parts)
    assert (error.value.status, error.value.code) == (409, "FileAlreadyExists")
    assert made.get_object("k").read() == b"theirs"
    made.abort_multipart_upload("k", upload_id)


def test_complete_all_takes_every_part(oss):
    made = bucket(oss)
    upload_id, _ = _upload(made, "k", [b"a" * PART, b"b"])
    made.complete_multipart_upload("k", upload_id, None, headers={"x-oss-complete-all": "yes"})
    assert made.head_object("k").content_length == PART + 1


def test_uploads_are_listed_in_pages(oss):
    made = bucket(oss)
    for key in ("a/1", "a/2", "b", "b", "c"):
        made.init_multipart_upload(key)
    seen, key_marker, id_marker = [], "", ""
    while True:
        page = made.list_multipart_uploads(key_marker=key_marker, upload_id_marker=id_marker, max_uploads=2)
        seen += [(item.key, item.upload_id) for item in page.upload_list]
        if not page.is_truncated:
            break
        key_marker, id_marker = page.next_key_marker, page.next_upload_id_marker
    assert [key for key, _ in seen] == ["a/1", "a/2", "b", "b", "c"]
    assert len(set(seen)) == 5
    folded = made.list_multipart_uploads(delimiter="/")
    assert (folded.prefix_list, [item.key for item in folded.upload_list]) == (["a/"], ["b", "b", "c"])


def test_parts_are_listed_in_pages(oss):
    made = bucket(oss)
    upload_id, _ = _upload(made, "k", [b"1", b"2", b"3"])
    first = made.list_parts("k", upload_id, max_parts=2)
    second = made.list_parts("k", upload_id, marker=first.next_marker)
    assert [part.part_number for part in first.parts + second.parts] == [1, 2, 3]
    assert first.is_truncated


def test_a_bucket_with_an_upload_is_not_empty(oss):
    made = bucket(oss)
    upload_id = made.init_multipart_upload("k").upload_id
    with pytest.raises(oss2.exceptions.BucketNotEmpty):
        made.delete_bucket()
    made.abort_multipart_upload("k", upload_id)
    made.delete_bucket()


def test_append_link_and_tags(oss):
    made = bucket(oss)
    made.append_object("log", 0, b"one ")
    made.append_object("log", 4, b"two")
    with pytest.raises(oss2.exceptions.PositionNotEqualToLength):
        made.append_object("log", 4, b"x")
    made.put_symlink("log", "link")
    assert made.get_object("link").read() == b"one two"
    rule = TaggingRule()
    rule.add("k", "v")
    made.put_object_tagging("log", Tagging(rule))
    assert made.get_object_tagging("log").tag_set.tagging_rule == {"k": "v"}
    assert made.head_object("log").headers["x-oss-tagging-count"] == "1"
