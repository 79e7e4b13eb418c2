"""Take over a whole document: from a file, or from an earlier revision."""

from __future__ import annotations

import click

from migrator.app.byhand import importing, restoring
from migrator.cli.rules.carry_out import carry_out, confirmed
from migrator.cli.rules.files import file_document
from migrator.cli.rules.options import Address, addressed, number, split, words


@click.command("import")
@words("[JOB] FILE")
@addressed
@confirmed
def import_(words: tuple[str, ...], address: Address, *, yes: bool, reason: str) -> None:
    """Replace everything but a migration's own rules by what FILE (XML or JSON) holds.

    Rules in FILE that are or were a migration's own are left out: those follow from the jobs.

    Example: migrator rules import photos rules.xml
    """
    address, [name] = split(words, address, "FILE")
    document = file_document(name)
    carry_out(address, lambda rt, place: importing(rt, place, document, name), yes=yes, reason=reason)


@click.command()
@words("[JOB] REVISION")
@addressed
@confirmed
def restore(words: tuple[str, ...], address: Address, *, yes: bool, reason: str) -> None:
    """Put back what others had, and rules made by hand, as they were after a revision.

    A migration's own rules stay as they are needed now. To see revisions: migrator rules history.

    Example: migrator rules restore photos 12
    """
    address, [which] = split(words, address, "REVISION")
    wanted = number(which)
    carry_out(address, lambda rt, place: restoring(rt, place, wanted), yes=yes, reason=reason)
