from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

from migrator.cli.main import COMMANDS, cli


def command(name):
    module, attribute = COMMANDS[name][0].split(":")
    return getattr(importlib.import_module(f"migrator.cli.{module}"), attribute)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_of_commands_says_what_each_says_of_itself(name):
    summary = COMMANDS[name][1]
    assert " ".join((command(name).help or "").split()).startswith(summary)


def leaves(name, found):
    return (
        [leaf for each in found.commands for leaf in leaves(f"{name} {each}", found.commands[each])]
        if hasattr(found, "commands")
        else [(name, found)]
    )


@pytest.mark.parametrize(
    ("name", "found"), [leaf for name in COMMANDS for leaf in leaves(name, command(name))], ids=str
)
def test_every_command_shows_an_example_of_itself(name, found):
    assert f"Example: migrator {name.split()[0]}" in (found.help or "")


def test_the_help_imports_no_command():
    code = "import sys; from migrator.cli.main import run; run(['--help']); sys.exit('sqlalchemy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0


def test_an_unknown_command_is_told_as_such(capsys):
    assert cli.get_command(None, "nothing") is None
