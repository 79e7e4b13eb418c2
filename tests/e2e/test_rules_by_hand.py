"""Rules made by hand beside a migration, through the command line, against a real server."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from rig import Rig, canonical, rules_in

from migrator.cli import main
from migrator.domain import rules
from migrator.domain.states import JobState, PrefixState
from migrator.errors import Exit

Cli = Callable[..., str]
HIDE = ("--status", "404", "--prefix", "hidden/", "--host", "www.example.com", "--replace-key", "gone.html")
SECRET = b"""<WebsiteConfiguration><RoutingRules><RoutingRule><RuleNumber>3</RuleNumber>
<Condition><KeyPrefixEquals>m/</KeyPrefixEquals><HttpErrorCodeReturnedEquals>404</HttpErrorCodeReturnedEquals>
</Condition><Redirect><RedirectType>Mirror</RedirectType><MirrorURL>https://m.example.com/</MirrorURL><MirrorAuth>
<AuthType>S3V4</AuthType><Region>r</Region><AccessKeyId>k</AccessKeyId><AccessKeySecret>s3cret</AccessKeySecret>
</MirrorAuth></Redirect></RoutingRule></RoutingRules></WebsiteConfiguration>"""


@pytest.fixture
def cli(rig: Rig, credentials: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Run one command, demand its exit code, return what it printed."""
    os.environ["MIGRATOR_DATABASE_URL"] = rig.settings.database_url
    monkeypatch.setattr("sys.stdin", io.StringIO())

    def run(*arguments: str, code: int = Exit.OK) -> str:
        capsys.readouterr()
        got = main.run(["rules", *arguments])
        printed = capsys.readouterr()
        assert got == code, printed
        return printed.out + printed.err

    return run


@pytest.fixture
def here(rig: Rig) -> tuple[str, ...]:
    return ("--bucket", f"oss://{rig.here}", "--endpoint", rig.sides.oss.endpoint, "--region", rig.sides.oss.region)


def into_a_folder(rig: Rig) -> dict[str, str]:
    """Leave room for others in the bucket: the job's own root is a folder of it."""
    oss = rig.sides.oss
    return {"url": f"oss://{rig.here}/data/", "endpoint": oss.endpoint, "region": oss.region}


@pytest.fixture
def copying(rig: Rig) -> Rig:
    """A job whose prefixes have rules and no objects in OSS yet."""
    for prefix in ("p00/", "p01/", "p02/"):
        rig.put(f"{prefix}000.txt", prefix.encode())
    rig.start(prefixes=["p00/", "p01/", "p02/"], destination=into_a_folder(rig))
    rig.drive(lambda: rig.own_left and rig.is_in("p00/", PrefixState.COPYING)(), without=frozenset({"copy"}))
    return rig


def check_end(rig: Rig) -> None:
    """Every object arrived, every migration rule is gone, and what others have is as it was."""
    assert rig.rt.store.jobs.by_name("job").state is JobState.DONE, rig.story()
    assert {key: rig.bucket.get_object(key).read() for key in rig.stored()} == {
        f"data/{key}": body for key, body in rig.files.items()
    }
    assert canonical(rig.website()) == canonical(rig.foreign)


def numbers(rig: Rig) -> dict[int, str]:
    return {live.rule.number: live.rule.condition.key_prefix for live in rules.parse(rig.website()).by_number}


def test_a_rule_is_shown_first_then_added_edited_moved_and_removed(rig: Rig, cli: Cli, here: tuple[str, ...]) -> None:
    before = rig.website()
    shown = cli("add", *here, *HIDE, code=Exit.USAGE)
    assert "+ 10  status 404, prefix 'hidden/' -> 302 https://www.example.com/gone.html" in shown
    assert "404 NoSuchKey" in shown
    assert "--yes" in shown
    assert rig.website() == before

    cli("add", *here, *HIDE, "--yes", "--reason", "ticket 7")
    assert numbers(rig) == {1: "old-campaign/", 2: "mirrored/", 10: "hidden/"}
    answer = rig.read("hidden/x", follow=False)
    assert (answer.status, answer.headers["location"]) == (302, "https://www.example.com/gone.html")

    shown = cli("edit", "10", *here, "--redirect-code", "301", "--prefix", "secret/", "--yes")
    assert "~ 10" in shown
    assert "[permanent]" in shown
    assert rig.read("secret/x", follow=False).status == 301
    assert rig.read("hidden/x", follow=False).status == 404

    cli("move", "2", *here, "--yes")
    assert list(numbers(rig).values()) == ["old-campaign/", "secret/", "mirrored/"]
    cli("remove", "10", *here, "--yes")
    assert rules_in(rig.website()) == rules_in(before)

    history = cli("history", *here)
    assert "by hand: added a rule (status 404, prefix 'hidden/'); ticket 7" in history
    assert "by hand: removed rule 10" in history


