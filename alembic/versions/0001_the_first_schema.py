"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def one_of(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=32)


def upgrade() -> None:
    op.create_table(
        "bucket",
        sa.Column("id", Id, nullable=False),
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("right_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sent_until", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bucket")),
        sa.UniqueConstraint("endpoint", "name", name=op.f("uq_bucket_endpoint_name")),
    )
    op.create_table(
        "lease",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("until", sa.Double(), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_lease")),
    )
    op.create_table(
        "worker",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("doing", sa.Text(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_worker")),
    )
    op.create_table(
        "job",
        sa.Column("id", Id, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("state", one_of("jobstate", "draft", "running", "paused", "done", "cancelled"), nullable=False),
        sa.Column("spec_json", sa.Text(), nullable=False),
        sa.Column("bucket_id", Id, nullable=False),
        sa.Column("destination_prefix", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("discovered", sa.Boolean(), nullable=False),
        sa.Column("blocked_reason", sa.Text(), nullable=False),
        sa.Column("blocked_hint", sa.Text(), nullable=False),
        sa.Column("readers_sent", sa.Boolean(), nullable=False),
        sa.Column("sent_until", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["bucket_id"], ["bucket.id"], name=op.f("fk_job_bucket_id_bucket")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job")),
        sa.UniqueConstraint("name", name=op.f("uq_job_name")),
    )
    op.create_index(op.f("ix_job_bucket_id"), "job", ["bucket_id"])

    op.create_table(
        "revision",
        sa.Column("id", Id, nullable=False),
        sa.Column("bucket_id", Id, nullable=False),
        sa.Column("state", one_of("revisionstate", "pending", "published", "superseded"), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("before", sa.LargeBinary(), nullable=True),
        sa.Column("after", sa.LargeBinary(), nullable=True),
        sa.Column("own_json", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["bucket_id"], ["bucket.id"], name=op.f("fk_revision_bucket_id_bucket")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_revision")),
    )
    op.create_index(op.f("ix_revision_bucket_id_state"), "revision", ["bucket_id", "state"])

    op.create_table(
        "prefix",
        sa.Column("id", Id, nullable=False),
        sa.Column("job_id", Id, nullable=False),
        sa.Column("name", sa.LargeBinary(), nullable=False),
        sa.Column(
            "state",
            one_of(
                "prefixstate",
                "planned",
                "arming",
                "redirecting",
                "copying",
                "verifying",
                "ready",
                "retiring",
                "settling",
                "retired",
                "regressed",
            ),
            nullable=False,
        ),
        sa.Column("authority", one_of("authority", "destination", "origin", "frozen"), nullable=False),
        sa.Column("since_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("plan_cursor", sa.LargeBinary(), nullable=False),
        sa.Column("planned_to_end", sa.Boolean(), nullable=False),
        sa.Column("held_by", sa.Text(), nullable=False),
        sa.Column("clean_joins", sa.Integer(), nullable=False),
        sa.Column("verify_round", sa.Integer(), nullable=False),
        sa.Column("regressed_reason", sa.Text(), nullable=False),
        sa.Column("sentinel", sa.Text(), nullable=False),
        sa.Column("priority", sa.Double(), nullable=False),
        sa.Column("certificate_json", sa.Text(), nullable=True),
        sa.Column("sent_until", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_prefix_job_id_job")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_prefix")),
        sa.UniqueConstraint("job_id", "name", name=op.f("uq_prefix_job_id_name")),
    )
    op.create_index(op.f("ix_prefix_job_id_state"), "prefix", ["job_id", "state"])

    op.create_table(
        "event",
        sa.Column("id", Id, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("job_id", Id, nullable=True),
        sa.Column("prefix_id", Id, nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_event_job_id_job")),
        sa.ForeignKeyConstraint(["prefix_id"], ["prefix.id"], name=op.f("fk_event_prefix_id_prefix")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event")),
    )
    op.create_index(op.f("ix_event_job_id_id"), "event", ["job_id", "id"])

    op.create_table(
        "object_record",
        sa.Column("job_id", Id, nullable=False),
        sa.Column("prefix_id", Id, nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column(
            "kind",
            one_of("recordkind", "proof", "kept_destination", "vanished", "failed", "quarantined"),
            nullable=False,
        ),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("origin_etag", sa.Text(), nullable=False),
        sa.Column("destination_etag", sa.Text(), nullable=False),
        sa.Column("crc64", sa.BigInteger(), nullable=True),
        sa.Column("waived_by", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_object_record_job_id_job")),
        sa.ForeignKeyConstraint(["prefix_id"], ["prefix.id"], name=op.f("fk_object_record_prefix_id_prefix")),
        sa.PrimaryKeyConstraint("prefix_id", "key", name=op.f("pk_object_record")),
    )
    op.create_index(op.f("ix_object_record_job_id_kind"), "object_record", ["job_id", "kind"])
    op.create_index(op.f("ix_object_record_prefix_id_kind"), "object_record", ["prefix_id", "kind"])

    op.create_table(
        "shard",
        sa.Column("id", Id, nullable=False),
        sa.Column("prefix_id", Id, nullable=False),
        sa.Column("job_id", Id, nullable=False),
        sa.Column("after", sa.LargeBinary(), nullable=False),
        sa.Column("last", sa.LargeBinary(), nullable=True),
        sa.Column("state", one_of("shardstate", "pending", "leased", "done", "quarantined"), nullable=False),
        sa.Column("cursor", sa.LargeBinary(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("lease_until", sa.Double(), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("pass_no", sa.Integer(), nullable=False),
        sa.Column("not_before", sa.Double(), nullable=False),
        sa.Column("sent_until", sa.Double(), nullable=False),
        sa.Column("planned_objects", sa.BigInteger(), nullable=False),
        sa.Column("planned_bytes", sa.BigInteger(), nullable=False),
        sa.Column("verified_round", sa.Integer(), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=False),
        sa.Column("discovered", sa.BigInteger(), nullable=False),
        sa.Column("copied", sa.BigInteger(), nullable=False),
        sa.Column("already_equal", sa.BigInteger(), nullable=False),
        sa.Column("kept_destination", sa.BigInteger(), nullable=False),
        sa.Column("vanished", sa.BigInteger(), nullable=False),
        sa.Column("failed", sa.BigInteger(), nullable=False),
        sa.Column("quarantined", sa.BigInteger(), nullable=False),
        sa.Column("copied_bytes", sa.BigInteger(), nullable=False),
        sa.Column("equal_bytes", sa.BigInteger(), nullable=False),
        sa.Column("walk_json", sa.Text(), nullable=False),
        sa.Column("proven_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_shard_job_id_job")),
        sa.ForeignKeyConstraint(["prefix_id"], ["prefix.id"], name=op.f("fk_shard_prefix_id_prefix")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shard")),
        sa.UniqueConstraint("prefix_id", "after", name=op.f("uq_shard_prefix_id_after")),
    )
    op.create_index(op.f("ix_shard_job_id_state"), "shard", ["job_id", "state"])
    op.create_index(op.f("ix_shard_prefix_id_state"), "shard", ["prefix_id", "state"])


def downgrade() -> None:

    op.drop_table("shard")

    op.drop_table("object_record")

    op.drop_table("event")

    op.drop_table("prefix")

    op.drop_table("revision")

    op.drop_table("job")
    op.drop_table("worker")
    op.drop_table("lease")
    op.drop_table("bucket")
