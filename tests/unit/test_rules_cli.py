"""The commands about rules that need nothing but files."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from migrator.cli import main
from migrator.errors import Exit

RULES = """<WebsiteConfiguration>
<IndexDocument><Suffix>index.html</Suffix></IndexDocument><ErrorDocument><Key>e.html</Key></ErrorDocument>
<RoutingRules>
<RoutingRule><RuleNumber>1</RuleNumber><Condition><KeyPrefixEquals>a/</KeyPrefixEquals>
<HttpErrorCodeReturnedEquals>404</HttpErrorCodeReturnedEquals><IncludeHeader><Key>host</Key><Equals>cn.example</Equals>
</IncludeHeader></Condition><Redirect><RedirectType>External</RedirectType><Protocol>https</Protocol>
<HostName>o.example</HostName><HttpRedirectCode>302</HttpRedirectCode></Redirect></RoutingRule>
<RoutingRule><RuleNumber>2</RuleNumber><Condition><KeyPrefixEquals>hide/</KeyPrefixEquals></Condition><Redirect>
<RedirectType>External</RedirectType><Protocol>https</Protocol><HostName>o.example</HostName>
<HttpRedirectCode>307</HttpRedirectCode><ReplaceKeyWith>gone.html</ReplaceKeyWith></Redirect></RoutingRule>
</RoutingRules></WebsiteConfiguration>"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "rules.xml"
    path.write_text(RULES)
    return path


@pytest.fixture
def cli(capsys, monkeypatch):
    monkeypatch.setenv("MIGRATOR_DATABASE_URL", "sqlite:////proc/no/such/place.db")  # nothing here may need one

    def run(*arguments, code=Exit.OK):
        capsys.readouterr()
        got = main.run(["rules", *map(str, arguments)])
        printed = capsys.readouterr()
        assert got == code, printed
        return printed.out + printed.err

    return run


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (["a/x", "--host", "cn.example"], (302, "https://o.example/a/x", 1, "redirect")),
        (["a/x", "-H", "Host: cn.example", "--status", "404"], (302, "https://o.example/a/x", 1, "redirect")),
        (["https://cn.example/a/%C3%BC?q=1"], (302, "https://o.example/a/%C3%BC", 1, "redirect")),
        (["a/x", "--host", "other.example"], (404, "", None, "error")),
        (["a/x", "--host", "cn.example", "--status", "200"], (200, "", None, "object")),
        (["a/x", "--host", "cn.example", "--exists", "a/x"], (200, "", None, "object")),
        (["a/x", "--host", "cn.example", "--method", "HEAD"], (404, "", None, "oss")),
        (["a/x", "--host", "cn.example", "--method", "HEAD", "--assume", "head_redirects=yes"], (302, None, 1, None)),
        (["hide/there", "--exists", "hide/there"], (307, "https://o.example/gone.html", 2, "redirect")),
        (["a/", "--host", "cn.example"], (200, "", None, "index")),
        (["x", "--acl", "private"], (403, "", None, "oss")),
        (
            ["http://b.oss-cn-hangzhou.aliyuncs.com/hide/x", "--created", "2024-09-01"],
            (400, "https://o.example/gone.html", 2, "oss"),
        ),
    ],
)
def test_a_key_is_explained_under_a_file(cli, file, asked, expected):
    answer = json.loads(cli("explain", *asked, "--against", file, "--json"))
    assert list(answer) == ["status", "location", "rule_number", "body_from", "reason"]
    for name, value in zip(answer, expected, strict=False):
        assert value is None or answer[name] == value, answer
    assert answer["reason"].endswith(".")


def test_the_explanation_names_what_each_kind_of_reader_sees(cli, file):
    told = cli("explain", "a/x", "--against", file, "--host", "cn.example")
    for word in ("SDK", "presigned", "Origin: null", "CDN", "HEAD: gets 404 where GET gets 302", "error document"):
        assert word in told
    told = cli("explain", "/a/x", "--against", file)
    assert "rule 1: the key does not begin with 'a/'" in told
    assert "perhaps 'a/x' is meant" in told


def test_readers_that_go_in_circles_are_told(cli, file):
    file.write_text(RULES.replace("<HostName>o.example</HostName>", ""))
    told = cli("explain", "https://cn.example/a/x", "--against", file)
    assert "loop: the Location leads back to this bucket and returns to 'a/x'" in told
    told = cli("explain", "https://cn.example/hide/x", "--against", file)
    assert "after 1 more requests readers get 404" in told


@pytest.mark.parametrize(
    "bad",
    [
        ["a/x"],
        ["a/x", "b", "c", "--against", "rules.xml"],
        ["a/x", "--against", "no-such.xml"],
        ["a/x", "--against", "{file}", "-H", "nonsense"],
        ["a/x", "--against", "{file}", "--assume", "wishes=yes"],
        ["a/x", "--bucket", "oss://b", "--against", "live"],
    ],
)
def test_bad_questions_are_refused_in_a_sentence(cli, file, bad, monkeypatch, tmp_path):
    monkeypatch.setenv("MIGRATOR_DATABASE_URL", f"sqlite:///{tmp_path / 'tracking.db'}")
    answer = cli("explain", *(part.format(file=file) for part in bad), code=Exit.USAGE)
    assert answer.startswith("error: ")
    assert "remedy: " in answer


