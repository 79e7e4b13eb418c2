"""Show what stands, and what stood."""

from __future__ import annotations

from pathlib import Path

import click

from migrator.app.report import as_json, slots_of
from migrator.app.rulebook import history as revisions
from migrator.cli.connect import runtime
from migrator.cli.render import out, raw, say, table
from migrator.cli.rules.options import Address, addressed, split, words
from migrator.cli.rules.wording import condition_words, redirect_words
from migrator.domain import rules
from migrator.domain.progress import CAPACITY
from migrator.domain.rules.asjson import to_json


@click.command()
@words("[JOB]")
@addressed
@click.option("--xml", is_flag=True, help="The live document as it is; secrets are left out.")
@click.option("--json", "as_lines", is_flag=True, help="One JSON line per rule.")
def show(words: tuple[str, ...], address: Address, *, xml: bool, as_lines: bool) -> None:
    """Show the live rules in the order in which OSS tries them.

    Example: migrator rules show photos
    """
    address, _ = split(words, address)
    with runtime() as rt:
        place = address.place(rt)
        live, own = place.control(rt).get_website(), place.own(rt)
        if xml:
            raw(rules.redact(live).decode() if live else "")
            return
        slots = slots_of(rt, place.bucket.id, live, own)[0] if place.bucket else ()
    if as_lines and slots:
        for each_slot in slots:
            raw(as_json(each_slot))
        return
    known = {slot.number: slot for slot in slots}
    standing = rules.parse(live).by_number
    if as_lines:
        for each in standing:
            raw(as_json(each.rule))
        return
    rows = []
    for each in standing:
        slot = known.get(each.rule.number)
        whose = "own" if slot and slot.own else "foreign"
        condition, redirect = each.rule.condition, each.rule.redirect
        count = slot.covers if slot and slot.covers else "-"
        rows.append((each.rule.number, whose, condition_words(condition), redirect_words(redirect, condition), count))
    table(("RULE", "WHOSE", "WHEN", "ANSWERS", "FOR PREFIXES"), rows)
    out(f"{len(standing)} of {CAPACITY} slots are used")


@click.command()
@words("[JOB]")
@addressed
def history(words: tuple[str, ...], address: Address) -> None:
    """List the published revisions of the bucket's document, newest first.

    Example: migrator rules history photos
    """
    address, _ = split(words, address)
    with runtime() as rt:
        found = revisions(rt, address.place(rt))
    table(
        ("REVISION", "AT", "STATE", "OWN RULES", "WHY"),
        [
            (each.id, f"{each.created_at:%Y-%m-%d %H:%M:%S}Z", each.state.value, len(each.own), each.reason)
            for each in found
        ],
    )


@click.command()
@words("[JOB]")
@addressed
@click.option("--format", "kind", type=click.Choice(["xml", "json"]), default="xml", show_default=True)
@click.option("--output", "-o", type=click.Path(dir_okay=False, path_type=Path), help="A file instead of stdout.")
def export(words: tuple[str, ...], address: Address, *, kind: str, output: Path | None) -> None:
    """Write out the live document, for a file that `rules import` takes. Secrets are left out.

    Example: migrator rules export photos --format json
    """
    address, _ = split(words, address)
    with runtime() as rt:
        live = address.place(rt).control(rt).get_website()
    shown = rules.redact(live) if live else None
    if kind == "json":
        text = to_json(shown) + "\n"
    else:
        text = shown.decode("utf-8-sig") if shown else "<WebsiteConfiguration></WebsiteConfiguration>\n"
    if output is None:
        raw(text)
        return
    output.write_text(text, encoding="utf-8")
    say(f"{output}: {len(rules.parse(live).rules)} rules")
