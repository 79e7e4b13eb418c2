"""The cheapest cover for any set of prefixes in a file; needs neither job nor database."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click
import yaml

from migrator.cli.render import out, raw, say, table
from migrator.cli.rules.wording import COVER, cover_json, cover_rows
from migrator.domain.cover import Cover
from migrator.domain.cover.described import CoverAnswer, FileRoute, covered, task_of
from migrator.errors import Exit, Invalid

_MAX_BYTES = 256 * 1024**2


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


def _show_answer(answer: CoverAnswer) -> None:
    if answer.cover is not None:
        _show(answer.cover)
        out(f"{len(answer.cover.rules)} rules; over-coverage {answer.cover.over_coverage:g}")
    for at, wave in enumerate(answer.waves, 1):
        out(f"wave {at}: {len(wave.unfinished)} prefixes")
        _show(wave.cover)


def _show(cover: Cover[FileRoute]) -> None:
    table(COVER, cover_rows(cover, [str(each.route) for each in cover.rules]))


def _answer_json(answer: CoverAnswer) -> dict[str, object]:
    if answer.cover is not None:
        return _json(answer.cover)
    waves = [{"unfinished": [one.prefix for one in wave.unfinished], **_json(wave.cover)} for wave in answer.waves]
    return {"error": answer.problem, "waves": waves}


def _json(cover: Cover[FileRoute]) -> dict[str, object]:
    return cover_json(cover, [{"route": json.loads(each.route.text or "null")} for each in cover.rules])
