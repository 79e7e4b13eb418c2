"""Commands about the back-to-origin rules of a bucket: look at them, explain them, change them by hand."""

from __future__ import annotations

import importlib
from collections.abc import Mapping

import click

COMMANDS: Mapping[str, str] = {
    "show": "look:show",
    "plan": "plan:plan",
    "explain": "explain:explain",
    "diff": "compare:diff",
    "lint": "compare:lint",
    "cover": "cover:cover",
    "add": "edit:add",
    "edit": "edit:edit",
    "remove": "edit:remove",
    "move": "edit:move",
    "import": "whole:import_",
    "export": "look:export",
    "history": "look:history",
    "restore": "whole:restore",
}
"""Command -> module of this package and attribute; imported when called, since some need no database."""


class _Lazy(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        _ = ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        _ = ctx
        if cmd_name not in COMMANDS:
            return None
        module, attribute = COMMANDS[cmd_name].split(":")
        command: click.Command = getattr(importlib.import_module(f"{__name__}.{module}"), attribute)
        return command


@click.group(cls=_Lazy)
def rules() -> None:
    """Look at the 302 rules of a bucket, explain them, and change them by hand.

    The bucket is that of a JOB, or one by itself: --bucket oss://NAME --endpoint URL --region R.
    """
