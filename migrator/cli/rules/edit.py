"""Change single rules by hand. Each command shows its plan first."""

from __future__ import annotations

import click

from migrator.cli.rules.carry_out import carry_out, confirmed
from migrator.cli.rules.options import Address, addressed, number, panel, split, words
from migrator.domain.rules.panel import Panel
from migrator.domain.rules.wishes import Add, Edit, Move, Remove, Where


@click.command()
@words("[JOB]")
@addressed
@panel
@click.option("--number", "at", type=int, help="The rule's number; default: behind all others.")
@click.option("--before", type=int, help="Place it right before this rule.")
@click.option("--after", type=int, help="Place it right behind this rule.")
@confirmed
def add(
    words: tuple[str, ...],
    address: Address,
    filled_in: Panel,
    *,
    at: int | None,
    before: int | None,
    after: int | None,
    allow_private: bool,
    yes: bool,
    reason: str,
) -> None:
    """Add a redirection rule, in the words of the console's panel.

    \b
    Examples: migrator rules add photos --status 404 --prefix old/ --host www.example.com --replace-key gone.html
              migrator rules add photos --status 500 --host www.example.com --replace-key sorry.html
              migrator rules add photos --status 404 --prefix a/ --host o.example.com --replace-prefix b/
    """  # noqa: D301 - \b is click's mark for a paragraph to keep as it is
    address, _ = split(words, address)
    carry_out(address, Add(filled_in, Where(at, before, after), allow_private), yes=yes, reason=reason)


@click.command()
@words("[JOB] NUMBER")
@addressed
@panel
@confirmed
def edit(
    words: tuple[str, ...], address: Address, filled_in: Panel, *, allow_private: bool, yes: bool, reason: str
) -> None:
    """Change fields of a redirection rule; what is not named stays. An empty text takes a field away.

    Example: migrator rules edit photos 1000 --redirect-code 302 --suffix ''
    """
    address, [which] = split(words, address, "NUMBER")
    carry_out(address, Edit(number(which), filled_in, allow_private), yes=yes, reason=reason)


@click.command()
@words("[JOB] NUMBER")
@addressed
@confirmed
def remove(words: tuple[str, ...], address: Address, *, yes: bool, reason: str) -> None:
    """Remove one rule of any kind.

    Example: migrator rules remove photos 1000
    """
    address, [which] = split(words, address, "NUMBER")
    carry_out(address, Remove(number(which)), yes=yes, reason=reason)


@click.command()
@words("[JOB] NUMBER")
@addressed
@click.option("--to", type=int, help="Its new number.")
@click.option("--before", type=int, help="Right before this rule.")
@click.option("--after", type=int, help="Right behind this rule.")
@confirmed
def move(
    words: tuple[str, ...],
    address: Address,
    *,
    to: int | None,
    before: int | None,
    after: int | None,
    yes: bool,
    reason: str,
) -> None:
    """Give a rule of any kind another place in the order; by default the last.

    Example: migrator rules move photos 1000 --before 100
    """
    address, [which] = split(words, address, "NUMBER")
    carry_out(address, Move(number(which), Where(to, before, after)), yes=yes, reason=reason)
