"""The origin misbehaves, credentials go bad, people pause and cancel: the job says why, and goes on."""

from __future__ import annotations

import os

import pytest
from fault_proxy import answer, fault_proxy
from rig import Rig, canonical

from migrator.app import control
from migrator.domain.states import JobState, PrefixState
from migrator.errors import Invalid

BUSY = b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
GONE = b"<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message></Error>"
NOT_NOW = {"fatal": b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"}


def through(rig: Rig, url: str, **more):
    return {"origin": {"url": f"s3://{rig.there}/", "endpoint": url}, **more}


def test_an_origin_that_answers_503_now_and_then(rig: Rig) -> None:
    rig.fill(prefixes=2, each=4)
    with fault_proxy(rig.sides.origin.endpoint) as proxy:
        proxy.add("GET", answer(503, BUSY), times=3, part_of_path="list-type")
        proxy.add("GET", answer(503, BUSY), times=3, part_of_path="p00/")
        proxy.add("GET", lambda _forward: None, times=2, part_of_path="p01/")
        rig.start(**through(rig, proxy.url))
        rig.drive()
        assert not proxy.unused
    rig.check_end()


def test_an_object_that_always_fails_blocks_its_prefix_with_its_reason(rig: Rig) -> None:
    rig.fill(prefixes=2, each=2)
    object.__setattr__(rig.rt, "settings", rig.another_worker(max_attempts=1).settings)
    with fault_proxy(rig.sides.origin.endpoint) as proxy:
        proxy.add("GET", answer(500, b"<Error><Code>InternalError</Code></Error>"), times=1000, part_of_path="p00/001")
        rig.start(**through(rig, proxy.url))
        rig.drive(lambda: rig.view("p00/").blocking_failed == 1)
        rig.drive(rig.is_in("p01/", PrefixState.RETIRING, PrefixState.SETTLING, PrefixState.RETIRED))
        line = next(line for line in rig.snapshot().prefixes if line.name == "p00/")
        assert line.wait.reason == "blocked: 1 failed"
        [record] = rig.rt.store.records.blocking(rig.prefix("p00/").id)
        assert "500" in record.reason or "InternalError" in record.reason
        for fault in proxy.faults:
            fault.times = 0
        assert rig.read("p00/001.txt").body == rig.files["p00/001.txt"]
        assert control.retry(rig.rt, "job", None) == 1
        rig.drive()
    rig.check_end()


def test_an_object_that_vanishes_between_listing_and_copy(rig: Rig) -> None:
    rig.fill(prefixes=1, each=12)
    rig.start()
    rig.drive(rig.is_in("p00/", PrefixState.COPYING))
    # Planned, listed by the copier, and gone when it is read.
    real, seen = rig.rt.connections.engine, []

    class Vanishing:
        def __init__(self, engine) -> None:
            self.engine = engine

        def copy(self, items, *, stop):
            for item in items:
                if item.origin_key == "p00/005.txt" and not seen:
                    seen.append(item)
                    rig.remove("p00/005.txt")
            return self.engine.copy(items, stop=stop)

    rig.rt.connections.engine = lambda spec, *, marked: Vanishing(real(spec, marked=marked))
    rig.drive()
    assert seen
    current = rig.snapshot()
    assert current.state is JobState.DONE
    assert current.counters.discovered == current.counters.settled
    assert set(rig.stored()) == set(rig.files)
    assert current.counters.copied == 12


def test_a_key_that_is_listed_but_never_there(rig: Rig) -> None:
    """Static hosting lists such phantoms; the prefix must not wait for them for ever."""
    rig.fill(prefixes=1, each=3)
    with fault_proxy(rig.sides.origin.endpoint) as proxy:
        for method, body in (("GET", GONE), ("HEAD", b"")):
            proxy.add(method, answer(404, body), times=1000, part_of_path="p00/001")
        rig.start(**through(rig, proxy.url))
        rig.drive()
    counters = rig.snapshot().counters
    assert (counters.vanished, counters.copied, counters.discovered) == (1, 3, 4)
    assert set(rig.stored()) == set(rig.files) - {"p00/001.txt"}


def test_bad_oss_credentials_block_the_job_until_it_is_resumed(rig: Rig) -> None:
    rig.fill(prefixes=2, each=2)
    rig.start()
    rig.drive(rig.is_in("p00/", PrefixState.REDIRECTING))
    good = os.environ["OSS_ACCESS_KEY_SECRET"]
    os.environ["OSS_ACCESS_KEY_SECRET"] = "wrong"
    rig.drive(lambda: rig.rt.store.jobs.by_name("job").blocked_reason)
    current = rig.snapshot()
    assert current.wait.reason.startswith("blocked: ")
    assert current.wait.command
    assert "wrong" not in current.wait.reason
    assert rig.stored() == {}
    assert rig.read("p00/000.txt").body == rig.files["p00/000.txt"], "readers do not notice"
    os.environ["OSS_ACCESS_KEY_SECRET"] = good
    control.resume(rig.rt, "job")
    rig.drive()
    rig.check_end()


def test_bad_origin_credentials_block_the_job_until_it_is_resumed(rig: Rig) -> None:
    rig.fill(prefixes=2, each=2)
    with fault_proxy(rig.sides.origin.endpoint) as proxy:
        rig.start(**through(rig, proxy.url))
        rig.drive(rig.is_in("p00/", PrefixState.COPYING))
        proxy.add("GET", answer(403, b"<Error><Code>InvalidAccessKeyId</Code></Error>"), times=1000)
        rig.drive(lambda: rig.rt.store.jobs.by_name("job").blocked_reason)
        proxy.seen.clear()
        for _ in range(3):
            rig.tick()
        assert not [seen for seen in proxy.seen if seen.path.startswith(f"/{rig.there}?")], "what is blocked is quiet"
        for fault in proxy.faults:
            fault.times = 0
        control.resume(rig.rt, "job")
        rig.drive()
    rig.check_end()


def test_a_bucket_that_is_denied_now_is_not_a_failed_object(rig: Rig) -> None:
    rig.fill(prefixes=1, each=2)
    with fault_proxy(rig.sides.origin.endpoint) as proxy:
        rig.start(**through(rig, proxy.url))
        rig.drive(rig.is_in("p00/", PrefixState.COPYING))
        proxy.add("GET", answer(403, NOT_NOW["fatal"]), times=1000, part_of_path="p00/000")
        rig.drive(
            lambda: rig.rt.store.jobs.by_name("job").blocked_reason or rig.view("p00/").blocking_failed,
        )
        assert rig.prefix("p00/").state is PrefixState.COPYING, "an error never means absent"


def test_pause_is_quiet_and_resume_goes_on(rig: Rig) -> None:
    rig.fill(prefixes=2, each=12)
    with fault_proxy(rig.sides.origin.endpoint) as proxy:
        rig.start(**through(rig, proxy.url))
        rig.drive(lambda: rig.view("p00/").counters.copied >= 1)
        control.pause(rig.rt, "job")
        proxy.seen.clear()
        puts = set(rig.stored())
        for _ in range(3):
            rig.tick()
        assert proxy.seen == []
        assert set(rig.stored()) == puts
        assert rig.own_left, "rules stay"
        assert rig.snapshot().wait.command == "migrator resume job"
        assert rig.read("p01/001.txt").body == rig.files["p01/001.txt"]
        control.pause(rig.rt, "job")  # once more is fine
        control.resume(rig.rt, "job")
        rig.drive()
    rig.check_end()


def test_pause_and_resume_before_anything_was_found(rig: Rig) -> None:
    rig.fill(prefixes=1, each=1)
    rig.start()
    control.pause(rig.rt, "job")
    rig.tick()
    assert not rig.rt.store.jobs.by_name("job").discovered
    assert control.resume(rig.rt, "job").state is JobState.DRAFT
    rig.drive()
    rig.check_end()


def test_cancel_before_readers_were_sent_takes_the_rules_down(rig: Rig) -> None:
    rig.fill(prefixes=2, each=2)
    rig.sides.oss.switch(propagation_delay_s=3600)
    try:
        rig.start()
        rig.drive(rig.is_in("p00/", PrefixState.ARMING))
        rig.drive(lambda: rig.own_left)
        assert "its rules are taken down" in control.cancel(rig.rt, "job")
        rig.drive(lambda: not rig.own_left)
    finally:
        rig.sides.oss.switch(propagation_delay_s=0)
    assert canonical(rig.website()) == canonical(rig.foreign)
    assert rig.stored() == {}
    with pytest.raises(Invalid, match="cancelled"):
        control.resume(rig.rt, "job")


def test_cancel_after_readers_were_sent_keeps_what_they_need(rig: Rig) -> None:
    rig.fill(prefixes=2, each=12)
    rig.start()
    rig.drive(lambda: rig.view("p00/").counters.copied >= 1)
    assert "stay" in control.cancel(rig.rt, "job")
    stored = set(rig.stored())
    for _ in range(5):
        rig.tick()
    assert set(rig.stored()) == stored
    assert rig.own_left
    for key, body in rig.files.items():
        assert rig.read(key).body == body, key
    # The keys are free for another job now.
    control.cancel(rig.rt, "job", drop_rules=True)
    rig.start("second")
    rig.drive(lambda: rig.rt.store.jobs.by_name("second").state is JobState.DONE)
    assert rig.own_left == []
    assert set(rig.stored()) == set(rig.files)


def test_a_job_after_a_cancelled_one_takes_over_its_keys_and_rules(rig: Rig) -> None:
    rig.fill(prefixes=2, each=2)
    rig.start()
    rig.drive(rig.is_in("p00/", PrefixState.COPYING))
    control.cancel(rig.rt, "job")
    # It sends readers by another name of the same place: the rules of the first one are in its way no longer.
    elsewhere = rig.sides.origin.endpoint.replace("127.0.0.1", "localhost")
    rig.start("second", redirect={"url": f"{elsewhere}/{rig.there}/"})
    rig.drive(rig.is_in("p00/", PrefixState.COPYING, name="second"))
    assert len(rig.own_left) == 1
    assert "localhost" in rig.own_left[0]
    for key, body in rig.files.items():
        assert rig.read(key).body == body, key
    rig.drive(lambda: rig.rt.store.jobs.by_name("second").state is JobState.DONE)
    assert rig.own_left == []
    assert set(rig.stored()) == set(rig.files)
