"""Preflight against real servers: each hazard is named by its code, and a healthy place has none."""

from __future__ import annotations

import json

import oss_rig
import pytest
from preflight_fixtures import origin, oss, rt, scene

from migrator import jobfile
from migrator.app.preflight import Level, refuse
from migrator.app.preflight.finding import Finding
from migrator.cli.main import run
from migrator.errors import Exit, Invalid, PreflightFailed

__all__ = ["origin", "oss", "rt", "scene"]
"""Fixtures."""


RULE = (
    "<RoutingRules><RoutingRule><RuleNumber>1</RuleNumber><Condition>{condition}</Condition><Redirect>"
    "<RedirectType>External</RedirectType><Protocol>https</Protocol><HostName>x.example</HostName>"
    "<HttpRedirectCode>{code}</HttpRedirectCode></Redirect></RoutingRule></RoutingRules>"
)
STATUS_404 = "<HttpErrorCodeReturnedEquals>404</HttpErrorCodeReturnedEquals>"
CORS = (
    "<CORSConfiguration><CORSRule><AllowedOrigin>https://app.example</AllowedOrigin>"
    "<AllowedMethod>GET</AllowedMethod></CORSRule></CORSConfiguration>"
)
LIFECYCLE = (
    "<LifecycleConfiguration><Rule><ID>r</ID><Prefix>{prefix}</Prefix><Status>{status}</Status>"
    "<Expiration><Days>1</Days></Expiration></Rule></LifecycleConfiguration>"
)


def levels(found, level):
    return {code for code, each in found.items() if each.level is level}


def test_a_healthy_place_has_only_notes_on_who_reads(scene):
    found = scene.look()
    assert levels(found, Level.ERROR) == levels(found, Level.WARNING) == set()
    assert levels(found, Level.OK) == {
        "origin.listable",
        "destination.exists",
        "rules.room",
        "readers.door",
        "redirect.serves",
        "readers.cors",
    }
    assert levels(found, Level.NOTE) == {
        "readers.signed-sdk",
        "readers.presigned",
        "readers.head",
        "readers.list",
        "readers.image-processing",
    }
    assert all(each.remedy for each in found.values() if each.level is not Level.OK)


def test_nothing_is_changed_anywhere(scene, oss):
    oss.admin("POST", "log", {"on": True})
    scene.look()
    oss.admin("POST", "log", {"on": False})
    asked = [json.loads(line) for line in oss.admin("GET", "log").splitlines()]
    mine = [each for each in asked if each["bucket"] == scene.bucket]
    assert mine
    assert {each["method"] for each in mine} == {"GET"}


# -- the origin as readers meet it ---------------------------------------------------------------------------------
def test_both_a_plain_and_a_special_key_are_tried(scene, origin):
    scene.look()
    assert {"/a/plain.txt", "/a/sp ace+%\u4e2d.txt"} <= {path for path, _ in origin.asked}


@pytest.mark.parametrize(
    ("answer", "code", "level"),
    [
        ((403, {}, b""), "redirect.refuses-readers", Level.ERROR),
        ((401, {}, b""), "redirect.refuses-readers", Level.ERROR),
        ((404, {}, b""), "redirect.missing", Level.ERROR),
        ((302, {"Location": "https://elsewhere.example/x"}, b""), "redirect.hops", Level.WARNING),
        ((308, {"Location": "/b/x"}, b""), "redirect.hops", Level.WARNING),
        ((503, {}, b""), "redirect.fails", Level.WARNING),
        ((200, {}, b"another file"), "redirect.differs", Level.WARNING),
    ],
)
def test_what_redirected_readers_meet(scene, origin, answer, code, level):
    origin.answers["/a/plain.txt"] = answer
    found = scene.look()[code]
    assert found.level is level
    assert found.remedy


def test_a_refusing_origin_is_less_bad_behind_a_cdn_that_signs(scene, origin):
    origin.answers["/a/plain.txt"] = (403, {}, b"")
    redirect = {"url": f"{origin.url}/", "from_cdn": True}
    assert scene.look(redirect=redirect)["redirect.refuses-readers"].level is Level.WARNING


def test_a_special_key_that_the_origin_spells_in_another_way(scene, origin):
    origin.answers["/a/sp ace+%\u4e2d.txt"] = (404, {}, b"")
    assert scene.look()["redirect.missing"].level is Level.WARNING


def test_large_objects_are_asked_for_one_byte(scene, origin):
    (origin.folder / "a/plain.txt").write_bytes(b"x" * (1024 * 1024 + 1))
    assert scene.look()["redirect.serves"].level is Level.OK
    ranges = [headers.get("range") for path, headers in origin.asked if path == "/a/plain.txt"]
    assert set(ranges) == {"bytes=0-0"}


def test_an_origin_that_this_machine_does_not_reach(scene, free_port):
    found = scene.look(redirect={"url": f"http://127.0.0.1:{free_port()}/"})
    assert found["redirect.unreachable"].level is Level.WARNING
    assert levels(found, Level.ERROR) == set()


@pytest.mark.parametrize("used", [False, True])
@pytest.mark.parametrize("allowed", ["", "https://app.example", "null", "*"])
def test_cors(scene, origin, used, allowed):
    origin.headers["Access-Control-Allow-Origin"] = allowed
    if used:
        scene.configure("cors", CORS)
    level = Level.OK if allowed in ("*", "null") else Level.WARNING if used else Level.NOTE
    assert scene.look()["readers.cors"].level is level


