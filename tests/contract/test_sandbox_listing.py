"""Listings of the sandbox OSS against a plain model of what they should hold."""

from __future__ import annotations

from datetime import UTC, datetime

import oss2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sandbox_rig import bucket, raw

from migrator.sandbox.oss.blobs import MemoryBlob
from migrator.sandbox.oss.listing import cut
from migrator.sandbox.oss.run import start_oss
from migrator.sandbox.oss.store import Bucket, Entry, Held

KEYS = st.text(st.sampled_from(["a", "b", "/", "-", "\x01", "ü", "\U0010ffff"]), min_size=1, max_size=5)


@pytest.fixture(scope="module")
def oss():
    with start_oss() as running:
        yield running


def _bucket(keys) -> Bucket:
    made = Bucket("b", datetime.now(UTC))
    for key in keys:
        made.remember(Held(Entry(key, 0, "", 0, 0), MemoryBlob(b"")))
    return made


def _expected(keys, prefix, delimiter):
    names = set()
    for key in keys:
        if key.startswith(prefix):
            at = key.find(delimiter, len(prefix)) if delimiter else -1
            names.add(key if at < 0 else key[: at + len(delimiter)])
    return sorted(names, key=lambda name: name.encode("utf-8", "surrogatepass"))


@given(st.sets(KEYS), st.sampled_from(["", "a", "a/", "/"]), st.sampled_from(["", "/", "b", "ab"]), st.integers(1, 4))
def test_pages_together_hold_everything_once_in_byte_order(keys, prefix, delimiter, limit):
    made, seen, after = _bucket(keys), [], ""
    while True:
        page = cut(made, prefix, delimiter, after, limit)
        names = sorted([entry.key for entry in page.entries] + page.prefixes)
        assert len(names) <= limit
        seen += names
        if not page.truncated:
            break
        assert page.last == names[-1]
        after = page.last
    assert seen == _expected(keys, prefix, delimiter)


@given(st.lists(KEYS), st.lists(KEYS))
def test_the_order_survives_puts_and_deletes(added, removed):
    made = _bucket(added)
    for key in removed:
        made.forget(key)
    assert made.keys == sorted(set(added) - set(removed))


def test_both_versions_agree(oss):
    made = bucket(oss)
    for key in ("a/1", "a/2", "b", "c/1", "d+e f%"):
        made.put_object(key, key)
    first = made.list_objects(delimiter="/", max_keys=2)
    second = made.list_objects_v2(delimiter="/", max_keys=2)
    assert first.prefix_list == second.prefix_list == ["a/"]
    assert [item.key for item in first.object_list] == [item.key for item in second.object_list] == ["b"]
    assert first.is_truncated
    assert second.is_truncated
    rest = made.list_objects(delimiter="/", marker=first.next_marker)
    token = second.next_continuation_token
    rest_two = made.list_objects_v2(delimiter="/", continuation_token=token)
    assert rest.prefix_list == rest_two.prefix_list == ["c/"]
    assert [item.key for item in rest.object_list] == [item.key for item in rest_two.object_list] == ["d+e f%"]
    assert [item.key for item in made.list_objects_v2(start_after="b").object_list] == ["c/1", "d+e f%"]


def test_what_is_refused(oss):
    made = bucket(oss)
    for attempt in (
        lambda: made.list_objects_v2(continuation_token="nonsense"),
        lambda: made.list_objects(max_keys=1001),
        lambda: made._do("GET", made.bucket_name, "", params={"encoding-type": "base64"}),
    ):
        with pytest.raises(oss2.exceptions.InvalidArgument):
            attempt()
    assert raw(oss, "GET", f"/{made.bucket_name}/").code == "AccessDenied"


def test_without_encoding_control_characters_become_references(oss):
    made = bucket(oss)
    made.put_object("a\x01<&>", b"")
    text = made._do("GET", made.bucket_name, "").read().decode()
    assert "<Key>a&#1;&lt;&amp;&gt;</Key>" in text
