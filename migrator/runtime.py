"""Wire everything once per process. The only file that knows which adapter stands behind which port."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache, partial
from pathlib import Path
from urllib.parse import urlsplit

from migrator.adapters.addresses import check_url, guard
from migrator.adapters.credentials import CredentialsProvider, OssCredentials, S3Credentials
from migrator.adapters.door import HttpDoor
from migrator.adapters.engine import EngineLimits, ThreadedEngine
from migrator.adapters.file_origin import FileOrigin
from migrator.adapters.http import Http
from migrator.adapters.http_origin import HttpOrigin
from migrator.adapters.local_dispatch import LocalDispatcher, NowhereDispatcher
from migrator.adapters.oss_client import BucketAddress, OssClient
from migrator.adapters.oss_control import OssControl
from migrator.adapters.oss_destination import OssDestination
from migrator.adapters.oss_origin import OssOrigin
from migrator.adapters.retry import Retry, RetryingBucketControl, RetryingDestination, RetryingOrigin
from migrator.adapters.s3_origin import S3Origin
from migrator.adapters.web import PlainWeb
from migrator.app import QUEUES, VERBS
from migrator.app.context import Flag, Runtime
from migrator.app.copy import MARKER
from migrator.domain.objects import CopyItem
from migrator.ports import BucketControl, CopyEngine, Destination, Dispatcher, Door, Origin, Web
from migrator.settings import Settings
from migrator.spec import CopySpec, DestinationSpec, JobSpec, OriginKind, OriginSpec, ReadersSpec
from migrator.tracking.store import Store


def build(settings: Settings, *, dispatcher: Dispatcher | None = None, drain: Flag | None = None) -> Runtime:
    """Connect to the tracking database and return a runtime. Make it after a fork, never before.

    Without a dispatcher the runtime only writes intents. Raises SchemaOutOfDate, DatabaseUnreachable.
    """
    return Runtime(
        settings=settings,
        store=Store.open(settings.database_url),
        dispatcher=dispatcher or NowhereDispatcher(),
        connections=Wiring(),
        clock=lambda: datetime.now(UTC),
        worker=f"{socket.gethostname()}:{os.getpid()}",
        drain=drain or threading.Event(),
    )


class Embedded:
    """One process that does everything: ticks, and runs the verbs on threads. `with` starts and drains it."""

    def __init__(self, settings: Settings) -> None:
        self._dispatcher: LocalDispatcher[Runtime] = LocalDispatcher(VERBS, QUEUES, threads=settings.threads)
        self.runtime = build(settings, dispatcher=self._dispatcher)

    def __enter__(self) -> Runtime:
        self._dispatcher.start(self.runtime, tick_s=self.runtime.settings.tick_s)
        return self.runtime

    def __exit__(self, *_: object) -> None:
        self._dispatcher.stop(self.runtime.drain.set)
        self.runtime.store.close()


def credentials() -> Mapping[str, Callable[[], str]]:
    """Return, by side, how to ask whose credentials are used when a job file names none. Asking may raise."""

    def spelled(provider: CredentialsProvider) -> str:
        found = provider.describe()
        return f"{found.masked_id} from {found.source}" + (", temporary" if found.temporary else "")

    return {"origin": partial(spelled, S3Credentials()), "OSS": partial(spelled, OssCredentials())}


class Wiring:
    """Adapters by the part of the job file they depend on; asked for again, the same ones with warm connections."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._engines: dict[tuple[str, CopySpec, bool], CopyEngine] = {}

    def origin(self, spec: JobSpec) -> Origin:
        """Return the legacy side. Raises PrivateAddress where the job file does not allow such."""
        return RetryingOrigin(_origin(spec.origin, spec.allow_private), Retry())

    def destination(self, spec: JobSpec) -> Destination:
        """Return the OSS bucket's objects."""
        return self.objects_at(spec.destination)

    def control(self, spec: JobSpec) -> BucketControl:
        """Return the OSS bucket's configuration."""
        return self.control_at(spec.destination)

    def control_at(self, bucket: DestinationSpec) -> BucketControl:
        """Return the configuration of a bucket that need not belong to a job."""
        return _control(bucket)

    def objects_at(self, bucket: DestinationSpec) -> Destination:
        """Return the objects of a bucket that need not belong to a job."""
        return RetryingDestination(_destination(bucket), Retry())

    def doors(self, spec: JobSpec) -> Sequence[Door]:
        """Return every door readers use. Raises PrivateAddress for a redirect readers could not follow."""
        check_url(spec.redirect.url, role="redirect.url", allow_private=spec.allow_private)
        return (_door(spec.destination, spec.readers),)

    def endpoint(self, spec: JobSpec) -> Door:
        """Return the bucket's own endpoint as a door that can be asked as any kind of reader."""
        return HttpDoor(_oss_http(), _address(spec.destination), credentials=_oss_credentials(spec.destination))

    def web(self, spec: JobSpec) -> Web:
        """Return the place where readers are redirected; private addresses only where the job file allows them."""
        return PlainWeb(Http(guard=guard(spec.allow_private)))

    def engine(self, spec: JobSpec, *, marked: bool) -> CopyEngine:
        """Return the copy engine of this process for a job."""
        key = (f"{spec.origin!r} {spec.destination!r}", spec.copy_, marked)
        with self._lock:
            if key not in self._engines:
                # The engine repeats requests by itself: retries upon retries would multiply.
                self._engines[key] = ThreadedEngine(
                    _origin(spec.origin, spec.allow_private),
                    _destination(spec.destination),
                    retry=Retry(),
                    limits=EngineLimits(
                        concurrency=spec.copy_.concurrency,
                        multipart_threshold_bytes=spec.copy_.multipart_bytes,
                        part_bytes=spec.copy_.multipart_bytes,
                    ),
                    marker=_origin_etag if marked else _unmarked,
                )
            return self._engines[key]


