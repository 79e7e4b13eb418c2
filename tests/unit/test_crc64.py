from __future__ import annotations

from functools import reduce

import oss2.crc64_combine
from hypothesis import given, settings
from hypothesis import strategies as st

from migrator.adapters.crc64 import combine, combine_all, crc64_of

theirs = oss2.crc64_combine.mkCombineFun(0x142F0E1EBA9EA3693, 0, True, 0xFFFFFFFFFFFFFFFF)


def test_check_value_is_the_one_oss_documents():
    assert crc64_of(b"123456789") == 11051210869376104954
    assert crc64_of(b"") == 0


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_combining_two_is_the_checksum_of_both(a: bytes, b: bytes):
    assert combine(crc64_of(a), crc64_of(b), len(b)) == crc64_of(a + b)


@given(st.lists(st.binary(max_size=60), max_size=8))
def test_combining_all_is_the_checksum_of_the_whole(parts: list[bytes]):
    assert combine_all((crc64_of(part), len(part)) for part in parts) == crc64_of(b"".join(parts))


@settings(max_examples=50)  # oss2's own function is slow
@given(st.integers(0, 2**64 - 1), st.lists(st.tuples(st.integers(0, 2**64 - 1), st.integers(1, 5 * 2**30)), max_size=4))
def test_lengths_of_real_parts_agree_with_oss2(first: int, rest: list[tuple[int, int]]):
    assert reduce(lambda crc, part: combine(crc, *part), rest, first) == reduce(
        lambda crc, part: theirs(crc, *part), rest, first
    )
