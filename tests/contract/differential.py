"""Random website documents and requests, and a client that asks a running sandbox under any Host name."""

from __future__ import annotations

import base64
import hmac
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from email.utils import formatdate
from http.client import HTTPConnection
from random import Random
from typing import Any
from urllib.parse import quote, unquote_plus
from xml.sax.saxutils import escape

from migrator.domain.simulate import Assumptions, Bucket, Request, Signing
from migrator.sandbox.oss.signing import V1_SUBRESOURCES

OLD, NEW = datetime(2020, 1, 1, tzinfo=UTC), datetime(2024, 8, 4, 16, tzinfo=UTC)
PAGES = ("index.html", "e.html", "a/index.html", "c/index.html", "a/b/index.html", "ü/index.html")
OBJECTS = ("there", "a/there", "a/b/there", "a/x.jpg", "dir/", "x y/there", "p/there", "gone.html", "a+b%/é b+%.txt")
PREFIXES = ("", "", "a/", "a/", "a/b/", "a", "ü/", "x y/", "a+b%/", "${key}/", "c", "p", "dir/", "%61/", "<&>\"'")
TAILS = (
    *(
        "x",
        "x",
        "there",
        "there",
        "index.html",
        "",
        "é b+%.txt",
        "x.jpg",
        "c",
        "c/",
        "a/b/",
        "//b",
        "..",
        "../x",
        "./x",
    ),
    *("?", "#f", "a&b=c", "<&>\"'", "${key}", "😀", "\x7f", "\x01\n\t", "%2F", "~!*()'", " ", "\u202e", "\ufffe", "\\"),
    "deep/" * 30,
)
SUFFIXES = ("", "", "", ".jpg", "there", "/", "%", "é")
QUERIES = ("", "", "", "a=b&c=d", "z", "k=%20v&&x=", "Expires=9", "x-oss-traffic-limit=819200", "x-oss-foo=1")
HEADERS = (
    (("x-team", "red"), ("X-Team", "rediscovered")),
    (("User-Agent", "CDN-X"),),
    (("Referer", "https://r.example/a b"), ("referer", "https://")),
)
TESTS = (
    ("x-team", "red"),
    ("X-TEAM", "r"),
    ("user-agent", "X"),
    ("Referer", "https://"),
    ("host", "cn-"),
    ("x-none", ""),
)


@dataclass(frozen=True)
class Place:
    """One bucket of the rehearsal."""

    name: str
    acl: str
    created_at: datetime
    objects: frozenset[str]

    @property
    def hosts(self) -> tuple[str, ...]:
        domain = f"cn-{self.name}.example"
        endpoints = ("oss-cn-hangzhou", "oss-accelerate", "oss-cn-hangzhou-internal")
        return (domain, domain, f"{domain}:8080", *(f"{self.name}.{each}.aliyuncs.com" for each in endpoints))


PLACES = (
    Place("old", "public-read", OLD, frozenset([*PAGES, *OBJECTS])),
    Place("closed", "private", OLD, frozenset([*PAGES[:3], *OBJECTS])),
    Place("new", "public-read", NEW, frozenset([*PAGES[1:5], *OBJECTS[::2]])),
    Place("bare", "public-read-write", NEW, frozenset(OBJECTS[1::2])),
)
CNAMES = {place.hosts[0]: place.name for place in PLACES}


@dataclass(frozen=True)
class Case:
    """One request: how it is sent, and what the simulator is told."""

    method: str
    host: str
    key: str
    path: str
    query: str
    headers: dict[str, str]
    signed: Signing
    status: int | None
    """What OSS would answer without rules, where that follows from more than access and existence."""


# -- documents -------------------------------------------------------------------------------------------------------
def document(random: Random) -> bytes:
    """Make a document of every kind of element; it is one the server accepts."""
    parts = []
    if random.random() < 0.4:
        parts.append(_index(random))
    if random.random() < 0.4:
        status = random.choice(["", element("HttpStatus", random.choice([200, 404]))])
        parts.append(element("ErrorDocument", element("Key", random.choice(["e.html", "no.html"])) + status, raw=True))
    numbers = sorted(random.sample(range(1, 40), random.choice([0, 1, 2, 3, 4, 6, 9])))
    if numbers or not parts:
        rules = "".join(_rule(random, number) for number in numbers or [7])
        parts.append(element("RoutingRules", rules, raw=True))
    random.shuffle(parts)
    return element("WebsiteConfiguration", "\n".join(parts), raw=True).encode()


def element(name: str, value: object, *, raw: bool = False) -> str:
    return f"<{name}>{value if raw else escape(str(value))}</{name}>"


def _index(random: Random) -> str:
    inner = element("Suffix", "index.html")
    if random.random() < 0.7:
        inner += element("SupportSubDir", random.choice(["true", "True", "false"]))
    if random.random() < 0.6:
        inner += element("Type", random.choice([0, 1, 2]))
    return element("IndexDocument", inner, raw=True)


