"""Look at a bucket's rules: the live document, what should stand there, and what a reader would get."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from migrator.app.context import Runtime, spec_of
from migrator.app.ruleset import Ruleset, desired
from migrator.domain import rules
from migrator.domain.model import Job, Revision
from migrator.domain.rules import Document, Merge
from migrator.domain.simulate import Bucket, Outcome, Request, Signing, simulate


@dataclass(frozen=True, slots=True)
class Rulebook:
    """A bucket's rules as of now."""

    live: bytes | None
    own: tuple[str, ...]
    ruleset: Ruleset
    merge: Merge
    """What publishing now would do."""

    @property
    def document(self) -> Document:
        """The live document, read."""
        return rules.parse(self.live)


def rulebook(rt: Runtime, name: str) -> Rulebook:
    """Read the live rules of a job's bucket and compute what should stand there. Changes nothing."""
    job = rt.store.jobs.by_name(name)
    live = rt.connections.control(spec_of(job.spec_json)).get_website()
    own = rt.store.rules.own(job.bucket_id)
    ruleset = desired(rt, job.bucket_id, rules.foreign_count(live, own))
    return Rulebook(live, own, ruleset, rules.merge(live, own, ruleset.rules))


def history(rt: Runtime, name: str) -> list[Revision]:
    """Return the revisions of a job's bucket, newest first."""
    return rt.store.rules.history(rt.store.jobs.by_name(name).bucket_id)


def explain(rt: Runtime, name: str, what: str, *, planned: bool = False, exists: bool | None = None) -> Outcome:
    """Tell what a reader of a key (or of a URL) of the job's bucket would get, and why.

    Whether the object exists is asked of OSS unless `exists` says it. With `planned`, the document that would be
    published now is used instead of the live one.
    """
    job = rt.store.jobs.by_name(name)
    spec = spec_of(job.spec_json)
    book = rulebook(rt, name)
    url = urlsplit(what) if "://" in what else None
    key = _key(job, url.path) if url else what
    info = rt.connections.control(spec).info()
    if exists is None:
        exists = rt.connections.destination(spec).head(key) is not None
    door = urlsplit(spec.readers.url or spec.destination.endpoint)
    request = Request(
        key=key,
        host=(url or door).netloc,
        scheme=(url or door).scheme,
        query=url.query if url else "",
        signed=Signing.HEADER if spec.readers.signed else Signing.ANONYMOUS,
    )
    bucket = Bucket(objects={key} if exists else set(), acl=info.acl, created_at=info.created_at)
    return simulate(rules.parse(book.merge.after if planned else book.live), request, bucket)


def _key(job: Job, path: str) -> str:
    """Take the key out of a URL's path; path-style URLs carry the bucket first."""
    bucket = spec_of(job.spec_json).destination.bucket
    return unquote(path.removeprefix("/").removeprefix(f"{bucket}/"))
