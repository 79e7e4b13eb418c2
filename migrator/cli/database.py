"""Commands for the tracking database's schema."""

from __future__ import annotations

import click

from migrator import settings
from migrator.cli.render import out
from migrator.errors import SchemaOutOfDate
from migrator.tracking import schema
from migrator.tracking.engine import connect


@click.group()
def db() -> None:
    """Look after the tracking database (MIGRATOR_DATABASE_URL)."""


@db.command()
def upgrade() -> None:
    """Bring the schema to this program's revision. Safe to run by several at once.

    Example: migrator db upgrade
    """
    engine = connect(settings.load().database_url)
    try:
        schema.upgrade(engine)
        out(f"the tracking database is at {schema.current(engine)}")
    finally:
        engine.dispose()


@db.command()
def check() -> None:
    """Say whether the schema is this program's; exit code 10 if not.

    Example: migrator db check
    """
    engine = connect(settings.load().database_url)
    try:
        found, wanted = schema.current(engine), schema.head()
    finally:
        engine.dispose()
    if found != wanted:
        raise SchemaOutOfDate(f"the tracking database is at {found or 'nothing'}, this program wants {wanted}")
    out(f"the tracking database is at {found}, as it should be")
