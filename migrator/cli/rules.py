"""Commands that look at the rules of a job's bucket."""

from __future__ import annotations

import click

from migrator.app.report import as_json, describe, slots_of
from migrator.app.rulebook import explain as explain_key
from migrator.app.rulebook import history as revisions
from migrator.app.rulebook import rulebook
from migrator.cli.connect import runtime
from migrator.cli.render import out, raw, table
from migrator.domain import rules as ruleset
from migrator.domain.progress import CAPACITY

_JOB = click.argument("job")


@click.group()
def rules() -> None:
    """Look at the 302 rules of a job's bucket."""


@rules.command()
@_JOB
@click.option("--xml", is_flag=True, help="The live document as it is; secrets are left out.")
@click.option("--json", "as_lines", is_flag=True, help="One JSON line per rule.")
def show(job: str, *, xml: bool, as_lines: bool) -> None:
    """Show the live rules in the order in which OSS tries them.

    Example: migrator rules show photos
    """
    with runtime() as rt:
        book = rulebook(rt, job)
        if xml:
            raw(ruleset.redact(book.live).decode() if book.live else "")
            return
        slots, _ = slots_of(rt, rt.store.jobs.by_name(job).bucket_id, book.live, book.own)
    if as_lines:
        for slot in slots:
            raw(as_json(slot))
        return
    table(
        ("RULE", "WHOSE", "PREFIX", "ANSWERS", "FOR PREFIXES"),
        [
            (s.number, "own" if s.own else "foreign", s.prefix or "(everything)", s.sends_to, s.covers or "-")
            for s in slots
        ],
    )
    out(f"{len(slots)} of {CAPACITY} slots are used")


@rules.command()
@_JOB
def plan(job: str) -> None:
    """Show the own rules that should stand now, what each is for, and why it is as broad as it is.

    Example: migrator rules plan photos
    """
    with runtime() as rt:
        cover = rulebook(rt, job).ruleset
    table(
        ("PREFIX", "ANSWERS", "FOR PREFIXES", "NEEDLESSLY OVER", "WHY"),
        [
            (each.prefix or "(everything)", describe(rule), each.covers, each.over_count, each.reason)
            for each, rule in zip(cover.cover.rules, cover.rules, strict=True)
        ],
    )


@rules.command()
@_JOB
def diff(job: str) -> None:
    """Show what publishing now would change in the live document.

    Example: migrator rules diff photos
    """
    with runtime() as rt:
        book = rulebook(rt, job)
    if not book.merge.changed:
        out("nothing: the live document says what it should")
        return
    before = {each.fingerprint: each.rule for each in book.document.rules}
    after = {each.fingerprint: each.rule for each in ruleset.parse(book.merge.after).rules}
    for fingerprint, rule in before.items():
        if fingerprint not in after:
            out(f"- {rule.number} {rule.condition.key_prefix or '(everything)'} {describe(rule)}")
    for fingerprint, rule in after.items():
        if fingerprint not in before:
            out(f"+ {rule.number} {rule.condition.key_prefix or '(everything)'} {describe(rule)}")


@rules.command()
@_JOB
@click.argument("key")
@click.option("--planned", is_flag=True, help="Under the document that would be published now.")
@click.option("--missing/--exists", "missing", default=None, help="Do not ask OSS whether the object exists.")
@click.option("--json", "as_lines", is_flag=True, help="One JSON line.")
def explain(job: str, key: str, *, planned: bool, missing: bool | None, as_lines: bool) -> None:
    """Tell what a reader of KEY (or of a URL) gets: which rule answers, and why each earlier one does not.

    Example: migrator rules explain photos eu/img/cat.jpg
    """
    with runtime() as rt:
        outcome = explain_key(rt, job, key, planned=planned, exists=None if missing is None else not missing)
    if as_lines:
        raw(as_json(outcome))
        return
    out(" ".join(part for part in (str(outcome.status), outcome.error_code, outcome.location) if part))
    for number, why in outcome.skipped:
        out(f"  rule {number}: {why}")
    decided = f"rule {outcome.rule_number}: " if outcome.rule_number else ""
    out(f"  {decided}{outcome.reason}")


@rules.command()
@_JOB
def history(job: str) -> None:
    """List the published revisions of the bucket's document, newest first.

    Example: migrator rules history photos
    """
    with runtime() as rt:
        found = revisions(rt, job)
    table(
        ("REVISION", "AT", "STATE", "OWN RULES", "WHY"),
        [
            (each.id, f"{each.created_at:%Y-%m-%d %H:%M:%S}Z", each.state.value, len(each.own), each.reason)
            for each in found
        ],
    )
