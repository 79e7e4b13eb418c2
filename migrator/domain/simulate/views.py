"""One question from several chairs: what a signed client, a presigned URL, a browser, a CDN and a HEAD get to see."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from urllib.parse import unquote, urlsplit

from migrator.domain.rules.document import Document
from migrator.domain.rules.hosts import internal_host, same_host
from migrator.domain.rules.model import ALI_CDN
from migrator.domain.simulate.engine import simulate
from migrator.domain.simulate.facts import Assumptions, Bucket, Outcome, Request, Signing

_MAX_HOPS = 20
"""Where browsers give up."""


@dataclass(frozen=True, slots=True)
class View:
    """What one kind of reader gets, in a sentence."""

    who: str
    outcome: Outcome
    sentence: str


def views(
    document: Document,
    request: Request,
    bucket: Bucket,
    assumptions: Assumptions,
    *,
    doors: Collection[str] = (),
) -> tuple[View, ...]:
    """Ask the same key as each kind of reader would. `doors` are base URLs under which readers reach the bucket.

    A status given in the request is kept only for readers whose access is judged as the request's own.
    """

    def asked(method: str = "GET", signed: Signing = request.signed) -> Outcome:
        other = replace(request, method=method, signed=signed)
        if request.status == 403 and signed is not Signing.ANONYMOUS:
            other = replace(other, status=None)  # who signs is let in
        return simulate(document, other, bucket, assumptions)

    plain, signed, presigned = asked(), asked(signed=Signing.HEADER), asked(signed=Signing.URL)
    head = asked(method="HEAD")
    from_cdn = {live.rule.number for live in document.rules if live.rule.redirect.kind == ALI_CDN}
    return (
        View("signed SDK client", signed, _by_sdk(signed)),
        View("presigned URL", presigned, _presigned(presigned)),
        View("browser", plain, _in_browser(plain, request.scheme)),
        View("CDN", plain, _by_cdn(plain, for_cdn=plain.rule_number in from_cdn)),
        View("HEAD", head, _headed(plain, head)),
        *_loops(document, request, bucket, assumptions, plain, doors),
    )


def _is_redirect(outcome: Outcome) -> bool:
    return 300 <= outcome.status < 400


def _host(outcome: Outcome) -> str:
    return urlsplit(outcome.location).netloc or "the same host"


def _by_sdk(outcome: Outcome) -> str:
    if not _is_redirect(outcome):
        return _same(outcome)
    return (
        f"oss2, Go v1 and Java follow to {_host(outcome)} and show its answer as OSS's own (no request id, no CRC, an "
        "STS token is sent along); the v2 SDKs for Python and Go raise an error with this status instead"
    )


def _presigned(outcome: Outcome) -> str:
    if outcome.error_code == "ExternalRedirectForbidden":
        return _forbidden()
    if not _is_redirect(outcome):
        return _same(outcome)
    if "?" in outcome.location:
        return f"the signature's parameters are passed on to {_host(outcome)}, which may refuse or log them"
    return f"follows to {_host(outcome)} without the signature: a private origin answers 403"


def _in_browser(outcome: Outcome, scheme: str) -> str:
    if outcome.error_code == "ExternalRedirectForbidden":
        return _forbidden()
    if not _is_redirect(outcome):
        return _same(outcome)
    host = _host(outcome)
    cors = "which must allow * or null (CORS), and the redirect itself must pass the bucket's CORS rules"
    said = [f"follows; a script of another site sends Origin: null to {host}, {cors}"]
    if scheme == "https" and outcome.location.startswith("http:"):
        said.append("from an https page it is blocked as mixed content, because it leads to http")
    if outcome.status == 301:
        said.append("the 301 is kept for good, also after the rule is gone")
    if why := internal_host(urlsplit(outcome.location).netloc) if outcome.location.startswith("http") else "":
        said.append(f"{host} is {why}, so readers elsewhere cannot get there")
    return "; ".join(said)


def _by_cdn(outcome: Outcome, *, for_cdn: bool) -> str:
    if not _is_redirect(outcome):
        return _same(outcome)
    if for_cdn:
        return "Alibaba Cloud CDN follows by itself and gives its clients the content; another CDN passes it on"
    kept = "keeps the 301" if outcome.status == 301 else f"may cache the {outcome.status} (Alibaba Cloud CDN does)"
    return f"{kept} and hands it out after the rule is gone: cache 3xx for 0 s, or follow at the CDN, and purge"


def _headed(outcome: Outcome, head: Outcome) -> str:
    if head.status == outcome.status:
        return _same(head)
    return (
        f"gets {head.status} where GET gets {outcome.status}: clients that ask HEAD first (ossutil, transfer managers, "
        "resumable downloads) take the object for missing"
    )


def _same(outcome: Outcome) -> str:
    if outcome.error_code == "ExternalRedirectForbidden":
        return _forbidden()
    return f"gets {outcome.status}" + (f" {outcome.error_code}" if outcome.error_code else "")


def _forbidden() -> str:
    return "gets 400 ExternalRedirectForbidden: a bucket of after 2024-08-05 redirects through a custom domain only"


# -- loops -----------------------------------------------------------------------------------------------------------
def _loops(
    document: Document,
    request: Request,
    bucket: Bucket,
    assumptions: Assumptions,
    first: Outcome,
    doors: Collection[str],
) -> Iterator[View]:
    """Follow the Location for as long as it leads to the bucket itself."""
    known = {*doors, *([f"{request.scheme}://{request.host}/"] if request.host else [])}
    outcome, hops, seen = first, 0, {request.key}
    while _is_redirect(outcome) and hops < _MAX_HOPS:
        back = _back_through(outcome.location, known)
        if back is None:
            break
        hops += 1
        key, host, query = back
        if key in seen:
            sentence = f"the Location leads back to this bucket and returns to {key!r}: readers go in circles"
            yield View("loop", outcome, sentence)
            return
        seen.add(key)
        scheme = urlsplit(outcome.location).scheme or request.scheme
        again = replace(request, key=key, host=host or request.host, query=query, scheme=scheme)
        outcome = simulate(document, again, bucket, assumptions)
    if hops:
        sentence = f"the Location leads back to this bucket; after {hops} more requests readers get {outcome.status}"
        yield View("loop", outcome, sentence)


def _back_through(location: str, doors: Collection[str]) -> tuple[str, str, str] | None:
    """Return (key, host, query) when the Location is an object of the bucket itself."""
    there = urlsplit(location)
    if not there.netloc:
        return unquote(there.path[1:]), "", there.query
    for door in doors:
        parts = urlsplit(door)
        if same_host(parts.netloc, there.netloc) and there.path.startswith(parts.path or "/"):
            return unquote(there.path[len(parts.path or "/") :]), there.netloc, there.query
    return None
