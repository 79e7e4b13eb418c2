"""Bad input and broken surroundings: one clear line each, the remedy, the documented exit code, never a traceback."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from rig import Rig

from migrator.cli import main
from migrator.errors import Exit


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str


Cli = Callable[..., Said]


@pytest.fixture
def cli(rig: Rig, capsys: pytest.CaptureFixture[str]) -> Cli:
    """Run one command in this process: exactly what the installed program does."""
    os.environ["MIGRATOR_DATABASE_URL"] = rig.settings.database_url

    def run(*arguments: str | Path) -> Said:
        capsys.readouterr()
        code = main.run([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        assert "Traceback" not in printed.err
        assert "internal error" not in printed.err
        assert code != Exit.BUG, printed
        return Said(code, printed.out, printed.err)

    return run


def text(rig: Rig, document: str) -> Path:
    path = rig.folder / "job.yaml"
    path.write_text(document)
    return path


def changed(rig: Rig, **changes: Any) -> Path:
    """Write the rig's job file with single fields changed: `origin__url="..."`."""
    document = rig.document()
    for name, value in changes.items():
        *way, last = name.split("__")
        place = document
        for step in way:
            place = place.setdefault(step, {})
        place[last] = value
    return text(rig, json.dumps(document))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"orign": {}}, "orign: there is no such field; did you mean origin?"),
        ({"copy__concurency": 3}, "copy.concurency: there is no such field; did you mean concurrency?"),
        ({"prefixes": {"delimitter": "/"}}, "prefixes.delimitter: there is no such field; did you mean delimiter?"),
        ({"copy__concurrency": "16"}, "copy.concurrency: input should be a valid integer (it is '16')"),
        ({"copy__concurrency": True}, "copy.concurrency: input should be a valid integer (it is True)"),
        ({"copy__concurrency": 513}, "copy.concurrency: input should be less than or equal to 512 (it is 513)"),
        ({"copy__shard_objects": 0}, "copy.shard_objects: input should be greater than or equal to 1 (it is 0)"),
        ({"verify__settle_s": -1}, "verify.settle_s: input should be greater than or equal to 0"),
        ({"verify__settle_s": float("nan")}, "verify.settle_s:"),
        ({"prefixes": {"depth": 9}}, "prefixes.depth: input should be less than or equal to 8"),
        ({"prefixes": "a/"}, "prefixes:"),
        ({"prefixes": [1]}, "prefixes.0: input should be a valid string"),
        ({"redirect__code": 301}, "redirect.code: input should be 302 or 307 (it is 301)"),
        (
            {"redirect__url": "legacy.example.com"},
            "redirect.url: must be a URL such as https://legacy.example.com/base/",
        ),
        ({"redirect__url": "https://u:p@legacy.example.com/"}, "redirect.url: must not carry a user name or password"),
        ({"redirect__url": "https://legacy.example.com/?a=b"}, "redirect.url: must not have a query or a fragment"),
        ({"redirect__url": "https://legacy.example.com:99999/"}, "redirect.url: has no valid port"),
        ({"writes": "both"}, "writes: input should be 'destination', 'origin' or 'frozen' (it is 'both')"),
        ({"name": "Big Name"}, "name: "),
        ({"name": ""}, "name: "),
        ({"origin__url": "ftp://x/"}, "origin.url must begin with s3://, oss://, https://, http:// or file://"),
        ({"origin__url": "s3:///prefix/"}, "origin.url names no bucket"),
        ({"origin__url": "https://www.example.com/"}, "origin.manifest is needed"),
        ({"destination__url": "s3://new/"}, "destination.url: "),
        ({"destination__url": "oss://UPPER/"}, "destination.url: "),
        ({"destination__region": ""}, "destination.region: "),
        ({"destination": None}, "destination: "),
        ({"origin": [1]}, "origin: "),
    ],
    ids=lambda value: ",".join(value) if isinstance(value, dict) else "",
)
def test_each_field_says_what_would_be_right(rig: Rig, cli: Cli, changes: dict[str, Any], said: str) -> None:
    got = cli("check", changed(rig, **changes))
    assert got.code == Exit.USAGE
    assert said in got.err
    assert str(rig.folder / "job.yaml") in got.err
    assert "remedy: migrator schema prints every field and its limits" in got.err


