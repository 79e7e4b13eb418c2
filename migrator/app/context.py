"""What every verb is given: the store, the dispatcher, and ways to reach both sides. Wired by `migrator.runtime`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Protocol

from migrator import jobfile
from migrator.domain.model import Job, JobId, Prefix, PrefixId
from migrator.domain.planner import nested
from migrator.ports import BucketControl, Clock, CopyEngine, Destination, Dispatcher, Door, Origin, Web
from migrator.settings import Settings
from migrator.spec import DestinationSpec, JobSpec
from migrator.tracking.store import Store


class Flag(Protocol):
    """Set when this process shall take no more work (threading.Event and multiprocessing.Event both are one)."""

    def is_set(self) -> bool:
        """Say whether it was set."""
        ...

    def set(self) -> None:
        """Set it."""
        ...


class Connections(Protocol):
    """Ways to the outside, made from a job file; cheap to ask for again (connections are pooled behind it)."""

    def origin(self, spec: JobSpec) -> Origin:
        """Return the legacy side."""
        ...

    def destination(self, spec: JobSpec) -> Destination:
        """Return the OSS bucket's objects."""
        ...

    def control(self, spec: JobSpec) -> BucketControl:
        """Return the OSS bucket's configuration."""
        ...

    def control_at(self, bucket: DestinationSpec) -> BucketControl:
        """Return the configuration of a bucket that need not belong to a job."""
        ...

    def objects_at(self, bucket: DestinationSpec) -> Destination:
        """Return the objects of a bucket that need not belong to a job."""
        ...

    def doors(self, spec: JobSpec) -> Sequence[Door]:
        """Return every door readers use."""
        ...

    def endpoint(self, spec: JobSpec) -> Door:
        """Return the bucket's own endpoint as a door that can be asked as any kind of reader, signed or not."""
        ...

    def web(self, spec: JobSpec) -> Web:
        """Return the place where readers are redirected."""
        ...

    def engine(self, spec: JobSpec, *, marked: bool) -> CopyEngine:
        """Return the copy engine; `marked` copies carry the origin's ETag as metadata, so that ours can be told."""
        ...


@dataclass(frozen=True, slots=True)
class Work:
    """One job as the verbs see it: the record, the job file, and both sides."""

    job: Job
    spec: JobSpec
    origin: Origin
    destination: Destination


@dataclass(frozen=True, slots=True)
class Runtime:
    """Everything a verb may use. One per process."""

    settings: Settings
    store: Store
    dispatcher: Dispatcher
    connections: Connections
    clock: Clock
    worker: str
    drain: Flag
    _names: dict[JobId, tuple[str, ...]] = field(default_factory=dict)

    def work(self, job_id: JobId) -> Work:
        """Load a job and reach for both sides."""
        job = self.store.jobs.get(job_id)
        spec = spec_of(job.spec_json)
        return Work(job, spec, self.connections.origin(spec), self.connections.destination(spec))

    def work_of(self, prefix_id: PrefixId) -> tuple[Work, Prefix]:
        """Load a prefix and its job."""
        prefix = self.store.prefixes.get(prefix_id)
        return self.work(prefix.job_id), prefix

    def holes(self, prefix: Prefix) -> tuple[str, ...]:
        """Return the prefixes nested in this one. Prefix names never change once discovery is finished."""
        if prefix.job_id not in self._names:
            self._names[prefix.job_id] = tuple(self.store.prefixes.names(prefix.job_id))
        return nested(prefix.name, self._names[prefix.job_id])


@lru_cache(maxsize=64)
def spec_of(spec_json: str) -> JobSpec:
    """Read a recorded job file; the same text gives the same object."""
    return jobfile.load(spec_json)
