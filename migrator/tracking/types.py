"""Column types that mean the same on SQLite and PostgreSQL; imports nothing of the project."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, DateTime, Enum, Integer, LargeBinary, TypeDecorator

if TYPE_CHECKING:
    from sqlalchemy.engine import Dialect

Id = BigInteger().with_variant(Integer, "sqlite")
"""Only INTEGER PRIMARY KEY counts by itself on SQLite."""


def values(kind: type[StrEnum]) -> Enum:
    """Store an enum as its value with a CHECK, not as a native type: adding a member then is one plain revision."""
    return Enum(
        kind,
        name=kind.__name__.lower(),
        native_enum=False,
        create_constraint=True,
        length=32,
        values_callable=lambda members: [member.value for member in members],
    )


class UtcDateTime(TypeDecorator[datetime]):
    """Take and return aware UTC; SQLite itself would return naive times."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse naive times: nobody could say what they mean."""
        del dialect
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone cannot be stored")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Make what the driver returns aware."""
        del dialect
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Key(TypeDecorator[str]):
    """Store an object key as bytes, so that both databases compare it exactly as Python compares the str.

    Text columns would sort by a collation and refuse NUL. `surrogatepass` rather than `surrogateescape`: it takes
    every str, gives it back unchanged, and keeps code point order, on which the ranges of shards rest.
    """

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> bytes | None:
        """Encode."""
        del dialect
        return None if value is None else value.encode("utf-8", "surrogatepass")

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> str | None:
        """Decode."""
        del dialect
        return None if value is None else bytes(value).decode("utf-8", "surrogatepass")


class U64(TypeDecorator[int]):
    """Store an unsigned 64-bit number, such as a CRC-64, in a signed BIGINT."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: int | None, dialect: Dialect) -> int | None:
        """Fold the upper half into the negative numbers."""
        del dialect
        if value is None:
            return None
        if not 0 <= value < 1 << 64:
            raise ValueError("not an unsigned 64-bit number")
        return value - (1 << 64) if value >= 1 << 63 else value

    def process_result_value(self, value: int | None, dialect: Dialect) -> int | None:
        """Unfold."""
        del dialect
        return None if value is None else value % (1 << 64)
