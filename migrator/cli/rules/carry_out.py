"""Show a plan, ask, and carry it out."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click

from migrator.app.byhand import Plan, apply, plan
from migrator.app.context import Runtime
from migrator.app.place import Place
from migrator.cli.connect import runtime
from migrator.cli.render import out, say, table
from migrator.cli.rules.options import Address
from migrator.cli.rules.wording import CHANGES, change_row, concern_lines, plan_lines
from migrator.domain.rules.wishes import Wish
from migrator.errors import Invalid

Command = TypeVar("Command", bound=Callable[..., Any])


def confirmed(command: Command) -> Command:
    """Give a command the options of every change: `yes` and `reason`."""
    command = click.option("--reason", default="", help="Why; kept in the history.")(command)
    return click.option("--yes", is_flag=True, help="Do not ask; needed where there is no terminal.")(command)


def carry_out(address: Address, wish: Wish | Callable[[Runtime, Place], Wish], *, yes: bool, reason: str) -> None:
    """Plan the wish, show the plan, ask, and do it."""
    with runtime() as rt:
        place = address.place(rt)
        planned = plan(rt, place, wish(rt, place) if callable(wish) else wish)
        show(place, planned)
        if not planned.changed:
            return
        _ask(yes=yes)
        done = apply(rt, place, planned, reason)
    out(f"done; revision {done.id}: {done.reason}")


def show(place: Place, planned: Plan) -> None:
    """Print what changes, what readers of example keys get before and after, and what to look out for."""
    if not planned.changed:
        out(f"{place.name}: nothing changes")
        return
    out(f"{place.name}:")
    for line in plan_lines(planned):
        out(f"  {line}")
    if planned.changes:
        table(CHANGES, [change_row(each) for each in planned.changes])
    else:
        out("no reader gets another answer")
    for line in concern_lines(planned):
        say(line)


def _ask(*, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise Invalid("nothing was changed: there is no terminal to ask for confirmation", hint="add --yes")
    click.confirm("Do it?", abort=True, err=True)
