"""What was found out about a bucket where OSS's documentation is silent; the newest answer to each question."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from sqlalchemy import select

from migrator.domain.assumptions import Learned
from migrator.domain.model import BucketId
from migrator.tracking.engine import db_time, insert_into, reading, writing
from migrator.tracking.tables import assumption

if TYPE_CHECKING:
    from sqlalchemy import Engine


class Assumptions:
    """See the module."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def save(self, bucket_id: BucketId, learned: Iterable[Learned]) -> None:
        """Remember answers, each in place of an earlier one to the same question. All or none."""
        with writing(self._engine) as connection:
            for each in learned:
                values = {"answer": each.answer, "evidence": each.evidence, "at": db_time()}
                statement = insert_into(connection, assumption).values(
                    bucket_id=bucket_id, question=each.question, **values
                )
                connection.execute(
                    statement.on_conflict_do_update(index_elements=["bucket_id", "question"], set_=values)
                )

    def of(self, bucket_id: BucketId) -> list[Learned]:
        """Return what is known of a bucket, by question; empty before the first probe."""
        statement = select(assumption).where(assumption.c.bucket_id == bucket_id).order_by(assumption.c.question)
        with reading(self._engine) as connection:
            return [Learned(row.question, row.answer, row.evidence, row.at) for row in connection.execute(statement)]
