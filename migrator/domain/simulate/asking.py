"""Tell what a reader of a key or a URL gets, why, and what other kinds of readers see."""

from __future__ import annotations

from collections.abc import Collection, Container, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from urllib.parse import SplitResult, unquote, urlsplit

from migrator.domain.rules.document import Document
from migrator.domain.simulate.engine import simulate
from migrator.domain.simulate.facts import Assumptions, Bucket, Outcome, Request, Signing
from migrator.domain.simulate.views import View, views


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
    assumed: Mapping[str, bool] = field(default_factory=dict)
    """Fields of `Assumptions` that the asker wants otherwise than they are known."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """The answer, and the same question from other chairs."""

    key: str
    outcome: Outcome
    views: tuple[View, ...]
    notes: tuple[str, ...]
    """What else matters for this key, such as index and error documents, in sentences."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What holds where the question leaves it open."""

    bucket: Bucket
    host: str = ""
    scheme: str = "https"
    signed: Signing = Signing.ANONYMOUS
    doors: tuple[str, ...] = ()
    """Base URLs under which readers reach the bucket."""
    assumptions: Assumptions = field(default_factory=Assumptions)
    """What a probe found out about the bucket."""


def explained(document: Document, question: Question, around: Surroundings | None = None) -> Explanation:
    """Answer the question under a document.

    Without surroundings there is no bucket to look at: objects are taken to be missing, the index page of the root
    and the error page to exist, and the bucket to be public and old enough to redirect on OSS's own domains.
    """
    around = around or Surroundings(Bucket(objects=_pages(document)))
    bucket = replace(
        around.bucket,
        objects=around.bucket.objects if question.exists is None else question.exists,
        acl=question.acl or around.bucket.acl,
        created_at=question.created_at or around.bucket.created_at,
    )
    request, assumptions = _request(question, around), replace(around.assumptions, **question.assumed)
    outcome = simulate(document, request, bucket, assumptions)
    seen = views(document, request, bucket, assumptions, doors=around.doors)
    return Explanation(request.key, outcome, seen, _notes(document, request.key, bucket.objects))


def _pages(document: Document) -> frozenset[str]:
    index, error = document.index, document.error
    return frozenset(page for page in (index and index.suffix, error and error.key) if page)


def _request(question: Question, around: Surroundings) -> Request:
    url = urlsplit(question.what) if question.what.startswith(("http://", "https://")) else None
    return Request(
        key=_key_of(url, around.doors) if url else question.what,
        method=question.method.upper(),
        host=question.host or (url.netloc if url else around.host),
        scheme=url.scheme if url else around.scheme,
        headers=question.headers,
        query=url.query if url else "",
        signed=question.signed or around.signed,
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
