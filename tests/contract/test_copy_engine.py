from __future__ import annotations

import gzip
import threading
from contextlib import contextmanager

import pytest
from copy_rig import BIG, HEADERS, LIMITS, PART, engine_rig
from fault_proxy import answer, change
from hostile import KEYS

from migrator.adapters.crc64 import crc64_of
from migrator.adapters.engine import EngineLimits
from migrator.adapters.http import Http
from migrator.adapters.s3_origin import S3Origin
from migrator.domain.objects import CopyItem
from migrator.domain.states import Outcome
from migrator.errors import CredentialsRefused, Transient
from migrator.sandbox.origin import start_origin
from migrator.sandbox.oss.run import start_oss


@pytest.fixture(scope="module")
def server():
    with start_oss() as running:
        yield running


@pytest.fixture
def rig(server):
    with engine_rig(server) as made:
        yield made


# -- whole and exact ---------------------------------------------------------------------------------------------------
def test_every_key_arrives_with_bytes_and_headers(rig):
    bodies = {key: gzip.compress(key.encode()) for key in KEYS} | {"empty/": b"", "big": BIG}
    headers = HEADERS | {"content-encoding": "gzip"}
    results = rig.copy(*(rig.put(key, body, headers) for key, body in bodies.items()))
    assert {result.item.origin_key for result in results} == set(bodies)
    assert {result.outcome for result in results} == {Outcome.COPIED}
    for result in results:
        key = result.item.destination_key
        head, body = rig.read(key)
        assert (body, head.headers) == (bodies[key], headers)
        assert (result.size_bytes, result.crc64, result.destination_etag) == (len(body), crc64_of(body), head.etag)
    assert rig.there.head("big").etag != rig.here.head("big").etag


def test_s3_objects_arrive_with_their_own_spelling_of_metadata(rig):
    with closing_origin() as legacy:
        legacy.create_bucket("legacy")
        bodies = {"a/small.txt": b"text " * 300, "a/big.gz": gzip.compress(bytes(range(256))) + BIG, "a b+%/../c": b"x"}
        for key, body in bodies.items():
            headers = {"Content-Type": "text/x", "Content-Encoding": "gzip", "x-amz-meta-Mtime": "1"}
            legacy.put("legacy", key, body, headers)
        rig.origin = S3Origin(Http(), bucket="legacy", region="us-east-1", endpoint=legacy.endpoint, credentials=None)
        items = [CopyItem(o.key, o.key, o.size_bytes, o.etag) for o in rig.origin.list_page("").objects]
        assert {result.outcome for result in rig.copy(*items)} == {Outcome.COPIED}
    for key, body in bodies.items():
        head, copied = rig.read(key)
        assert copied == body
        assert head.headers == {"content-type": "text/x", "content-encoding": "gzip", "meta/mtime": "1"}


@contextmanager
def closing_origin():
    running = start_origin()
    try:
        yield running
    finally:
        running.stop()


def test_keys_may_differ_between_the_sides(rig):
    item = rig.put("old/a")
    assert rig.one(CopyItem("old/a", "new/b", item.size_bytes, item.etag)).outcome is Outcome.COPIED
    assert rig.read("new/b")[1] == b"body"


def test_objects_are_marked_when_wanted(rig):
    small, big = rig.put("small"), rig.put("big", BIG)
    rig.copy(small, big, marker=lambda item: {"meta/origin-etag": item.etag})
    for item in (small, big):
        assert rig.here.head(item.destination_key).headers == HEADERS | {"meta/origin-etag": item.etag}


def test_parts_lie_at_and_around_the_limits(rig):
    sizes = [0, 1, 2 * PART - 1, 2 * PART, 2 * PART + 1, 3 * PART - 1, 3 * PART, 3 * PART + 1]
    results = rig.copy(*(rig.put(str(size), BIG[:size] + BIG[: max(0, size - len(BIG))]) for size in sizes))
    assert sorted(result.size_bytes for result in results) == sizes
    for size in sizes:
        assert rig.read(str(size))[0].crc64 == rig.there.head(str(size)).crc64


