"""What the drivers' errors mean, in one plain sentence each; never the URL's password."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from sqlalchemy.exc import InterfaceError, OperationalError

from migrator.errors import DatabaseUnreachable, SchemaOutOfDate

if TYPE_CHECKING:
    from sqlalchemy import URL
    from sqlalchemy.exc import DBAPIError

_SQLITE = {
    sqlite3.SQLITE_BUSY: "the tracking database is busy: another process held its lock for too long",
    sqlite3.SQLITE_LOCKED: "the tracking database is busy: another process held its lock for too long",
    sqlite3.SQLITE_FULL: "there is no space left for the tracking database",
    sqlite3.SQLITE_IOERR: "the tracking database's file cannot be read or written (I/O error)",
    sqlite3.SQLITE_CANTOPEN: "the tracking database's file cannot be opened",
    sqlite3.SQLITE_READONLY: "the tracking database's file cannot be written",
    sqlite3.SQLITE_PERM: "the tracking database's file cannot be opened",
    sqlite3.SQLITE_CORRUPT: "the tracking database's file is damaged",
    sqlite3.SQLITE_NOTADB: "the tracking database's file is not a SQLite database",
}

_POSTGRESQL = {
    "28000": "the tracking database refused the user",
    "28P01": "the tracking database refused the user or the password",
    "3D000": "there is no such database at the server",
    "40001": "the tracking database was asked too much at once",
    "40P01": "the tracking database was asked too much at once",
    "53100": "there is no space left for the tracking database",
    "53300": "the tracking database has no connection left",
    "55P03": "the tracking database is busy: a lock was held for too long",
    "57014": "the tracking database did not answer in time",
    "57P01": "the tracking database is shutting down",
    "57P02": "the tracking database is shutting down",
    "57P03": "the tracking database is starting up",
}

_MISSING = frozenset({"42P01", "42703"})
_MISSING_TEXTS = ("no such table", "no such column", "has no column")


def translated(error: DBAPIError, url: URL) -> Exception:
    """Say what a driver's error means; what is a bug of ours is returned as it is."""
    cause = error.orig
    if isinstance(cause, sqlite3.Error):
        return _from_sqlite(error, cause, url)
    state: str = getattr(cause, "sqlstate", None) or ""
    if state in _MISSING:
        return SchemaOutOfDate("the tracking database lacks a table or column that this program needs")
    if state in _POSTGRESQL:
        return DatabaseUnreachable(_POSTGRESQL[state])
    if error.connection_invalidated or isinstance(error, InterfaceError | OperationalError):
        return DatabaseUnreachable(f"the tracking database {_place(url)}: {_reason(cause, url)}")
    return error


def _from_sqlite(error: DBAPIError, cause: sqlite3.Error, url: URL) -> Exception:
    code = getattr(cause, "sqlite_errorcode", 0) & 0xFF  # the rest tells where in SQLite it happened
    if code in _SQLITE:
        return DatabaseUnreachable(f"{_SQLITE[code]}: {url.database}")
    if any(words in str(cause) for words in _MISSING_TEXTS):
        return SchemaOutOfDate("the tracking database lacks a table or column that this program needs")
    return error


def _place(url: URL) -> str:
    return f"at {url.host or 'the local socket'}{f':{url.port}' if url.port else ''} cannot be reached"


def _reason(cause: BaseException | None, url: URL) -> str:
    lines = [line.strip() for line in str(cause).splitlines() if line.strip()]
    said = lines[0] if lines else "no reason given"
    for mark in ("FATAL:", "failed:"):
        said = said.rpartition(mark)[2].strip() or said
    return said.replace(str(url.password), "***") if url.password else said
