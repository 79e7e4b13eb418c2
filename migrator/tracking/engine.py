"""Connections to the tracking database: the only file that knows how SQLite and PostgreSQL differ."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, cast

from sqlalchemy import Double, Table, create_engine, event, make_url, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from migrator.errors import DatabaseUnreachable, Invalid
from migrator.tracking.faults import translated
from migrator.tracking.types import UtcDateTime

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection, Engine
    from sqlalchemy.engine.interfaces import DBAPIConnection
    from sqlalchemy.pool import ConnectionPoolEntry
    from sqlalchemy.sql.compiler import SQLCompiler

SQLITE_WAIT_S = 30.0
UPGRADE_LOCK = 0x6D69677261746F72  # "migrator": any number will do that no other program in the database uses
Insert: TypeAlias = "postgresql.Insert | sqlite.Insert"


# -- opening ---------------------------------------------------------------------------------------------------------
def connect(url: str) -> Engine:
    """Return an engine for `sqlite:///FILE` or `postgresql://...`; nothing is opened or created but the folder.

    Raises Invalid for a URL of another kind, DatabaseUnreachable when the folder of a SQLite file cannot be made.
    """
    hint = "e.g. MIGRATOR_DATABASE_URL=sqlite:////var/lib/migrator/migrator.db or postgresql://user@host/migrator"
    try:
        parsed = make_url(url)
        parsed.get_backend_name()
    except (ArgumentError, ValueError):
        # The text is not shown: what cannot be parsed may still contain a password. Hence also "from None".
        raise Invalid("the tracking database's URL cannot be understood", hint=hint) from None
    backend = parsed.get_backend_name()
    if backend == "sqlite":
        return _connect_sqlite(parsed)
    if backend in {"postgresql", "postgres"}:
        return _connect_postgresql(parsed)
    raise Invalid(f"the tracking database can be SQLite or PostgreSQL, not {backend!r}", hint=hint)


def _connect_sqlite(url: URL) -> Engine:
    if url.database in {None, "", ":memory:"}:
        raise Invalid(
            "the tracking database needs a file: one in memory cannot be shared, and is gone with the process",
            hint="e.g. MIGRATOR_DATABASE_URL=sqlite:////var/lib/migrator/migrator.db",
        )
    file = Path(url.database or "")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DatabaseUnreachable(f"the folder {file.parent} cannot be created: {error.strerror}") from error
    engine = create_engine(
        url.set(drivername="sqlite+pysqlite"),
        connect_args={"timeout": SQLITE_WAIT_S},
        pool_size=16,
        max_overflow=48,
        hide_parameters=True,
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: DBAPIConnection, entry: ConnectionPoolEntry) -> None:
    del entry
    # The driver's own transactions begin too late (at the first write); ours begin in _begin_sqlite.
    connection.isolation_level = None
    cursor = connection.cursor()
    if cursor.execute("PRAGMA journal_mode").fetchone()[0] != "wal":  # asking first: setting needs a lock
        cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # IMMEDIATE: a transaction that reads first and writes later would otherwise fail at once, without waiting,
    # when somebody else wrote in between. Readers need no lock at all.
    reads_only = connection.get_execution_options().get("migrator_reads_only", False)
    connection.exec_driver_sql("BEGIN" if reads_only else "BEGIN IMMEDIATE")


def _connect_postgresql(url: URL) -> Engine:
    wanted: dict[str, str | int] = {
        "application_name": "migrator",
        "connect_timeout": 10,
        "options": "-c lock_timeout=15s -c statement_timeout=60s -c idle_in_transaction_session_timeout=120s",
    }
    return create_engine(
        url.set(drivername="postgresql+psycopg"),
        connect_args={name: value for name, value in wanted.items() if name not in url.query},
        pool_pre_ping=True,
        pool_size=8,
        max_overflow=24,
        hide_parameters=True,
    )


# -- transactions ----------------------------------------------------------------------------------------------------
@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Run the body as one transaction that may write; commit at its end, roll back on any exception.

    Raises DatabaseUnreachable and SchemaOutOfDate instead of the driver's errors.
    """
    with _plainly(engine), engine.begin() as connection:
        yield connection


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Run the body on one consistent state of the database; it blocks nobody and nobody blocks it.

    Raises as `writing`.
    """
    options = (
        {"migrator_reads_only": True}
        if engine.dialect.name == "sqlite"
        else {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    )
    with _plainly(engine), engine.connect().execution_options(**options) as connection, connection.begin():
        yield connection


@contextmanager
def changing_schema(engine: Engine) -> Iterator[Connection]:
    """Run the body as the only transaction that changes the schema; others wait for it, and then find it changed."""
    with _plainly(engine), engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            with _without_foreign_keys(connection), connection.begin():
                yield connection
        else:
            with connection.begin():
                connection.execute(text("SET LOCAL statement_timeout = 0"))
                connection.execute(text("SET LOCAL lock_timeout = '120s'"))
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": UPGRADE_LOCK})
                yield connection


@contextmanager
def _without_foreign_keys(connection: Connection) -> Iterator[None]:
    # Alembic rebuilds a table by dropping it, which SQLite takes for deleting every row that others refer to.
    # The pragma does nothing inside a transaction, so it goes to the driver before one begins.
    raw = cast("sqlite3.Connection", connection.connection.dbapi_connection)
    raw.execute("PRAGMA foreign_keys=OFF")
    try:
        yield
    finally:
        raw.execute("PRAGMA foreign_keys=ON")


@contextmanager
def _plainly(engine: Engine) -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        raise translated(error, engine.url) from error
    except PoolTimeout as error:
        raise DatabaseUnreachable(
            "every connection of this process to the tracking database is in use",
            hint="use fewer threads per process",
        ) from error


# -- statements ------------------------------------------------------------------------------------------------------
class DbNow(FunctionElement[float]):
    """The database's clock; see `db_now`."""

    type = Double()
    inherit_cache = True
    name = "db_now"