def test_a_new_bucket_gets_its_first_rule_and_loses_its_last(rig: Rig, cli: Cli, here: tuple[str, ...]) -> None:
    rig.bucket.delete_bucket_website()
    page = ("--host", "www.example.com", "--replace-key", "sorry.html")
    cli("add", *here, "--status", "500", *page, "--source-from-cdn", "--transfer-query-string", "--yes")
    [live] = rules.parse(rig.website()).rules
    assert (live.rule.redirect.kind, live.rule.redirect.pass_query_string) == ("AliCDN", True)
    assert "nothing is left" in cli("remove", "10", *here, "--yes")
    assert rig.website() == b""


def test_rules_by_hand_are_foreign_to_the_migration(copying: Rig, cli: Cli) -> None:
    cli("add", "job", *HIDE, "--yes")
    assert numbers(copying)[1000] == "hidden/"
    slots = cli("show", "job")
    assert slots.count("foreign") == 3
    copying.drive()
    assert "hidden/" in numbers(copying).values()
    cli("remove", "job", "1000", "--yes")
    check_end(copying)
    assert "rules_drift" not in copying.event_kinds()


def test_a_migration_rule_is_not_edited_by_hand_while_it_is_needed(copying: Rig, cli: Cli) -> None:
    before = copying.website()
    own = next(number for number, prefix in numbers(copying).items() if prefix == "data/")
    for command in (["remove"], ["edit", "--redirect-code", "307"], ["move"]):
        refused = cli(command[0], "job", str(own), *command[1:], "--yes", code=Exit.USAGE)
        assert "migration rule of job job for 'data/'" in refused
        assert "migrator status job" in refused
    assert copying.website() == before


def test_a_rule_that_would_shadow_the_migration_is_refused(copying: Rig, cli: Cli) -> None:
    before = copying.website()
    page = ("--host", "www.example.com", "--replace-key", "gone.html", "--yes")
    refused = cli("add", "job", "--status", "404", "--prefix", "data/p0", *page, "--number", "50", code=Exit.PREFLIGHT)
    assert "answers every missing key under 'data/p00/'" in refused
    cli("add", "job", "--prefix", "data/p00/", *page, code=Exit.PREFLIGHT)  # without a status it answers before lookup
    assert copying.website() == before
    warned = cli("add", "job", "--status", "404", "--suffix", ".tmp", *page, "--number", "50")
    assert "end with '.tmp'" in warned
    cli("add", "job", "--status", "404", "--prefix", "data/p0", *page)  # behind all others


def test_the_document_goes_out_and_comes_back_in(copying: Rig, cli: Cli, tmp_path: Path) -> None:
    before = copying.website()
    for kind in ("xml", "json"):
        file = tmp_path / f"rules.{kind}"
        cli("export", "job", "--format", kind, "-o", str(file))
        shown = cli("import", "job", str(file), "--yes")
        assert "nothing changes" in shown
    file.write_text(file.read_text().replace("www.example.com", "shop.example.com"))
    shown = cli("import", "job", str(file), "--yes")
    assert "Migration rules of" in shown
    after = copying.website()
    assert b"shop.example.com" in after
    assert len(rules_in(after)) == len(rules_in(before))
    assert rules.foreign_count(after, copying.rt.store.rules.own(copying.rt.store.jobs.by_name("job").bucket_id)) == 2


