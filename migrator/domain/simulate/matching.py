"""Whether one rule answers one request, in words, and the Location it gives."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from migrator.domain.rules.mapping import encode_key
from migrator.domain.rules.model import INTERNAL, MIRROR, new_key

if TYPE_CHECKING:
    from migrator.domain.rules.model import HeaderCondition, Rule
    from migrator.domain.simulate.facts import Assumptions, Request

_CONTROL = re.compile("[\x00-\x1f\x7f]")
"""What no HTTP header can carry unescaped."""
_SIGNATURE = frozenset(
    """
    ossaccesskeyid expires signature security-token x-oss-signature-version x-oss-access-key-id x-oss-credential
    x-oss-date x-oss-expires x-oss-additional-headers x-oss-signature x-oss-security-token
    """.split()  # noqa: SIM905 - one name per line would be a wall
)
"""What the signatures V1, V2 and V4 add to a URL."""


def why_not(rule: Rule, request: Request, status: int, assumptions: Assumptions) -> str:
    """Say why the rule does not answer; empty when it does. `status` is what OSS would answer without rules."""
    condition = rule.condition
    why = _kind_rests(rule, request, assumptions) or _status_differs(rule, status, assumptions)
    if why:
        return why
    if not request.key.startswith(condition.key_prefix):
        return f"the key does not begin with {condition.key_prefix!r}"
    if not request.key.endswith(condition.key_suffix):
        return f"the key does not end with {condition.key_suffix!r}"
    return next((why for header in condition.headers if (why := _header_differs(header, request))), "")


def location(rule: Rule, request: Request, assumptions: Assumptions) -> str:
    """Return where the rule sends the request; what the rule does not name is taken from the request."""
    redirect = rule.redirect
    base = f"{redirect.protocol or request.scheme}://{redirect.host or request.host}"
    query = request.query if assumptions.signature_in_location else _without_signature(request.query)
    suffix = f"?{query}" if redirect.pass_query_string and query else ""
    ignored = not assumptions.replace_prefix_without_flag and not redirect.enable_replace_prefix
    asked = request.key if ignored and not redirect.replace_key_with else new_key(rule, request.key)
    return f"{base}/{encode_key(asked) if assumptions.location_encoded else _CONTROL.sub(_escaped, asked)}{suffix}"


def _escaped(control: re.Match[str]) -> str:
    return encode_key(control[0])


def query_names(query: str) -> list[str]:
    """Return the parameter names of a raw query, in order."""
    return [part.partition("=")[0] for part in query.split("&") if part]


def _kind_rests(rule: Rule, request: Request, assumptions: Assumptions) -> str:
    redirect, head = rule.redirect, request.method.upper() == "HEAD"
    if not redirect.redirects and redirect.kind not in {MIRROR, INTERNAL}:
        return f"rules of type {redirect.kind!r} are not documented to act"
    if not assumptions.range_redirects and any(name.lower() == "range" for name in request.headers):
        return "reads of a range are assumed not to trigger it"
    if head and redirect.kind == MIRROR and not redirect.mirror_allows_head:
        return "HEAD does not trigger it, because MirrorAllowHeadObject is not set"
    if head and redirect.kind != MIRROR and not assumptions.head_redirects:
        return "HEAD does not trigger it"
    return ""


def _status_differs(rule: Rule, status: int, assumptions: Assumptions) -> str:
    waits_for = rule.condition.status
    if waits_for is None and rule.redirect.kind == MIRROR:
        waits_for = 404
    if waits_for is None:
        if status == 403 and assumptions.unconditional_rules:
            return "access is denied before rules without a status are tried"
        if status == 403 and not assumptions.denied_reads_redirect:
            return "rules are assumed not to act on denied reads"
        if status < 400 and not assumptions.unconditional_rules:
            return "rules without a status are assumed to spare objects that exist"
    elif waits_for != status:
        return f"it waits for {waits_for}, and OSS would answer {status}"
    elif status == 403 and not assumptions.denied_reads_redirect:
        return "rules for 403 are assumed not to fire"
    return ""


def _header_differs(header: HeaderCondition, request: Request) -> str:
    sent = {name.lower(): value for name, value in request.headers.items()}
    if request.host:
        sent.setdefault("host", request.host)
    value = sent.get(header.name.lower())
    if value is None:
        return f"the request has no header {header.name}"
    if header.equals and value != header.equals:
        return f"header {header.name} is not {header.equals!r}"
    if not value.startswith(header.starts_with):
        return f"header {header.name} does not begin with {header.starts_with!r}"
    if not value.endswith(header.ends_with):
        return f"header {header.name} does not end with {header.ends_with!r}"
    return ""


def _without_signature(query: str) -> str:
    def kept(part: str) -> bool:
        return part.partition("=")[0].lower() not in _SIGNATURE

    return "&".join(part for part in query.split("&") if kept(part))