def test_every_problem_is_told_at_once(rig: Rig, cli: Cli) -> None:
    got = cli("check", changed(rig, name="Bad Name", copy__concurrency=0, orign={}))
    assert got.err.count(str(rig.folder / "job.yaml")) == 3


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ("", "is empty or not a mapping"),
        ("- a\n", "is empty or not a mapping"),
        ("name: x\nname: y\n", "line 2: name is given twice"),
        ("name: x\norigin: {url: a, url: b}\n", "line 2: url is given twice"),
        ("a: &a [x]\nb: *a\n", "line 2: YAML aliases are not allowed"),
        ("a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n", "YAML aliases are not allowed"),
        ("name: !!python/object/apply:os.system [id]\n", "line 1: not valid YAML: could not determine a constructor"),
        ("name: !mine x\n", "not valid YAML"),
        ("name: [unclosed\n", "not valid YAML"),
        ("name: 'x\n", "not valid YAML"),
        ("\tname: x\n", "not valid YAML"),
        ("? [a, b]\n: c\n", "line 1: a field's name must be plain text"),
        ("<<: {a: b}\n", ""),
        ("[" * 5000, "nested too deeply"),
        ("{a: " * 5000, "nested too deeply"),
        ("1: 2\n", ""),
        ("name: 2026-11-22\n", "name: input should be a valid string"),
        ("--- a\n--- b\n", "not valid YAML"),
    ],
)
def test_yaml_and_its_traps(rig: Rig, cli: Cli, document: str, said: str) -> None:
    got = cli("check", text(rig, document))
    assert got.code == Exit.USAGE
    assert said in got.err


def test_files_that_are_none(rig: Rig, cli: Cli) -> None:
    got = cli("check", rig.folder / "missing.yaml")
    assert (got.code, "cannot read" in got.err, "migrator init" in got.err) == (Exit.USAGE, True, True)
    assert cli("check", rig.folder).code == Exit.USAGE
    (rig.folder / "latin.yaml").write_bytes(b"name: caf\xe9\n")
    assert "is not UTF-8 text" in cli("check", rig.folder / "latin.yaml").err
    (rig.folder / "huge.yaml").write_bytes(b"#" * 5 * 1024**2)
    assert "is larger than" in cli("check", rig.folder / "huge.yaml").err
    (rig.folder / "nul.yaml").write_bytes(b"name: a\0b\n")
    assert "not valid YAML" in cli("check", rig.folder / "nul.yaml").err


def refused(rig: Rig, cli: Cli, path: Path, code: Exit, *said: str) -> Said:
    """Demand that check and start both refuse, that nothing was recorded, and that the remedy is named."""
    got = cli("start", path)
    for each in said:
        assert each in got.err
    assert got.code == code
    assert "remedy: " in got.err
    assert rig.rt.store.jobs.all() == []
    assert cli("check", path).code == code
    return got


def test_no_such_origin_bucket(rig: Rig, cli: Cli) -> None:
    refused(rig, cli, changed(rig, origin__url="s3://nobody-has-this/"), Exit.PREFLIGHT, "nobody-has-this")


def test_no_such_oss_bucket(rig: Rig, cli: Cli) -> None:
    refused(rig, cli, changed(rig, destination__url="oss://nobody-has-this/"), Exit.PREFLIGHT, "nobody-has-this")


def test_a_wrong_oss_key(rig: Rig, cli: Cli) -> None:
    rig.fill(1, 1)
    os.environ["OSS_ACCESS_KEY_SECRET"] = "s3cret-and-wrong"
    got = refused(rig, cli, changed(rig), Exit.CREDENTIALS)
    assert "s3cret-and-wrong" not in got.err + got.out


def test_a_wrong_origin_key(rig: Rig, cli: Cli) -> None:
    os.environ["AWS_ACCESS_KEY_ID"] = "AKIDWRONG"
    os.environ["AWS_SECRET_ACCESS_KEY"] = "s3cret-and-wrong"
    # Credentials are cached with the connection; another region makes another one.
    got = refused(rig, cli, changed(rig, origin__region="eu-central-1"), Exit.CREDENTIALS)
    assert "s3cret-and-wrong" not in got.err + got.out


def test_no_credentials_at_all(rig: Rig, cli: Cli) -> None:
    for name in ("OSS_ACCESS_KEY_ID", "OSS_ACCESS_KEY_SECRET"):
        del os.environ[name]
    got = refused(rig, cli, changed(rig), Exit.CREDENTIALS, "OSS_ACCESS_KEY_ID")
    assert "no credentials for OSS were found" in got.err
    doctor = cli("doctor")
    assert doctor.code == Exit.CREDENTIALS
    assert "FAIL OSS credentials" in doctor.out


@pytest.mark.parametrize("side", ["origin__endpoint", "destination__endpoint"])
def test_an_endpoint_where_nobody_listens(rig: Rig, cli: Cli, free_port: Callable[[], int], side: str) -> None:
    rig.fill(1, 1)
    port = free_port()
    refused(rig, cli, changed(rig, **{side: f"http://127.0.0.1:{port}"}), Exit.UNREACHABLE, str(port))