# -- what is there already ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize("body", [b"body", BIG], ids=["small", "big"])
def test_an_equal_object_is_recognised(rig, body):
    item = rig.put("k", body)
    rig.copy(item)
    result = rig.one(item)
    assert (result.outcome, result.size_bytes) == (Outcome.ALREADY_EQUAL, len(body))
    assert result.destination_etag == rig.here.head("k").etag


@pytest.mark.parametrize("theirs", [b"newer", b"another length"])
@pytest.mark.parametrize("body", [b"older", BIG], ids=["small", "big"])
def test_another_object_is_kept(rig, body, theirs):
    item = rig.put("k", body)
    rig.here.create("k", theirs, {})
    result = rig.one(item)
    assert result.outcome is Outcome.KEPT_DESTINATION
    assert "kept" in result.reason
    assert rig.read("k")[1] == theirs


def test_a_big_object_of_the_same_size_is_compared_by_its_checksum(rig):
    item = rig.put("k", BIG)
    rig.here.create("k", BIG[:-1] + b"x", {})
    assert rig.one(item).outcome is Outcome.KEPT_DESTINATION


def test_a_big_origin_without_checksum_is_read_to_compare(rig):
    item = rig.put("k", BIG)
    rig.here.create("k", BIG, {})
    rig.legacy.add("GET", change(x_oss_hash_crc64ecma=None), times=3)
    assert rig.one(item).outcome is Outcome.ALREADY_EQUAL


def test_without_a_checksum_at_the_destination_equality_is_not_claimed(rig):
    item = rig.put("k")
    rig.copy(item)
    rig.new.add("HEAD", change(x_oss_hash_crc64ecma=None))
    result = rig.one(item)
    assert (result.outcome, result.retryable) == (Outcome.FAILED, False)


