"""The console's panel: what its fields make of a rule, and what it refuses."""

from __future__ import annotations

import pytest

from migrator.cli.rules.options import header_conditions
from migrator.domain.rules import Condition, HeaderCondition, Redirect, Rule
from migrator.domain.rules.panel import Panel, columns, filled
from migrator.errors import Invalid

BASE = {"status": 404, "prefix": "a/", "host": "o.example"}


@pytest.mark.parametrize(
    ("fields", "redirect"),
    [
        ({}, {}),
        ({"first_column": "base/"}, {"replace_key_with": "base/${key}"}),
        ({"last_column": ".bak"}, {"replace_key_with": "${key}.bak"}),
        ({"first_column": "b/", "last_column": "?x"}, {"replace_key_with": "b/${key}?x"}),
        ({"first_column": ""}, {}),
        ({"replace_prefix": "z/"}, {"replace_key_prefix_with": "z/", "enable_replace_prefix": True}),
        ({"delete_prefix": True}, {"enable_replace_prefix": True}),
        ({"replace_key": "gone.html"}, {"replace_key_with": "gone.html"}),
        ({"transfer_query_string": True}, {"pass_query_string": True}),
        ({"source_from_cdn": True}, {"kind": "AliCDN"}),
        ({"redirect_code": 301, "scheme": "http"}, {"code": 301, "protocol": "http"}),
    ],
)
def test_the_fields_of_a_new_rule(fields, redirect):
    rule = filled(Panel(**BASE, **fields))
    expected = {"protocol": "https", "host": "o.example", "code": 302} | redirect
    assert rule == Rule(0, Condition("a/", 404), Redirect(**expected))


def test_an_edit_keeps_what_it_does_not_name():
    standing = filled(Panel(**BASE, first_column="b/", last_column=".x", transfer_query_string=True)).numbered(7)
    assert filled(Panel(), standing) == standing
    edited = filled(Panel(last_column=""), standing)
    assert edited.redirect.replace_key_with == "b/${key}"
    assert edited.number == 7
    edited = filled(Panel(delete_prefix=True), standing)
    assert (edited.redirect.replace_key_with, edited.redirect.enable_replace_prefix) == ("", True)
    assert edited.redirect.pass_query_string
    edited = filled(Panel(any_status=True, suffix=".jpg", headers=()), standing)
    assert edited.condition == Condition("a/", None, ".jpg")


def test_columns_are_read_back():
    assert columns(Redirect()) == ("", "")
    assert columns(Redirect(replace_key_with="a${key}b")) == ("a", "b")
    assert columns(Redirect(replace_key_with="page")) is None
    assert columns(Redirect(replace_key_with="${key}${key}")) is None


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"host": None}, "--host"),
        ({"host": "oss-cn-hangzhou-internal.aliyuncs.com"}, "--host"),
        ({"host": "b.vpc100-oss-cn-hangzhou.aliyuncs.com"}, "--host"),
        ({"host": "10.0.0.1"}, "--host"),
        ({"host": "no host"}, "--host"),
        ({"status": 200}, "--status"),
        ({"status": 600}, "--status"),
        ({"status": None, "prefix": None}, "--status"),
        ({"status": 404, "any_status": True}, "--any-status"),
        ({"prefix": "/a"}, "--prefix"),
        ({"prefix": "a\x01"}, "--prefix"),
        ({"suffix": "x" * 1024}, "--suffix"),
        ({"replace_prefix": "z/", "replace_key": "p"}, "--replace-prefix"),
        ({"replace_prefix": "z/", "delete_prefix": True}, "--replace-prefix"),
        ({"first_column": "z/", "delete_prefix": True}, "--first-column"),
        ({"prefix": None, "replace_prefix": "z/"}, "--replace-prefix"),
        ({"prefix": None, "delete_prefix": True}, "--delete-prefix"),
        ({"replace_prefix": ""}, "--replace-prefix"),
        ({"replace_prefix": "/z"}, "--replace-prefix"),
        ({"first_column": "/z"}, "--first-column"),
        ({"replace_key": ""}, "--replace-key"),
        ({"redirect_code": 308}, "--redirect-code"),
        ({"headers": (HeaderCondition("no name", "x"),)}, "--header"),
    ],
)
def test_a_mistake_is_named_by_its_field(fields, field):
    with pytest.raises(Invalid) as caught:
        filled(Panel(**{**BASE, **fields}))
    assert field in {line.partition(":")[0] for line in str(caught.value).split("\n")}


def test_a_laboratory_may_use_its_own_hosts_but_not_internal_endpoints():
    assert filled(Panel(**{**BASE, "host": "127.0.0.1:8080"}), allow_private=True)
    with pytest.raises(Invalid):
        filled(Panel(**{**BASE, "host": "oss-cn-hangzhou-internal.aliyuncs.com"}), allow_private=True)


def test_header_conditions_are_read():
    assert header_conditions(["host: equals=cn.example", "User-Agent: starts=A b", "user-agent:ends-with=z, y"]) == (
        HeaderCondition("host", "cn.example"),
        HeaderCondition("User-Agent", "", "A b", "z, y"),
    )
    assert header_conditions(["x: equals=1", "x: equals=2"]) == (HeaderCondition("x", "1"), HeaderCondition("x", "2"))
    assert header_conditions([""]) == ()
    for bad in ("host", "host: cn.example", ": equals=x", "x: is=1", "x: equals="):
        with pytest.raises(Invalid, match="--header"):
            header_conditions([bad])