def test_an_endpoint_that_is_no_storage(rig: Rig, cli: Cli) -> None:
    """The OSS endpoint is the S3 server and the other way round."""
    rig.fill(1, 1)
    got = cli("check", changed(rig, destination__endpoint=rig.sides.origin.endpoint))
    assert got.code not in (Exit.OK, Exit.BUG)


def test_a_versioned_bucket(rig: Rig, cli: Cli) -> None:
    import oss2

    rig.bucket.delete_bucket_website()
    rig.bucket.put_bucket_versioning(oss2.models.BucketVersioningConfig("Enabled"))
    refused(rig, cli, changed(rig), Exit.PREFLIGHT, "versioned", "versioning was never enabled")


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/x/", "http://192.168.1.5/", "http://localhost/", "http://[::1]/"])
def test_a_private_redirect(rig: Rig, cli: Cli, url: str) -> None:
    got = cli("check", changed(rig, allow_private=False, redirect__url=url, origin__endpoint="https://s3.example"))
    assert got.code != Exit.OK
    assert "redirect.url" in got.err
    assert "allow_private: true" in got.err


def test_a_private_origin(rig: Rig, cli: Cli) -> None:
    refused(rig, cli, changed(rig, allow_private=False), Exit.PREFLIGHT, "origin.endpoint", "allow_private: true")


@pytest.mark.parametrize(
    "host", ["oss-cn-hangzhou-internal.aliyuncs.com", "legacy.oss-cn-hangzhou-internal.aliyuncs.com"]
)
def test_a_redirect_to_an_internal_endpoint_is_refused_in_any_case(rig: Rig, cli: Cli, host: str) -> None:
    rig.fill(1, 1)
    refused(rig, cli, changed(rig, redirect__url=f"https://{host}/"), Exit.PREFLIGHT, "internal endpoint of OSS")


def rule(number: int, prefix: str) -> str:
    return (
        f"<RoutingRule><RuleNumber>{number}</RuleNumber><Condition><KeyPrefixEquals>{prefix}</KeyPrefixEquals>"
        "<HttpErrorCodeReturnedEquals>404</HttpErrorCodeReturnedEquals></Condition><Redirect>"
        "<RedirectType>External</RedirectType><Protocol>https</Protocol><HostName>www.example.com</HostName>"
        "<HttpRedirectCode>302</HttpRedirectCode></Redirect></RoutingRule>"
    )


def test_a_budget_that_foreign_rules_have_used_up(rig: Rig, cli: Cli) -> None:
    rig.fill(1, 1)
    rules = "".join(rule(number, f"others-{number}/") for number in range(1, 21))
    rig.bucket.put_bucket_website(f"<WebsiteConfiguration><RoutingRules>{rules}</RoutingRules></WebsiteConfiguration>")
    refused(rig, cli, changed(rig), Exit.CAPACITY, "migrator rules show")


def test_a_foreign_rule_that_answers_first(rig: Rig, cli: Cli) -> None:
    rig.fill(1, 1)
    rig.bucket.put_bucket_website(
        f"<WebsiteConfiguration><RoutingRules>{rule(1, '')}</RoutingRules></WebsiteConfiguration>".replace(
            "<KeyPrefixEquals></KeyPrefixEquals>", ""
        )
    )
    refused(rig, cli, changed(rig), Exit.PREFLIGHT, "Foreign rule 1", "change or remove rule 1")


def test_a_database_of_an_older_program(rig: Rig, cli: Cli) -> None:
    path = rig.folder / "tracking.db"
    rig.rt.store.close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    got = cli("status")
    assert got.code == Exit.SCHEMA
    assert cli("db", "check").code == Exit.SCHEMA
    assert cli("doctor").code != Exit.OK


def test_a_postgresql_database_without_a_schema(rig: Rig, cli: Cli, postgres_url: str) -> None:
    os.environ["MIGRATOR_DATABASE_URL"] = postgres_url
    got = cli("status")
    assert (got.code, "remedy: run: migrator db upgrade" in got.err) == (Exit.SCHEMA, True)
    assert cli("db", "check").code == Exit.SCHEMA
    assert cli("db", "upgrade").code == Exit.OK
    assert cli("db", "check").code == Exit.OK
    assert cli("status").code == Exit.OK


@pytest.mark.parametrize(
    "url", ["mysql://u:pa55@h/db", "what is this", "sqlite://", "postgresql://u:pa55@127.0.0.1:1/x"]
)
def test_a_database_that_is_none(cli: Cli, url: str) -> None:
    os.environ["MIGRATOR_DATABASE_URL"] = url
    got = cli("status")
    assert got.code in (Exit.USAGE, Exit.UNREACHABLE)
    assert "remedy: " in got.err
    assert "pa55" not in got.err


