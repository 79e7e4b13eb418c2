"""Migrations: from empty to head on both databases, said in plain words when they do not fit."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import CommandLine, Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect, text
from sqlalchemy.exc import IntegrityError

from migrator.domain.states import JobState, PrefixState, ShardState
from migrator.errors import Invalid, SchemaOutOfDate
from migrator.tracking import schema
from migrator.tracking.engine import changing_schema, connect, reading, writing
from migrator.tracking.store import Store
from migrator.tracking.tables import metadata

PROJECT = Path(__file__).parents[2]


@pytest.fixture
def fresh(database_url):
    engine = connect(database_url)
    yield engine
    engine.dispose()


def tables(engine):
    return set(inspect(engine).get_table_names())


def test_upgrade_makes_what_the_code_declares(fresh):
    assert schema.current(fresh) is None
    schema.upgrade(fresh)
    assert schema.current(fresh) == schema.head()
    assert tables(fresh) == {*metadata.tables, "alembic_version"}
    with reading(fresh) as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []


def test_upgrade_is_idempotent(fresh):
    schema.upgrade(fresh)
    store = Store(fresh)
    store.events.add("test", "kept")
    schema.upgrade(fresh)
    schema.ensure(fresh)
    assert [event.message for event in store.events.list()] == ["kept"]


def test_every_revision_goes_down_and_up_again(fresh):
    schema.upgrade(fresh)
    with changing_schema(fresh) as connection:
        config = schema._config()
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
    assert tables(fresh) == {"alembic_version"}
    schema.upgrade(fresh)
    assert schema.current(fresh) == schema.head()


def test_concurrent_upgrades_are_harmless(database_url):
    engines = [connect(database_url) for _ in range(3)]
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(schema.upgrade, engines))
    assert {schema.current(engine) for engine in engines} == {schema.head()}
    for engine in engines:
        engine.dispose()


def test_concurrent_upgrades_of_several_processes_are_harmless(database_url, tmp_path):
    program = (
        "import sys; from migrator.tracking import engine, schema\n"
        "one = engine.connect(sys.argv[1]); schema.upgrade(one); print(schema.current(one)); one.dispose()"
    )
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    running = [
        subprocess.Popen(
            [sys.executable, "-c", program, database_url],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    assert [process.communicate()[0].strip() for process in running] == [schema.head()] * 2


def test_a_failed_upgrade_leaves_nothing(fresh, monkeypatch):
    def broken(config, revision):
        config.attributes["connection"].execute(text("CREATE TABLE half (done int)"))
        raise RuntimeError("killed")

    monkeypatch.setattr(schema.command, "upgrade", broken)
    with pytest.raises(RuntimeError):
        schema.upgrade(fresh)
    assert tables(fresh) == set()


def test_a_server_is_never_upgraded_by_opening_it(postgres_url):
    engine = connect(postgres_url)
    with pytest.raises(SchemaOutOfDate, match=f"is at nothing, this program wants {schema.head()}") as refusal:
        schema.ensure(engine)
    assert refusal.value.hint == "run: migrator db upgrade"
    assert tables(engine) == set()
    engine.dispose()


def test_a_file_is_copied_aside_before_it_is_upgraded(tmp_path, monkeypatch):
    engine = connect(f"sqlite:///{tmp_path}/tracking.db")
    schema.ensure(engine)
    assert [file.name for file in tmp_path.glob("*before*")] == []  # there was nothing to lose
    Store(engine).events.add("test", "precious, and perhaps still in the journal")
    monkeypatch.setattr(schema, "head", lambda: "0099")
    schema.ensure(engine)
    copy = connect(f"sqlite:///{tmp_path}/tracking.db.before-0099")
    assert [event.kind for event in Store(copy).events.list()] == ["test"]
    copy.dispose()
    engine.dispose()


@pytest.mark.parametrize("step", [schema.ensure, schema.upgrade])
def test_a_newer_database_needs_a_newer_program(fresh, step):
    schema.upgrade(fresh)
    with writing(fresh) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(SchemaOutOfDate, match="is at 9999, this program only knows revisions up to") as refusal:
        step(fresh)
    assert "newer program" in refusal.value.hint


def test_somebody_elses_database_is_left_alone(fresh):
    with writing(fresh) as connection:
        connection.execute(text("CREATE TABLE job (theirs int)"))
    with pytest.raises(Invalid, match="tables of another program: job"):
        schema.upgrade(fresh)
    assert tables(fresh) == {"job"}


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE job SET state = 'flying'",
        "UPDATE prefix SET state = 'flying'",
        "UPDATE shard SET state = 'flying'",
        "UPDATE shard SET prefix_id = 999",
        "UPDATE shard SET after = NULL",
    ],
)
def test_the_database_itself_refuses_nonsense(world, statement):
    world.shards(world.prefix(world.job().id).id)
    with pytest.raises(IntegrityError), writing(world.engine) as connection:
        connection.execute(text(statement))


def test_the_check_of_each_state_knows_every_state(world):
    job = world.job()
    prefix = world.prefix(job.id)
    world.shards(prefix.id)
    for table, states in (("job", JobState), ("prefix", PrefixState), ("shard", ShardState)):
        for state in states:
            world.sql(f"UPDATE {table} SET state = '{state}'")


def test_the_folder_of_revisions_is_told_from_the_library(tmp_path):
    package = tmp_path / "site-packages" / "migrator"
    package.mkdir(parents=True)
    library = package.parent / "alembic"
    library.mkdir()
    (library / "__init__.py").touch()
    with pytest.raises(SchemaOutOfDate, match="lacks its database revisions"):
        schema.script_dir(package)
    (package / "_alembic").mkdir()
    (package / "_alembic" / "env.py").touch()
    assert schema.script_dir(package) == package / "_alembic"
    assert schema.script_dir() == PROJECT / "alembic"


def test_our_folder_does_not_shadow_the_library():
    assert not (PROJECT / "alembic" / "__init__.py").exists()
    assert Path(command.__file__).parent != PROJECT / "alembic"


def test_an_installed_wheel_migrates_from_anywhere(tmp_path):
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=PROJECT, check=True, capture_output=True)
    [wheel] = tmp_path.glob("*.whl")
    installed = tmp_path / "installed"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)
    program = (
        "from migrator.tracking import schema; from migrator.tracking.store import Store\n"
        "Store.open('sqlite:///tracking.db').close(); print(schema.script_dir())"
    )
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    ran = subprocess.run(
        [sys.executable, "-c", program],
        cwd=elsewhere,
        env={**os.environ, "PYTHONPATH": str(installed)},
        check=True,
        capture_output=True,
        text=True,
    )
    assert ran.stdout.strip() == str(installed / "migrator" / "_alembic")
    assert (elsewhere / "tracking.db").exists()


def test_the_alembic_command_works_for_people(database_url, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MIGRATOR_DATABASE_URL", database_url)

    def alembic(*arguments):
        said = io.StringIO()
        line = CommandLine()
        options = line.parser.parse_args(["-c", str(PROJECT / "alembic.ini"), *arguments])
        line.run_cmd(Config(str(PROJECT / "alembic.ini"), cmd_opts=options, stdout=said, output_buffer=said), options)
        return said.getvalue()

    alembic("upgrade", "head")
    assert schema.head() in alembic("current")
    assert "No new upgrade operations detected" in alembic("check")
    assert "CREATE TABLE shard" in alembic("upgrade", "head", "--sql")
    monkeypatch.delenv("MIGRATOR_DATABASE_URL")
    with pytest.raises(SystemExit, match="set MIGRATOR_DATABASE_URL"):
        alembic("current")