def _rule(random: Random, number: int) -> str:
    kind = random.choices(["External", "", "AliCDN", "Mirror", "Internal"], [60, 10, 15, 8, 7])[0]
    parts = [element("RuleNumber", number), _redirect(random, kind, number)]
    if random.random() < 0.95:
        parts.append(_condition(random, kind))
    if random.random() < 0.05:
        parts.append("<LuaConfig><Script>test.lua</Script></LuaConfig><Unheard><Of>1</Of></Unheard>")
    random.shuffle(parts)
    return element("RoutingRule", "".join(parts), raw=True)


def _condition(random: Random, kind: str) -> str:
    parts = []
    if random.random() < 0.75:
        parts.append(element("KeyPrefixEquals", random.choice(PREFIXES)))
    if random.random() < 0.3:
        parts.append(element("KeySuffixEquals", random.choice(SUFFIXES)))
    status = random.choices([404, None, 403, 412, 416, 405, 500], [60, 15, 12, 4, 4, 2, 3])[0]
    if status and (kind != "Mirror" or status == 404):
        parts.append(element("HttpErrorCodeReturnedEquals", status))
    for _ in range(random.choices([0, 1, 2], [70, 22, 8])[0]):
        name, value = random.choice(TESTS)
        inner = element("Key", name)
        if value:
            inner += element(random.choice(["Equals", "StartsWith", "EndsWith"]), value)
        parts.append(element("IncludeHeader", inner, raw=True))
    return element("Condition", "".join(parts), raw=True)


def _redirect(random: Random, kind: str, number: int) -> str:
    parts = [element("RedirectType", kind)] if kind else []
    if kind == "Mirror":
        parts.append(element("MirrorURL", "http://m.example/"))
        if random.random() < 0.5:
            parts.append(element("MirrorAllowHeadObject", "true"))
        if random.random() < 0.5:
            parts.append(
                "<MirrorHeaders><PassAll>true</PassAll><Set><Key>a</Key><Value>b</Value></Set></MirrorHeaders>"
            )
    if random.random() < 0.85:
        parts.append(element("Protocol", random.choice(["http", "https"])))
    if random.random() < 0.9:
        parts.append(element("HostName", f"o{number}.example{random.choice(['', ':8443'])}"))
    if random.random() < 0.8:
        parts.append(element("HttpRedirectCode", random.choice([301, 302, 302, 307, 303])))
    if random.random() < 0.5:
        parts.append(element("PassQueryString", random.choice(["true", "True", "false"])))
    parts += _replacement(random)
    random.shuffle(parts)
    return element("Redirect", "".join(parts), raw=True)


def _replacement(random: Random) -> list[str]:
    match random.choice(["none", "none", "key", "prefix", "flag", "cut", "off"]):
        case "key":
            return [
                element("ReplaceKeyWith", random.choice(["p/${key}.s", "gone.html", "${key}${key}", "a b/ü/${key}"]))
            ]
        case "prefix":
            return [element("ReplaceKeyPrefixWith", random.choice(["def/", "x y/", "ü"]))]
        case "flag":
            return [element("ReplaceKeyPrefixWith", "def/"), element("EnableReplacePrefix", "true")]
        case "cut":
            return [element("EnableReplacePrefix", "True")]
        case "off":
            return [element("EnableReplacePrefix", "false"), element("ReplaceKeyPrefixWith", "")]
    return []


def switches(random: Random) -> dict[str, bool]:
    """Throw some of what both sides assume the other way."""
    names = [each.name for each in fields(Assumptions)]
    changed = random.sample(names, random.choice([0, 0, 1, 2, 4]))
    return {name: getattr(Assumptions(), name) is not (name in changed) for name in names}


# -- requests --------------------------------------------------------------------------------------------------------
def case(random: Random, place: Place, website: bytes) -> Case:
    """Make one request to a bucket; `website` says what would make a request ambiguous."""
    key = random.choice(PREFIXES) + random.choice(TAILS) + random.choice(SUFFIXES)
    if random.random() < 0.2:
        key = random.choice([*PAGES, *OBJECTS])
    method = "HEAD" if random.random() < 0.15 else "GET"
    signed = random.choices([Signing.ANONYMOUS, Signing.HEADER, Signing.URL], [60, 20, 20])[0]
    query, status = random.choice(QUERIES), None
    if signed is Signing.URL and "Expires" in query:
        query = ""  # it has one of its own
    denied = signed is Signing.ANONYMOUS and place.acl == "private"
    exists = key in place.objects
    headers = dict(random.choice(same) for same in random.sample(HEADERS, random.choice([0, 0, 1, 2])))
    if key and random.random() < 0.06:
        query = "&".join(filter(None, [query, "versionId=v1"]))
        status = None if denied else 404
    elif key and random.random() < 0.06:
        what = "objectMeta" if method == "HEAD" else random.choice(["acl", "tagging", "objectMeta"])
        query = what
        if what != "objectMeta" and signed is Signing.ANONYMOUS:
            status = 403
    elif exists and not denied and not key.endswith("/") and b"Internal" not in website and random.random() < 0.3:
        headers |= random.choice([{"If-Match": '"no"'}, {"Range": "bytes=999-", "x-oss-range-behavior": "standard"}])
        status = 412 if "If-Match" in headers else 416
    path = "/" + quote(key, safe=random.choice(["/", "/", "", "/~!*()'"]))
    return Case(method, random.choice(place.hosts), key, path, query, headers, signed, status)


