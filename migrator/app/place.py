"""Which bucket's rules a command is about: that of a job, or one that is named by itself."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from migrator.app.context import Runtime, spec_of
from migrator.domain.model import Bucket, Job
from migrator.domain.rules import bare_host
from migrator.errors import Invalid
from migrator.ports import BucketControl, Destination
from migrator.spec import DestinationSpec, JobSpec


@dataclass(frozen=True, slots=True)
class Place:
    """A bucket as far as its rules go."""

    destination: DestinationSpec
    bucket: Bucket | None
    """None: nothing is recorded about it yet."""
    jobs: tuple[tuple[Job, JobSpec], ...] = ()
    """The jobs into it; the one that was asked for comes first."""

    @property
    def name(self) -> str:
        """The bucket's name."""
        return self.destination.bucket

    @property
    def host(self) -> str:
        """The host by which the bucket's own endpoint is asked for its objects."""
        host = urlsplit(self.destination.endpoint).netloc
        return host if _by_path(bare_host(host)) else f"{self.name}.{host}"

    @property
    def doors(self) -> tuple[str, ...]:
        """Base URLs under which readers reach the bucket."""
        named = [spec.readers.url.rstrip("/") + "/" for _, spec in self.jobs if spec.readers.url]
        scheme, _, host = self.destination.endpoint.rstrip("/").partition("://")
        by_path = _by_path(bare_host(host))
        own = f"{scheme}://{host}/{self.name}/" if by_path else f"{scheme}://{self.name}.{host}/"
        return tuple(dict.fromkeys([*named, own]))

    def control(self, rt: Runtime) -> BucketControl:
        """Return the bucket's configuration."""
        return rt.connections.control_at(self.destination)

    def objects(self, rt: Runtime) -> Destination:
        """Return the bucket's objects."""
        return rt.connections.objects_at(self.destination)

    def own(self, rt: Runtime) -> tuple[str, ...]:
        """Return the fingerprints of the migration rules in it."""
        return rt.store.rules.own(self.bucket.id) if self.bucket else ()


def of_job(rt: Runtime, name: str) -> Place:
    """Return the bucket of a job. Raises NotFound."""
    job = rt.store.jobs.by_name(name)
    bucket = rt.store.rules.bucket(job.bucket_id)
    others = [other for other in _jobs_into(rt, bucket) if other.id != job.id]
    jobs = tuple((each, spec_of(each.spec_json)) for each in [job, *others])
    return Place(jobs[0][1].destination, bucket, jobs)


def of_bucket(rt: Runtime, destination: DestinationSpec) -> Place:
    """Return a bucket by its address, together with what is recorded about it."""
    bucket = known(rt.store.rules.buckets(), destination)
    jobs = tuple((each, spec_of(each.spec_json)) for each in (_jobs_into(rt, bucket) if bucket else ()))
    return Place(destination, bucket, jobs)


def only(rt: Runtime) -> Place:
    """Return the one bucket that jobs go into. Raises Invalid when there is none, or more than one."""
    jobs = rt.store.jobs.all()
    if len({job.bucket_id for job in jobs}) != 1:
        which = f"jobs go into different buckets: {', '.join(job.name for job in jobs)}" if jobs else "there is no job"
        raise Invalid(f"which bucket? {which}", hint="say --job NAME, or --bucket oss://NAME --endpoint URL")
    return of_job(rt, jobs[-1].name)


def recorded(rt: Runtime, place: Place) -> Bucket:
    """Return the bucket's record, made now if there was none."""
    if place.bucket:
        return place.bucket
    where = place.destination
    return rt.store.rules.add_bucket(where.endpoint.rstrip("/"), where.region, where.bucket)


def known(buckets: Iterable[Bucket], destination: DestinationSpec) -> Bucket | None:
    """Find the record of a bucket. OSS's bucket names are unique, so its own endpoints all lead to the same one."""
    for bucket in buckets:
        same = _address(bucket.endpoint) == _address(destination.endpoint)
        if bucket.name == destination.bucket and (same or (_is_oss(bucket.endpoint) and _is_oss(destination.endpoint))):
            return bucket
    return None


def _jobs_into(rt: Runtime, bucket: Bucket) -> list[Job]:
    return [job for job in rt.store.jobs.all() if job.bucket_id == bucket.id]


def _by_path(host: str) -> bool:
    """Say whether buckets are told apart by the path: OSS's clients do so for IP addresses and localhost."""
    try:
        ip_address(host)
    except ValueError:
        return host == "localhost"
    return True


def _address(endpoint: str) -> tuple[str, int | None]:
    parts = urlsplit(endpoint)
    return bare_host(parts.netloc), parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def _is_oss(endpoint: str) -> bool:
    return bare_host(urlsplit(endpoint).netloc).endswith(".aliyuncs.com")
