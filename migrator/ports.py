"""What the verbs need from the world, as small contracts. Adapters fulfil them; contract suites prove it.

Every method raises only the errors of `migrator.errors`; an error never means "absent".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from migrator.domain.objects import CopyItem, CopyResult, ObjectHead, Page
from migrator.domain.simulate.facts import Signing


class Listing(Protocol):
    """Either side as far as its listing goes."""

    def list_page(self, prefix: str, *, after: str = "", delimiter: str = "", limit: int = 1000) -> Page:
        """List keys under `prefix` that are greater than `after`, complete keys in byte order.

        With `delimiter`, keys that have one behind `prefix` are folded into `common_prefixes`.
        Pages may be shorter than `limit`; only `next_after` None means the end.
        """
        ...

    def server_time(self) -> datetime:
        """The side's own clock, as of its last answer (its Date header); the local clock where it has none."""
        ...


class Origin(Listing, Protocol):
    """The legacy side. Never written."""

    def head(self, key: str) -> ObjectHead:
        """Describe one object. Raises ObjectVanished when the origin says it is not there."""
        ...

    def read(self, key: str, *, if_match: str = "", start: int = 0, end: int | None = None) -> tuple[ObjectHead, bytes]:
        """Read the stored bytes `[start, end)` undecoded, and the head of the very same version.

        Raises ObjectVanished; ObjectChanged when `if_match` no longer holds; IntegrityMismatch on a short body.
        A requested range must be answered exactly or raise.
        """
        ...


@dataclass(frozen=True, slots=True)
class Stored:
    """What OSS says it stored."""

    etag: str
    crc64: int | None


@dataclass(frozen=True, slots=True)
class Part:
    """One uploaded part."""

    number: int
    etag: str
    size_bytes: int
    crc64: int


class Destination(Listing, Protocol):
    """The OSS bucket, objects only. Every write is create-only; no answer is taken from anyone but OSS itself."""

    def head(self, key: str) -> ObjectHead | None:
        """Describe one object, never following a redirect; None only when OSS itself says NoSuchKey."""
        ...

    def create(self, key: str, body: bytes, headers: Mapping[str, str]) -> Stored:
        """Put one object if and only if the key is free. `headers` as in `ObjectHead.headers`.

        Raises AlreadyExists; IntegrityMismatch when OSS's CRC-64 differs from the body's.
        A Transient error may have been applied: ask `head` before trying again.
        """
        ...

    def start_upload(self, key: str, headers: Mapping[str, str]) -> str:
        """Begin a create-only multipart upload and return its id. Raises AlreadyExists."""
        ...

    def upload_part(self, key: str, upload_id: str, number: int, body: bytes) -> Part:
        """Send one part (numbers from 1); sending a number again replaces it."""
        ...

    def complete_upload(self, key: str, upload_id: str, parts: Iterable[Part]) -> Stored:
        """Make the object visible if the key is still free. Raises AlreadyExists, IntegrityMismatch."""
        ...

    def abort_upload(self, key: str, upload_id: str) -> None:
        """Discard the upload; a missing one is fine."""
        ...

    def list_uploads(self, prefix: str) -> Iterator[tuple[str, str]]:
        """Yield (key, upload id) of unfinished uploads."""
        ...

    def delete(self, key: str) -> None:
        """Delete one object; idempotent. Called only for stale copies of our own under an armed rule."""
        ...


@dataclass(frozen=True, slots=True)
class BucketInfo:
    """What preflight must know of the destination bucket."""

    name: str
    created_at: datetime
    versioned: bool
    acl: str
    """private, public-read or public-read-write."""
    region: str = ""


@dataclass(frozen=True, slots=True)
class BucketDetails:
    """What else decides how readers fare. None: it could not be read (a permission is missing), so nobody knows."""

    cnames: tuple[str, ...] | None = None
    """Custom domains bound to the bucket."""
    cors: tuple[str, ...] | None = None
    """Origins that CORS rules of the bucket allow, as they are written there (* is a wildcard)."""
    expiring: tuple[str, ...] | None = None
    """Prefixes under which lifecycle rules delete objects."""
    accelerated: bool | None = None
    """Transfer acceleration is on."""


class BucketControl(Protocol):
    """The OSS bucket's configuration."""

    def info(self) -> BucketInfo:
        """Describe the bucket. Raises BucketMissing, CredentialsRefused, AccessRefused."""
        ...

    def details(self) -> BucketDetails:
        """Describe what else there is; a part that may not be read is None, never an error."""
        ...

    def hide(self, key: str) -> None:
        """Make one object private. Idempotent. Called only for scratch objects of our own."""
        ...

    def get_website(self) -> bytes | None:
        """Return the raw website document, byte for byte; None when OSS says there is none."""
        ...

    def put_website(self, document: bytes) -> None:
        """Replace the whole document. Not conditional: OSS has no such thing; the caller reads back."""
        ...

    def delete_website(self) -> None:
        """Remove the document; a missing one is fine."""
        ...


@dataclass(frozen=True, slots=True)
class Answer:
    """What a reader gets at the door, redirects not followed."""

    status: int
    location: str = ""
    request_id: str = ""
    error_code: str = ""
    """OSS's error code where the body carries one, e.g. NoSuchKey, ExternalRedirectForbidden."""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)
    """Names in lower case; they may hold what must not be shown or stored."""
    body_bytes: int = field(default=0, compare=False)
    """How much of a body was read."""


@dataclass(frozen=True, slots=True)
class Ask:
    """A question at a door, in full."""

    key: str
    method: str = "GET"
    query: Mapping[str, str] = field(default_factory=dict)
    """Decoded."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Names in lower case."""
    signing: Signing = Signing.ANONYMOUS


class Door(Protocol):
    """The URL through which readers reach the bucket."""

    @property
    def url(self) -> str:
        """The door's base URL, for people."""
        ...

    def knock(self, key: str) -> Answer:
        """GET one key as a reader would, without following a redirect."""
        ...

    def ask(self, ask: Ask) -> Answer:
        """Ask as any kind of reader, without following a redirect.

        Raises CredentialsMissing for a signed question at a door that was given no credentials.
        """
        ...


class Web(Protocol):
    """The place where readers are redirected."""

    def get(self, url: str, headers: Mapping[str, str]) -> Answer:
        """GET as a redirected reader would: unsigned, without following a redirect.

        Raises EndpointUnreachable, Transient, PrivateAddress; Permanent for a body of more than a few MiB.
        """
        ...


class CopyEngine(Protocol):
    """Moves objects from an origin to a destination, many at a time."""

    def copy(self, items: Iterable[CopyItem], *, stop: Callable[[], bool]) -> Iterator[CopyResult]:
        """Copy each item create-only and yield exactly one result per item taken, in any order.

        Takes items only as fast as it can work on them (bounded memory). Once `stop()` is true no further
        item is taken, and those under way are finished. Ambiguous writes are resolved by asking OSS.
        Raises Fatal errors (credentials, bucket gone) after yielding what was finished.
        """
        ...


class Dispatcher(Protocol):
    """Carries a verb and an id to a worker. A hint: a lost message is sent again by a later tick."""

    def send(self, verb: str, subject_id: int) -> None:
        """Enqueue; never raises for a broker that is away (logs instead)."""
        ...


Clock = Callable[[], datetime]
"""Aware UTC."""