@dataclass
class Answer:
    """What came back."""

    status: int
    location: str
    code: str
    body: bytes


@dataclass
class Client:
    """One keep-alive connection to a running server."""

    server: Any
    connection: HTTPConnection = field(init=False)

    def __post_init__(self) -> None:
        self.connection = HTTPConnection("127.0.0.1", self.server.port, timeout=30)

    def close(self) -> None:
        self.connection.close()

    def prepare(self) -> None:
        """Make the buckets and what is in them."""
        for place in PLACES:
            host = place.hosts[0]
            self.owner("PUT", host, place.name, "", headers={"x-oss-acl": place.acl})
            self.server.admin("POST", "buckets", {"bucket": place.name, "created_at": place.created_at.isoformat()})
            for key in place.objects:
                self.owner("PUT", host, place.name, key, body=key.encode())

    def owner(
        self, method: str, host: str, bucket: str, key: str, query: str = "", *, body: bytes = b"", **more: Any
    ) -> bytes:
        """Ask as the bucket's owner, and insist."""
        headers = {"Host": host, **more.get("headers", {})}
        headers |= self.authorization(method, bucket, key, query, headers)
        path = "/" + quote(key) + (f"?{query}" if query else "")
        self.connection.request(method, path, body or None, headers)
        answer = self.connection.getresponse()
        text = answer.read()
        assert answer.status // 100 == 2, (answer.status, text)
        return text

    def put_website(self, place: Place, text: bytes) -> bytes:
        """Put a document and return what the server makes of it."""
        self.owner("PUT", place.hosts[0], place.name, "", "website", body=text)
        return self.owner("GET", place.hosts[0], place.name, "", "website")

    def ask(self, place: Place, asked: Case) -> tuple[Answer, str]:
        """Send the request; return the answer and the query string as it was sent."""
        headers = {"Host": asked.host, "Accept-Encoding": "identity", **asked.headers}
        query = asked.query
        if asked.signed is Signing.HEADER:
            headers |= self.authorization(asked.method, place.name, asked.key, query, headers)
        elif asked.signed is Signing.URL:
            expires = str(int(time.time()) + 600)
            signature = self._signature(asked.method, place.name, asked.key, query, expires, headers)
            key_id = self.server.access_key_id
            added = f"OSSAccessKeyId={key_id}&Expires={expires}&Signature={quote(signature, safe='')}"
            query = f"{query}&{added}" if query else added
        self.connection.request(asked.method, asked.path + (f"?{query}" if query else ""), headers=headers)
        answer = self.connection.getresponse()
        body = answer.read()
        location = (answer.headers.get("Location") or "").encode("latin-1").decode()
        code = body.partition(b"<Code>")[2].partition(b"</Code>")[0].decode() if answer.status >= 400 else ""
        return Answer(answer.status, location, code, body), query

    def authorization(self, method: str, bucket: str, key: str, query: str, headers: dict[str, str]) -> dict[str, str]:
        date = formatdate(usegmt=True)
        signature = self._signature(method, bucket, key, query, date, headers)
        return {"Date": date, "Authorization": f"OSS {self.server.access_key_id}:{signature}"}

    def _signature(self, method: str, bucket: str, key: str, query: str, date: str, headers: dict[str, str]) -> str:
        """Version 1, per the OSS documentation of signatures in headers and in URLs."""
        pairs = (pair.partition("=") for pair in query.split("&") if pair)
        given = {unquote_plus(name): unquote_plus(value) for name, _, value in pairs}
        covered = sorted((name, value) for name, value in given.items() if name in V1_SUBRESOURCES)
        resource = f"/{bucket}/{key}"
        if covered:
            resource += "?" + "&".join(f"{name}={value}" if value else name for name, value in covered)
        own = sorted((name.lower(), value) for name, value in headers.items() if name.lower().startswith("x-oss-"))
        text = f"{method}\n\n\n{date}\n" + "".join(f"{name}:{value}\n" for name, value in own) + resource
        digest = hmac.digest(self.server.access_key_secret.encode(), text.encode(), "sha1")
        return base64.b64encode(digest).decode()


def told(place: Place, asked: Case, query: str) -> tuple[Request, Bucket]:
    """Say the same to the simulator."""
    request = Request(
        key=asked.key,
        method=asked.method,
        host=asked.host,
        scheme="http",
        headers=asked.headers,
        query=query,
        signed=asked.signed,
        status=asked.status,
    )
    return request, Bucket(place.objects, acl=place.acl, created_at=place.created_at, mirror_origin_status=0)


def rounds(seed: int, count: int) -> Iterator[tuple[Random, Place, bytes, dict[str, bool]]]:
    """Yield so many documents with a bucket and switches; the same for the same seed."""
    random = Random(seed)
    for at in range(count):
        own = Random(f"{seed}:{at}:{random.random()}")
        yield own, own.choice(PLACES), document(own), switches(own)
