"""The probe against the sandbox: each answer follows its switch, and nothing is left behind however it ends."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from urllib.parse import urlsplit

import oss_rig
import pytest

from migrator import jobfile, settings
from migrator.adapters.door import HttpDoor
from migrator.adapters.http import Http
from migrator.adapters.oss_client import BucketAddress
from migrator.app.probe import probe
from migrator.app.probe.stage import Stage
from migrator.app.probe.temporary import Batch
from migrator.app.publish import publish
from migrator.cli.main import run
from migrator.domain import rules
from migrator.domain.assumptions import NO, NOT_ASKED, QUESTIONS, UNCLEAR, YES, assume
from migrator.domain.simulate import Assumptions
from migrator.domain.states import Authority, JobState, PrefixState
from migrator.errors import LeaseLost
from migrator.runtime import Wiring, build
from migrator.sandbox.oss.run import start_oss

FOREIGN = """<?xml version="1.0" encoding="UTF-8"?>
<WebsiteConfiguration>
  <IndexDocument><Suffix>index.html</Suffix><SupportSubDir>true</SupportSubDir><Type>0</Type></IndexDocument>
  <ErrorDocument><Key>error.html</Key></ErrorDocument>
  <RoutingRules><RoutingRule><RuleNumber>3</RuleNumber>
    <Condition><KeyPrefixEquals>old/</KeyPrefixEquals><HttpErrorCodeReturnedEquals>404</HttpErrorCodeReturnedEquals></Condition>
    <Redirect><RedirectType>Mirror</RedirectType><MirrorURL>https://mirror.example.com/</MirrorURL></Redirect>
  </RoutingRule></RoutingRules>
</WebsiteConfiguration>"""
CORS = (
    "<CORSConfiguration><CORSRule><AllowedOrigin>https://*.example.com</AllowedOrigin>"
    "<AllowedMethod>GET</AllowedMethod></CORSRule></CORSConfiguration>"
)
_names = itertools.count(1)


@pytest.fixture(scope="module")
def oss():
    with start_oss() as running:
        yield running


@pytest.fixture
def switched(oss):
    """Change switches for one test."""
    before = json.loads(oss.admin("GET", "switches"))
    yield oss.switch
    oss.switch(**before)


@pytest.fixture
def rt(oss, tmp_path):
    os.environ.update(OSS_ACCESS_KEY_ID=oss.access_key_id, OSS_ACCESS_KEY_SECRET=oss.access_key_secret)
    os.environ["MIGRATOR_DATABASE_URL"] = f"sqlite:///{tmp_path / 'tracking.db'}"
    runtime = build(settings.load(lease_s=1.0))
    yield runtime
    runtime.store.close()


class Place:
    """One bucket, and the job file of a migration into it."""

    def __init__(self, oss, folder, acl="public-read", document=FOREIGN):
        self.oss, self.folder, self.bucket = oss, folder, oss_rig.new_bucket(oss, acl)
        self.client = oss_rig.client(oss, self.bucket)
        if document:
            self.put_website(document)

    def put_website(self, document):
        oss_rig.website(self.oss, self.bucket, document.encode())

    def website(self):
        answer = self.client.ask("GET", query={"website": ""})
        return answer.body if answer.status == 200 else b""

    def keys(self):
        return [each.key for each in oss_rig.destination(self.oss, self.bucket).list_page("").objects]

    def spec(self, **changes):
        document = {
            "name": f"job-{next(_names)}",
            "origin": {"url": f"file://{self.folder}"},
            "destination": {"url": f"oss://{self.bucket}/", "endpoint": self.oss.endpoint, "region": self.oss.region},
            "redirect": {"url": "https://legacy.example.com/files/"},
            "allow_private": True,
            **changes,
        }
        return jobfile.parse(json.dumps(document).encode())


@pytest.fixture
def place(oss, tmp_path):
    found = Place(oss, tmp_path)
    oss_rig.destination(oss, found.bucket).create("error.html", b"sorry", {})
    return found


def answers(learned):
    return {each.question: each.answer for each in learned}


def test_every_question_is_answered_and_nothing_is_left(rt, place):
    before, spec = place.website(), place.spec()
    learned = probe(rt, spec, patience_s=10)
    found = answers(learned)
    assert list(found) == list(QUESTIONS)
    assert {name for name, answer in found.items() if answer == NOT_ASKED} == {
        "forbidden_applies",
        "header_signed_exempt",
        "cors_on_redirect",
        "versioned_refuses_rules",
    }
    assert UNCLEAR not in found.values()
    assert all(each.evidence for each in learned)
    assert (float(found["rule_arrives_s"]), float(found["rule_leaves_s"])) < (10, 10)
    assert place.website() == before
    assert place.keys() == ["error.html"]
    known = rt.store.rules.bucket_at(place.oss.endpoint, place.bucket)
    assert rt.store.rules.own(known.id) == ()
    assert answers(rt.store.assumptions.of(known.id)) == found
    assert assume(learned) == Assumptions()  # the sandbox's defaults are the best evidence, too
    assert rt.store.leases.holder(f"rules:{known.id}") is None


FLIPPED = {
    "head_redirects": YES,
    "range_redirects": NO,
    "subresources_redirect": YES,
    "unconditional_rules": NO,
    "denied_reads_redirect": NO,
    "signature_in_location": NO,
    "replace_prefix_without_flag": NO,
    "location_encoded": NO,
    "duplicates_allowed": NO,
    "unknown_elements_kept": NO,
    "error_page_first": YES,
    "stale_reads": YES,
}
"""Every switch of the sandbox that the probe asks about, and the answer when it stands other than by default."""


@pytest.mark.parametrize(
    ("name", "acl"), [*((name, "public-read") for name in FLIPPED), ("denied_reads_redirect", "private")]
)
def test_the_answer_follows_the_switch(rt, place, switched, name, acl):
    if acl == "private":
        place.client.call("PUT", query={"acl": ""}, headers={"x-oss-acl": "private"})
    if name == "stale_reads":
        switched(propagation_delay_s=0.3)
    usual = YES if FLIPPED[name] == NO else NO
    assert answers(probe(rt, place.spec(), patience_s=10))[name] == usual
    before = place.website()
    switched(**{name: FLIPPED[name] == YES})
    assert answers(probe(rt, place.spec(), patience_s=10))[name] == FLIPPED[name]
    rules_before = rules.parse(before)
    assert [live.fingerprint for live in rules.parse(place.website()).rules] == [
        live.fingerprint for live in rules_before.rules
    ]


@pytest.mark.parametrize(("refuses", "answer"), [(True, YES), (False, NO)])
def test_a_versioned_bucket(rt, place, switched, refuses, answer):
    place.client.call("DELETE", query={"website": ""})
    document = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
    place.client.call("PUT", query={"versioning": ""}, body=document)
    switched(versioned_refuses_rules=refuses)
    found = answers(probe(rt, place.spec(), patience_s=10))
    assert found["versioned_refuses_rules"] == answer
    assert found["forbid_overwrite_holds"] == found["unconditional_rules"] == NOT_ASKED
    assert (found["head_redirects"] == NOT_ASKED) is refuses
    assert place.keys() == ["error.html"]
    versions = place.client.ask("GET", query={"list-type": "2", "prefix": ".migrator"})
    assert b"<Contents>" not in versions.body


@pytest.mark.parametrize(("carried", "answer"), [(False, NO), (True, YES)])
def test_cors_headers_on_the_redirect(rt, place, switched, carried, answer):
    place.client.call("PUT", query={"cors": ""}, body=CORS.replace("https://*.example.com", "*").encode())
    switched(cors_on_redirect=carried)
    assert answers(probe(rt, place.spec(), patience_s=10))["cors_on_redirect"] == answer


def test_propagation_is_timed_and_waited_for(rt, place, switched):
    switched(propagation_delay_s=0.4)
    found = answers(probe(rt, place.spec(), patience_s=20))
    assert float(found["rule_arrives_s"]) > 0.2
    assert float(found["rule_leaves_s"]) > 0.2
    assert found["head_redirects"] == NO
    assert found["stale_reads"] == NO


# -- OSS's own domain ----------------------------------------------------------------------------------------------
class ToLoopback(Http):
    """Sends every request to the sandbox, under the host name that it was meant for."""

    def __init__(self, port):
        super().__init__()
        self._port = port

    def request(self, method, url, *, headers=(), **more):
        parts = urlsplit(url)
        there = parts._replace(scheme="http", netloc=f"127.0.0.1:{self._port}").geturl()
        return super().request(method, there, headers={**dict(headers), "host": parts.netloc}, **more)


class ThroughOssDomain(Wiring):
    """The usual wiring, but readers and questions come through OSS's public domain."""

    def __init__(self, oss):
        super().__init__()
        self._oss = oss

    def _door(self, spec, credentials):
        address = BucketAddress("https://oss-cn-hangzhou.aliyuncs.com", spec.destination.bucket, self._oss.region)
        return HttpDoor(ToLoopback(self._oss.port), address, credentials=credentials)

    def doors(self, spec):
        return (self._door(spec, None),)

    def endpoint(self, spec):
        return self._door(spec, oss_rig.credentials(self._oss))


