"""The tables of the tracking database: shards and exceptions, never a row per object."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
)

from migrator.domain.model import RecordKind, RevisionState
from migrator.domain.states import Authority, JobState, PrefixState, ShardState
from migrator.tracking.engine import db_time
from migrator.tracking.types import U64, Id, Key, UtcDateTime, values

metadata = MetaData(
    naming_convention={
        # SQLite can only drop constraints that have names.
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _id() -> Column[int]:
    return Column("id", Id, primary_key=True)


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False, default="")


def _key(name: str) -> Column[str]:
    return Column(name, Key, nullable=False, default="")


def _number(name: str, default: int = 0) -> Column[int]:
    return Column(name, BigInteger, nullable=False, default=default)


def _seconds(name: str) -> Column[float]:
    """Make a point of time on the database's clock; 0 is long past."""
    return Column(name, Double, nullable=False, default=0.0)


def _flag(name: str) -> Column[bool]:
    return Column(name, Boolean, nullable=False, default=False)


def _refers(name: str, table: str, *, nullable: bool = False) -> Column[int]:
    return Column(name, Id, ForeignKey(f"{table}.id"), nullable=nullable)


bucket = Table(
    "bucket",
    metadata,
    _id(),
    Column("endpoint", Text, nullable=False),
    _text("region"),
    Column("name", Text, nullable=False),
    Column("right_at", UtcDateTime, nullable=True),
    _seconds("sent_until"),
    UniqueConstraint("endpoint", "name"),
)

job = Table(
    "job",
    metadata,
    _id(),
    Column("name", Text, nullable=False),
    Column("state", values(JobState), nullable=False, default=JobState.DRAFT),
    Column("spec_json", Text, nullable=False),
    _refers("bucket_id", "bucket"),
    _key("destination_prefix"),
    Column("created_at", UtcDateTime, nullable=False, default=db_time()),
    _flag("discovered"),
    _text("blocked_reason"),
    _text("blocked_hint"),
    _flag("readers_sent"),
    _seconds("sent_until"),
    UniqueConstraint("name"),
    Index(None, "bucket_id"),
)

prefix = Table(
    "prefix",
    metadata,
    _id(),
    _refers("job_id", "job"),
    Column("name", Key, nullable=False),
    Column("state", values(PrefixState), nullable=False, default=PrefixState.PLANNED),
    Column("authority", values(Authority), nullable=False),
    Column("since_at", UtcDateTime, nullable=False, default=db_time()),
    _key("plan_cursor"),
    _flag("planned_to_end"),
    _text("held_by"),
    Column("clean_joins", Integer, nullable=False, default=0),
    Column("verify_round", Integer, nullable=False, default=0),
    _text("regressed_reason"),
    _text("sentinel"),
    Column("priority", Double, nullable=False, default=0.0),
    Column("certificate_json", Text),
    _seconds("sent_until"),
    UniqueConstraint("job_id", "name"),
    Index(None, "job_id", "state"),
)

COUNTERS = (
    "discovered",
    "copied",
    "already_equal",
    "kept_destination",
    "vanished",
    "failed",
    "quarantined",
    "copied_bytes",
    "equal_bytes",
)
"""The columns that hold `domain.model.Counters`, in the order of its fields."""

shard = Table(
    "shard",
    metadata,
    _id(),
    _refers("prefix_id", "prefix"),
    _refers("job_id", "job"),
    Column("after", Key, nullable=False),
    Column("last", Key),
    Column("state", values(ShardState), nullable=False, default=ShardState.PENDING),
    _key("cursor"),
    _text("owner"),
    _seconds("lease_until"),
    _number("fence"),
    Column("attempts", Integer, nullable=False, default=0),
    Column("pass_no", Integer, nullable=False, default=1),
    _seconds("not_before"),
    _seconds("sent_until"),
    _number("planned_objects"),
    _number("planned_bytes"),
    Column("verified_round", Integer, nullable=False, default=0),
    _text("last_error"),
    *(_number(name) for name in COUNTERS),
    _text("walk_json"),
    Column("proven_at", UtcDateTime),
    UniqueConstraint("prefix_id", "after"),
    Index(None, "prefix_id", "state"),
    Index(None, "job_id", "state"),
)

object_record = Table(
    "object_record",
    metadata,
    _refers("job_id", "job"),
    _refers("prefix_id", "prefix"),
    Column("key", Key, nullable=False),
    Column("kind", values(RecordKind), nullable=False),
    _text("reason"),
    _number("size_bytes"),
    _text("origin_etag"),
    _text("destination_etag"),
    Column("crc64", U64),
    _text("waived_by"),
    Column("at", UtcDateTime, nullable=False, default=db_time()),
    PrimaryKeyConstraint("prefix_id", "key"),
    Index(None, "prefix_id", "kind"),
    Index(None, "job_id", "kind"),
)

revision = Table(
    "revision",
    metadata,
    _id(),
    _refers("bucket_id", "bucket"),
    Column("state", values(RevisionState), nullable=False, default=RevisionState.PENDING),
    _text("reason"),
    Column("before", LargeBinary),
    Column("after", LargeBinary),
    Column("own_json", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False, default=db_time()),
    Index(None, "bucket_id", "state"),
)

assumption = Table(
    "assumption",
    metadata,
    _refers("bucket_id", "bucket"),
    Column("question", Text, nullable=False),
    Column("answer", Text, nullable=False),
    _text("evidence"),
    Column("at", UtcDateTime, nullable=False, default=db_time()),
    PrimaryKeyConstraint("bucket_id", "question"),
)

event = Table(
    "event",
    metadata,
    _id(),
    Column("at", UtcDateTime, nullable=False, default=db_time()),
    _refers("job_id", "job", nullable=True),
    _refers("prefix_id", "prefix", nullable=True),
    Column("kind", Text, nullable=False),
    Column("message", Text, nullable=False),
    Index(None, "job_id", "id"),
)

lease = Table(
    "lease",
    metadata,
    Column("name", Text, primary_key=True),
    _text("owner"),
    _seconds("until"),
    _number("fence"),
)

worker = Table(
    "worker",
    metadata,
    Column("name", Text, primary_key=True),
    _text("doing"),
    Column("seen_at", UtcDateTime, nullable=False, default=db_time()),
)
