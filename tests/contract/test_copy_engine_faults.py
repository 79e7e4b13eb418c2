from __future__ import annotations

import pytest
from copy_rig import BIG, engine_rig
from fault_proxy import answer, change, cut_before, fault_proxy, lose_reply

from migrator.domain.states import Outcome
from migrator.sandbox.oss.run import start_oss


@pytest.fixture(scope="module")
def server():
    with start_oss() as running:
        yield running


@pytest.fixture
def rig(server):
    with engine_rig(server) as made:
        yield made


# -- bad moments -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("body", "method"), [(b"body", "PUT"), (BIG, "PUT"), (BIG, "POST")], ids=["small", "part", "complete"]
)
def test_a_write_whose_reply_was_lost_is_found_and_counted_once(rig, body, method):
    item = rig.put("k", body)
    rig.new.add(method, lose_reply, part_of_path="uploadId" if body is BIG else "")
    result = rig.one(item)
    assert (result.outcome, result.size_bytes) == (Outcome.COPIED, len(body))
    assert rig.read("k")[1] == body


def test_after_a_lost_reply_another_writers_object_is_kept(rig):
    item = rig.put("k", b"ours")

    def interfere(forward):
        forward()
        rig.here.delete("k")
        rig.here.create("k", b"theirs", {})

    rig.new.add("PUT", interfere)
    assert rig.one(item).outcome is Outcome.KEPT_DESTINATION
    assert rig.read("k")[1] == b"theirs"


@pytest.mark.parametrize(
    "fault",
    [
        cut_before,
        answer(500, x_oss_request_id="1"),
        answer(502, b"<html>"),
        answer(503, x_oss_request_id="1"),
        change(x_oss_hash_crc64ecma="1"),
        change(x_oss_request_id=None),
        lambda forward: forward(b"BODY"),  # damaged on the wire: OSS refuses it by its MD5
    ],
)
def test_a_bad_moment_of_the_destination_is_survived(rig, fault):
    item = rig.put("k")
    rig.new.add("PUT", fault)
    assert rig.one(item).outcome is Outcome.COPIED
    assert rig.read("k")[1] == b"body"


@pytest.mark.parametrize("body", [b"body", BIG], ids=["small", "big"])
def test_a_truncated_or_damaged_read_is_repeated(rig, body):
    item = rig.put("k", body)

    def cut(forward):
        reply = forward()
        reply.body = reply.body[:-1]
        return reply

    rig.legacy.add("GET", cut)
    rig.legacy.add("GET", cut_before)
    assert rig.one(item).outcome is Outcome.COPIED
    assert rig.read("k")[1] == body


def test_the_servers_wish_to_wait_is_honoured(rig):
    item = rig.put("k")
    rig.new.add("PUT", answer(503, x_oss_request_id="1", Retry_After="3"), times=2)
    assert rig.one(item).outcome is Outcome.COPIED
    assert rig.slept == [3.0, 3.0]


def test_what_stays_unavailable_fails_and_may_be_tried_again(rig):
    item = rig.put("k")
    rig.new.add("PUT", answer(503, x_oss_request_id="1"), times=3)
    result = rig.one(item, attempts=3)
    assert (result.outcome, result.retryable) == (Outcome.FAILED, True)
    assert "503" in result.reason


def test_a_failing_part_leaves_no_upload_behind(rig):
    item = rig.put("k", BIG)
    rig.new.add("PUT", answer(500, x_oss_request_id="1"), times=2, part_of_path="partNumber=2&")
    assert rig.one(item, attempts=2).outcome is Outcome.FAILED


def test_stored_damage_is_said_and_not_called_somebody_elses_object(rig):
    item = rig.put("k")
    rig.new.add("PUT", change(x_oss_hash_crc64ecma="1"))
    rig.new.add("HEAD", change(x_oss_hash_crc64ecma="1"))
    result = rig.one(item)
    assert (result.outcome, result.retryable) == (Outcome.FAILED, False)
    assert "other bytes" in result.reason


def test_a_refused_object_fails_alone(rig):
    items = [rig.put(name) for name in ("a", "b")]
    rig.legacy.add("GET", answer(403, b"<Error><Code>AccessDenied</Code></Error>", x_oss_request_id="1"))
    results = rig.copy(*items)
    assert sorted(result.outcome for result in results) == [Outcome.COPIED, Outcome.FAILED]
    assert not any(result.retryable for result in results)


@pytest.mark.parametrize("method", ["PUT", "GET"])
def test_a_redirect_is_not_followed_and_no_token_goes_elsewhere(rig, method):
    item = rig.put("k")
    with fault_proxy(rig.server.endpoint) as elsewhere:
        side = rig.new if method == "PUT" else rig.legacy
        side.add(method, answer(302, location=f"{elsewhere.url}/{rig.from_name}/k"))
        assert rig.one(item).outcome is Outcome.COPIED
        assert elsewhere.seen == []
