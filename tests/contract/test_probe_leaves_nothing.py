"""A probe beside everything else in the bucket: nothing is left behind however it ends."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time

import pytest
from probe_rig import FOREIGN, answers, oss, place, rt, switched

from migrator import jobfile
from migrator.app.probe import probe
from migrator.app.probe.stage import Stage
from migrator.app.probe.temporary import Batch
from migrator.app.publish import publish
from migrator.cli.main import run
from migrator.domain import rules
from migrator.domain.assumptions import NOT_ASKED, QUESTIONS, YES
from migrator.domain.states import Authority, JobState, PrefixState
from migrator.errors import LeaseLost

__all__ = ["oss", "place", "rt", "switched"]
"""Fixtures."""


# -- room ----------------------------------------------------------------------------------------------------------
def crowded(count):
    rule = (
        "<RoutingRule><RuleNumber>{0}</RuleNumber><Condition><KeyPrefixEquals>f{0}/</KeyPrefixEquals></Condition>"
        "<Redirect><RedirectType>External</RedirectType><Protocol>https</Protocol><HostName>x.example</HostName>"
        "<HttpRedirectCode>302</HttpRedirectCode></Redirect></RoutingRule>"
    )
    inner = "".join(rule.format(number) for number in range(1, count + 1))
    return f"<WebsiteConfiguration><RoutingRules>{inner}</RoutingRules></WebsiteConfiguration>"


@pytest.mark.parametrize(("foreign", "not_asked"), [(20, True), (19, True), (18, False), (17, False)])
def test_a_crowded_bucket_never_holds_more_than_20_rules(rt, oss, place, foreign, not_asked):
    place.put_website(crowded(foreign))
    before = place.website()
    oss.admin("POST", "log", {"on": True})
    found = answers(probe(rt, place.spec(), patience_s=10))
    oss.admin("POST", "log", {"on": False})
    assert (found["head_redirects"] == NOT_ASKED) is (foreign == 20)
    assert (found["unconditional_rules"] == NOT_ASKED) is not_asked
    assert (found["query_passed"] == NOT_ASKED) is not_asked
    assert found["forbid_overwrite_holds"] == YES
    assert place.website() == before
    lines = [json.loads(line) for line in oss.admin("GET", "log").splitlines()]
    puts = [each["status"] for each in lines if each["bucket"] == place.bucket and each["query"] == "website="]
    assert set(puts) <= {200}  # a put of 21 rules would have been refused


def test_a_foreign_rule_in_front_makes_it_impossible(rt, place):
    place.put_website(crowded(1).replace("<KeyPrefixEquals>f1/</KeyPrefixEquals>", ""))
    learned = {each.question: each for each in probe(rt, place.spec(), patience_s=10)}
    assert learned["head_redirects"].answer == NOT_ASKED
    assert "Foreign rule 1" in learned["head_redirects"].evidence


def test_a_masked_secret_is_not_destroyed_for_curiosity(rt, place):
    key = "<AuthType>S3V4</AuthType><AccessKeyId>a</AccessKeyId><AccessKeySecret>s</AccessKeySecret>"
    place.put_website(FOREIGN.replace("</MirrorURL>", f"</MirrorURL><MirrorAuth>{key}</MirrorAuth>"))
    before = place.website()
    learned = {each.question: each for each in probe(rt, place.spec(), patience_s=10)}
    assert learned["forbid_overwrite_holds"].answer == YES
    assert learned["head_redirects"].answer == NOT_ASKED
    assert "secret" in learned["head_redirects"].evidence
    assert place.website() == before


# -- beside a running job ------------------------------------------------------------------------------------------
def started(rt, spec):
    job = rt.store.jobs.create(
        spec.name,
        jobfile.dump(spec),
        (spec.destination.endpoint, spec.destination.region, spec.destination.bucket),
        spec.destination.prefix,
    )
    rt.store.jobs.advance(job.id, JobState.DRAFT, JobState.RUNNING, "test")
    rt.store.prefixes.add(job.id, ["a/", "b/"], Authority.DESTINATION)
    return rt.store.jobs.get(job.id)


def test_the_rules_of_a_running_job_stand_all_the_time(rt, place):
    spec = place.spec()
    job = started(rt, spec)
    arm(rt, job)
    publish(rt, job.bucket_id)
    before, own = place.website(), rt.store.rules.own(job.bucket_id)
    assert own
    assert answers(probe(rt, spec, patience_s=10))["range_redirects"] == YES
    assert rules.same_meaning(place.website(), before)
    assert rt.store.rules.own(job.bucket_id) == own
    for revision in rt.store.rules.history(job.bucket_id):
        standing = {live.rule.condition.key_prefix for live in rules.parse(revision.after).rules}
        assert {"a/", "b/"} <= standing or revision.before is None or "old/" in standing


def arm(rt, job):
    for view in rt.store.prefixes.views(job.id):
        rt.store.prefixes.advance(view.prefix.id, PrefixState.PLANNED, PrefixState.ARMING, "test")


def test_explain_uses_what_was_found_out(rt, place, switched, capsys):
    spec = place.spec()
    job = started(rt, spec)
    arm(rt, job)
    publish(rt, job.bucket_id)

    def location(*more):
        assert run(["rules", "explain", spec.name, "a/x y", "--json", *more]) == 0
        return json.loads(capsys.readouterr().out)["location"]

    assert location().endswith("/a/x%20y")
    switched(location_encoded=False)
    probe(rt, spec, patience_s=10)
    assert location().endswith("/a/x y")
    assert location("--assume", "location_encoded=yes").endswith("/a/x%20y")


def test_what_others_edit_meanwhile_stays(rt, place, monkeypatch):
    def edit(scene, _questions):
        document = scene.stage.control.get_website().decode()
        scene.stage.control.put_website(document.replace("<KeyPrefixEquals>old/", "<KeyPrefixEquals>older/").encode())
        return iter(())

    monkeypatch.setattr("migrator.app.probe.ask_all", edit)
    before = place.website()
    probe(rt, place.spec(), patience_s=10)
    assert place.website() == before.replace(b"<KeyPrefixEquals>old/", b"<KeyPrefixEquals>older/")


# -- however it ends -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
@pytest.mark.parametrize("where", ["watch", "ask_all", "keeps_unknown"])
def test_everything_goes_whatever_interrupts(rt, place, monkeypatch, where, error):
    def stop(*_, **__):
        assert b"migrator-probe" in place.website()
        raise error

    before = place.website()
    monkeypatch.setattr(f"migrator.app.probe.{where}", stop)
    with pytest.raises(error):
        probe(rt, place.spec(), patience_s=10)
    assert place.website() == before
    assert place.keys() == ["error.html"]
    monkeypatch.undo()
    assert answers(probe(rt, place.spec(), patience_s=10))["range_redirects"] == YES  # the lease was given back


def killed(rt, place, spec):
    """Leave behind what a probe that was killed leaves behind: rules, objects and a lease that runs on."""
    into = spec.destination
    bucket = rt.store.rules.add_bucket(into.endpoint, into.region, into.bucket)
    stage = Stage(rt, spec, bucket, "0123456789ab", 10)
    batch = Batch(stage.prefix, rules.parse_redirect_url(spec.redirect.url), "dead", ("plain", "always"))
    stage.create(batch.key("plain", "x"))
    stage.put(batch.rules())
    assert b"migrator-probe-0123456789ab" in place.website()
    return stage


def test_the_next_probe_removes_what_a_killed_one_left(rt, place):
    before, spec = place.website(), place.spec()
    killed(rt, place, spec)
    probe(rt, spec, patience_s=10)
    assert place.website() == before
    assert place.keys() == ["error.html"]


def test_the_next_publish_removes_the_rules_of_a_killed_one(rt, place):
    before, spec = place.website(), place.spec()
    stage = killed(rt, place, spec)
    job = started(rt, spec)
    rt.store.leases.release(stage._lease)  # as if it had run out
    publish(rt, job.bucket_id)
    assert place.website() == before


def test_another_publisher_is_waited_for_and_then_named(rt, place):
    spec = place.spec()
    into = spec.destination
    bucket = rt.store.rules.add_bucket(into.endpoint, into.region, into.bucket)
    assert rt.store.leases.take(f"rules:{bucket.id}", "somebody else", 60)
    with pytest.raises(LeaseLost, match="somebody else is publishing"):
        probe(rt, spec, patience_s=0.1)


# -- the command ---------------------------------------------------------------------------------------------------
def test_the_command(rt, place, tmp_path, capsys):
    path = tmp_path / "job.yaml"
    path.write_text(jobfile.dump(place.spec()))
    assert run(["probe", str(path)]) == 2  # nobody can be asked
    assert "--yes" in capsys.readouterr().err
    assert run(["probe", str(path), "--yes", "--json", "--patience", "10"]) == 0
    captured = capsys.readouterr()
    lines = [json.loads(line) for line in captured.out.splitlines()]
    assert [line["question"] for line in lines] == list(QUESTIONS)
    assert ".migrator-probe-" in captured.err
    assert run(["probe", str(path), "--yes", "--patience", "10"]) == 0
    assert "Is HEAD of a missing key redirected?" in capsys.readouterr().out
    assert run(["probe", "no-such-job", "--yes"]) == 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_command_in_order(rt, place, switched, tmp_path, number):
    switched(propagation_delay_s=30.0)  # so that it waits for a rule to arrive
    before, path = place.website(), tmp_path / "job.yaml"
    path.write_text(jobfile.dump(place.spec()))
    command = [sys.executable, "-m", "migrator", "probe", str(path), "--yes"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            wait_for(lambda: b"migrator-probe" in place.website() and place.keys() != ["error.html"])
            process.send_signal(number)
            process.send_signal(number)
            _, said = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 130, said
    assert "taken away" in said
    assert place.website() == before
    assert place.keys() == ["error.html"]


def wait_for(true):
    pause, deadline = threading.Event(), time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        pause.wait(0.05)
