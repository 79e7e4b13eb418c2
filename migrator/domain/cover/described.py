"""A cover for any set of prefixes, described in plain data (a file) instead of the tracking database."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from migrator.domain.cover.course import Wave, waves
from migrator.domain.cover.model import Cover, Finished, Unfinished
from migrator.domain.cover.plan import MOST_RULES, plan_cover
from migrator.errors import Invalid, RuleCapacityExceeded

_FIELDS = frozenset({"budget", "unfinished", "finished"})
_ENTRY = frozenset({"prefix", "route", "weight"})


@dataclass(frozen=True, slots=True)
class FileRoute:
    """Where readers of a prefix are sent, in the words of the file; `within` bounds how far its rules may reach."""

    text: str
    """The route as canonical JSON; empty for prefixes without one, which all share it."""
    within: str = ""

    def __str__(self) -> str:
        """Spell it for messages."""
        return self.text or "the default route"


@dataclass(frozen=True, slots=True)
class CoverTask:
    """What the file asks for."""

    budget: int
    unfinished: tuple[Unfinished[FileRoute], ...]
    finished: tuple[Finished, ...]

    @property
    def domains(self) -> dict[FileRoute, str]:
        """How far the rules of each route may reach."""
        return {one.route: one.route.within for one in self.unfinished}


@dataclass(frozen=True, slots=True)
class CoverAnswer:
    """The cheapest cover; where there is none, why not, and what could be open together instead."""

    cover: Cover[FileRoute] | None
    waves: tuple[Wave[FileRoute], ...] = ()
    problem: str = ""


def covered(task: CoverTask) -> CoverAnswer:
    """Plan the cover, or waves where it does not fit. Raises Invalid for contradictions."""
    try:
        found = plan_cover(task.unfinished, task.finished, budget=task.budget, domains=task.domains)
    except RuleCapacityExceeded as error:
        if task.budget < 1:
            return CoverAnswer(None, (), str(error))
        ahead = waves(task.unfinished, task.finished, budget=task.budget, domains=task.domains)
        return CoverAnswer(None, ahead, str(error))
    return CoverAnswer(found)


def task_of(data: object) -> CoverTask:
    """Read `{budget, unfinished, finished}`. Raises Invalid naming the field and what would be right.

    Unfinished entries are strings or `{prefix, route, weight}`, where equal routes may share a rule and `within` in a
    route bounds its rules; finished is `{prefix: weight}` or a list of prefixes.
    """
    if not isinstance(data, Mapping):
        raise Invalid("the file must hold {budget, unfinished: [...], finished: {prefix: weight}}")
    for name in data:
        if name not in _FIELDS:
            raise Invalid(f"{name}: there is no such field", hint=f"there are: {', '.join(sorted(_FIELDS))}")
    budget = data.get("budget", MOST_RULES)
    if isinstance(budget, bool) or not isinstance(budget, int) or not 0 <= budget <= MOST_RULES:
        raise Invalid(f"budget: must be a whole number from 0 to {MOST_RULES}, not {budget!r}")
    unfinished = data.get("unfinished") or []
    if not isinstance(unfinished, Sequence) or isinstance(unfinished, str):
        raise Invalid("unfinished: must be a list of prefixes")
    return CoverTask(budget, tuple(_unfinished(unfinished)), tuple(_finished(data.get("finished") or {})))


def _unfinished(entries: Sequence[object]) -> Iterator[Unfinished[FileRoute]]:
    default = FileRoute("")
    for at, entry in enumerate(entries):
        if isinstance(entry, str):
            yield Unfinished(entry, default)
            continue
        where = f"unfinished[{at}]"
        if not isinstance(entry, Mapping) or not isinstance(entry.get("prefix"), str):
            raise Invalid(f"{where}: must be a prefix (quote it), or {{prefix, route}}; it is {entry!r:.80}")
        for name in entry:
            if name not in _ENTRY:
                raise Invalid(f"{where}.{name}: there is no such field", hint=f"there are: {', '.join(sorted(_ENTRY))}")
        yield Unfinished(entry["prefix"], _route(entry.get("route"), where), _weight(entry.get("weight", 0), where))


def _route(route: object, where: str) -> FileRoute:
    if route is None:
        return FileRoute("")
    if isinstance(route, Mapping):
        within = route.get("within", "")
        if not isinstance(within, str):
            raise Invalid(f"{where}.route.within: must be a prefix")
        return FileRoute(json.dumps(route, sort_keys=True, ensure_ascii=False, default=str), within)
    return FileRoute(json.dumps(route, ensure_ascii=False, default=str))


def _finished(finished: object) -> Iterator[Finished]:
    if isinstance(finished, Mapping):
        for prefix, weight in finished.items():
            if not isinstance(prefix, str):
                raise Invalid(f"finished: the prefix {prefix!r} is no text; quote it")
            yield Finished(prefix, _weight(weight, f"finished[{prefix!r}]"))
    elif isinstance(finished, Sequence) and not isinstance(finished, str):
        for at, prefix in enumerate(finished):
            if not isinstance(prefix, str):
                raise Invalid(f"finished[{at}]: must be a prefix (quote it), or give {{prefix: weight}}")
            yield Finished(prefix, 1.0)
    else:
        raise Invalid("finished: must be {prefix: weight}")


def _weight(value: object, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Invalid(f"{where}: the weight must be a number, not {value!r:.40}")
    return float(value)
