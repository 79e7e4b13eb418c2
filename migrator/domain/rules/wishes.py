"""What somebody may want done to a bucket's rules by hand, and what it makes of a document. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TypeAlias

from migrator.domain.rules.byhand import (
    editable,
    free_number,
    replaced,
    rule_at,
    with_edited,
    with_moved,
    with_rule,
    without_rule,
)
from migrator.domain.rules.document import Document, LiveRule
from migrator.domain.rules.edit import ownership
from migrator.domain.rules.model import Rule
from migrator.domain.rules.panel import Panel, filled
from migrator.errors import Invalid


@dataclass(frozen=True, slots=True)
class Where:
    """A place in the order of rules. Nothing given: behind all of them."""

    number: int | None = None
    before: int | None = None
    behind: int | None = None

    def __post_init__(self) -> None:
        """Refuse two places at once."""
        if sum(each is not None for each in (self.number, self.before, self.behind)) > 1:
            raise Invalid("--number, --before and --after exclude each other", hint="give one of them")

    def resolved(self, document: Document, own: Collection[str]) -> int:
        """Return the number. Raises NotFound, and Invalid where there is no room."""
        if self.number is not None:
            return self.number
        return free_number(document, own, before=self.before, behind=self.behind)


@dataclass(frozen=True, slots=True)
class Add:
    """A new rule."""

    panel: Panel
    where: Where = Where()
    allow_private: bool = False


@dataclass(frozen=True, slots=True)
class Edit:
    """Other fields in a redirection rule that stands; what the panel leaves open stays."""

    number: int
    panel: Panel
    allow_private: bool = False


@dataclass(frozen=True, slots=True)
class Remove:
    """One rule less, of any kind."""

    number: int


@dataclass(frozen=True, slots=True)
class Move:
    """A rule of any kind at another place in the order."""

    number: int
    where: Where


@dataclass(frozen=True, slots=True)
class Replace:
    """Everything but the migration's own rules taken from another document."""

    foreign: bytes | None
    whence: str
    """What that document is, for people: a file, or a revision."""
    left_out: tuple[int, ...] = ()
    """Rules of it that are or were a migration's own; those follow from the jobs."""


Wish: TypeAlias = Add | Edit | Remove | Move | Replace


def carried_out(wish: Wish, document: Document, own: Collection[str]) -> bytes | None:
    """Return what the wish makes of the document. Raises Invalid, NotFound."""
    match wish:
        case Add(panel, where, allow_private):
            rule = filled(panel, allow_private=allow_private)
            return with_rule(document, rule.numbered(where.resolved(document, own)))
        case Edit(number, panel, allow_private):
            if panel.is_empty:
                raise Invalid(f"nothing to change in rule {number}", hint="migrator rules edit --help shows the fields")
            return with_edited(document, filled(panel, editable(document, number), allow_private=allow_private))
        case Remove(number):
            return without_rule(document, number)
        case Move(number, where):
            return with_moved(document, number, where.resolved(document, own))
        case Replace(foreign=foreign):
            return replaced(foreign, document.raw, own)


def own_rule_touched(wish: Wish, document: Document, own: Collection[str]) -> LiveRule | None:
    """Return the migration rule that the wish is about, if it is about one. Raises NotFound."""
    if not isinstance(wish, Edit | Remove | Move):
        return None
    target = rule_at(document, wish.number)
    return target if target in ownership(document, own)[0] else None


def spelled(wish: Wish, after: Document) -> str:
    """Say in a few words what was done, for the history; `after` is the document that came of it."""
    match wish:
        case Add():
            newest = max(after.rules, key=lambda live: live.element.start) if after.rules else None
            return f"added a rule{_where(newest.rule) if newest else ''}"
        case Edit(number, _):
            return f"edited rule {number}{_where(rule_at(after, number).rule)}"
        case Remove(number):
            return f"removed rule {number}"
        case Move(number, _):
            return f"moved rule {number}"
        case Replace(whence=whence):
            return f"took over {whence}"


def _where(rule: Rule) -> str:
    condition = rule.condition
    parts = [f"status {condition.status}"] if condition.status else []
    parts += [f"prefix {condition.key_prefix!r}"] if condition.key_prefix else []
    parts += [f"suffix {condition.key_suffix!r}"] if condition.key_suffix else []
    return f" ({', '.join(parts)})" if parts else ""
