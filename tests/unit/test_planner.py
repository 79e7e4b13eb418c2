from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from migrator.domain.objects import ObjectInfo
from migrator.domain.planner import behind, cuts, group_of, hole_at, nested

ALPHABET = st.sampled_from("a/b0")
NAMES = st.sets(st.text(ALPHABET, max_size=4), max_size=8).map(sorted)
KEYS = st.text(ALPHABET, min_size=1, max_size=6)


@given(KEYS, NAMES)
def test_a_key_belongs_to_the_longest_name_it_starts_with(key, names):
    assert group_of(key, names) == max((name for name in names if key.startswith(name)), key=len, default="")


@given(KEYS, NAMES, st.text(ALPHABET, max_size=3))
def test_a_key_below_a_name_is_in_a_hole_exactly_when_it_belongs_to_a_deeper_name(key, names, name):
    names = sorted({*names, name})
    if key.startswith(name):
        deeper = group_of(key, names) != name
        assert (hole_at(key, nested(name, names)) is not None) == deeper


@given(st.text(max_size=4), st.text(max_size=4))
def test_behind_a_prefix_is_behind_all_of_its_keys(prefix, rest):
    if "\U0010fffe" not in rest and "\U0010ffff" not in rest:
        assert prefix + rest <= behind(prefix) or rest.startswith("\U0010fffd")


@given(st.sets(KEYS, max_size=30), st.integers(1, 7), st.text(ALPHABET, max_size=2))
def test_cuts_tile_the_range_and_count_every_object_once(keys, shard_objects, after):
    listed = [ObjectInfo(key, len(key), "") for key in sorted(key for key in keys if key > after)]
    ranges = list(cuts(listed, after, shard_objects))
    assert ranges[0].after == after
    assert ranges[-1].last is None
    assert [each.last for each in ranges[:-1]] == [each.after for each in ranges[1:]]
    assert sum(each.objects for each in ranges) == len(listed)
    assert sum(each.size_bytes for each in ranges) == sum(info.size_bytes for info in listed)
    for each in ranges:
        inside = [info for info in listed if info.key > each.after and (each.last is None or info.key <= each.last)]
        assert len(inside) == each.objects <= shard_objects


def test_the_first_cut_does_not_wait_for_the_end_of_the_listing():
    def listing():
        yield ObjectInfo("a", 1, "")
        yield ObjectInfo("b", 1, "")
        raise AssertionError("listed further than needed")

    assert next(cuts(listing(), "", 1)).last == "a"
