"""Look at what this process depends on, a line each, with the command that fixes it."""

from __future__ import annotations

import platform
import sqlite3
from collections.abc import Callable

import click

from migrator import settings
from migrator.cli.render import out
from migrator.errors import Exit, MigratorError
from migrator.runtime import credentials
from migrator.tracking import schema
from migrator.tracking.engine import connect


@click.command()
def doctor() -> int:
    """Look at the tracking database, the broker, credentials and this machine.

    Example: migrator doctor
    """
    loaded = settings.load()
    worst = Exit.OK
    looks: list[tuple[str, Callable[[], str]]] = [
        ("python", lambda: f"{platform.python_version()}, SQLite {sqlite3.sqlite_version}"),
        ("database", lambda: _database(loaded)),
        ("broker", lambda: _broker(loaded)),
        *((f"{side} credentials", describe) for side, describe in credentials().items()),
    ]
    for title, look in looks:
        try:
            out(f"ok   {title}: {look()}")
        except MigratorError as error:
            worst = worst or error.exit_code
            out(f"FAIL {title}: {error}" + (f" - {error.hint}" if error.hint else ""))
    return worst


def _database(loaded: settings.Settings) -> str:
    engine = connect(loaded.database_url)
    try:
        schema.ensure(engine)
        return f"{settings.redact(loaded.database_url)} at {schema.current(engine)}"
    finally:
        engine.dispose()


def _broker(loaded: settings.Settings) -> str:
    if not loaded.broker_url:
        return "none; verbs run in `migrator up` itself"
    from workers.broker import ping  # noqa: PLC0415 - Celery is only imported where there is a broker

    ping(loaded.broker_url)
    return f"{settings.redact(loaded.broker_url)} answers"
