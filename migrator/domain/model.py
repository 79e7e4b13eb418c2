"""What the tracking database remembers of a migration, as immutable values."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NewType

from migrator.domain.states import Authority, JobState, Outcome, PrefixState, ShardState

JobId = NewType("JobId", int)
BucketId = NewType("BucketId", int)
PrefixId = NewType("PrefixId", int)
ShardId = NewType("ShardId", int)


# -- the job ---------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Redirect:
    """Where readers are sent for what the destination does not have."""

    url: str
    """Stands for the origin's prefix: scheme, host, optional port, base path ending in `/`; no query."""
    code: int = 302
    pass_query_string: bool = False
    from_cdn: bool = False


@dataclass(frozen=True, slots=True)
class Job:
    """One declared migration."""

    id: JobId
    name: str
    state: JobState
    spec_json: str
    """The job file as validated; without any secret."""
    bucket_id: BucketId
    created_at: datetime
    discovered: bool = False
    """Every prefix of the job is recorded."""
    blocked_reason: str = ""
    """Why nothing can go on until somebody acts (bad credentials, no capacity); empty when nothing blocks."""
    blocked_hint: str = ""
    readers_sent: bool = False
    """True once any prefix was redirecting: from then on cancelling keeps rules over unmigrated prefixes."""


@dataclass(frozen=True, slots=True)
class Counters:
    """Exact counts of objects by outcome. discovered = the sum of all outcomes, per shard, prefix and job."""

    discovered: int = 0
    copied: int = 0
    already_equal: int = 0
    kept_destination: int = 0
    vanished: int = 0
    failed: int = 0
    quarantined: int = 0
    copied_bytes: int = 0
    equal_bytes: int = 0

    def __add__(self, other: Counters) -> Counters:
        """Add field by field."""
        return Counters(*(getattr(self, name) + getattr(other, name) for name in self.__slots__))

    @property
    def settled(self) -> int:
        """Objects that have an outcome; equals `discovered` whenever the counters are consistent."""
        return self.copied + self.already_equal + self.kept_destination + self.vanished + self.failed + self.quarantined

    @classmethod
    def of(cls, outcome: Outcome, size_bytes: int = 0) -> Counters:
        """Count one object."""
        return cls(
            discovered=1,
            copied_bytes=size_bytes if outcome is Outcome.COPIED else 0,
            equal_bytes=size_bytes if outcome is Outcome.ALREADY_EQUAL else 0,
            **{outcome.value: 1},
        )


@dataclass(frozen=True, slots=True)
class Prefix:
    """The unit of cut-over. `name` is relative to the job's origin and destination prefix; "" is the root group."""

    id: PrefixId
    job_id: JobId
    name: str
    state: PrefixState
    authority: Authority
    since_at: datetime
    """When it entered its state."""
    plan_cursor: str = ""
    """The last key that is part of a recorded shard."""
    planned_to_end: bool = False
    held_by: str = ""
    """Why an operator postpones retirement; empty when nobody does."""
    clean_joins: int = 0
    verify_round: int = 0
    """The comparison round that is under way; every shard must be verified in it."""
    regressed_reason: str = ""
    sentinel: str = ""
    """The last observation, as one line for people: what was asked and what was answered."""


@dataclass(frozen=True, slots=True)
class Shard:
    """The unit of work and of lease: the key range `(after, last]` of one prefix, relative keys."""

    id: ShardId
    prefix_id: PrefixId
    job_id: JobId
    after: str
    last: str | None
    """None: to the end of the prefix."""
    state: ShardState
    cursor: str = ""
    """Copying goes on behind this key; every key up to it has an outcome."""
    fence: int = 0
    attempts: int = 0
    pass_no: int = 1
    """1 for the first copy; each later pass repairs what a comparison found."""
    planned_objects: int = 0
    planned_bytes: int = 0
    verified_round: int = 0
    last_error: str = ""
    counters: Counters = field(default_factory=Counters)
    """What is true of the range as of its last complete pass (of the first one: so far)."""
    walk: Counters = field(default_factory=Counters)
    """What the pass that is under way has seen up to `cursor`."""
    proven_at: datetime | None = None
    """On the origin's clock: when its last clean comparison began. Keys older than this were proven present."""


@dataclass(frozen=True, slots=True)
class Lease:
    """A timed claim and the counter that proves it; presented on every write made under it."""

    name: str
    owner: str
    fence: int


class RecordKind(StrEnum):
    """Why one object is remembered."""

    PROOF = "proof"
    """Equal, but the two listings cannot show it (multipart ETags)."""
    KEPT_DESTINATION = "kept_destination"
    VANISHED = "vanished"
    FAILED = "failed"
    QUARANTINED = "quarantined"


@dataclass(frozen=True, slots=True)
class ObjectRecord:
    """What must be remembered about one object; keys relative to the job."""

    prefix_id: PrefixId
    key: str
    kind: RecordKind
    reason: str = ""
    size_bytes: int = 0
    origin_etag: str = ""
    destination_etag: str = ""
    crc64: int | None = None
    waived_by: str = ""
    """Name and reason of the person who accepts this exception; empty when it still blocks."""


@dataclass(frozen=True, slots=True)
class PrefixView:
    """One prefix with its sums, as one consistent read of the tracking database."""

    prefix: Prefix
    shards_pending: int = 0
    shards_leased: int = 0
    shards_done: int = 0
    shards_quarantined: int = 0
    shards_unverified: int = 0
    """Done, but not yet compared in the prefix's current `verify_round`."""
    blocking_failed: int = 0
    """Failed objects nobody waived."""
    blocking_quarantined: int = 0
    """Quarantined objects nobody waived."""
    planned_objects: int = 0
    planned_bytes: int = 0
    counters: Counters = field(default_factory=Counters)
    last_error: str = ""
    """The newest error of any shard of the prefix that is waiting for another attempt or quarantined."""

    @property
    def shards_open(self) -> int:
        """Shards that still have to be copied."""
        return self.shards_pending + self.shards_leased


@dataclass(frozen=True, slots=True)
class Worker:
    """A process that runs verbs."""

    name: str
    doing: str
    seen_at: datetime


# -- rules -----------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Bucket:
    """A destination bucket: all jobs into it share its rules and its one publisher."""

    id: BucketId
    endpoint: str
    region: str
    name: str
    right_at: datetime | None = None
    """When its live document was last seen to say what it should; None before the first time."""


class RevisionState(StrEnum):
    """How far a revision of the website document got."""

    PENDING = "pending"
    """About to be put, or put with the reply lost."""
    PUBLISHED = "published"
    """Read back and found equal in meaning."""
    SUPERSEDED = "superseded"
    """Never confirmed; a later revision was computed from the live document."""


@dataclass(frozen=True, slots=True)
class Revision:
    """A published ruleset with the whole document before and after."""

    id: int
    bucket_id: BucketId
    state: RevisionState
    reason: str
    before: bytes | None
    """None: the bucket had no website configuration."""
    after: bytes | None
    own: tuple[str, ...]
    """Exact fingerprints of the own rules in `after`."""
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, for people."""

    id: int
    at: datetime
    job_id: JobId | None
    prefix_id: PrefixId | None
    kind: str
    message: str