@contextmanager
def through_oss_domain(rt, oss):
    yield type(rt)(rt.settings, rt.store, rt.dispatcher, ThroughOssDomain(oss), rt.clock, rt.worker, rt.drain)


@pytest.mark.parametrize(
    ("switches", "applies", "exempt"),
    [
        ({}, YES, YES),
        ({"header_signed_exempt": False}, YES, NO),
        ({"forbidden_applies": False}, NO, NOT_ASKED),
    ],
)
def test_the_refusal_of_redirects_on_new_buckets(rt, oss, place, switched, switches, applies, exempt):
    switched(**switches)
    with through_oss_domain(rt, oss) as there:
        found = answers(probe(there, place.spec(), patience_s=10))
    assert (found["forbidden_applies"], found["header_signed_exempt"]) == (applies, exempt)
    assert found["signature_in_location"] == YES


def test_old_buckets_are_not_refused_and_say_so(rt, oss, place):
    oss.admin("POST", "buckets", {"bucket": place.bucket, "created_at": "2024-08-04T15:59:59+00:00"})
    with through_oss_domain(rt, oss) as there:
        learned = {each.question: each for each in probe(there, place.spec(), patience_s=10)}
    assert learned["forbidden_applies"].answer == NOT_ASKED
    assert "created on 2024-08-04" in learned["forbidden_applies"].evidence


def test_no_signature_is_written_down(rt, oss, place):
    with through_oss_domain(rt, oss) as there:
        learned = probe(there, place.spec(), patience_s=10)
    text = json.dumps([each.evidence for each in learned])
    assert "x-oss-signature" in text  # its name
    assert oss.access_key_id not in text
    assert "OSS4-HMAC" not in text


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
