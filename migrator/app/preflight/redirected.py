"""Go where readers will be sent: is the origin there, for anybody, under any key, in one hop?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from migrator.app.preflight.facts import Facts
from migrator.app.preflight.finding import Finding, Level
from migrator.domain import rules
from migrator.domain.fates import CORS, HTTPS
from migrator.domain.objects import ObjectInfo
from migrator.errors import MigratorError, PrivateAddress
from migrator.ports import Answer

_PLAIN = re.compile(r"[A-Za-z0-9/._-]*")
_SMALL_BYTES = 1024 * 1024
"""Larger objects are only asked for their first byte."""
_OPEN_ORIGINS = frozenset({"*", "null"})


def redirect(facts: Facts) -> Iterator[Finding]:
    """Look at redirect.url as a reader who follows it does."""
    spec = facts.spec
    yield from _loop(facts)
    if spec.redirect.url.startswith("http:") and facts.doorstep.startswith("https:"):
        yield Finding(
            Level.WARNING,
            "readers.https-to-http",
            "readers come by https and are sent to http: browsers block that, many clients refuse it",
            HTTPS,
        )
    if spec.redirect.pass_query_string:
        yield Finding(
            Level.WARNING,
            "redirect.query-leaks",
            "redirect.pass_query_string hands readers' signatures and tokens to the origin",
            "set redirect.pass_query_string: false",
        )
    for number, each in enumerate(chosen(facts)):
        try:
            found = list(_served(facts, each))
        except PrivateAddress:
            raise
        except MigratorError as error:
            remedy = "make sure that readers reach it, even if this machine cannot"
            yield Finding(Level.WARNING, "redirect.unreachable", f"{spec.redirect.url}: {error}", remedy)
            return
        yield from found
        if number == 0:
            yield from _cors(facts, each)


def chosen(facts: Facts) -> list[ObjectInfo]:
    """Choose keys to try: a small object under a plain key, and one under a key with special characters."""

    def rank(each: ObjectInfo) -> tuple[bool, int]:
        return (not 0 < each.size_bytes <= _SMALL_BYTES, each.size_bytes)

    usable = [each for each in facts.sample if not each.key.endswith("/")]
    plain = sorted((each for each in usable if _PLAIN.fullmatch(each.key)), key=rank)
    special = sorted((each for each in usable if not _PLAIN.fullmatch(each.key)), key=rank)
    return [*plain[:1], *special[:1]]


def location(facts: Facts, each: ObjectInfo) -> str:
    """Return where a reader of this object is sent."""
    return rules.expected_location(facts.base, each.key.removeprefix(facts.spec.origin.prefix))


def _loop(facts: Facts) -> Iterator[Finding]:
    there = urlsplit(facts.spec.redirect.url)
    own = {urlsplit(door.url).netloc.lower() for door in facts.doors if not _by_path(door.url, facts)}
    own |= {domain.lower() for domain in facts.details.cnames or ()}
    by_path = [door.url for door in facts.doors if _by_path(door.url, facts)]
    inside = any(facts.base.url.startswith(url) for url in by_path)
    if inside or (there.hostname or "") in {rules.bare_host(host) for host in own} or there.netloc.lower() in own:
        yield Finding(
            Level.ERROR,
            "redirect.loop",
            f"redirect.url leads back to the bucket itself ({there.netloc}): readers would go in circles",
            "give redirect.url the address of the legacy side, one that will never be pointed at the bucket",
        )


def _by_path(url: str, facts: Facts) -> bool:
    """Say whether the bucket is part of the path, so that the host alone does not tell it."""
    return urlsplit(url).path.strip("/") == facts.spec.destination.bucket


def _served(facts: Facts, each: ObjectInfo) -> Iterator[Finding]:
    url = location(facts, each)
    whole = each.size_bytes <= _SMALL_BYTES
    answer = facts.rt.connections.web(facts.spec).get(url, {} if whole else {"range": "bytes=0-0"})
    special = not _PLAIN.fullmatch(each.key)
    what = f"GET {url}: {answer.status}"
    match answer.status:
        case 200 | 206:
            yield _sized(answer, each, what, whole=whole)
        case 301 | 302 | 303 | 307 | 308:
            there = urlsplit(answer.location).netloc or urlsplit(url).netloc
            yield Finding(
                Level.WARNING,
                "redirect.hops",
                f"{what} and on to {there}: readers have a second hop, which some do not follow",
                "give redirect.url the address that answers by itself",
            )
        case 401 | 403:
            yield Finding(
                Level.WARNING if facts.spec.redirect.from_cdn else Level.ERROR,
                "redirect.refuses-readers",
                f"{what}: the origin refuses readers who do not sign",
                "let the origin serve these objects to anybody, put a signing gateway in front of it and name that in "
                "redirect.url, or copy first and send readers later",
            )
        case 404 | 410:
            yield Finding(
                Level.ERROR if not special else Level.WARNING,
                "redirect.missing",
                f"{what}, though the origin lists the object",
                "the redirect names another place than origin.url, or the server there spells such keys in another way",
            )
        case _:
            yield Finding(Level.WARNING, "redirect.fails", what, "look at the server behind redirect.url")


def _sized(answer: Answer, each: ObjectInfo, what: str, *, whole: bool) -> Finding:
    total = answer.headers.get("content-range", "").rpartition("/")[2]
    if whole or answer.status == 200:
        size = answer.body_bytes
    elif total.isdecimal():
        size = int(total)
    else:
        size = each.size_bytes
    if size != each.size_bytes:
        return Finding(
            Level.WARNING,
            "redirect.differs",
            f"{what} with {size} bytes, but the origin lists {each.size_bytes}",
            "make sure that redirect.url names the same files as origin.url, unchanged on the way",
        )
    return Finding(Level.OK, "redirect.serves", f"{what}, {size} bytes as listed")


def allows_any_page(facts: Facts) -> bool | None:
    """Say whether pages of any site may read at redirect.url; None where nobody answers."""
    first = next(iter(chosen(facts)), None)
    if first is None:
        return None
    try:
        answer = facts.rt.connections.web(facts.spec).get(
            location(facts, first), {"origin": "null", "range": "bytes=0-0"}
        )
    except MigratorError:
        return None
    return answer.headers.get("access-control-allow-origin", "") in _OPEN_ORIGINS


def _cors(facts: Facts, _: ObjectInfo) -> Iterator[Finding]:
    allowed = allows_any_page(facts)
    if allowed:
        yield Finding(Level.OK, "readers.cors", "pages of any site may read at redirect.url (Origin: null)")
    elif allowed is False:
        used = bool(facts.details.cors)
        yield Finding(
            Level.WARNING if used else Level.NOTE,
            "readers.cors",
            "scripts that read across sites arrive with Origin: null after the redirect, and redirect.url does not "
            "answer Access-Control-Allow-Origin: * or null"
            + ("; the bucket has CORS rules, so there are such scripts" if used else ""),
            CORS,
        )
