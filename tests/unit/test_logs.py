from __future__ import annotations

import json
import logging

import pytest

from migrator import logs


@pytest.fixture(autouse=True)
def _root_restored():
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    logging.getLogger("migrator").setLevel(logging.NOTSET)  # `migrator up` makes it talk more; it may have run here
    yield
    root.handlers[:], root.level = handlers, level


def test_json_logs_are_one_object_per_line_whatever_is_in_a_key(capsys):
    logs.configure("json", "info")
    logging.getLogger("migrator.test").warning("copying %r", "a\nb\x1b]0;x\x07", extra={"shard_id": 7})
    [line] = capsys.readouterr().err.splitlines()
    found = json.loads(line)
    assert (found["level"], found["shard_id"]) == ("WARNING", 7)
    assert "\\x1b" in found["message"]


def test_console_logs_cannot_drive_a_terminal(capsys):
    logs.configure("console", "info")
    logging.getLogger("migrator.test").error("key \x1b]0;owned\x07\u202e")
    assert "\x1b" not in (shown := capsys.readouterr().err)
    assert "\\x1b]0;owned\\x07\\u202e" in shown


def test_what_is_below_the_level_is_not_written(capsys):
    logs.configure("json", "error")
    logging.getLogger("migrator.test").warning("quiet")
    assert capsys.readouterr().err == ""
