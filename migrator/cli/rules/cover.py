"""The cover: now, after each retirement, and for any set of prefixes in a file."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click
import yaml

from migrator.app.coverfile import CoverAnswer, FileRoute, covered, task_of
from migrator.app.report import describe
from migrator.app.rulebook import Outlook, outlook
from migrator.app.ruleset import Route, Ruleset
from migrator.cli.connect import runtime
from migrator.cli.render import out, raw, say, table
from migrator.cli.rules.options import Address, addressed, split, words
from migrator.cli.rules.wording import COVER, cover_rows
from migrator.domain.cover import Cover
from migrator.errors import Exit, Invalid, RuleCapacityExceeded

_MAX_BYTES = 256 * 1024**2


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


@click.command()
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@click.option("--json", "as_lines", is_flag=True, help='One JSON object: {"rules": [...], "over_coverage": N}.')
def cover(file: Path, *, as_lines: bool) -> int:
    """Compute the cheapest rules for the set of prefixes in FILE (JSON or YAML; - is stdin).

    FILE holds {budget, unfinished: [...], finished: {prefix: weight}}. Unfinished entries are prefixes, or {prefix,
    route}: prefixes with equal routes may share a rule. Exit code 13 when they do not fit; then waves are planned.

    Example: migrator rules cover set.json --json
    """
    answer = covered(task_of(_read(file)))
    if as_lines:
        raw(json.dumps(_answer_json(answer)))
    else:
        _show_answer(answer)
    if answer.problem:
        say(f"error: {answer.problem}")
        say("remedy: raise the budget by freeing foreign rules, or finish one wave after the other")
        return Exit.CAPACITY
    return Exit.OK


def _read(file: Path) -> object:
    try:
        raw_text = sys.stdin.buffer.read(_MAX_BYTES) if str(file) == "-" else file.read_bytes()
        text = raw_text.decode("utf-8-sig")
    except OSError as error:
        raise Invalid(f"cannot read {file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise Invalid(f"{file} is not UTF-8 text") from error
    if text.lstrip().startswith("{"):
        try:
            return json.loads(text, object_pairs_hook=_without_doubles)
        except RecursionError as error:
            raise Invalid(f"{file} is nested too deeply") from error
        except ValueError as error:
            problem = error
    else:
        problem = ValueError("not valid YAML")
    try:
        return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}: {getattr(error, 'problem', '')}" if mark else str(problem)
        raise Invalid(f"{file}: neither JSON nor YAML: {where}") from error


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        double = next(name for name in names if names.count(name) > 1)
        raise Invalid(f"{double!r} is given twice", hint="keep one of them")
    return found


# -- text ------------------------------------------------------------------------------------------------------------
def _show_cover(cover: Cover[Any], answers: list[str]) -> None:
    table(COVER, cover_rows(cover, answers))


def _answers(cover: Cover[Route]) -> list[str]:
    return [describe(rule) for rule in Ruleset(cover).rules]


def _show_outlook(ahead: Outlook) -> None:
    now = ahead.steps[0].cover
    _show_cover(now, _answers(now))
    out(f"{len(now.rules)} own rules beside {20 - ahead.budget} foreign ones; over-coverage {now.over_coverage:g}")
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


def _show_answer(answer: CoverAnswer) -> None:
    if answer.cover is not None:
        _show_cover(answer.cover, [str(each.route) for each in answer.cover.rules])
        out(f"{len(answer.cover.rules)} rules; over-coverage {answer.cover.over_coverage:g}")
    for at, wave in enumerate(answer.waves, 1):
        out(f"wave {at}: {len(wave.unfinished)} prefixes")
        _show_cover(wave.cover, [str(each.route) for each in wave.cover.rules])


# -- JSON ------------------------------------------------------------------------------------------------------------
def _cover_json(cover: Cover[Any]) -> dict[str, object]:
    rules = []
    for each in cover.rules:
        line: dict[str, object] = {
            "prefix": each.prefix,
            "covers": each.covers,
            "over_weight": each.over_weight,
            "over_count": each.over_count,
            "reason": each.reason,
        }
        if isinstance(each.route, FileRoute):
            line["route"] = json.loads(each.route.text) if each.route.text else None
        else:
            line["answers"] = each.route.location(each.prefix)
        rules.append(line)
    return {"rules": rules, "over_coverage": cover.over_coverage}


def _answer_json(answer: CoverAnswer) -> dict[str, object]:
    if answer.cover is not None:
        return _cover_json(answer.cover)
    waves = [
        {"unfinished": [one.prefix for one in wave.unfinished], **_cover_json(wave.cover)} for wave in answer.waves
    ]
    return {"error": answer.problem, "waves": waves}


def _outlook_json(ahead: Outlook) -> dict[str, object]:
    steps = [{"retired": len(step.retired), "left": step.left, **_cover_json(step.cover)} for step in ahead.steps]
    found: dict[str, object] = {"budget": ahead.budget, "steps": steps}
    if ahead.problem:
        found["error"] = ahead.problem
        found["waves"] = [
            {"unfinished": [one.prefix for one in wave.unfinished], **_cover_json(wave.cover)} for wave in ahead.waves
        ]
    return found
