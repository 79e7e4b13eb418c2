"""Decides what a bucket's website configuration answers, in the documented order of evaluation.

index page -> rules without a status -> (the server looks the object up) -> rules with the status that the lookup
gave -> folder page -> error page.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from migrator.sandbox.website.config import ALICDN, INTERNAL, MIRROR
from migrator.sandbox.website.location import encode, location, new_key
from migrator.sandbox.website.request import Reply

if TYPE_CHECKING:
    from migrator.sandbox.website.config import Condition, Config, HeaderTest, Rule
    from migrator.sandbox.website.request import Facts, Request

NO_REDIRECT_SINCE: Final = datetime(2024, 8, 4, 16, tzinfo=UTC)
"""2024-08-05 00:00 in China: buckets created since do not redirect on OSS's own domains."""
FORBIDDEN_EC: Final = "0048-00000300"
# fmt: off
SUBRESOURCES: Final = frozenset({
    "acl", "append", "cors", "encryption", "lifecycle", "live", "location", "logging", "objectMeta", "partNumber",
    "policy", "position", "qos", "referer", "requestPayment", "restore", "stat", "symlink", "tagging", "uploadId",
    "uploads", "versioning", "versions", "website",
})
# fmt: on
"""A GET with one of these asks for something else than the object, so no rule applies."""
VARIANTS: Final = frozenset({"versionId", "x-oss-process"})
"""These ask for the object in another form; whether rules apply is a switch."""


def before_lookup(config: Config | None, request: Request, facts: Facts) -> Reply | None:
    """Answer an authorised request without looking at the object, or None to go on with the lookup."""
    if config is None or not _asks_for_object(request, facts):
        return None
    if request.method == "GET" and (page := _index_page(config, request, facts)):
        return page
    if not facts.switches.unconditional_rules:
        return None
    rule = _first(config, request, facts, {None})
    return _fire(rule, request, facts) if rule else None


def on_error(config: Config | None, request: Request, facts: Facts, status: int, code: str) -> Reply | None:
    """Answer a request that would get this error, or None to let the error stand.

    Never called for a refused signature or a missing bucket; ignores those if it is.
    """
    if config is None or not _asks_for_object(request, facts) or not _may_apply(status, code, facts):
        return None
    if facts.switches.error_page_first and status == 404 and request.method == "GET":
        page = _error_page(config, facts)
        if page is not None:
            return page
    # Rules without a status had their turn before the lookup.
    rule = _first(config, request, facts, {status} if facts.switches.unconditional_rules else {status, None})
    if rule:
        return _fire(rule, request, facts)
    if status == 404 and request.method == "GET":
        return _folder_page(config, request, facts) or _error_page(config, facts)
    return None


def _asks_for_object(request: Request, facts: Facts) -> bool:
    if request.method not in {"GET", "HEAD"}:
        return False
    other = SUBRESOURCES if facts.switches.subresources_redirect else SUBRESOURCES | VARIANTS
    return other.isdisjoint(item.partition("=")[0] for item in request.query.split("&"))


def _may_apply(status: int, code: str, facts: Facts) -> bool:
    if status == 403:
        return code == "AccessDenied" and facts.switches.denied_reads_redirect
    return code != "NoSuchBucket"


# -- rules -----------------------------------------------------------------------------------------------------------
def _first(config: Config, request: Request, facts: Facts, statuses: set[int | None]) -> Rule | None:
    for rule in config.rules:
        if (
            rule.condition.status in statuses
            and _answers_method(rule, request, facts)
            and _holds(rule.condition, request)
        ):
            return rule
    return None


def _answers_method(rule: Rule, request: Request, facts: Facts) -> bool:
    """HEAD triggers no rule (documented for mirrors, strongly evident for redirects) unless a mirror opts in."""
    if "range" in request.headers and not facts.switches.range_redirects:
        return False
    if request.method == "GET":
        return True
    return rule.redirect.mirror_head if rule.redirect.type == MIRROR else facts.switches.head_redirects


def _holds(condition: Condition, request: Request) -> bool:
    return (
        request.key.startswith(condition.prefix)
        and request.key.endswith(condition.suffix)
        and all(_header_holds(test, request) for test in condition.headers)
    )


def _header_holds(test: HeaderTest, request: Request) -> bool:
    value = request.headers.get(test.name, request.host if test.name == "host" else None)
    if value is None:
        return False
    return (
        (not test.equals or value == test.equals)
        and value.startswith(test.starts_with)
        and value.endswith(test.ends_with)
    )


def _fire(rule: Rule, request: Request, facts: Facts) -> Reply:
    """Answer by the rule that matched; whether what it names can be had is not a reason to try another one."""
    if rule.redirect.type == MIRROR:
        # The sandbox fetches nothing from anywhere: a mirror answers as if its origin were away.
        return Reply(424, code="MirrorFailed", message="The mirror origin could not be reached.")
    if rule.redirect.type == INTERNAL:
        key = new_key(rule, request.key, facts.switches)
        if facts.object_exists(key):
            return Reply(200, serve_key=key)
        return Reply(404, code="NoSuchKey", message="The specified key does not exist.")
    target = location(rule, request, facts.switches)
    if _is_forbidden(request, facts):
        return Reply(
            400,
            location=target,
            code="ExternalRedirectForbidden",
            message="3xx redirect to public network is not allowed using the OSS endpoint, please use CNAME instead.",
            ec=FORBIDDEN_EC,
        )
    return Reply(rule.redirect.code, location=target, for_cdn=rule.redirect.type == ALICDN)


def _is_forbidden(request: Request, facts: Facts) -> bool:
    """Per the OSS documentation of ExternalRedirectForbidden, which names anonymous and URL-signed requests."""
    if request.signed == "header" and facts.switches.header_signed_exempt:
        return False
    return facts.switches.forbidden_applies and facts.oss_domain and facts.created_at >= NO_REDIRECT_SINCE


# -- pages -----------------------------------------------------------------------------------------------------------
def _index_page(config: Config, request: Request, facts: Facts) -> Reply | None:
    """Serve the index page for keys that end in a slash (the empty key is the site's root).

    Without such a page the request goes on as any other; what OSS does then is not documented.
    """
    if config.index is None or not (request.key.endswith("/") or not request.key):
        return None
    key = (request.key if config.index.sub_directories else "") + config.index.suffix
    return Reply(200, serve_key=key) if facts.object_exists(key) else None


def _folder_page(config: Config, request: Request, facts: Facts) -> Reply | None:
    index = config.index
    if index is None or not index.sub_directories or index.type == 1 or request.key.endswith("/") or not request.key:
        return None
    key = f"{request.key}/{index.suffix}"
    if not facts.object_exists(key):
        return None
    if index.type == 2:
        return Reply(200, serve_key=key)
    return Reply(302, location=f"/{encode(request.key)}/")


def _error_page(config: Config, facts: Facts) -> Reply | None:
    if config.error is None or not facts.object_exists(config.error.key):
        return None
    return Reply(config.error.status, serve_key=config.error.key, serve_status=config.error.status)
