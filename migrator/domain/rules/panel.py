"""A redirection rule as the OSS console's panel asks for it: prerequisite, origin URL, redirection code, CDN source.

Each way to fill in the origin URL stands for other elements of the rule; the panel keeps people from mixing them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from migrator.domain.rules.hosts import internal_host
from migrator.domain.rules.model import (
    ALI_CDN,
    EXTERNAL,
    KEY_VARIABLE,
    Condition,
    HeaderCondition,
    Redirect,
    Rule,
)
from migrator.domain.rules.validate import Problem, validate
from migrator.errors import Invalid

_FIELDS = {
    "key_prefix": "prefix",
    "key_suffix": "suffix",
    "headers": "header",
    "protocol": "scheme",
    "code": "redirect-code",
    "kind": "source-from-cdn",
    "replace_key_with": "replace-key",
    "replace_key_prefix_with": "replace-prefix",
    "enable_replace_prefix": "replace-prefix",
}
"""How the panel calls the fields of a rule."""
_NEW = Rule(redirect=Redirect(protocol="https", code=302))
"""Not OSS's own 301: browsers and caches would keep that for good."""


@dataclass(frozen=True, slots=True)
class Panel:
    """What somebody filled in. None: as it was; in a new rule, the default."""

    status: int | None = None
    any_status: bool = False
    """Take the status away: the rule then also answers for objects that exist."""
    prefix: str | None = None
    suffix: str | None = None
    headers: tuple[HeaderCondition, ...] | None = None
    scheme: str | None = None
    host: str | None = None
    first_column: str | None = None
    """Add Prefix or Suffix: what stands before the key."""
    last_column: str | None = None
    """Add Prefix or Suffix: what stands behind the key."""
    replace_prefix: str | None = None
    """Replace or Delete File Prefix: what stands instead of the file name prefix."""
    delete_prefix: bool = False
    replace_key: str | None = None
    """One page for every key; `${key}` in it stands for the key."""
    transfer_query_string: bool | None = None
    redirect_code: int | None = None
    source_from_cdn: bool | None = None

    @property
    def is_empty(self) -> bool:
        """Say whether nothing was filled in."""
        return self == Panel()


def filled(panel: Panel, standing: Rule = _NEW, *, allow_private: bool = False) -> Rule:
    """Return the rule that the panel describes, on top of one that stands; its number is kept.

    Raises Invalid with one line per field: what is wrong with it, and what would be right.
    """
    problems = tuple(_mixed(panel))
    rule = replace(
        standing, condition=_condition(panel, standing.condition), redirect=_redirect(panel, standing.redirect)
    )
    problems += tuple(_problems(rule, allow_private=allow_private)) if not problems else ()
    if problems:
        lines = dict.fromkeys(f"--{problem.field}: {problem.sentence}" for problem in problems)
        raise Invalid("\n".join(lines), hint="migrator rules add --help shows every field")
    return rule


def columns(redirect: Redirect) -> tuple[str, str] | None:
    """Return what a rule puts before and behind the key; None where it does something else with it."""
    before, variable, behind = redirect.replace_key_with.partition(KEY_VARIABLE)
    if not variable:
        return None if redirect.replace_key_with else ("", "")
    return None if KEY_VARIABLE in behind else (before, behind)


def _condition(panel: Panel, standing: Condition) -> Condition:
    status = standing.status if panel.status is None else panel.status
    return Condition(
        key_prefix=standing.key_prefix if panel.prefix is None else panel.prefix,
        status=None if panel.any_status else status,
        key_suffix=standing.key_suffix if panel.suffix is None else panel.suffix,
        headers=standing.headers if panel.headers is None else panel.headers,
    )


def _redirect(panel: Panel, standing: Redirect) -> Redirect:
    redirect = replace(
        standing,
        protocol=standing.protocol if panel.scheme is None else panel.scheme,
        host=standing.host if panel.host is None else panel.host,
        code=standing.code if panel.redirect_code is None else panel.redirect_code,
        pass_query_string=(
            standing.pass_query_string if panel.transfer_query_string is None else panel.transfer_query_string
        ),
        kind=standing.kind if panel.source_from_cdn is None else (ALI_CDN if panel.source_from_cdn else EXTERNAL),
    )
    if not _forms(panel):
        return redirect
    bare = replace(redirect, replace_key_with="", replace_key_prefix_with="", enable_replace_prefix=False)
    if panel.replace_prefix is not None or panel.delete_prefix:
        return replace(bare, replace_key_prefix_with=panel.replace_prefix or "", enable_replace_prefix=True)
    if panel.replace_key is not None:
        return replace(bare, replace_key_with=panel.replace_key)
    first, last = columns(standing) or ("", "")
    first = first if panel.first_column is None else panel.first_column
    last = last if panel.last_column is None else panel.last_column
    return replace(bare, replace_key_with=f"{first}{KEY_VARIABLE}{last}" if first or last else "")


def _forms(panel: Panel) -> list[str]:
    """Name the ways in which the origin URL was filled in."""
    given = {
        "first-column": panel.first_column is not None or panel.last_column is not None,
        "replace-prefix": panel.replace_prefix is not None,
        "delete-prefix": panel.delete_prefix,
        "replace-key": panel.replace_key is not None,
    }
    return [name for name, is_given in given.items() if is_given]


def _mixed(panel: Panel) -> Iterator[Problem]:
    forms = _forms(panel)
    if len(forms) > 1:
        others = " and ".join(f"--{name}" for name in forms[1:])
        yield Problem(
            forms[0],
            f"it excludes {others}. Choose one: --first-column/--last-column add to the key, --replace-prefix or "
            "--delete-prefix change its prefix, --replace-key replaces all of it.",
        )
    if panel.any_status and panel.status is not None:
        yield Problem("any-status", "it excludes --status. Give one of them.")
    if panel.replace_prefix == "":
        yield Problem("replace-prefix", "it is empty. To cut the prefix off, say --delete-prefix.")
    if panel.replace_key == "":
        yield Problem("replace-key", "it is empty. Name the page, such as gone.html.")


def _problems(rule: Rule, *, allow_private: bool) -> Iterator[Problem]:
    condition, redirect = rule.condition, rule.redirect
    if condition == Condition():
        yield Problem(
            "status",
            "without any prerequisite the rule would answer every request. Give --status, --prefix, --suffix or "
            "--header.",
        )
    if not redirect.host:
        yield Problem("host", "is missing. Name the host readers are sent to, such as legacy.example.com.")
    elif (why := internal_host(redirect.host)) and (not allow_private or why == "an internal endpoint of OSS"):
        yield Problem("host", f"{redirect.host} is {why}, where readers cannot get. Name a public host.")
    if redirect.enable_replace_prefix and not condition.key_prefix:
        field = "replace-prefix" if redirect.replace_key_prefix_with else "delete-prefix"
        yield Problem(field, "there is no file name prefix to replace or delete. Give it with --prefix examplefolder/.")
    for name, text in (
        ("first-column", redirect.replace_key_with),
        ("replace-prefix", redirect.replace_key_prefix_with),
    ):
        if text.startswith("/"):
            yield Problem(name, f"{text!r} begins with /, which the origin URL already has. Leave it out.")
    for problem in validate(rule.numbered(rule.number or 1)):
        if problem.field == "host" and not redirect.host:
            continue
        if problem.field == "enable_replace_prefix" and not condition.key_prefix:
            continue
        yield Problem(_FIELDS.get(problem.field, problem.field), problem.sentence)