def test_two_engines_on_the_same_objects_copy_each_once(rig):
    items = [rig.put(f"k{number}", str(number).encode()) for number in range(20)]
    results = []
    threads = [threading.Thread(target=lambda: results.extend(rig.copy(*items))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    outcomes = [result.outcome for result in results]
    assert outcomes.count(Outcome.COPIED) == len(items)
    assert outcomes.count(Outcome.ALREADY_EQUAL) == len(items)


# -- what cannot be copied ---------------------------------------------------------------------------------------------
def test_what_oss_cannot_hold_is_quarantined_with_the_reason(rig):
    bad = [CopyItem("k", key, 1, "") for key in ("/lead", "\\lead", "x" * 1024, "\ud800")]
    results = rig.copy(*bad, CopyItem("k", "huge", 48_800_000_000_001, ""))
    assert {result.outcome for result in results} == {Outcome.QUARANTINED}
    assert all(result.reason for result in results)
    assert rig.legacy.seen == rig.new.seen == []


@pytest.mark.parametrize("body", [b"body", BIG], ids=["small", "big"])
def test_metadata_oss_cannot_hold_is_quarantined_by_name(rig, body):
    item = rig.put("k", body)
    rig.legacy.add("GET", _add_header("x-oss-meta-a_b", "1"))
    result = rig.one(item)
    assert result.outcome is Outcome.QUARANTINED
    assert "a_b" in result.reason
    assert rig.here.head("k") is None


def _add_header(name, value):
    def act(forward):
        reply = forward()
        reply.headers[name] = value
        return reply

    return act


@pytest.mark.parametrize("body", [b"body", BIG], ids=["small", "big"])
def test_vanished_and_changed_objects(rig, body):
    gone, other = rig.put("gone", body), rig.put("other", body)
    rig.there.delete("gone")
    rig.there.delete("other")
    rig.put("other", b"+" + body)
    results = {result.item: result for result in rig.copy(gone, other)}
    assert results[gone].outcome is Outcome.VANISHED
    assert (results[other].outcome, results[other].retryable) == (Outcome.FAILED, True)
    assert rig.here.head("gone") is rig.here.head("other") is None


def test_a_changed_object_without_etag_in_the_listing_is_copied_as_it_is_now(rig):
    item = rig.put("k", b"longer than listed")
    assert rig.one(CopyItem("k", "k", 3, "")).size_bytes == item.size_bytes


def test_an_object_replaced_between_two_ranges_is_never_mixed(rig):
    item = rig.put("k", BIG)

    def replace(forward):
        rig.there.delete("k")
        rig.there.create("k", bytes(reversed(BIG)), HEADERS)
        return forward()

    rig.legacy.add("GET", lambda forward: forward())
    rig.legacy.add("GET", replace)
    result = rig.one(CopyItem("k", "k", item.size_bytes, ""), limits=EngineLimits(1, 2 * PART, PART, 1))
    assert (result.outcome, result.retryable) == (Outcome.FAILED, True)
    assert rig.here.head("k") is None


# -- the engine's manners ----------------------------------------------------------------------------------------------
def test_refused_credentials_stop_everything(rig):
    items = [rig.put(f"k{number}") for number in range(12)]
    refused = answer(403, b"<Error><Code>InvalidAccessKeyId</Code></Error>", x_oss_request_id="1")
    rig.new.add("PUT", refused, part_of_path="/k5")
    with rig.engine() as engine, pytest.raises(CredentialsRefused):
        list(engine.copy(items, stop=lambda: False))
    assert rig.here.head("k5") is None


def test_results_before_a_fatal_error_are_yielded(rig):
    items = [rig.put(f"k{number}") for number in range(6)]
    refused = answer(403, b"<Error><Code>InvalidAccessKeyId</Code></Error>", x_oss_request_id="1")
    rig.new.add("PUT", refused, part_of_path="/k3")
    results = []

    def consume(engine):
        for result in engine.copy(items, stop=lambda: False):
            results.append(result.item.origin_key)  # noqa: PERF401 - the error comes while iterating

    with rig.engine(limits=EngineLimits(1, 2 * PART, PART, 1)) as engine, pytest.raises(CredentialsRefused):
        consume(engine)
    assert results[:3] == ["k0", "k1", "k2"]
    stored = {entry.key for entry in rig.here.list_page("").objects}
    assert stored == set(results)


def test_an_error_of_the_item_source_is_raised_after_the_results(rig):
    item = rig.put("k")

    def items():
        yield item
        raise Transient("the listing broke")

    with rig.engine() as engine:
        results = engine.copy(items(), stop=lambda: False)
        assert next(results).outcome is Outcome.COPIED
        with pytest.raises(Transient, match="listing"):
            next(results)


def test_stop_takes_no_further_item_and_finishes_those_under_way(rig):
    taken = []

    def items():
        for number in range(100):
            taken.append(number)
            yield rig.put(f"k{number}")

    with rig.engine() as engine:
        results = list(engine.copy(items(), stop=lambda: len(taken) >= 10))
    assert len(results) == len(taken) == 10
    assert {result.outcome for result in results} == {Outcome.COPIED}


def test_items_are_taken_only_as_fast_as_they_are_worked_on(rig):
    taken = []

    def items():
        for number in range(40):
            taken.append(number)
            yield rig.put(f"k{number}")

    with rig.engine() as engine:
        for done, _ in enumerate(engine.copy(items(), stop=lambda: False), start=1):
            assert len(taken) <= done + 2 * LIMITS.concurrency


def test_after_closing_the_iterator_nothing_is_written_any_more(rig):
    items = [rig.put(f"k{number}") for number in range(30)]
    with rig.engine() as engine:
        results = engine.copy(items, stop=lambda: False)
        next(results)
        results.close()
        written = len(rig.new.seen)
        assert written < len(items)
        assert [result.outcome for result in engine.copy([rig.put("last")], stop=lambda: False)] == [Outcome.COPIED]
    assert len(rig.new.seen) == written + 1


def test_no_items_is_no_results(rig):
    assert rig.copy() == []