def test_an_old_export_does_not_bring_retired_rules_back(copying: Rig, cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "old.xml"
    cli("export", "job", "-o", str(file))
    copying.drive()
    cli("import", "job", str(file), "--yes")
    check_end(copying)


def test_an_earlier_revision_is_restored_around_the_migration(copying: Rig, cli: Cli) -> None:
    cli("add", "job", *HIDE, "--yes")
    revision = copying.rt.store.rules.latest(copying.rt.store.jobs.by_name("job").bucket_id)
    assert revision is not None
    own = set(rules_in(copying.website())) - set(rules_in(copying.foreign))
    cli("remove", "job", "1000", "--yes")
    cli("edit", "job", "1", "--host", "other.example.com", "--yes")
    shown = cli("restore", "job", str(revision.id), "--yes")
    assert "+ 1000" in shown
    assert b"other.example.com" not in copying.website()
    assert own <= set(rules_in(copying.website()))
    cli("remove", "job", "1000", "--yes")
    copying.drive()
    check_end(copying)
    cli("restore", "job", "999999", "--yes", code=Exit.USAGE)


def test_a_secret_that_is_not_shown_refuses_the_write(
    rig: Rig, cli: Cli, here: tuple[str, ...], tmp_path: Path
) -> None:
    rig.bucket.put_bucket_website(SECRET.decode())
    before = rig.website()
    assert "AccessKeySecret" in cli("add", *here, *HIDE, "--yes", code=Exit.PREFLIGHT)
    assert "AccessKeySecret" in cli("move", *here, "3", "--to", "5", "--yes", code=Exit.PREFLIGHT)
    assert "the panel" in cli("edit", *here, "3", "--prefix", "n/", "--yes", code=Exit.USAGE)
    file = tmp_path / "rules.xml"
    cli("export", *here, "-o", str(file))
    assert b"s3cret" not in file.read_bytes()
    assert rig.website() == before
    cli("remove", *here, "3", "--yes")
    assert rig.website() == b""
    assert "AccessKeySecret" in cli("import", *here, str(file), "--yes", code=Exit.PREFLIGHT)
    first = cli("history", *here).splitlines()[1].split()[0]
    with_rule = cli("add", *here, *HIDE, "--yes")
    assert "revision" in with_rule
    cli("restore", *here, first, "--yes")
    assert rig.website() == b""


def test_twenty_rules_are_enough_for_anybody(rig: Rig, cli: Cli, here: tuple[str, ...]) -> None:
    for number in range(18):
        cli("add", *here, "--status", "404", "--prefix", f"{number}/", "--host", "www.example.com", "--yes")
    before = rig.website()
    refused = cli("add", *here, *HIDE, "--yes", code=Exit.CAPACITY)
    assert "at most 20" in refused
    assert rig.website() == before


def test_migration_rules_make_room_for_one_by_hand(rig: Rig, cli: Cli) -> None:
    rig.fill(prefixes=25, each=1)
    rig.start()
    rig.drive(lambda: rig.own_left and rig.is_in("p00/", PrefixState.COPYING)(), without=frozenset({"copy"}))
    shown = ""
    for number in range(6):
        shown = cli(
            "add", "job", "--status", "404", "--prefix", f"by-hand-{number}/", "--host", "x.example.com", "--yes"
        )
    assert len(rules_in(rig.website())) <= 20
    assert "done" in shown
    assert rig.read("p07/000.txt").status == 200
    assert rig.read("p24/000.txt").status == 200


def test_somebody_elses_edit_meanwhile_is_not_overwritten(
    rig: Rig, cli: Cli, here: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    from migrator.cli.rules import carry_out

    def meanwhile(*, yes: bool) -> None:
        rig.bucket.delete_bucket_website()

    monkeypatch.setattr(carry_out, "_ask", meanwhile)
    refused = cli("edit", *here, "1", "--host", "x.example.com", code=Exit.USAGE)
    assert "no rule 1" in refused
    assert rig.website() == b""


def test_another_publisher_comes_first(copying: Rig, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("migrator.app.byhand._LEASE_TRIES", 2)
    bucket_id = copying.rt.store.jobs.by_name("job").bucket_id
    lease = copying.rt.store.leases.take(f"rules:{bucket_id}", "another", 60)
    assert "another is publishing" in cli("add", "job", *HIDE, "--yes", code=Exit.LEASE_HELD)
    assert lease is not None
    copying.rt.store.leases.release(lease)
    cli("add", "job", *HIDE, "--yes")


def test_the_plan_the_answers_and_the_differences(copying: Rig, cli: Cli, tmp_path: Path) -> None:
    assert "as prefixes retire:" in cli("plan", "job")
    ahead = json.loads(cli("plan", "job", "--json", "--steps", "2"))
    assert [step["left"] for step in ahead["steps"]][-1] == 0
    answer = json.loads(cli("explain", "job", "data/p00/000.txt", "--json"))
    assert answer.keys() == {"status", "location", "rule_number", "body_from", "reason"}
    assert answer["status"] == 302
    assert answer["location"] == copying.read("data/p00/000.txt", follow=False).headers["location"]
    url = f"{copying.sides.oss.endpoint}/{copying.here}/data/p00/000.txt"
    assert json.loads(cli("explain", url, "--json")) == answer
    told = cli("explain", "old-campaign/x")
    assert "302 https://www.example.com/gone.html" in told
    assert "HEAD: gets 404" in told
    assert "the index document" not in cli("diff", "job")
    cli("add", "job", *HIDE, "--yes")
    published = copying.rt.store.rules.history(copying.rt.store.jobs.by_name("job").bucket_id)
    changed = cli("diff", "job", str(published[1].id), "live")
    assert "hidden/" in changed
    file = tmp_path / "foreign.xml"
    file.write_bytes(copying.foreign)
    assert "data/p00/" in cli("diff", str(file), "live", "--job", "job", "--exit-code", code=Exit.DIFFERENT)
    assert "[internal-host]" in cli("lint", "job", code=Exit.DIFFERENT)  # readers elsewhere cannot reach loopback
    assert canonical(copying.foreign) in canonical(file.read_bytes())
