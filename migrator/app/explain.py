"""Explain what readers of a bucket get; what exists is asked of OSS itself."""

from __future__ import annotations

from urllib.parse import urlsplit

from migrator.app.context import Runtime
from migrator.app.place import Place
from migrator.domain import rules
from migrator.domain.assumptions import assume
from migrator.domain.simulate import Assumptions, Bucket, Signing
from migrator.domain.simulate.asking import Explanation, Question, Surroundings, explained
from migrator.ports import Destination


def explain(rt: Runtime, place: Place, document: bytes | None, question: Question) -> Explanation:
    """Answer the question as the bucket would under `document`, for its usual readers."""
    spec = place.jobs[0][1] if place.jobs else None
    door = urlsplit(spec.readers.url if spec and spec.readers.url else place.destination.endpoint)
    own_domain = spec is not None and bool(spec.readers.url)
    info = place.control(rt).info()
    around = Surroundings(
        bucket=Bucket(objects=_Asked(place.objects(rt)), acl=info.acl, created_at=info.created_at),
        host=door.netloc if own_domain else place.host,
        scheme=door.scheme,
        signed=Signing.HEADER if spec and spec.readers.signed else Signing.ANONYMOUS,
        doors=place.doors,
        assumptions=assume(rt.store.assumptions.of(place.bucket.id)) if place.bucket else Assumptions(),
    )
    return explained(rules.parse(document), question, around)


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