def test_a_database_file_that_is_none(rig: Rig, cli: Cli) -> None:
    (rig.folder / "text.db").write_text("this is no database " * 100)
    os.environ["MIGRATOR_DATABASE_URL"] = f"sqlite:///{rig.folder / 'text.db'}"
    assert cli("status").code != Exit.OK
    os.environ["MIGRATOR_DATABASE_URL"] = "sqlite:////proc/nowhere/x.db"
    assert cli("status").code == Exit.UNREACHABLE


def test_settings_that_are_none(cli: Cli) -> None:
    os.environ["MIGRATOR_TICK_S"] = "soon"
    got = cli("status")
    assert (got.code, "MIGRATOR_TICK_S is 'soon', but must be a number" in got.err) == (Exit.USAGE, True)


def test_an_unreachable_broker(cli: Cli, free_port: Callable[[], int]) -> None:
    os.environ["MIGRATOR_BROKER_URL"] = f"redis://:pa55@127.0.0.1:{free_port()}/0"
    got = cli("doctor")
    assert got.code == Exit.UNREACHABLE
    assert "pa55" not in got.out
    up = cli("up")
    assert (up.code, "migrator worker" in up.err) == (Exit.USAGE, True)


def test_overlapping_keys_of_another_job(rig: Rig, cli: Cli) -> None:
    rig.fill(1, 1)
    assert cli("start", rig.file("first")).code == Exit.OK
    got = cli("start", rig.file("second"))
    assert got.code == Exit.USAGE
    assert "overlaps with" in got.err
    assert "'first'" in got.err
    again = cli("start", rig.file("first"))
    assert (again.code, "already a job named 'first'" in again.err) == (Exit.USAGE, True)


@pytest.mark.parametrize(
    "command",
    [
        ("status", "nobody"),
        ("events", "nobody"),
        ("pause", "nobody"),
        ("resume", "nobody"),
        ("cancel", "nobody", "--yes"),
        ("hold", "nobody"),
        ("release", "nobody"),
        ("reopen", "nobody", "a/"),
        ("retry", "nobody"),
        ("waive", "nobody", "a/", "a/x", "--by", "me"),
        ("writes", "nobody", "destination"),
        ("rules", "show", "nobody"),
        ("rules", "plan", "nobody"),
        ("rules", "diff", "nobody"),
        ("rules", "explain", "nobody", "key"),
        ("rules", "history", "nobody"),
        ("report", "nobody"),
        ("verify", "nobody"),
    ],
    ids=lambda command: " ".join(command[:2]),
)
def test_an_unknown_job(rig: Rig, cli: Cli, command: tuple[str, ...]) -> None:
    got = cli(*command)
    assert got.code == Exit.USAGE
    assert "'nobody'" in got.err
    rig.start("somebody")
    assert "somebody" in cli(*command).err, "those that exist are named"


def test_an_unknown_prefix(rig: Rig, cli: Cli) -> None:
    rig.fill(1, 1)
    rig.start()
    assert "no prefixes yet" in cli("hold", "job").err
    rig.drive(lambda: rig.rt.store.jobs.by_name("job").discovered)
    got = cli("hold", "job", "p99/")
    assert (got.code, "'p99/'" in got.err) == (Exit.USAGE, True)


@pytest.mark.parametrize("prefix", ["a\x01b/", "a\nb/", "a\x7fb/", "\ud800/"])
def test_prefixes_that_no_rule_can_carry(rig: Rig, cli: Cli, prefix: str) -> None:
    """Either refused in one line, or covered by a broader rule: nothing in between."""
    rig.fill(1, 1)
    for changes in ({"prefixes": [prefix]}, {"destination__url": f"oss://{rig.here}/{prefix}"}):
        got = cli("check", changed(rig, **changes))
        if got.code == Exit.OK:
            assert cli("plan", changed(rig, **changes)).code == Exit.OK


def test_a_busy_port(cli: Cli) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        got = cli("web", "--port", str(taken.getsockname()[1]))
    assert (got.code, "cannot be used" in got.err, "--port 0" in got.err) == (Exit.USAGE, True, True)
    got = cli("web", "--host", "0.0.0.0")
    assert (got.code, "only listens on loopback" in got.err) == (Exit.USAGE, True)


@pytest.mark.parametrize(
    "arguments", [("strat",), ("start",), ("status", "--jsn"), ("completion", "tcsh"), ("rules", "shw")]
)
def test_mistyped_commands(cli: Cli, arguments: tuple[str, ...]) -> None:
    got = cli(*arguments)
    assert got.code == Exit.USAGE
    assert "Usage: migrator" in got.err
