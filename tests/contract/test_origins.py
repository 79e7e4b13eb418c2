"""What every origin promises, over an S3 server, a web server and a directory."""

from __future__ import annotations

import os

import pytest
from hostile import KEYS
from origin_rigs import FileRig, HttpRig, S3Rig, quiet_moto

from migrator.errors import Invalid, ObjectChanged, ObjectVanished


@pytest.fixture(scope="module")
def moto():
    server = quiet_moto()
    yield server
    server.stop()


@pytest.fixture(params=["s3", "file", "http"])
def rig(request, tmp_path):
    if request.param == "s3":
        rig = S3Rig(request.getfixturevalue("moto"))
    else:
        rig = FileRig(tmp_path) if request.param == "file" else HttpRig(tmp_path)
    yield rig
    rig.close()


def listed(origin, prefix="", *, after="", delimiter="", limit=1000):
    """Read a listing to its end, page by page."""
    found, pages = [], 0
    while True:
        page = origin.list_page(prefix, after=after, delimiter=delimiter, limit=limit)
        found += [o.key for o in page.objects] + list(page.common_prefixes)
        pages += 1
        if page.next_after is None:
            return sorted(found), pages
        assert page.next_after > after
        after = page.next_after


def folded(keys, prefix, delimiter):
    groups = {prefix + k[len(prefix) :].split(delimiter)[0] + delimiter for k in keys if delimiter in k[len(prefix) :]}
    return sorted(groups | {k for k in keys if delimiter not in k[len(prefix) :]})


@pytest.fixture
def hostile(rig):
    keys = sorted({key for key in [*KEYS, "/lead", "\\lead", "a/b/c/d", "z" * 200 + "/y"] if rig.can_hold(key)})
    if isinstance(rig, FileRig):  # a file and a directory cannot have the same name
        keys = [key for key in keys if not any(other.startswith(f"{key}/") for other in keys)]
    for key in keys:
        rig.put(key, f"body of {key}".encode())
    return keys


def test_hostile_keys_are_listed_and_read_as_they_are(rig, hostile):
    assert len(hostile) > 30
    for limit in (1000, 7):
        found, pages = listed(rig.origin, limit=limit)
        assert found == hostile
        assert pages >= len(hostile) / limit
    for entry in rig.origin.list_page("").objects:
        head, body = rig.origin.read(entry.key, if_match=entry.etag)
        assert body == f"body of {entry.key}".encode()
        assert entry.size_bytes == len(body) == head.size_bytes == rig.origin.head(entry.key).size_bytes


def test_listing_goes_on_behind_any_key(rig, hostile):
    for after in [*hostile[::3], "b", "a/", "a\U0010fffd", "\U0010fffd", "A" * 1000]:
        assert listed(rig.origin, after=after)[0] == [key for key in hostile if key > after]


def test_listing_a_prefix(rig, hostile):
    for prefix in ("a", "a/", "a//", "a/b", "dir", "z", "é", "nothing", " ", "%", "a/b/c/d", "a/b/c/d/"):
        expected = [key for key in hostile if key.startswith(prefix)]
        assert listed(rig.origin, prefix)[0] == expected
        assert listed(rig.origin, prefix, limit=2)[0] == expected
        assert listed(rig.origin, prefix, after=prefix + "c")[0] == [key for key in expected if key > prefix + "c"]


def test_listing_with_a_delimiter(rig, hostile):
    if isinstance(rig, S3Rig):  # moto repeats start-after without encoding it, and has no pages in version 1
        rig.delete("\x01\x1f\x7f")
        hostile = [key for key in hostile if key != "\x01\x1f\x7f"]
    for prefix in ("", "a/", "a/b/"):
        expected = folded([key for key in hostile if key.startswith(prefix)], prefix, "/")
        for limit in (1000, 3, 1):
            assert listed(rig.origin, prefix, delimiter="/", limit=limit)[0] == expected


def test_an_empty_origin(rig):
    assert rig.origin.list_page("").objects == ()
    assert rig.origin.list_page("", delimiter="/").next_after is None


def test_properties(rig):
    rig.put("a/picture.txt", b"0123456789", ContentType="text/plain")
    head, body = rig.origin.read("a/picture.txt")
    assert (head.size_bytes, body, head.headers["content-type"]) == (10, b"0123456789", "text/plain")
    assert head.modified_at is not None
    assert head.modified_at.tzinfo is not None
    assert rig.origin.head("a/picture.txt") == head
    entry = rig.origin.list_page("").objects[0]
    assert (entry.key, entry.size_bytes, entry.etag) == ("a/picture.txt", 10, head.etag)
    assert '"' not in head.etag


def test_an_empty_object(rig):
    rig.put("empty", b"")
    assert rig.origin.head("empty").size_bytes == 0
    assert rig.origin.read("empty")[1] == b""
    assert rig.origin.list_page("").objects[0].size_bytes == 0


def test_ranges_are_exact(rig):
    content = os.urandom(300_000)
    rig.put("big", content)
    etag = rig.origin.head("big").etag
    for start, end in [(0, 1), (0, 300_000), (1, None), (299_999, None), (100, 200_000), (299_999, 300_000), (0, None)]:
        head, body = rig.origin.read("big", if_match=etag, start=start, end=end)
        assert body == content[start:end]
        assert (head.size_bytes, head.etag) == (300_000, etag)


def test_a_range_that_is_not_there_is_never_answered_short(rig):
    rig.put("k", b"0123456789")
    for start, end in [(0, 11), (5, 20), (10, 11), (11, None), (100, 200)]:
        with pytest.raises(ObjectChanged):
            rig.origin.read("k", start=start, end=end)
    for start, end in [(5, 5), (5, 4), (0, 0)]:
        with pytest.raises(Invalid):
            rig.origin.read("k", start=start, end=end)


def test_another_version_is_never_read_for_the_listed_one(rig):
    rig.put("k", b"first version")
    old = rig.origin.head("k").etag
    rig.put("k", b"the second version")
    assert rig.origin.head("k").etag != old
    for start, end in [(0, None), (0, 3)]:
        with pytest.raises(ObjectChanged):
            rig.origin.read("k", if_match=old, start=start, end=end)
    assert rig.origin.read("k", if_match=rig.origin.head("k").etag)[1] == b"the second version"


def test_what_is_gone_has_vanished(rig):
    rig.put("k", b"x")
    rig.delete("k")
    for call in (rig.origin.head, rig.origin.read, lambda key: rig.origin.read(key, if_match="e", end=1)):
        for key in ("k", "never/was"):
            with pytest.raises(ObjectVanished):
                call(key)


def test_the_clock_is_aware(rig):
    assert rig.origin.server_time().utcoffset() is not None