class DbTime(FunctionElement[datetime]):
    """The database's clock; see `db_time`."""

    type = UtcDateTime()
    inherit_cache = True
    name = "db_time"


def db_now() -> DbNow:
    """Tell the time by the database's clock, in seconds since 1970, as an expression. Leases know no other clock."""
    return DbNow()


def db_time() -> DbTime:
    """Tell the time by the database's clock, as an expression for a `UtcDateTime` column."""
    return DbTime()


@compiles(DbNow, "postgresql")
def _db_now_postgresql(element: DbNow, compiler: SQLCompiler, **options: object) -> str:
    del element, compiler, options
    return "CAST(extract(epoch FROM clock_timestamp()) AS DOUBLE PRECISION)"


@compiles(DbNow, "sqlite")
def _db_now_sqlite(element: DbNow, compiler: SQLCompiler, **options: object) -> str:
    del element, compiler, options
    return "((julianday('now') - 2440587.5) * 86400.0)"


@compiles(DbTime, "postgresql")
def _db_time_postgresql(element: DbTime, compiler: SQLCompiler, **options: object) -> str:
    del element, compiler, options
    return "clock_timestamp()"


@compiles(DbTime, "sqlite")
def _db_time_sqlite(element: DbTime, compiler: SQLCompiler, **options: object) -> str:
    del element, compiler, options
    return "(strftime('%Y-%m-%d %H:%M:%f', 'now') || '000')"  # the form in which SQLAlchemy writes times itself


def insert_into(connection: Connection, table: Table) -> Insert:
    """Begin an INSERT that can say ON CONFLICT, which both databases spell alike but SQLAlchemy keeps apart."""
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)


# -- files -----------------------------------------------------------------------------------------------------------
def database_file(engine: Engine) -> Path | None:
    """Return the file of a SQLite database; None for a server."""
    return Path(engine.url.database or "") if engine.dialect.name == "sqlite" else None


def copy_aside(engine: Engine, suffix: str) -> Path:
    """Copy a SQLite database, with what its journal holds, to a file beside it and return that file.

    A copy of the same name is replaced.
    """
    file = database_file(engine)
    assert file is not None
    copy = file.with_name(f"{file.name}.{suffix}")
    copy.unlink(missing_ok=True)
    with _plainly(engine), engine.connect() as connection:
        raw = cast("sqlite3.Connection", connection.connection.dbapi_connection)
        other = sqlite3.connect(copy)
        try:
            raw.backup(other)
        finally:
            other.close()
    return copy
