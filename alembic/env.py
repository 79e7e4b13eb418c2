"""What Alembic runs for every command: over a connection it is given, or over MIGRATOR_DATABASE_URL."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal

from alembic import context
from sqlalchemy import TypeDecorator

from migrator.tracking.engine import changing_schema, connect
from migrator.tracking.tables import metadata

if TYPE_CHECKING:
    from alembic.autogenerate.api import AutogenContext
    from sqlalchemy import Connection


def render_item(kind: str, item: object, autogen: AutogenContext) -> str | Literal[False]:
    """Write what a type of ours stores, so that an old revision does not change when the type does."""
    del autogen
    if kind == "type" and isinstance(item, TypeDecorator):
        return f"sa.{item.impl!r}"
    return False


def run(connection: Connection) -> None:
    """Run the command in the transaction that is under way."""
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_as_batch=connection.dialect.name == "sqlite",
        transactional_ddl=True,
        render_item=render_item,
    )
    with context.begin_transaction():
        context.run_migrations()


def database_url() -> str:
    """Return the URL for people who call the alembic command themselves."""
    url = os.environ.get("MIGRATOR_DATABASE_URL") or context.config.get_main_option("sqlalchemy.url")
    if not url:
        raise SystemExit("set MIGRATOR_DATABASE_URL, e.g. sqlite:///migrator.db")
    return url


given = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    engine = connect(database_url())
    if context.is_offline_mode():
        context.configure(dialect_name=engine.dialect.name, target_metadata=metadata, literal_binds=True)
        with context.begin_transaction():
            context.run_migrations()
    else:
        with changing_schema(engine) as own:
            run(own)
    engine.dispose()
