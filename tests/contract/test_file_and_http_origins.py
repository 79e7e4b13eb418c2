"""What is special about a directory and about a web server as an origin."""

from __future__ import annotations

import os
import socket

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from origin_rigs import FileRig, HttpRig

from migrator.adapters.file_origin import FileOrigin
from migrator.adapters.http_origin import HttpOrigin
from migrator.adapters.manifest import Manifest
from migrator.errors import (
    AccessRefused,
    BucketMissing,
    IntegrityMismatch,
    Invalid,
    ListingBroken,
    ObjectChanged,
    ObjectVanished,
    Permanent,
    Transient,
)

names = st.text(st.sampled_from("aB-./0~é\U0001f600!"), min_size=1, max_size=6)


def as_tree(keys):
    """Drop keys that a directory cannot hold beside the others."""
    legal = sorted({k for k in keys if not any(p in ("", ".", "..") for p in k.split("/"))})
    return [k for k in legal if not any(other.startswith(f"{k}/") for other in legal)]


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(names, max_size=12), names | st.just(""), names | st.just(""), st.integers(1, 5))
def test_a_tree_is_listed_like_a_bucket(tmp_path_factory, keys, prefix, after, limit):
    rig = FileRig(tmp_path_factory.mktemp("tree"))
    keys = as_tree(keys)
    for key in keys:
        rig.put(key, b"x")
    found, position = [], after
    while position is not None:
        page = rig.origin.list_page(prefix, after=position, limit=limit)
        found += [o.key for o in page.objects]
        position = page.next_after
    assert found == [k for k in keys if k.startswith(prefix) and k > after]


@pytest.fixture
def tree(tmp_path):
    return FileRig(tmp_path)


def keys_of(origin):
    return [o.key for o in origin.list_page("").objects]


def test_only_regular_files_inside_the_root(tree, tmp_path):
    (tmp_path / "secret").write_text("canary")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/file").write_text("canary")
    root = tree.root
    tree.put("d/file", b"x")
    (root / "inner").symlink_to("d/file")
    (root / "outer").symlink_to(tmp_path / "secret")
    (root / "outer-dir").symlink_to(tmp_path / "outside")
    (root / "loop").symlink_to(root)
    (root / "dangling").symlink_to("nowhere")
    (root / "empty-dir").mkdir()
    os.mkfifo(root / "fifo")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(root / "socket"))
    listener.close()
    assert keys_of(tree.origin) == ["d/file", "inner"]
    assert tree.origin.read("inner")[1] == b"x"
    assert tree.origin.list_page("", delimiter="/").common_prefixes == ("d/",)
    for key in ("outer", "outer-dir/file"):
        with pytest.raises(AccessRefused, match="leads out"):
            tree.origin.read(key)
    for key in (
        "fifo",
        "socket",
        "empty-dir",
        "dangling",
        "",
        "/etc/passwd",
        "../secret",
        "d/../../secret",
        "d//file",
        "a\0b",
    ):
        with pytest.raises((ObjectVanished, AccessRefused)):
            tree.origin.read(key)


def test_changes_show_in_the_next_listing(tree):
    tree.put("d/a", b"1")
    old = 10**9
    os.utime(tree.root / "d", ns=(old, old))  # settled long ago, so its names are kept
    os.utime(tree.root, ns=(old, old))
    assert keys_of(tree.origin) == keys_of(tree.origin) == ["d/a"]
    tree.put("d/b", b"2")
    assert keys_of(tree.origin) == ["d/a", "d/b"]
    tree.delete("d/a")
    assert keys_of(tree.origin) == ["d/b"]


def test_content_types_are_those_of_the_name(tree):
    kinds = {
        "a.html": "text/html",
        "b.tar.gz": "application/gzip",
        "c": "application/octet-stream",
        "d.PNG": "image/png",
        "http://x.css": "text/css",
    }
    for key, kind in kinds.items():
        tree.put(key.replace("//", "/"), b"x")
        assert tree.origin.head(key.replace("//", "/")).headers == {"content-type": kind}


def test_names_that_are_not_utf8_stop_the_listing(tree):
    try:
        (tree.root / os.fsdecode(b"\xff-name")).write_bytes(b"x")
    except OSError:
        pytest.skip("the file system takes UTF-8 names only")
    with pytest.raises(ListingBroken, match=r"\\xff-name"):
        keys_of(tree.origin)


def test_a_missing_or_replaced_root(tree, tmp_path):
    with pytest.raises(BucketMissing, match="nowhere"):
        FileOrigin(tmp_path / "nowhere")
    tree.root.rename(tmp_path / "moved")
    with pytest.raises(ListingBroken, match="cannot be read"):
        keys_of(tree.origin)
    tree.root.mkdir()
    with pytest.raises(ListingBroken, match="unmounted"):
        keys_of(tree.origin)


