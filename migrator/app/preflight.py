"""Look before anything moves: is every surrounding fit for this job? Each finding names its remedy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from urllib.parse import urlsplit

from migrator.app.context import Runtime
from migrator.app.ruleset import Route, fitted
from migrator.domain import rules
from migrator.domain.cover import Unfinished
from migrator.errors import BucketVersioned, Exit, ForeignRuleShadows, MigratorError, PreflightFailed
from migrator.ports import BucketInfo
from migrator.spec import JobSpec

NEEDS_CUSTOM_DOMAIN_SINCE = datetime(2024, 8, 4, 16, tzinfo=UTC)
"""Buckets created from 2024-08-05 00:00 UTC+8 on answer 400 ExternalRedirectForbidden on OSS's own domains."""


class Level(StrEnum):
    """How bad a finding is."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    level: Level
    what: str
    message: str
    remedy: str = ""
    exit_code: Exit = Exit.PREFLIGHT


def preflight(rt: Runtime, spec: JobSpec) -> list[Finding]:
    """Look at everything; nothing is changed anywhere. Errors of one look do not hide the others."""
    found: list[Finding] = []
    for look in (_origin, _destination, _rules, _door):
        try:
            found.extend(look(rt, spec))
        except MigratorError as error:
            found.append(Finding(Level.ERROR, look.__name__.strip("_"), str(error), error.hint, error.exit_code))
    return found


def refuse(findings: list[Finding]) -> None:
    """Raise PreflightFailed when something stands in the way."""
    errors = [each for each in findings if each.level is Level.ERROR]
    if errors:
        failed = PreflightFailed(
            "\n".join(f"{each.what}: {each.message}" for each in errors),
            hint="; ".join(dict.fromkeys(each.remedy for each in errors if each.remedy)),
        )
        failed.exit_code = errors[0].exit_code  # type: ignore[misc]  # the first cause decides the process exit code
        raise failed


Look = Callable[[Runtime, JobSpec], Iterator[Finding]]


def _origin(rt: Runtime, spec: JobSpec) -> Iterator[Finding]:
    page = rt.connections.origin(spec).list_page(spec.origin.prefix, limit=1)
    if page.objects:
        yield Finding(Level.OK, "origin", f"{spec.origin.url} can be listed")
    else:
        yield Finding(
            Level.WARNING, "origin", f"{spec.origin.url} lists no objects", "check origin.url, mind the prefix"
        )


def _destination(rt: Runtime, spec: JobSpec) -> Iterator[Finding]:
    info = rt.connections.control(spec).info()
    if info.versioned:
        error = BucketVersioned()
        yield Finding(
            Level.ERROR,
            "destination",
            f"{info.name}: {error}",
            "use a bucket whose versioning was never enabled; x-oss-forbid-overwrite is void on versioned buckets",
            error.exit_code,
        )
    else:
        yield Finding(Level.OK, "destination", f"{info.name} exists, not versioned, {info.acl}")
    yield from _readers(info, spec)


def _readers(info: BucketInfo, spec: JobSpec) -> Iterator[Finding]:
    if info.acl == "private" and not spec.readers.signed:
        yield Finding(
            Level.WARNING,
            "readers",
            "the bucket is private: unsigned readers get 403, and a rule for 404 never answers them",
            "make the bucket public-read, or set readers.signed: true if readers sign their requests",
        )
    own_domain = (urlsplit(spec.readers.url or spec.destination.endpoint).hostname or "").endswith(".aliyuncs.com")
    if own_domain and info.created_at >= NEEDS_CUSTOM_DOMAIN_SINCE:
        yield Finding(
            Level.WARNING,
            "readers",
            "buckets created since 2024-08-05 answer 400 ExternalRedirectForbidden to unsigned and presigned requests "
            "on OSS's own domains",
            "bind a custom domain to the bucket and set readers.url to it",
        )
    if spec.redirect.url.startswith("http:") and (spec.readers.url or "").startswith("https:"):
        yield Finding(
            Level.WARNING,
            "readers",
            "browsers do not follow a redirect from https to http",
            "give redirect.url an https address",
        )
    if spec.redirect.pass_query_string:
        yield Finding(
            Level.WARNING,
            "redirect",
            "redirect.pass_query_string hands readers' signatures and tokens to the origin",
            "switch it off",
        )


def _rules(rt: Runtime, spec: JobSpec) -> Iterator[Finding]:
    live = rt.connections.control(spec).get_website()
    known = rt.store.rules.bucket_at(spec.destination.endpoint, spec.destination.bucket)
    own = rt.store.rules.own(known.id) if known else ()
    foreign = rules.foreign_count(live, own)
    prefix = spec.destination.prefix
    rules.merge(live, own, fitted([Unfinished(prefix, Route.of(spec))], [], foreign).rules)
    conflicts = rules.conflicts(live, own, [prefix])
    for conflict in conflicts:
        worst = conflict.severity == rules.SHADOWS
        yield Finding(
            Level.ERROR if worst else Level.WARNING,
            "rules",
            conflict.sentence,
            f"change or remove rule {conflict.rule_number} of the bucket; see: migrator rules show",
            ForeignRuleShadows.exit_code,
        )
    if not any(conflict.severity == rules.SHADOWS for conflict in conflicts):
        yield Finding(Level.OK, "rules", f"{foreign} foreign rules, {rules.MAX_RULES - foreign} slots left for ours")


def _door(rt: Runtime, spec: JobSpec) -> Iterator[Finding]:
    for door in rt.connections.doors(spec):
        answer = door.knock(f"{spec.destination.prefix}.migrator-preflight")
        if answer.error_code == "ExternalRedirectForbidden":
            yield Finding(
                Level.ERROR,
                "readers",
                f"{door.url} refuses redirects (ExternalRedirectForbidden)",
                "bind a custom domain to the bucket and set readers.url to it",
            )
        else:
            yield Finding(Level.OK, "readers", f"{door.url} answers {answer.status}")
