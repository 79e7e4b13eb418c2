"""What a reader of one key gets, and why."""

from __future__ import annotations

import json
from dataclasses import fields
from datetime import UTC, datetime

import click

from migrator.cli.render import out, raw
from migrator.cli.rules.files import LIVE, document_of, file_document, is_file
from migrator.cli.rules.options import Address, addressed, split, words
from migrator.cli.rules.wording import outcome_words
from migrator.domain import rules
from migrator.domain.simulate import Assumptions, Signing
from migrator.domain.simulate.asking import Explanation, Question, explained
from migrator.errors import Invalid


@click.command()
@words("[JOB] URL-or-KEY")
@addressed
@click.option(
    "--against", default=LIVE, show_default=True, help="live, planned, the number of a revision, or a FILE (XML, JSON)."
)
@click.option(
    "--status", type=click.IntRange(100, 599), help="What OSS would answer without rules; default: it is asked."
)
@click.option("-H", "--header", "headers", multiple=True, help="A request header, 'name: value'; again for more.")
@click.option("--host", default="", help="The Host header; default: the URL's, or the readers' door.")
@click.option("--method", default="GET", show_default=True, help="GET, HEAD, ...")
@click.option("--signed", type=click.Choice([each.value for each in Signing]), help="How the reader signs.")
@click.option("--exists", multiple=True, help="A key that exists; again for more. Nothing else does then.")
@click.option("--acl", type=click.Choice(["private", "public-read", "public-read-write"]), help="The bucket's ACL.")
@click.option("--created", type=click.DateTime(["%Y-%m-%d"]), help="When the bucket was created.")
@click.option("--assume", multiple=True, help="NAME=yes|no, against what a probe found out.")
@click.option("--json", "as_lines", is_flag=True, help="{status, location, rule_number, body_from, reason}.")
def explain(
    words: tuple[str, ...],
    address: Address,
    *,
    against: str,
    status: int | None,
    headers: tuple[str, ...],
    host: str,
    method: str,
    signed: str | None,
    exists: tuple[str, ...],
    acl: str | None,
    created: datetime | None,
    assume: tuple[str, ...],
    as_lines: bool,
) -> None:
    """Tell what a reader of KEY (or of a URL) gets: which rule answers, and why each earlier one does not.

    With a FILE and no bucket nothing is asked of anybody: the object is missing unless --status or --exists say
    otherwise, and the index page of the root and the error page exist.

    \b
    Examples: migrator rules explain photos eu/img/cat.jpg
              migrator rules explain eu/img/cat.jpg --against rules.xml --status 404
    """  # noqa: D301 - \b is click's mark for a paragraph to keep as it is
    address, [what] = split(words, address, "URL-or-KEY")
    question = Question(
        what=what,
        status=status,
        headers=_headers(headers),
        host=host,
        method=method,
        signed=Signing(signed) if signed else None,
        exists=frozenset(exists) if exists else None,
        acl=acl or "",
        created_at=created.replace(tzinfo=UTC) if created else None,
        assumed=_assumed(assume),
    )
    if is_file(against) and not address.is_given:
        explanation = explained(rules.parse(file_document(against)), question)
    else:
        explanation = _of_bucket(address, against, question)
    if as_lines:
        found = explanation.outcome
        names = ("status", "location", "rule_number", "body_from", "reason")
        raw(json.dumps({name: getattr(found, name) for name in names}))
        return
    _show(explanation)


def _of_bucket(address: Address, against: str, question: Question) -> Explanation:
    from migrator.app.explain import explain as explain_at  # noqa: PLC0415 - a file alone needs neither database
    from migrator.cli.connect import runtime  # noqa: PLC0415 - nor network

    with runtime() as rt:
        place = address.place(rt)
        return explain_at(rt, place, document_of(rt, place, against), question)


def _show(explanation: Explanation) -> None:
    outcome = explanation.outcome
    out(outcome_words(outcome))
    for number, why in outcome.skipped:
        out(f"  rule {number}: {why}")
    decided = f"rule {outcome.rule_number}: " if outcome.rule_number else ""
    out(f"  {decided}{outcome.reason}")
    for note in explanation.notes:
        out(f"  {note}")
    for view in explanation.views:
        out(f"{view.who}: {view.sentence}")


def _headers(texts: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in texts:
        name, colon, value = text.partition(":")
        if not colon or not name.strip():
            raise Invalid(f"-H: {text!r} is no header", hint="write -H 'name: value'")
        found[name.strip()] = value.strip()
    return found


def _assumed(texts: tuple[str, ...]) -> dict[str, bool]:
    known = {field.name for field in fields(Assumptions)}
    words = {"yes": True, "true": True, "no": False, "false": False}
    changes = {}
    for text in texts:
        name, _, value = text.partition("=")
        if name not in known or value.lower() not in words:
            raise Invalid(
                f"--assume: {text!r} is not understood", hint=f"NAME=yes or no of: {', '.join(sorted(known))}"
            )
        changes[name] = words[value.lower()]
    return changes
