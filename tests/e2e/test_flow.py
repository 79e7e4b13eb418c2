"""The main job: rules first, bytes next, proof, and every rule retired on evidence."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from hashlib import md5

import pytest
from rig import FOREIGN, Reader, Rig, canonical, get, own_rules, rules_in, wait_for

from migrator.app import control
from migrator.app.audit import audit
from migrator.domain.compare import Verdict
from migrator.domain.states import Authority, JobState, PrefixState
from migrator.errors import Invalid

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
REDIRECTED = (PrefixState.REDIRECTING, PrefixState.COPYING, PrefixState.VERIFYING, PrefixState.READY)


def test_more_prefixes_than_rules(each_rig: Rig) -> None:
    rig = each_rig
    rig.fill(prefixes=22, each=2)
    rig.start()
    rig.drive(lambda: rig.snapshot().readers_may_come)
    with Reader(rig.door, rig.files) as reader:
        wait_for(lambda: reader.redirected, "a reader who was sent to the origin")
        rig.drive()
    assert reader.wrong == []
    rig.check_end()
    assert rig.snapshot().counters.copied == 45
    revisions = list(rig.every_revision())
    assert max(len(rules_in(each)) for each in revisions) <= 20
    assert all(set(rules_in(rig.foreign)) <= set(rules_in(each)) for each in revisions)
    assert sum(bool(own_rules(each, rig.foreign)) for each in revisions) >= 1
    # Prefixes that are ready together go together: no revision for each of them.
    assert len(revisions) < 12


def test_rules_are_seen_in_force_before_the_first_byte(rig: Rig) -> None:
    rig.fill(prefixes=3, each=2)
    rig.sides.oss.admin("DELETE", "log")
    rig.sides.oss.admin("POST", "log", {"on": True})
    rig.start()
    rig.drive()
    rig.sides.oss.admin("POST", "log", {"on": False})
    lines = [json.loads(line) for line in rig.sides.oss.admin("GET", "log").splitlines()]
    lines = [line for line in lines if line["bucket"] == rig.here]
    first_put = next(at for at, line in enumerate(lines) if line["method"] == "PUT" and line["key"])
    before = lines[:first_put]
    assert any(line["method"] == "PUT" and line["query"].startswith("website") for line in before)
    for prefix in ("", "p00/", "p01/", "p02/"):
        sentinels = [line for line in before if line["key"].startswith(f"{prefix}.migrator-sentinel-")]
        assert [line["status"] for line in sentinels][-1] == 302, prefix
        assert {line["signed"] for line in sentinels} == {"anonymous"}, "readers do not sign"
    # And the other way round: after the last rule went, each prefix was seen to be answered by OSS alone.
    last_rules = max(
        at for at, line in enumerate(lines) if line["method"] == "PUT" and line["query"].startswith("website")
    )
    for prefix in ("", "p00/", "p01/", "p02/"):
        sentinels = [line for line in lines if line["key"].startswith(f"{prefix}.migrator-sentinel-")]
        assert sentinels[-1]["status"] == 404
    assert any(line["status"] == 404 for line in lines[last_rules:])


def test_a_rule_that_takes_long_to_come_is_waited_for(rig: Rig) -> None:
    rig.fill(prefixes=2, each=1)
    rig.start()
    rig.drive(lambda: rig.rt.store.jobs.by_name("job").discovered)
    rig.sides.oss.switch(propagation_delay_s=3)
    try:
        rig.drive(lambda: "404" in rig.prefix("p00/").sentinel)
        assert {each.state for each in rig.snapshot().prefixes} == {PrefixState.ARMING}
        assert not rig.snapshot().readers_may_come
        assert "has not been observed in force" in rig.snapshot().prefixes[0].wait.reason
        assert rig.stored() == {}, "not a byte moves before"
    finally:
        rig.sides.oss.switch(propagation_delay_s=0)
    rig.drive()
    rig.check_end()


def test_two_jobs_share_the_rules_of_a_bucket(each_rig: Rig) -> None:
    rig = each_rig
    rig.fill(prefixes=3, each=1)
    for at in range(12):
        rig.sides.origin.put(rig.there, f"left/a{at:02}/x", b"left", {})
        rig.sides.origin.put(rig.there, f"right/b{at:02}/x", b"right", {})
    origin, oss = rig.sides.origin, rig.sides.oss
    for side in ("left", "right"):
        rig.start(
            side,
            origin={"url": f"s3://{rig.there}/{side}/", "endpoint": origin.endpoint},
            destination={"url": f"oss://{rig.here}/{side}/", "endpoint": oss.endpoint, "region": oss.region},
            redirect={"url": f"{origin.endpoint}/{rig.there}/{side}/"},
        )
    with pytest.raises(Invalid, match="overlaps with 'left/' of the unfinished job 'left'"):
        rig.start("both")
    with pytest.raises(Invalid, match="already a job named 'left'"):
        rig.start("left")

    def ended() -> bool:
        return all(job.state is JobState.DONE for job in rig.rt.store.jobs.all())

    rig.drive(ended, each=lambda: None)
    assert set(rig.stored()) == {
        f"{s}/{p}{n:02}/x" for s, p in (("left", "a"), ("right", "b")) for n in range(12)
    }
    assert rig.own_left == []
    revisions = list(rig.every_revision())
    assert max(len(rules_in(each)) for each in revisions) <= 20
    assert canonical(rig.website()) == canonical(rig.foreign)


def test_a_foreign_edit_in_the_middle_survives(rig: Rig) -> None:
    rig.fill(prefixes=2, each=1)
    rig.start(retire="hold")
    rig.drive(rig.is_in("p00/", PrefixState.READY))
    document = rig.website().decode()
    rig.bucket.put_bucket_website(
        document.replace("gone.html", "edited.html").replace("<Suffix>index.html", "<Suffix>start.html")
    )
    rig.drive(lambda: "rules_drift" in rig.event_kinds())
    control.release(rig.rt, "job", None)
    rig.drive()
    edited = rig.foreign.replace(b"gone.html", b"edited.html").replace(b"<Suffix>index.html", b"<Suffix>start.html")
    assert canonical(rig.website()) == canonical(edited)


def test_own_rules_that_somebody_removed_go_back(rig: Rig) -> None:
    rig.fill(prefixes=2, each=1)
    rig.start(retire="hold")
    rig.drive(rig.is_in("p00/", PrefixState.READY))
    rig.bucket.put_bucket_website(FOREIGN.decode())
    assert not rig.own_left
    rig.drive(lambda: rig.own_left)
    assert any("had been removed by somebody else" in each.message for each in rig.rt.store.events.list(limit=100))


def test_a_bucket_without_any_configuration_has_none_in_the_end(rig: Rig) -> None:
    rig.bucket.delete_bucket_website()
    rig.fill(prefixes=2, each=1)
    rig.start()
    rig.drive()
    assert rig.website() == b""


def test_a_newer_live_object_is_kept(rig: Rig) -> None:
    rig.fill(prefixes=1, each=3)
    rig.bucket.put_object("p00/000.txt", b"another size")
    rig.bucket.put_object("p00/001.txt", rig.files["p00/001.txt"][::-1])  # the same size
    rig.bucket.put_object("p00/002.txt", rig.files["p00/002.txt"])
    rig.bucket.put_object("p00/only-here.txt", b"not of the origin")
    kept = {key: rig.bucket.get_object(key).read() for key in rig.stored()}
    rig.start()
    rig.drive()
    rig.check_end({**rig.files, **kept})
    counters = rig.snapshot().counters
    assert (counters.kept_destination, counters.already_equal, counters.copied) == (2, 1, 1)


def test_a_delete_after_the_proof_is_not_undone(rig: Rig) -> None:
    for key in ("a/deleted", "a/replaced", "a/stays"):
        rig.put(key, b"old " + key.encode(), modified_at=LONG_AGO)
    rig.start(verify={"settle_s": 0})
    rig.drive(rig.is_in("a/", PrefixState.SETTLING))
    rig.bucket.delete_object("a/deleted")
    rig.bucket.put_object("a/replaced", b"by its writers")
    rig.drive()
    assert set(rig.stored()) == {"a/replaced", "a/stays"}
    assert rig.bucket.get_object("a/replaced").read() == b"by its writers"
    assert "prefix_regressed" not in rig.event_kinds()


def test_an_object_added_after_the_copy_is_copied_before_the_proof(rig: Rig) -> None:
    rig.fill(prefixes=1, each=25)
    rig.start()
    rig.drive(rig.is_in("p00/", PrefixState.VERIFYING))
    rig.put("p00/0005-late.txt", b"late")
    rig.put("p00/zzz-later.txt", b"behind every planned key")
    rig.drive()
    rig.check_end()
    assert rig.snapshot().counters.copied == 28


def test_what_turns_up_while_settling_brings_the_rule_back_first(rig: Rig) -> None:
    rig.fill(prefixes=2, each=12)
    rig.start()
    rig.drive(rig.is_in("p00/", PrefixState.SETTLING))
    assert not any("p00/" in rule for rule in rig.own_left)
    rig.put("p00/005-late.txt", b"late")
    rig.drive(rig.is_in("p00/", PrefixState.REGRESSED))
    assert "'p00/005-late.txt' is missing" in rig.prefix("p00/").regressed_reason
    rig.drive(rig.is_in("p00/", PrefixState.COPYING))
    assert rig.read("p00/005-late.txt", follow=False).status == 302, "readers are served before it is copied"
    rig.drive()
    rig.check_end()
    assert rig.event_kinds().count("prefix_retired") == 3


def test_reopen_after_the_end(each_rig: Rig) -> None:
    rig = each_rig
    rig.fill(prefixes=2, each=2)
    rig.start()
    rig.drive()
    rig.put("p01/missed.txt", b"missed")
    assert rig.read("p01/missed.txt").status == 404
    with pytest.raises(Invalid, match="nothing can be changed"):
        control.pause(rig.rt, "job")
    control.reopen(rig.rt, "job", "p01/", "a late upload")
    rig.drive(rig.is_in("p01/", PrefixState.COPYING))
    assert rig.read("p01/missed.txt").body == b"missed"
    with pytest.raises(Invalid, match="its rule is still up"):
        control.reopen(rig.rt, "job", "p01/", "again")
    rig.drive()
    rig.check_end()


def test_hold_by_the_job_file_and_release(rig: Rig) -> None:
    rig.fill(prefixes=2, each=1)
    rig.start(retire="hold")
    rig.drive(lambda: dict(rig.snapshot().states) == {PrefixState.READY: 3})
    control.release(rig.rt, "job", "p01/")
    rig.drive(rig.is_in("p01/", PrefixState.RETIRING))
    for _ in range(3):
        rig.tick()
    line = next(line for line in rig.snapshot().prefixes if line.name == "p00/")
    assert (line.state, line.wait.command) == (PrefixState.READY, "migrator release job p00/")
    assert "held: retire: hold in the job file" in line.wait.reason
    # What lies above all prefixes is held too, and its rule answers for every key.
    other = next(line for line in rig.snapshot().prefixes if line.name == "p01/")
    assert other.state is PrefixState.RETIRING
    assert "still answers here for other prefixes" in other.wait.reason
    with pytest.raises(Invalid, match="going or gone"):
        control.hold(rig.rt, "job", "p01/", "too late")
    control.release(rig.rt, "job", "")
    rig.drive(rig.is_in("p01/", PrefixState.RETIRED))
    assert rig.prefix("p00/").state is PrefixState.READY
    assert {each.name for each in control.hold(rig.rt, "job", None, "the rest")} == {"p00/"}
    control.release(rig.rt, "job", None)
    rig.drive()
    rig.check_end()


def test_an_old_proof_is_renewed_before_a_rule_goes(rig: Rig) -> None:
    rig.fill(prefixes=1, each=1)
    rig.start(retire="hold", verify={"settle_s": 0, "max_age_s": 3600})
    rig.drive(lambda: dict(rig.snapshot().states) == {PrefixState.READY: 2})
    late = rig.rt.clock() + timedelta(hours=2)
    object.__setattr__(rig.rt, "clock", lambda: late)
    control.release(rig.rt, "job", "p00/")
    rig.drive(rig.is_in("p00/", PrefixState.COPYING))
    assert any("its proof is old" in each.message for each in rig.rt.store.events.list(limit=100))


def test_writers_at_the_origin_are_followed_until_they_move(each_rig: Rig) -> None:
    rig = each_rig
    rig.put("a/changes", b"version 1")
    rig.put("a/goes", b"will go")
    rig.put("a/stays", b"stays")
    rig.bucket.put_object("a/foreign", b"never of the origin")
    rig.start(writes="origin")
    rig.drive(lambda: rig.view("a/").prefix.clean_joins >= 1)
    rig.put("a/changes", b"version 2, which is longer")
    rig.drive(lambda: "a/changes" in rig.stored() and rig.read("a/changes").body == rig.files["a/changes"])
    rig.put("a/changes", b"VERSION 3, which is longer")  # the same size as before
    rig.remove("a/goes")
    rig.put("a/comes", b"new")
    rig.drive(
        lambda: rig.read("a/changes", follow=False).body == rig.files["a/changes"] and "a/goes" not in rig.stored()
    )
    rig.drive(rig.is_in("a/", PrefixState.VERIFYING))
    rig.drive(lambda: rig.view("a/").prefix.clean_joins >= 1)
    line = next(line for line in rig.snapshot().prefixes if line.name == "a/")
    assert line.wait.command == "migrator writes job a/ frozen"
    assert rig.prefix("a/").state is PrefixState.VERIFYING, "never retired while writers are at the origin"
    rig.put("a/changes", b"version 4, the last one, right before the writers stop")
    with pytest.raises(Invalid, match="may be stale"):
        control.writes(rig.rt, "job", None, Authority.DESTINATION)
    control.writes(rig.rt, "job", None, Authority.FROZEN)
    with pytest.raises(Invalid, match="not at the origin"):
        control.writes(rig.rt, "job", "a/", Authority.ORIGIN)
    rig.drive()
    rig.check_end({**rig.files, "a/foreign": b"never of the origin"})


def test_an_unmarked_object_is_never_deleted_however_stale(rig: Rig) -> None:
    rig.put("a/x", b"of the origin, version 2")
    rig.bucket.put_object("a/x", b"put by somebody")
    rig.start(writes="origin")
    rig.drive(lambda: rig.view("a/").prefix.clean_joins >= 1)
    assert rig.bucket.get_object("a/x").read() == b"put by somebody"
    assert rig.view("a/").counters.kept_destination == 1


def test_frozen_sides_that_differ_block_and_a_waiver_lets_go(rig: Rig) -> None:
    rig.put("a/x", b"at the origin")
    rig.put("a/y", b"equal")
    rig.bucket.put_object("a/x", b"something else")
    rig.start(writes="frozen")
    rig.drive(lambda: rig.view("a/").blocking_failed == 1 and rig.view("a/").shards_done == 1)
    [record] = rig.rt.store.records.blocking(rig.prefix("a/").id)
    assert "differ although keys never change" in record.reason
    control.waive(rig.rt, "job", "a/", ["a/x"], "ops: known")
    rig.drive()
    assert rig.bucket.get_object("a/x").read() == b"something else"
    certificate = json.loads(rig.rt.store.prefixes.certificate(rig.prefix("a/").id) or "")
    assert certificate["waivers"] == [{"key": "a/x", "kind": "failed", "reason": record.reason, "by": "ops: known"}]


def test_an_empty_origin_ends_at_once(rig: Rig) -> None:
    rig.start()
    rig.drive()
    rig.check_end()


def test_prefixes_from_a_list_nested_and_with_the_rest_in_the_root_group(rig: Rig) -> None:
    for key in ("a/1", "a/b/2", "a/b/c/3", "a/d", "ab", "z/9", "zz"):
        rig.put(key, key.encode())
    rig.start(prefixes=["a/", "a/b/", "nothing/", "z/"])
    rig.drive()
    rig.check_end()
    found = {
        view.prefix.name: view.counters.copied
        for view in rig.rt.store.prefixes.views(rig.rt.store.jobs.by_name("job").id)
    }
    assert found == {"": 2, "a/": 2, "a/b/": 2, "nothing/": 0, "z/": 1}


def test_a_deeper_cut(rig: Rig) -> None:
    for key in ("1", "a/2", "a/b/3", "a/b/c/4", "a/c/5", "d/e/f/6"):
        rig.put(key, key.encode())
    rig.start(prefixes={"delimiter": "/", "depth": 2})
    rig.drive()
    rig.check_end()
    assert [line.name for line in rig.snapshot().prefixes] == ["", "a/", "a/b/", "a/c/", "d/", "d/e/"]


def test_from_prefix_to_prefix(rig: Rig) -> None:
    for key in ("old place/a/1", "old place/b/2", "old place/3", "elsewhere/4"):
        rig.put(key, key.encode())
    origin, oss = rig.sides.origin, rig.sides.oss
    rig.start(
        origin={"url": f"s3://{rig.there}/old place/", "endpoint": origin.endpoint},
        destination={"url": f"oss://{rig.here}/new/", "endpoint": oss.endpoint, "region": oss.region},
        redirect={"url": f"{origin.endpoint}/{rig.there}/old%20place/"},
        retire="hold",
    )
    rig.drive(rig.is_in("a/", PrefixState.COPYING))
    answer = get(f"{oss.endpoint}/{rig.here}/new/b/2")
    assert (answer.status, answer.body) == (200, b"old place/b/2")
    control.release(rig.rt, "job", None)
    rig.drive()
    assert set(rig.stored()) == {"new/a/1", "new/b/2", "new/3"}


def test_the_certificate_says_how_we_know(rig: Rig) -> None:
    rig.fill(prefixes=1, each=2)
    rig.start()
    rig.drive()
    certificate = json.loads(rig.rt.store.prefixes.certificate(rig.prefix("p00/").id) or "")
    assert certificate["counts"]["discovered"] == certificate["counts"]["copied"] == 2
    assert certificate["comparisons"] >= 3
    assert "404" in certificate["sentinel"]
    assert "<KeyPrefixEquals>" in certificate["rules_before"]
    assert certificate["waivers"] == []
    assert datetime.fromisoformat(certificate["compared_from"]) <= datetime.fromisoformat(certificate["compared_to"])


def test_an_audit_sees_every_kind_of_difference(rig: Rig) -> None:
    rig.put("a/equal", b"equal")
    rig.put("a/missing", b"missing")
    rig.put("a/differs", b"differs")
    rig.put("a/same-size", b"same-size")
    rig.put("a/multipart", b"parts" * 50_000)
    spec = rig.spec()
    for key, body in (
        ("a/equal", b"equal"),
        ("a/differs", b"other"),
        ("a/same-size", b"SAME-SIZE"),
        ("a/extra", b"extra"),
    ):
        rig.bucket.put_object(key, body)
    upload = rig.bucket.init_multipart_upload("a/multipart")
    part = rig.bucket.upload_part("a/multipart", upload.upload_id, 1, rig.files["a/multipart"])
    import oss2

    rig.bucket.complete_multipart_upload("a/multipart", upload.upload_id, [oss2.models.PartInfo(1, part.etag)])
    assert rig.stored()["a/multipart"].etag.lower() != md5(rig.files["a/multipart"]).hexdigest()
    found = {each.key: each.verdict for each in audit(rig.rt, spec, None)}
    assert found == {
        "a/differs": Verdict.DIFFERS,
        "a/equal": Verdict.EQUAL,
        "a/extra": Verdict.EXTRA,
        "a/missing": Verdict.MISSING,
        "a/multipart": Verdict.EQUAL,
        "a/same-size": Verdict.DIFFERS,
    }
