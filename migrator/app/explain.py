"""Tell what a reader of a key gets, why, and what other kinds of readers see."""

from __future__ import annotations

from collections.abc import Collection, Container, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import SplitResult, unquote, urlsplit

from migrator.app.context import Runtime
from migrator.app.place import Place
from migrator.app.rulebook import LIVE, document_of
from migrator.domain import rules
from migrator.domain.rules import Document
from migrator.domain.simulate import Assumptions, Bucket, Outcome, Request, Signing, View, simulate, views
from migrator.ports import Destination


@dataclass(frozen=True, slots=True)
class Question:
    """Who asks for what; None and empty: judged by the bucket, or its usual readers."""

    what: str
    """A key, or a URL as readers know it."""
    status: int | None = None
    """What OSS would answer without any rule."""
    headers: Mapping[str, str] = field(default_factory=dict)
    host: str = ""
    method: str = "GET"
    signed: Signing | None = None
    exists: frozenset[str] | None = None
    """Keys that exist."""
    acl: str = ""
    created_at: datetime | None = None
    assumptions: Assumptions = field(default_factory=Assumptions)


@dataclass(frozen=True, slots=True)
class Explanation:
    """The answer, and the same question from other chairs."""

    key: str
    outcome: Outcome
    views: tuple[View, ...]
    notes: tuple[str, ...]
    """What else matters for this key, such as index and error documents, in sentences."""


def explain(rt: Runtime, place: Place, question: Question, against: str = LIVE) -> Explanation:
    """Answer for a bucket, under one of its documents or a file; what exists is asked of OSS unless it is given."""
    document = rules.parse(document_of(rt, place, against))
    spec = place.jobs[0][1] if place.jobs else None
    usual = urlsplit(spec.readers.url or spec.destination.endpoint if spec else place.destination.endpoint)
    default = Signing.HEADER if spec and spec.readers.signed else Signing.ANONYMOUS
    info = place.control(rt).info()
    bucket = Bucket(
        objects=_Asked(place.objects(rt)) if question.exists is None else question.exists,
        acl=question.acl or info.acl,
        created_at=question.created_at or info.created_at,
    )
    host = usual.netloc if spec and spec.readers.url else f"{place.name}.{usual.netloc}"
    request = _request(question, default, host, usual.scheme, place.doors)
    return _explained(document, request, bucket, question.assumptions, place.doors)


def explain_alone(document: bytes | None, question: Question) -> Explanation:
    """Answer under a document alone, with no bucket, job or network.

    Objects are taken to be missing, and the index page of the root and the error page to exist, unless
    `question.exists` says otherwise; the bucket to be public and old enough to redirect on OSS's own domains.
    """
    found = rules.parse(document)
    exists: Collection[str] | None = question.exists
    if exists is None:
        exists = {page for page in (found.index and found.index.suffix, found.error and found.error.key) if page}
    bucket = Bucket(objects=exists, acl=question.acl or "public-read", created_at=question.created_at)
    return _explained(found, _request(question, Signing.ANONYMOUS, "", "https", ()), bucket, question.assumptions, ())


def _explained(
    document: Document, request: Request, bucket: Bucket, assumptions: Assumptions, doors: Collection[str]
) -> Explanation:
    outcome = simulate(document, request, bucket, assumptions)
    seen = views(document, request, bucket, assumptions, doors=doors)
    return Explanation(request.key, outcome, seen, _notes(document, request.key, bucket.objects))


def _request(question: Question, signed: Signing, host: str, scheme: str, doors: Collection[str]) -> Request:
    url = urlsplit(question.what) if question.what.startswith(("http://", "https://")) else None
    key = _key_of(url, doors) if url else question.what
    return Request(
        key=key,
        method=question.method.upper(),
        host=question.host or (url.netloc if url else host),
        scheme=url.scheme if url else scheme,
        headers=question.headers,
        query=url.query if url else "",
        signed=question.signed or signed,
        status=question.status,
    )


def _key_of(url: SplitResult, doors: Collection[str]) -> str:
    """Take the key out of a URL; behind a door's own path where it is one of the doors (path style, base paths)."""
    for door in sorted(doors, key=len, reverse=True):
        parts = urlsplit(door)
        if parts.netloc.lower() == url.netloc.lower() and url.path.startswith(parts.path):
            return unquote(url.path[len(parts.path) :])
    return unquote(url.path[1:])


def _notes(document: Document, key: str, objects: Container[str]) -> tuple[str, ...]:
    said = []
    if key.startswith("/"):
        said.append(f"object keys never begin with /; perhaps {key.lstrip('/')!r} is meant")
    index, error = document.index, document.error
    if index and (key.endswith("/") or not key):
        page = key + index.suffix if index.support_sub_dir else index.suffix
        said.append(f"index document: {page!r} answers this key before any rule" + _whether(page in objects))
    elif index and index.support_sub_dir and index.kind != 1:
        page = f"{key}/{index.suffix}"
        what = "OSS redirects to the folder" if index.kind == 0 else "OSS serves it"
        said.append(f"index document: when no rule answers a 404, {what} for {page!r}" + _whether(page in objects))
    if error:
        text = f"error document: when nothing else answers a 404, {error.key!r} is served with {error.status}"
        said.append(text + _whether(error.key in objects))
    return tuple(said)


def _whether(exists: bool) -> str:
    return "" if exists else " (it does not exist, so this has no effect)"


class _Asked:
    """The keys that OSS says exist; each is asked for once."""

    def __init__(self, objects: Destination) -> None:
        self._objects = objects
        self._found: dict[str, bool] = {}

    def __contains__(self, key: object) -> bool:
        if not isinstance(key, str) or not key:
            return False
        if key not in self._found:
            self._found[key] = self._objects.head(key) is not None
        return self._found[key]