# -- a web server ----------------------------------------------------------------------------------------------------
@pytest.fixture
def site(tmp_path):
    rig = HttpRig(tmp_path)
    yield rig
    rig.close()


@pytest.mark.parametrize("without", [{"head"}, {"head", "range"}, {"range"}, {"etag"}, {"if-match"}])
def test_servers_without_some_virtue(site, without):
    site.put("k", b"0123456789")
    site.put("empty", b"")
    site.site.without |= without
    assert site.origin.head("k").size_bytes == 10
    assert site.origin.head("empty").size_bytes == 0
    assert site.origin.read("k", start=2, end=5)[1] == b"234"
    if "etag" not in without:
        with pytest.raises(ObjectChanged):
            site.origin.read("k", if_match="other")
    site.delete("k")
    with pytest.raises(ObjectVanished):
        site.origin.head("k")


def test_a_length_that_nobody_knows(site):
    site.put("k", b"0123456789")
    site.site.without |= {"length"}
    with pytest.raises(IntegrityMismatch):
        site.origin.read("k")


def test_sizes_of_the_manifest_spare_requests(site):
    site.put("a", b"1")
    site.put("b", b"22")
    site.manifest.write_bytes(b"a\t1\nb\nc\nd\t4\n")
    page = site.origin.list_page("")
    assert [(o.key, o.size_bytes) for o in page.objects] == [("a", 1), ("b", 2), ("c", 0), ("d", 4)]
    assert [r[:2] for r in site.site.requests] == [("HEAD", "/base/b"), ("HEAD", "/base/c")]
    with pytest.raises(ObjectVanished):
        site.origin.read("d")


def test_statuses(tmp_path):
    from raw_server import raw_server, reply

    from migrator.adapters.http import Http

    (tmp_path / "m").write_bytes(b"k\n")
    for status, kind in {
        "403 Forbidden": AccessRefused,
        "404 Not Found": ObjectVanished,
        "410 Gone": ObjectVanished,
        "412 Precondition Failed": ObjectChanged,
        "302 Found": Permanent,
        "400 Bad Request": Permanent,
        "429 Too Many Requests": Transient,
        "502 Bad Gateway": Transient,
    }.items():
        with raw_server(reply(status=status)) as raw:
            origin = HttpOrigin(Http(), base_url=raw.url + "/", manifest=tmp_path / "m")
            for call in (origin.read, origin.head):
                with pytest.raises(kind):
                    call("k")
            assert all(target == b"/k" for target in raw.targets)


@pytest.mark.parametrize("url", ["http://h/base", "http://h/?x/", "http://h/#/"])
def test_a_base_that_keys_cannot_be_appended_to(url, tmp_path):
    with pytest.raises(Invalid):
        HttpOrigin(None, base_url=url, manifest=tmp_path / "m")


lines = st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n\r"), min_size=1, max_size=5))


@settings(max_examples=60, deadline=None)
@given(lines, st.text(max_size=3).filter(lambda s: s.isprintable()), st.booleans(), st.booleans(), st.booleans())
def test_a_manifest_is_read_from_any_key_on(tmp_path_factory, keys, start, bom, crlf, last_end):
    keys = sorted({k.split("\t")[0] for k in keys if not k.startswith("\ufeff")} - {""})
    end = b"\r\n" if crlf else b"\n"
    text = end.join(k.encode() + (b"\t%d" % n if n % 2 else b"") for n, k in enumerate(keys)) + (
        end if last_end and keys else b""
    )
    path = tmp_path_factory.mktemp("m") / "manifest"
    path.write_bytes((b"\xef\xbb\xbf" if bom else b"") + text)
    manifest = Manifest(path)
    sizes = {k: n if n % 2 else None for n, k in enumerate(keys)}
    assert list(manifest.entries(start)) == [(k, sizes[k]) for k in keys if k > start]
    assert list(manifest.entries(start, inclusive=True)) == [(k, sizes[k]) for k in keys if k >= start]


@pytest.mark.parametrize(
    ("text", "line"),
    [(b"b\na\n", 2), (b"a\na\n", 2), (b"a\n\nb\n", 2), (b"a\n\n", 2), (b"a\nb\n\xff\n", 3), (b"\n", 1)],
)
def test_a_manifest_that_cannot_be_trusted_names_the_line(tmp_path, text, line):
    (tmp_path / "m").write_bytes(text)
    with pytest.raises(Invalid, match=f"line {line} "):
        list(Manifest(tmp_path / "m").entries(""))


def test_a_manifest_that_is_not_there(tmp_path):
    with pytest.raises(Invalid, match="cannot be read"):
        list(Manifest(tmp_path / "m").entries(""))
