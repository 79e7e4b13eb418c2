"""Documents side by side, and what is wrong with one."""

from __future__ import annotations

import json
from dataclasses import asdict
from urllib.parse import urlsplit

import click

from migrator.cli.render import out, raw, table
from migrator.cli.rules.files import LIVE, PLANNED, document_of, file_document, is_file
from migrator.cli.rules.options import Address, addressed, split, words
from migrator.cli.rules.wording import CHANGES, change_row, difference_line
from migrator.domain import rules
from migrator.domain.rules.byhand import differences, pages_differ
from migrator.domain.simulate import compared
from migrator.errors import Exit


@click.command()
@words("[JOB] [A B]")
@addressed
@click.option("--exit-code", "tell", is_flag=True, help="Exit with 4 when some prefix gets another answer.")
@click.option("--json", "as_lines", is_flag=True, help="One JSON line per prefix.")
def diff(words: tuple[str, ...], address: Address, *, tell: bool, as_lines: bool) -> int:
    """List every prefix whose keys get another answer under B than under A, with an example each.

    A and B are files (XML or JSON), live, planned, or numbers of revisions; without them: live and planned.

    \b
    Examples: migrator rules diff photos
              migrator rules diff before.xml after.xml
              migrator rules diff photos 12 live
    """  # noqa: D301 - \b is click's mark for a paragraph to keep as it is
    names = (LIVE, PLANNED)
    prefixes: tuple[str, ...] = ()
    if len(words) >= 2:
        address, [first, second] = split(words, address, "A", "B")
        names = (first, second)
    else:
        address, _ = split(words, address)
    if all(map(is_file, names)) and not address.is_given:
        before, after = file_document(names[0]), file_document(names[1])
    else:
        from migrator.app.rulebook import prefixes_at  # noqa: PLC0415 - files alone need neither database
        from migrator.cli.connect import runtime  # noqa: PLC0415 - nor network

        with runtime() as rt:
            place = address.place(rt)
            before, after = document_of(rt, place, names[0]), document_of(rt, place, names[1])
            prefixes = prefixes_at(rt, place)
    changes = compared(rules.parse(before), rules.parse(after), prefixes)
    if as_lines:
        for each in changes:
            raw(
                json.dumps(
                    {
                        "prefix": each.prefix,
                        "key": each.request.key,
                        "before": {"status": each.before.status, "location": each.before.location},
                        "after": {"status": each.after.status, "location": each.after.location},
                    }
                )
            )
    else:
        for found in differences(before, after):
            for line in difference_line(found).split("\n"):
                out(line)
        if pages_differ(before, after):
            out("~ the index document, the error document or another setting outside the rules")
        if changes:
            table(CHANGES, [change_row(each) for each in changes])
        else:
            out("every prefix gets the same answers")
    return Exit.DIFFERENT if tell and changes else Exit.OK


@click.command()
@words("[JOB]")
@addressed
@click.option("--against", default=LIVE, show_default=True, help="live, planned, a revision, or a FILE.")
@click.option("--host", "hosts", multiple=True, help="A name of the bucket itself, for finding loops.")
@click.option("--json", "as_lines", is_flag=True, help="One JSON line per finding.")
def lint(words: tuple[str, ...], address: Address, *, against: str, hosts: tuple[str, ...], as_lines: bool) -> int:
    """List what will hurt readers or does nothing. Exit code 4 when there is an error among it.

    Example: migrator rules lint --against rules.xml
    """
    address, _ = split(words, address)
    if is_file(against) and not address.is_given:
        document = file_document(against)
    else:
        from migrator.cli.connect import runtime  # noqa: PLC0415 - a file alone needs no database

        with runtime() as rt:
            place = address.place(rt)
            document = document_of(rt, place, against)
            hosts = (*hosts, *(urlsplit(door).netloc for door in place.doors))
    found = rules.lint(rules.parse(document), bucket_hosts=hosts)
    for each in found:
        if as_lines:
            raw(json.dumps(asdict(each)))
        else:
            where = f"rule {each.rule_number}: " if each.rule_number else ""
            out(f"{each.severity}: {where}{each.sentence} [{each.code}]")
    if not found and not as_lines:
        out("nothing to complain about")
    return Exit.DIFFERENT if any(each.severity == "error" for each in found) else Exit.OK
