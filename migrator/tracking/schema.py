"""Which schema the database has and which this program wants; Alembic's revisions are found and run from here."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect

import migrator
from migrator.errors import Invalid, SchemaOutOfDate
from migrator.tracking.engine import changing_schema, copy_aside, database_file, reading
from migrator.tracking.tables import metadata

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

_ONE_AT_A_TIME = threading.Lock()
"""Alembic hands its context to env.py through module globals."""


def script_dir(package: Path | None = None) -> Path:
    """Return the folder of env.py: inside an installed package, else beside it in the source tree.

    Only env.py tells: beside an installed package, a folder named alembic is the library.
    """
    root = package or Path(migrator.__file__).parent
    for folder in (root / "_alembic", root.parent / "alembic"):
        if (folder / "env.py").is_file():
            return folder
    raise SchemaOutOfDate(
        "this installation lacks its database revisions",
        hint="install the package again: pip install --force-reinstall redirect-migrator",
    )


def head() -> str:
    """Return the revision that this program wants."""
    revision = _scripts().get_current_head()
    assert revision is not None
    return revision


def current(engine: Engine) -> str | None:
    """Return the database's revision; None when it has no schema yet."""
    with reading(engine) as connection:
        return _revision(connection)


def upgrade(engine: Engine) -> None:
    """Bring the database to `head()`, in one transaction. Idempotent, and harmless when several do it at once.

    Raises SchemaOutOfDate when the database is newer than this program, Invalid when it is somebody else's.
    """
    with _ONE_AT_A_TIME, changing_schema(engine) as connection:
        revision = _revision(connection)
        _refuse_newer(revision)
        if revision is None:
            _refuse_foreign(connection)
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def ensure(engine: Engine) -> None:
    """Return only if the database has the schema that this program wants.

    A SQLite file is upgraded on the way, after a copy was put beside it. A server never is: several programs may use
    it, so a person decides when. Raises SchemaOutOfDate, and Invalid as `upgrade` does.
    """
    revision, wanted = current(engine), head()
    if revision == wanted:
        return
    _refuse_newer(revision)
    if database_file(engine) is None:
        raise SchemaOutOfDate(f"the tracking database is at {revision or 'nothing'}, this program wants {wanted}")
    if revision is not None:
        copy_aside(engine, f"before-{wanted}")
    upgrade(engine)


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _refuse_newer(revision: str | None) -> None:
    known = {script.revision for script in _scripts().walk_revisions()}
    if revision is not None and revision not in known:
        raise SchemaOutOfDate(
            f"the tracking database is at {revision}, this program only knows revisions up to {head()}",
            hint="use the newer program that upgraded the database: pip install --upgrade redirect-migrator",
        )


def _refuse_foreign(connection: Connection) -> None:
    taken = sorted(set(inspect(connection).get_table_names()) & set(metadata.tables))
    if taken:
        raise Invalid(
            f"the database already holds tables of another program: {', '.join(taken)}",
            hint="give the migrator a database of its own: MIGRATOR_DATABASE_URL",
        )


def _config() -> Config:
    config = Config()
    # ConfigParser would take a % in a path for the start of a reference.
    config.set_main_option("script_location", str(script_dir()).replace("%", "%%"))
    return config


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())
