"""The order of evaluation: access, index page, rules, sub-directory page, error page, OSS's own error."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from migrator.domain.rules.hosts import is_oss_domain
from migrator.domain.rules.mapping import encode_key
from migrator.domain.rules.model import INTERNAL, MIRROR, in_order, new_key
from migrator.domain.simulate.facts import FORBIDDEN_SINCE, Assumptions, Bucket, Outcome, Request, Signing
from migrator.domain.simulate.matching import location, query_names, why_not

if TYPE_CHECKING:
    from datetime import datetime

    from migrator.domain.rules.document import Document, IndexDocument
    from migrator.domain.rules.model import Rule

_SUB_RESOURCES = frozenset(
    """
    acl append cors encryption lifecycle live location logging objectMeta partNumber policy position qos referer
    requestPayment restore stat symlink tagging uploadId uploads versioning versions website
    """.split()  # noqa: SIM905 - one name per line would be a wall
)
"""A read with one of these asks for something else than the object's content; no rule acts on it."""
_VARIANTS = frozenset({"versionId", "x-oss-process"})
"""These ask for the object in another form; whether rules act on them is an assumption."""
_ERROR_CODES = {403: "AccessDenied", 404: "NoSuchKey"}
_WRITES = {"PUT": 200, "POST": 200, "DELETE": 204}
_DEFAULT_BUCKET = Bucket()
_DEFAULT_ASSUMPTIONS = Assumptions()


def simulate(
    document: Document,
    request: Request,
    bucket: Bucket = _DEFAULT_BUCKET,
    assumptions: Assumptions = _DEFAULT_ASSUMPTIONS,
) -> Outcome:
    """Tell what OSS answers. Where its documentation is silent, `assumptions` decide.

    A request whose signature is wrong never gets as far as the rules; it is not described here.
    """
    if not bucket.exists:
        return Outcome(404, reason="There is no such bucket, so there are no rules.", error_code="NoSuchBucket")
    status = _status(request, bucket)
    method = request.method.upper()
    if method not in {"GET", "HEAD"}:
        return _plain(status, "Rules act on reads only.")
    others = _SUB_RESOURCES if assumptions.subresources_redirect else _SUB_RESOURCES | _VARIANTS
    if not others.isdisjoint(query_names(request.query)):
        return _plain(status, "Rules act on the object's content only, not on its sub-resources.")
    if not request.key and (method == "HEAD" or request.signed is not Signing.ANONYMOUS or not document.index):
        return _bucket_itself(request)
    if method == "GET" and (served := _front_page(document, request, bucket, status)):
        return served
    return _by_rules(document, request, bucket, assumptions, status, pages=method == "GET")


def _front_page(document: Document, request: Request, bucket: Bucket, status: int) -> Outcome | None:
    """Answer what comes before rules: index pages of keys ending in /."""
    index = document.index
    if index and status != 403 and (page := _index_page(index, request.key)) in bucket.objects:
        return Outcome(200, body_from="index", reason=f"Keys ending in / are answered with the index page {page!r}.")
    return None


def _bucket_itself(request: Request) -> Outcome:
    """Answer a request for / that is not one for the website's front page."""
    if request.signed is Signing.ANONYMOUS:
        return _plain(request.status or 403, "A request for / is about the bucket, which is not open to strangers.")
    return Outcome(request.status or 200, reason="A signed request for / is about the bucket, not an object.")


def _status(request: Request, bucket: Bucket) -> int:
    """Return what OSS would answer without rules. Access is refused before the object is looked up."""
    if request.status is not None:
        return request.status
    reads = request.method.upper() in {"GET", "HEAD"}
    open_to_all = bucket.acl == "public-read-write" or (reads and bucket.acl == "public-read")
    if request.signed is Signing.ANONYMOUS and not open_to_all:
        return 403
    if not reads:
        return _WRITES.get(request.method.upper(), 200)
    return 200 if request.key in bucket.objects else 404