def test_https_to_http_and_a_leaking_query(scene, origin):
    found = scene.look(
        redirect={"url": f"{origin.url}/", "pass_query_string": True}, readers={"url": "https://img.example.invalid"}
    )
    assert found["readers.https-to-http"].level is Level.WARNING
    assert found["redirect.query-leaks"].level is Level.WARNING


def test_a_loop(scene, oss):
    found = scene.look(redirect={"url": f"{oss.endpoint}/{scene.bucket}/"})
    assert found["redirect.loop"].level is Level.ERROR
    other = scene.look(redirect={"url": f"{oss.endpoint}/another-bucket/"})
    assert "redirect.loop" not in other


def test_a_loop_through_a_custom_domain(scene, oss):
    door = f"http://img.localhost:{oss.port}"
    found = scene.look(redirect={"url": f"{door}/"}, readers={"url": door})
    assert found["redirect.loop"].level is Level.ERROR


def test_an_empty_origin(scene, tmp_path):
    (tmp_path / "empty").mkdir()
    found = scene.look(origin={"url": f"file://{tmp_path / 'empty'}"})
    assert found["origin.empty"].level is Level.WARNING
    assert "redirect.serves" not in found


# -- the bucket ----------------------------------------------------------------------------------------------------
def test_a_versioned_bucket(scene):
    scene.configure("versioning", "<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>")
    assert scene.look()["destination.versioned"].level is Level.ERROR


@pytest.mark.parametrize(
    ("prefix", "status", "seen"), [("", "Enabled", True), ("logs/", "Enabled", False), ("", "Disabled", False)]
)
def test_a_lifecycle_rule_that_deletes(scene, prefix, status, seen):
    scene.configure("lifecycle", LIFECYCLE.format(prefix=prefix, status=status))
    destination = {**scene.document()["destination"], "url": f"oss://{scene.bucket}/photos/"}
    assert ("destination.lifecycle" in scene.look(destination=destination)) is seen


def test_a_missing_bucket_is_told_once(scene):
    destination = {**scene.document()["destination"], "url": "oss://no-such-bucket/"}
    found = scene.look(destination=destination)
    assert {code for code in found if code.endswith(".failed")} == {"destination.failed"}
    assert found["destination.failed"].exit_code is Exit.PREFLIGHT


@pytest.mark.parametrize("signed", [False, True])
def test_a_private_bucket(scene, signed):
    scene.client.call("PUT", query={"acl": ""}, headers={"x-oss-acl": "private"})
    found = scene.look(readers={"signed": signed})
    if signed:
        assert "readers.private-bucket" not in found
        assert found["readers.signed-sdk"].level is Level.WARNING
    else:
        assert found["readers.private-bucket"].level is Level.ERROR
        assert "403" in found["readers.private-bucket"].message


# -- pages and rules of others -------------------------------------------------------------------------------------
def test_pages_in_the_way(scene, origin):
    scene.website(
        "<IndexDocument><Suffix>index.html</Suffix><SupportSubDir>true</SupportSubDir></IndexDocument>"
        "<ErrorDocument><Key>error.html</Key><HttpStatus>200</HttpStatus></ErrorDocument>"
    )
    oss_rig.destination(scene.oss, scene.bucket).create("error.html", b"sorry", {})
    found = scene.look()
    assert found["rules.error-page-200"].level is Level.WARNING
    assert found["readers.missing-is-200"].level is Level.WARNING
    assert found["rules.sub-directory-page"].level is Level.NOTE


@pytest.mark.parametrize(
    ("condition", "code", "expected"),
    [
        (STATUS_404, 302, {"rules.shadowed": Level.ERROR, "readers.redirected-already": Level.WARNING}),
        (f"<KeyPrefixEquals>a/</KeyPrefixEquals>{STATUS_404}", 302, {"rules.carved": Level.WARNING}),
        (f"<KeyPrefixEquals>a/</KeyPrefixEquals>{STATUS_404}", 301, {"rules.permanent": Level.WARNING}),
    ],
)
def test_rules_in_the_way(scene, condition, code, expected):
    scene.website(RULE.format(condition=condition, code=code))
    found = scene.look()
    assert {name: found[name].level for name in expected} == expected


# -- refusing, and the command -------------------------------------------------------------------------------------
def test_errors_refuse_and_the_first_one_decides_the_exit_code():
    refuse([Finding(Level.WARNING, "a.b", "not nice"), Finding(Level.NOTE, "c.d", "well")])
    with pytest.raises(PreflightFailed, match=r"a\.b: bad\nc\.d: worse") as failed:
        refuse(
            [
                Finding(Level.ERROR, "a.b", "bad", "do this", Exit.CAPACITY),
                Finding(Level.ERROR, "c.d", "worse", "do this"),
            ]
        )
    assert (failed.value.exit_code, failed.value.hint) == (Exit.CAPACITY, "do this")


def test_the_command(scene, origin, tmp_path, capsys):
    path = tmp_path / "job.yaml"
    path.write_text(jobfile.dump(scene.spec()))
    assert run(["check", str(path), "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {"level", "code", "message", "remedy", "exit_code", "requests"} == lines[0].keys()
    assert "redirect.serves" in {line["code"] for line in lines}
    origin.answers["/a/plain.txt"] = (403, {}, b"")
    assert run(["check", str(path)]) == Exit.PREFLIGHT
    captured = capsys.readouterr()
    assert "FAIL redirect.refuses-readers" in captured.out
    assert "note readers.head" in captured.out
    assert "remedy:" in captured.err


def test_a_log_that_is_not_there(scene, tmp_path):
    with pytest.raises(Invalid, match="cannot read"):
        scene.look(tmp_path / "no.log")
