"""What goes into a column comes out unchanged, and keys are ordered as Python orders them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Column, Integer, MetaData, Table, insert, select
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import StatementError

from migrator.tracking.engine import reading, writing
from migrator.tracking.types import U64, Key, UtcDateTime

# Neighbours that collations, LIKE patterns and text columns get wrong.
TRAPS = [
    "", "\0", "a", "a\0", "a\0b", "A", "B", "a b", "a-b", "a_b/", "a_b/1", "axb/1", "A_B/1", "a%/", "a%/1", "ab",
    "é", "e\u0301", "z", "Z", "ß", "ss", "ﬃ", "日本/", "\ud800", "\udc80", "\udcff", "\ud83d\ude00", "😀", "\uffff",
    "\U0010fffd", "a" * 1024,
]  # fmt: skip

probe_tables = MetaData()
probe = Table(
    "probe",
    probe_tables,
    Column("id", Integer, primary_key=True),
    Column("key", Key),
    Column("crc", U64),
    Column("at", UtcDateTime),
)


@pytest.fixture
def keys(engine):
    with writing(engine) as connection:
        probe_tables.create_all(connection)

    def put(**columns):
        with writing(engine) as connection:
            names = list(columns)
            connection.execute(
                insert(probe), [dict(zip(names, each, strict=True)) for each in zip(*columns.values(), strict=True)]
            )

    yield put
    with writing(engine) as connection:
        probe_tables.drop_all(connection)


def test_keys_come_back_in_python_order(engine, keys):
    keys(key=sorted(TRAPS, reverse=True))
    with reading(engine) as connection:
        assert list(connection.execute(select(probe.c.key).order_by(probe.c.key)).scalars()) == sorted(TRAPS)


def test_ranges_of_keys_are_python_ranges(engine, keys):
    keys(key=TRAPS)
    with reading(engine) as connection:
        for edge in TRAPS:
            above = set(connection.execute(select(probe.c.key).where(probe.c.key > edge)).scalars())
            upto = set(connection.execute(select(probe.c.key).where(probe.c.key <= edge)).scalars())
            assert above == {key for key in TRAPS if key > edge}
            assert upto == {key for key in TRAPS if key <= edge}


anything = st.text(st.characters(codec=None, exclude_categories=()), max_size=6)


@given(anything, anything)
@settings(max_examples=500)
def test_any_text_is_a_key(left, right):
    key, dialect = Key(), sqlite.dialect()
    a, b = key.process_bind_param(left, dialect), key.process_bind_param(right, dialect)
    assert key.process_result_value(a, dialect) == left
    assert (a < b) == (left < right)
    assert (a == b) == (left == right)


@given(st.integers(0, 2**64 - 1))
def test_any_unsigned_number_fits_a_bigint(number):
    column, dialect = U64(), sqlite.dialect()
    stored = column.process_bind_param(number, dialect)
    assert -(2**63) <= stored < 2**63
    assert column.process_result_value(stored, dialect) == number


def test_numbers_survive_the_database(engine, keys):
    numbers = [0, 1, 2**63 - 1, 2**63, 2**64 - 1, None]
    keys(crc=numbers)
    with reading(engine) as connection:
        assert list(connection.execute(select(probe.c.crc).order_by(probe.c.id)).scalars()) == numbers


def test_times_are_aware_utc(engine, keys):
    moment = datetime(2026, 3, 29, 1, 30, 0, 123456, tzinfo=timezone(timedelta(hours=8)))
    keys(at=[moment, None])
    with reading(engine) as connection:
        found = list(connection.execute(select(probe.c.at).order_by(probe.c.id)).scalars())
    assert found == [moment, None]
    assert found[0].tzinfo is UTC


def test_a_time_without_a_zone_is_refused(keys):
    with pytest.raises(StatementError, match="without a zone"):
        keys(at=[datetime(2026, 1, 1)])  # noqa: DTZ001