def _by_rules(
    document: Document, request: Request, bucket: Bucket, assumptions: Assumptions, status: int, *, pages: bool
) -> Outcome:
    rules = in_order(live.rule for live in document.rules)
    if not assumptions.unconditional_rules:
        rules = tuple(live.rule for live in document.by_number)
    skipped: list[tuple[int, str]] = []
    page_first = assumptions.error_page_first and status == 404 and pages
    for rule in rules:
        if page_first and (not rule.answers_before_lookup or not assumptions.unconditional_rules):
            if page := _error_page(document, bucket):
                return replace(page, skipped=tuple(skipped))
            page_first = False
        why = why_not(rule, request, status, assumptions)
        if not why:
            return replace(_fire(rule, request, bucket, assumptions), skipped=tuple(skipped))
        skipped.append((rule.number, why))
    outcome = _page(document, request, bucket) if status == 404 and pages else None
    return replace(outcome or _lookup(status), skipped=tuple(skipped))


def _lookup(status: int) -> Outcome:
    if status < 400:
        return Outcome(status, body_from="object", reason="The object exists.")
    reasons = {403: "Access is denied before the object is looked up.", 404: "The object does not exist."}
    reason = reasons.get(status, f"OSS answers {status}.")
    return Outcome(status, reason=reason, error_code=_ERROR_CODES.get(status, ""))


def _plain(status: int, reason: str) -> Outcome:
    return Outcome(status, reason=reason, error_code=_ERROR_CODES.get(status, ""))


def _index_page(index: IndexDocument, key: str) -> str | None:
    if key and not key.endswith("/"):
        return None
    return key + index.suffix if index.support_sub_dir else index.suffix


def _fire(rule: Rule, request: Request, bucket: Bucket, assumptions: Assumptions) -> Outcome:
    redirect = rule.redirect
    if redirect.kind == MIRROR:
        return _mirror(rule, bucket)
    if redirect.kind == INTERNAL:
        other = new_key(rule, request.key)
        reason = f"Internal rule {rule.number} serves the object {other!r} instead."
        found = other in bucket.objects
        return replace(_lookup(200 if found else 404), rule_number=rule.number, reason=reason)
    there = location(rule, request, assumptions)
    if assumptions.forbidden_applies and _is_forbidden(request, bucket, assumptions):
        return Outcome(
            400,
            there,
            rule.number,
            "oss",
            f"Rule {rule.number} fires, but new buckets do not redirect strangers on OSS's own domain; "
            "readers need a custom domain.",
            "ExternalRedirectForbidden",
        )
    follower = "; Alibaba Cloud CDN follows it by itself" if redirect.kind != "External" else ""
    reason = f"Rule {rule.number} redirects{follower}."
    return Outcome(redirect.code, there, rule.number, "redirect", reason)


def _mirror(rule: Rule, bucket: Bucket) -> Outcome:
    reason = f"Mirror rule {rule.number} fetches it from {rule.redirect.mirror_url}, "
    if bucket.mirror_origin_status in {200, 206}:
        return Outcome(200, "", rule.number, "mirror", f"{reason}which has it.")
    if bucket.mirror_origin_status == 404:
        return Outcome(404, "", rule.number, "oss", f"{reason}where it is missing, too.", "NoSuchKey")
    return Outcome(424, "", rule.number, "oss", f"{reason}which does not answer properly.", "MirrorFailed")


def _is_forbidden(request: Request, bucket: Bucket, assumptions: Assumptions) -> bool:
    def since(moment: datetime | None) -> bool:
        return moment is not None and moment >= FORBIDDEN_SINCE

    on_oss = is_oss_domain(request.host) if bucket.oss_domain is None else bucket.oss_domain
    new = since(bucket.created_at) or since(bucket.accelerated_since)
    spared = assumptions.header_signed_exempt and request.signed is Signing.HEADER
    return on_oss and new and not spared


def _page(document: Document, request: Request, bucket: Bucket) -> Outcome | None:
    """Return the sub-directory's index page or the error page, which come after the rules."""
    index, key = document.index, request.key
    if index and index.support_sub_dir and index.kind != 1 and not key.endswith("/"):
        page = f"{key}/{index.suffix}"
        if page in bucket.objects:
            if index.kind == 2:
                return Outcome(200, body_from="index", reason=f"The sub-directory's index page {page!r} is served.")
            reason = f"The sub-directory has an index page {page!r}, so OSS redirects to it."
            return Outcome(302, f"/{encode_key(key)}/", None, "redirect", reason)
    return _error_page(document, bucket)


def _error_page(document: Document, bucket: Bucket) -> Outcome | None:
    error = document.error
    if error is None or error.key not in bucket.objects:
        return None
    return Outcome(error.status, body_from="error", reason="The object does not exist; the error page is served.")
