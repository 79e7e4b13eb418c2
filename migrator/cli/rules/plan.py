"""The cover of a bucket's jobs: now, and after each retirement."""

from __future__ import annotations

import json
from typing import Any

import click

from migrator.app.report import describe
from migrator.app.rulebook import Outlook, outlook
from migrator.app.ruleset import Route, Ruleset
from migrator.cli.connect import runtime
from migrator.cli.render import out, raw, say, table
from migrator.cli.rules.options import Address, addressed, split, words
from migrator.cli.rules.wording import COVER, cover_json, cover_rows
from migrator.domain.cover import Cover
from migrator.domain.progress import CAPACITY
from migrator.errors import Exit, RuleCapacityExceeded


@click.command()
@words("[JOB]")
@addressed
@click.option("--steps", type=click.IntRange(1, 1000), default=10, show_default=True, help="How many to look ahead in.")
@click.option("--json", "as_lines", is_flag=True, help="One JSON object.")
def plan(words: tuple[str, ...], address: Address, *, steps: int, as_lines: bool) -> int:
    """Show the own rules that should stand now and after each retirement, what each is for and covers in vain.

    Exit code 13 when not everything fits at once; then it shows what could be open together.

    Example: migrator rules plan photos
    """
    address, _ = split(words, address)
    with runtime() as rt:
        ahead = outlook(rt, address.place(rt), steps)
    if as_lines:
        raw(json.dumps(_outlook_json(ahead)))
    else:
        _show_outlook(ahead)
    if ahead.problem:
        say(f"error: {ahead.problem}")
        say(f"remedy: {RuleCapacityExceeded.hint}")
        return Exit.CAPACITY
    return Exit.OK


def _answers(cover: Cover[Route]) -> list[str]:
    return [describe(rule) for rule in Ruleset(cover).rules]


def _show_outlook(ahead: Outlook) -> None:
    now = ahead.steps[0].cover
    table(COVER, cover_rows(now, _answers(now)))
    out(
        f"{len(now.rules)} own rules beside {CAPACITY - ahead.budget} foreign ones; over-coverage {now.over_coverage:g}"
    )
    for at, wave in enumerate(ahead.waves, 1):
        out(f"wave {at}: {len(wave.unfinished)} prefixes with {len(wave.cover.rules)} rules")
    if len(ahead.steps) > 1:
        out("as prefixes retire:")
        table(
            ("RETIRED", "LEFT", "RULES", "OVER-COVERAGE", "THE BROADEST RULE"),
            [
                (len(step.retired), step.left, len(step.cover.rules), step.cover.over_coverage, _broadest(step.cover))
                for step in ahead.steps[1:]
            ],
        )


def _broadest(cover: Cover[Any]) -> str:
    return repr(cover.rules[-1].prefix) if cover.rules else "-"


def _outlook_json(ahead: Outlook) -> dict[str, object]:
    steps = [{"retired": len(step.retired), "left": step.left, **_json(step.cover)} for step in ahead.steps]
    found: dict[str, object] = {"budget": ahead.budget, "steps": steps}
    if ahead.problem:
        found["error"] = ahead.problem
        found["waves"] = [
            {"unfinished": [one.prefix for one in wave.unfinished], **_json(wave.cover)} for wave in ahead.waves
        ]
    return found


def _json(cover: Cover[Route]) -> dict[str, object]:
    return cover_json(cover, [{"answers": answer} for answer in _answers(cover)])
