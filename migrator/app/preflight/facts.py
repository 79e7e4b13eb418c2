"""What every look needs, each fact asked for once; a fact that cannot be had raises the same error to every look."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

from migrator.app.context import Runtime
from migrator.app.place import known
from migrator.domain import rules
from migrator.domain.assumptions import assume
from migrator.domain.objects import ObjectInfo
from migrator.domain.rules import Document
from migrator.domain.simulate import Assumptions
from migrator.domain.simulate.facts import FORBIDDEN_SINCE
from migrator.errors import MigratorError
from migrator.ports import Answer, BucketDetails, BucketInfo, Door
from migrator.spec import JobSpec, OriginKind

T = TypeVar("T")

_SAMPLE, _SMALL_SAMPLE = 1000, 50
"""Keys looked at; of a web server few, because each may cost a request."""


@dataclass(slots=True)
class Facts:
    """Everything is read, nothing is changed."""

    rt: Runtime
    spec: JobSpec
    _known: dict[str, Any] = field(default_factory=dict)

    def _once(self, name: str, ask: Callable[[], T]) -> T:
        if name not in self._known:
            try:
                self._known[name] = ask()
            except MigratorError as error:
                self._known[name] = error
        found = self._known[name]
        if isinstance(found, MigratorError):
            raise found
        return cast("T", found)

    @property
    def sample(self) -> Sequence[ObjectInfo]:
        """The first keys at the origin."""
        spec = self.spec.origin
        limit = _SMALL_SAMPLE if spec.kind is OriginKind.HTTP else _SAMPLE
        origin = self.rt.connections.origin
        return self._once("sample", lambda: origin(self.spec).list_page(spec.prefix, limit=limit).objects)

    @property
    def info(self) -> BucketInfo:
        """The bucket."""
        return self._once("info", lambda: self.rt.connections.control(self.spec).info())

    @property
    def details(self) -> BucketDetails:
        """What else there is to know of the bucket."""
        return self._once("details", lambda: self.rt.connections.control(self.spec).details())

    @property
    def website(self) -> bytes | None:
        """The live website document."""
        return self._once("website", lambda: self.rt.connections.control(self.spec).get_website())

    @property
    def document(self) -> Document:
        """The live website document, read."""
        return self._once("document", lambda: rules.parse(self.website))

    @property
    def doors(self) -> Sequence[Door]:
        """The readers' doors."""
        return self._once("doors", lambda: self.rt.connections.doors(self.spec))

    @property
    def own(self) -> tuple[str, ...]:
        """Fingerprints of rules that are ours."""
        bucket = known(self.rt.store.rules.buckets(), self.spec.destination)
        return self.rt.store.rules.own(bucket.id) if bucket else ()

    @property
    def assumptions(self) -> Assumptions:
        """What a probe found out about the bucket; the best evidence for the rest."""
        bucket = known(self.rt.store.rules.buckets(), self.spec.destination)
        return assume(self.rt.store.assumptions.of(bucket.id)) if bucket else Assumptions()

    # -- small conclusions ---------------------------------------------------------------------------------------
    @property
    def base(self) -> rules.RedirectBase:
        """Where readers are sent."""
        return rules.parse_redirect_url(self.spec.redirect.url)

    @property
    def doorstep(self) -> str:
        """The URL that readers use, as far as the job file tells."""
        return self.spec.readers.url or self.spec.destination.endpoint

    @property
    def at_oss_domain(self) -> bool:
        """Readers come through a public domain of OSS itself."""
        return rules.is_oss_domain(urlsplit(self.doorstep).netloc)

    @property
    def forbidden(self) -> bool:
        """Strangers are refused redirects at the readers' door, by the bucket's age or since acceleration is on."""
        new = self.info.created_at >= FORBIDDEN_SINCE
        accelerated = "oss-accelerate" in (urlsplit(self.doorstep).hostname or "")
        return self.at_oss_domain and (new or accelerated) and self.assumptions.forbidden_applies

    def knock(self, door: Door, key: str) -> Answer:
        """Ask a door for a key, once."""
        return self._once(f"{door.url} {key}", lambda: door.knock(key))