def _origin_etag(item: CopyItem) -> Mapping[str, str]:
    return {MARKER: item.etag}


def _unmarked(_: CopyItem) -> Mapping[str, str]:
    return {}


@lru_cache(maxsize=32)
def _origin(spec: OriginSpec, allow_private: bool) -> Origin:
    http = Http(guard=guard(allow_private))
    match spec.kind:
        case OriginKind.S3:
            endpoint = spec.endpoint or f"https://s3.{spec.region}.amazonaws.com"
            check_url(endpoint, role="origin.endpoint", allow_private=allow_private)
            credentials = None if spec.credentials.anonymous else S3Credentials(spec.credentials.profile)
            found: Origin = S3Origin(
                http, bucket=spec.bucket, region=spec.region, endpoint=spec.endpoint or "", credentials=credentials
            )
        case OriginKind.OSS:
            assert spec.endpoint is not None
            check_url(spec.endpoint, role="origin.endpoint", allow_private=allow_private)
            address = BucketAddress(spec.endpoint, spec.bucket, spec.region)
            found = OssOrigin(OssClient(http, address, OssCredentials(spec.credentials.profile)))
        case OriginKind.HTTP:
            check_url(spec.url, role="origin.url", allow_private=allow_private)
            found = HttpOrigin(http, base_url=spec.url, manifest=Path(spec.manifest))
        case OriginKind.FILE:
            found = FileOrigin(Path(urlsplit(spec.url).path))
    return found


@lru_cache(maxsize=32)
def _destination(spec: DestinationSpec) -> Destination:
    return OssDestination(OssClient(_oss_http(), _address(spec), _oss_credentials(spec)))


@lru_cache(maxsize=32)
def _control(spec: DestinationSpec) -> BucketControl:
    return RetryingBucketControl(OssControl(_address(spec), _oss_credentials(spec)), Retry())


@lru_cache(maxsize=32)
def _door(spec: DestinationSpec, readers: ReadersSpec) -> Door:
    credentials = _oss_credentials(spec) if readers.signed else None
    return HttpDoor(_oss_http(), _address(spec), url=readers.url or "", credentials=credentials)


def _address(spec: DestinationSpec) -> BucketAddress:
    return BucketAddress(spec.endpoint, spec.bucket, spec.region)


@lru_cache(maxsize=8)
def _oss_credentials_of(profile: str) -> CredentialsProvider:
    return OssCredentials(profile)


def _oss_credentials(spec: DestinationSpec) -> CredentialsProvider:
    return _oss_credentials_of(spec.credentials.profile)


@lru_cache(maxsize=1)
def _oss_http() -> Http:
    # The destination may be reached through an internal endpoint: copying from within the cloud is cheaper.
    return Http(guard=guard(allow_private=True))
