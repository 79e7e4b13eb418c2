from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from migrator.domain.compare import Verdict, merge_join, settle_pass, verdict
from migrator.domain.model import Counters, ObjectRecord, PrefixId, RecordKind
from migrator.domain.objects import ObjectInfo
from migrator.domain.states import Outcome

MD5 = "d41d8cd98f00b204e9800998ecf8427e"
KEYS = st.dictionaries(st.text(max_size=3), st.integers(0, 2), max_size=12)


def info(size=1, etag=MD5, key="k"):
    return ObjectInfo(key, size, etag)


def proof(origin_etag, destination_etag, kind=RecordKind.PROOF):
    return ObjectRecord(PrefixId(1), "k", kind, origin_etag=origin_etag, destination_etag=destination_etag)


@given(KEYS, KEYS)
def test_the_join_shows_every_key_of_either_side_once_in_order(left, right):
    listed = [[info(size, key=key) for key, size in sorted(side.items())] for side in (left, right)]
    joined = list(merge_join(*listed))
    assert [key for key, _, _ in joined] == sorted({*left, *right})
    for key, a, b in joined:
        assert (a.size_bytes if a else None, b.size_bytes if b else None) == (left.get(key), right.get(key))


def test_equal_md5_etags_are_proof_whatever_their_case():
    assert verdict(info(), info(etag=MD5.upper())) is Verdict.EQUAL


def test_unequal_etags_prove_nothing():
    assert verdict(info(), info(etag="A" * 32)) is Verdict.UNKNOWN
    assert verdict(info(etag="x-2"), info(etag="x-2")) is Verdict.UNKNOWN


def test_another_size_is_a_difference_even_with_a_recorded_proof():
    assert verdict(info(1, "x-2"), info(2, "y-2"), proof("x-2", "y-2")) is Verdict.DIFFERS


def test_a_recorded_proof_holds_for_exactly_these_two_versions():
    assert verdict(info(etag="x-2"), info(etag="y-2"), proof("x-2", "y-2")) is Verdict.EQUAL
    assert verdict(info(etag="x-2"), info(etag="z-2"), proof("x-2", "y-2")) is Verdict.UNKNOWN
    assert verdict(info(etag="x-2"), info(etag="y-2"), proof("x-2", "y-2", RecordKind.FAILED)) is Verdict.UNKNOWN


def test_one_sided_keys():
    assert verdict(info(), None) is Verdict.MISSING
    assert verdict(None, info()) is Verdict.EXTRA


COUNTERS = st.lists(st.tuples(st.sampled_from(Outcome), st.integers(0, 9))).map(
    lambda each: sum((Counters.of(outcome, size) for outcome, size in each), Counters())
)


@given(COUNTERS, COUNTERS)
def test_a_repair_pass_keeps_sums_exact_and_never_forgets_what_was_copied(before, walk):
    settled = settle_pass(before, walk)
    assert settled.discovered == settled.settled == walk.discovered
    assert settled.copied + settled.already_equal == walk.copied + walk.already_equal
    assert settled.copied_bytes + settled.equal_bytes == walk.copied_bytes + walk.equal_bytes
    assert settled.already_equal <= before.already_equal


def test_copies_of_the_first_pass_stay_copies_when_the_second_meets_them_as_equal():
    first = Counters(discovered=3, copied=2, already_equal=1, copied_bytes=20, equal_bytes=5)
    walk = Counters(discovered=4, copied=1, already_equal=3, copied_bytes=7, equal_bytes=25)
    assert settle_pass(first, walk) == Counters(discovered=4, copied=3, already_equal=1, copied_bytes=27, equal_bytes=5)