def test_documents_are_compared_prefix_by_prefix(cli, file, tmp_path):
    other = tmp_path / "other.xml"
    other.write_text(RULES.replace("gone.html", "away.html").replace(">302<", ">307<"))
    shown = cli("diff", file, other)
    assert "~ 1" in shown
    lines = [json.loads(line) for line in cli("diff", file, other, "--json").splitlines()]
    assert [line["prefix"] for line in lines] == ["a/", "hide/"]
    assert lines[1]["after"] == {"status": 307, "location": "https://o.example/away.html"}
    assert cli("diff", file, file) == "every prefix gets the same answers\n"
    cli("diff", file, other, "--exit-code", code=Exit.DIFFERENT)
    cli("diff", file, file, "--exit-code")


def test_lint_fails_on_errors_only(cli, file):
    shown = cli("lint", "--against", file)
    assert "[no-status]" in shown
    file.write_text(RULES.replace(">307<", ">301<"))
    shown = cli("lint", "--against", file, "--json", code=Exit.DIFFERENT)
    assert {"code": "permanent", "rule_number": 2, "severity": "error"}.items() <= json.loads(
        next(line for line in shown.splitlines() if "permanent" in line)
    ).items()
    file.write_text("<WebsiteConfiguration></WebsiteConfiguration>")
    assert "nothing" in cli("lint", "--against", file)


def test_a_document_may_be_json(cli, file, tmp_path):
    from migrator.domain.rules.asjson import to_json

    described = tmp_path / "rules.json"
    described.write_text(to_json(RULES.encode()))
    assert cli("diff", file, described) == "every prefix gets the same answers\n"
    described.write_text('{"RoutingRules": [{"RuleNumber": [1.5]}]}')
    assert "RuleNumber" in cli("lint", "--against", described, code=Exit.USAGE)


# -- the cover -------------------------------------------------------------------------------------------------------
SET = {"budget": 2, "unfinished": ["a/1/", "a/2/", "b/"], "finished": {"a/3/": 5, "c/": 100}}


def test_a_cover_is_computed_for_any_set(cli, tmp_path):
    file = tmp_path / "set.json"
    file.write_text(json.dumps(SET))
    answer = json.loads(cli("cover", file, "--json"))
    assert [rule["prefix"] for rule in answer["rules"]] == ["a/", "b/"]
    assert answer["over_coverage"] == 5
    assert answer["rules"][0]["covers"] == 2
    assert answer["rules"][0]["over_weight"] == 5
    assert "'a/3/'" in answer["rules"][0]["reason"]
    assert "over-coverage 5" in cli("cover", file)
    file.write_text("budget: 3\nunfinished:\n- a/1/\n- a/2/\n- {prefix: b/, route: {host: o}}\nfinished: [a/3/]\n")
    answer = json.loads(cli("cover", file, "--json"))
    assert [rule["prefix"] for rule in answer["rules"]] == ["a/1/", "a/2/", "b/"]
    assert answer["rules"][2]["route"] == {"host": "o"}


def test_what_does_not_fit_is_named_and_planned_in_waves(cli, tmp_path):
    file = tmp_path / "set.json"
    routes = [{"prefix": f"{name}/", "route": {"host": name}} for name in "xyz"]
    file.write_text(json.dumps({"budget": 2, "unfinished": routes}))
    shown = cli("cover", file, "--json", code=Exit.CAPACITY)
    answer = json.loads(shown.splitlines()[0])
    assert [wave["unfinished"] for wave in answer["waves"]] == [["x/", "y/"], ["z/"]]
    assert "3 different redirects" in answer["error"]
    assert "wave 2: 1 prefixes" in cli("cover", file, code=Exit.CAPACITY)
    file.write_text(json.dumps({"budget": 0, "unfinished": ["a/"]}))
    cli("cover", file, "--json", code=Exit.CAPACITY)


def test_a_set_may_come_from_stdin(cli, monkeypatch, tmp_path):
    file = tmp_path / "set.json"
    file.write_text(json.dumps(SET))
    with file.open() as stream:
        monkeypatch.setattr(sys, "stdin", stream)
        assert json.loads(cli("cover", "-", "--json"))["over_coverage"] == 5


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[]", "{budget"),
        ("", "{budget"),
        ('{"budget": 21}', "budget"),
        ('{"budget": true}', "budget"),
        ('{"unfinished": "a/"}', "unfinished"),
        ('{"unfinished": [1]}', "unfinished[0]"),
        ('{"unfinished": [{"prefix": "a/", "rout": 1}]}', "unfinished[0].rout"),
        ('{"unfinished": ["a/"], "finished": {"b/": -1}}', "b/"),
        ('{"unfinished": ["a/"], "finished": {"b/": NaN}}', "b/"),
        ('{"unfinished": ["a/"], "finished": {"b/": "x"}}', "b/"),
        ('{"unfinished": ["a/"], "finished": {"b/": 1, "b/": 2}}', "twice"),
        ('{"unfinished": ["a/", {"prefix": "a/", "route": "o"}]}', "two routes"),
        ('{"wanted": []}', "wanted"),
        ("budget: [", "YAML"),
        ("{", "YAML"),
    ],
)
def test_a_bad_set_is_refused_naming_the_field(cli, tmp_path, text, named):
    file = tmp_path / "set"
    file.write_text(text)
    assert named in cli("cover", file, code=Exit.USAGE)
