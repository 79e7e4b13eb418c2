"""Stand at the readers' door: who is refused there before any rule is looked at, and what stands in between?"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from urllib.parse import urlsplit

from migrator.app.preflight.facts import Facts
from migrator.app.preflight.finding import Finding, Level
from migrator.domain import rules
from migrator.domain.fates import CUSTOM_DOMAIN, PUBLIC
from migrator.domain.simulate.facts import FORBIDDEN_SINCE
from migrator.ports import Answer, Door

_CDN_HEADERS = (
    "via",
    "x-cache",
    "x-swift-cachetime",
    "x-swift-savetime",
    "eagleid",
    "cf-ray",
    "x-amz-cf-id",
    "x-served-by",
)
_FORBIDDEN = "ExternalRedirectForbidden"


def readers(facts: Facts) -> Iterator[Finding]:
    """Look at every door, and at the bucket as far as it decides what happens there."""
    yield from _private(facts)
    yield from _custom_domain(facts)
    for door in facts.doors:
        answer = facts.knock(door, f"{facts.spec.destination.prefix}.migrator-preflight-{secrets.token_hex(4)}")
        yield from _answered(facts, door, answer)
        yield from _cdn(facts, door, answer)
    yield from _download(facts)


def _private(facts: Facts) -> Iterator[Finding]:
    if facts.info.acl == "private" and not facts.spec.readers.signed:
        yield Finding(
            Level.WARNING,
            "readers.private-bucket",
            "the bucket is private: unsigned readers get 403, and a rule for 404 never answers them",
            PUBLIC,
        )


def _custom_domain(facts: Facts) -> Iterator[Finding]:
    host = urlsplit(facts.doorstep).netloc
    if not facts.spec.readers.url and rules.internal_host(host).startswith("an internal endpoint"):
        yield Finding(
            Level.WARNING,
            "readers.no-door",
            f"{host} is an internal endpoint, where no reader comes; what readers see cannot be observed",
            "set readers.url to the address that readers use",
        )
    elif facts.forbidden:
        since = f"was created on {facts.info.created_at:%Y-%m-%d}"
        why = since if facts.info.created_at >= FORBIDDEN_SINCE else "is read through transfer acceleration"
        spared = facts.spec.readers.signed and facts.assumptions.header_signed_exempt
        bound = f"; bound already: {', '.join(facts.details.cnames)}" if facts.details.cnames else ""
        yield Finding(
            Level.WARNING if spared else Level.ERROR,
            "readers.custom-domain",
            f"the bucket {why}: on OSS's own domains unsigned and presigned requests get 400 {_FORBIDDEN} instead of "
            "a redirect (per OSS, since 2024-08-05)",
            CUSTOM_DOMAIN + bound,
        )
    elif facts.spec.readers.url and facts.details.cnames and not _bound(host, facts.details.cnames):
        yield Finding(
            Level.NOTE,
            "readers.unbound-domain",
            f"{host} is not among the domains bound to the bucket ({', '.join(facts.details.cnames)})",
            "that is right for a CDN; otherwise bind it",
        )


def _bound(host: str, cnames: tuple[str, ...]) -> bool:
    return rules.bare_host(host) in {rules.bare_host(each) for each in cnames}


def _answered(facts: Facts, door: Door, answer: Answer) -> Iterator[Finding]:
    what = f"{door.url} answers {answer.status} for a missing key"
    ours = answer.location.startswith(facts.base.url)
    match answer.status:
        case _ if answer.error_code == _FORBIDDEN:
            yield Finding(
                Level.ERROR, "readers.custom-domain", f"{door.url} refuses redirects ({_FORBIDDEN})", CUSTOM_DOMAIN
            )
        case 404 if not answer.request_id:
            yield Finding(
                Level.WARNING,
                "readers.not-oss",
                f"{what}, but without OSS's x-oss-request-id: it may not lead to the bucket yet",
                "point the domain at the bucket before readers use it",
            )
        case 404:
            yield Finding(Level.OK, "readers.door", what)
        case 403 if facts.info.acl == "private" and not facts.spec.readers.signed:
            yield Finding(
                Level.ERROR,
                "readers.private-bucket",
                f"{door.url} answers 403 to unsigned readers, so no rule will ever answer them",
                PUBLIC,
            )
        case 200:
            yield Finding(
                Level.WARNING,
                "readers.missing-is-200",
                f"{what}: an error page stands in the way, so nobody can see that a rule is gone again",
                "set HttpStatus 404 in the bucket's ErrorDocument, or switch off the CDN's own error page",
            )
        case 301 | 302 | 307 | 308 if not ours:
            yield Finding(
                Level.WARNING,
                "readers.redirected-already",
                f"{what} and sends readers to {urlsplit(answer.location).netloc or answer.location}",
                "look at the rules of the bucket (migrator rules show) and at the CDN in front of it",
            )
        case 301 | 302 | 307 | 308:
            yield Finding(Level.OK, "readers.door", f"{what} with our redirect already")
        case _:
            yield Finding(Level.WARNING, "readers.door-fails", what, "look at what stands behind readers.url")


def _cdn(facts: Facts, door: Door, answer: Answer) -> Iterator[Finding]:
    seen = [f"{name}: {answer.headers[name][:60]}" for name in _CDN_HEADERS if name in answer.headers]
    if seen and not facts.spec.redirect.from_cdn:
        yield Finding(
            Level.WARNING,
            "readers.cdn-caches-redirect",
            f"a CDN or cache stands at {door.url} ({'; '.join(seen)}): unless told otherwise it keeps a 302 and goes "
            "on sending readers to the origin after the rule is gone (a 301 for good)",
            "set redirect.from_cdn: true for Alibaba Cloud CDN, or a TTL of 0 for 302 and 404 there, and purge a "
            "prefix after its rule is retired",
        )
    elif facts.spec.redirect.from_cdn and not seen:
        yield Finding(
            Level.NOTE,
            "readers.no-cdn-seen",
            f"redirect.from_cdn is set, but nothing in the answer of {door.url} shows a CDN",
            "set readers.url to the address that the CDN serves",
        )


def _download(facts: Facts) -> Iterator[Finding]:
    if facts.at_oss_domain and not facts.spec.readers.signed:
        yield Finding(
            Level.WARNING,
            "readers.force-download",
            "OSS's own domains answer pages and images with Content-Disposition: attachment, so what browsers showed "
            "while it was redirected is downloaded once it is migrated",
            CUSTOM_DOMAIN,
        )
