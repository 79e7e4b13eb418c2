"""Connections: what is accepted, what errors say, and what both databases have in common."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import select, text

from migrator.errors import DatabaseUnreachable, Invalid, SchemaOutOfDate
from migrator.tracking.engine import connect, db_now, db_time, reading, writing
from migrator.tracking.store import Store

PROJECT = Path(__file__).parents[2]


@pytest.mark.parametrize("url", ["postgres://u:p@h/d", "postgresql://u:p@h/d", "postgresql+psycopg://u:p@h/d"])
def test_every_spelling_of_postgresql_is_one_driver(url):
    engine = connect(url)
    assert engine.url.drivername == "postgresql+psycopg"
    assert "p@" not in repr(engine)


@pytest.mark.parametrize(
    "url",
    ["", "tracking.db", "mysql://u:secret@h/d", "sqlite://", "sqlite:///:memory:", "postgresql://u:secret@h:port/d"],
)
def test_other_urls_are_refused_in_one_sentence(url):
    with pytest.raises(Invalid, match="tracking database") as refusal:
        connect(url)
    assert "MIGRATOR_DATABASE_URL" in refusal.value.hint
    assert "secret" not in f"{refusal.value}{refusal.value.hint}"
    assert "\n" not in str(refusal.value)


def test_the_folder_of_a_file_is_made(tmp_path):
    store = Store.open(f"sqlite:///{tmp_path}/new folder/100%/tracking.db")
    assert store.jobs.all() == []
    store.close()


def test_clocks_are_the_databases(engine):
    with reading(engine) as connection:
        seconds, moment = connection.execute(select(db_now(), db_time())).one()
    assert isinstance(seconds, float)
    assert abs(seconds - moment.timestamp()) < 5
    assert abs(seconds - time.time()) < 60


def test_a_clock_does_not_stand_still_in_a_transaction(engine):
    with writing(engine) as connection:
        first = connection.execute(select(db_now())).scalar_one()
        while (now := connection.execute(select(db_now())).scalar_one()) == first:
            pass
    assert now > first


def test_a_failed_transaction_leaves_nothing(world):
    job = world.job()

    def interrupted():
        with writing(world.engine) as connection:
            connection.execute(text("UPDATE job SET blocked_reason = 'x'"))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert world.store.jobs.get(job.id) == job


def test_a_read_sees_one_state(world):
    job = world.job()
    with reading(world.engine) as connection:
        connection.execute(text("SELECT count(*) FROM event"))
        world.store.jobs.block(job.id, "meanwhile", "")
        assert connection.execute(text("SELECT blocked_reason FROM job")).scalar_one() == ""


def test_nothing_is_written_by_a_read_on_a_server(postgres_url):
    engine = connect(postgres_url)
    with pytest.raises(Exception, match="read-only transaction"), reading(engine) as connection:
        connection.execute(text("CREATE TABLE x (y int)"))
    with writing(engine) as connection:  # the same connection writes again
        connection.execute(text("CREATE TABLE x (y int)"))
    engine.dispose()


def test_a_database_without_our_tables_is_out_of_date(database_url):
    engine = connect(database_url)
    with pytest.raises(SchemaOutOfDate, match="lacks a table") as refusal:
        Store(engine).jobs.all()
    assert "migrator db upgrade" in refusal.value.hint
    engine.dispose()


def test_a_server_that_is_away(free_port):
    engine = connect(f"postgresql://u:secret@127.0.0.1:{free_port()}/d")
    with pytest.raises(DatabaseUnreachable, match=r"at 127.0.0.1:.* cannot be reached: .*refused") as refusal:
        Store(engine).jobs.all()
    assert "secret" not in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert refusal.value.retryable


def test_a_server_without_the_database(postgres_url):
    engine = connect(postgres_url + "_not")
    with pytest.raises(DatabaseUnreachable, match=r"cannot be reached: database .* does not exist"):
        Store(engine).jobs.all()


def test_a_server_that_restarted_is_no_error(postgres_url):
    engine = connect(postgres_url)
    with reading(engine) as connection:
        pid = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
    other = connect(postgres_url)
    with writing(other) as connection:
        connection.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})
    with reading(engine) as connection:
        assert connection.execute(text("SELECT pg_backend_pid()")).scalar_one() != pid
    engine.dispose()
    other.dispose()


def test_a_server_lost_in_the_middle(postgres_url):
    engine, other = connect(postgres_url), connect(postgres_url)

    def lose():
        with writing(engine) as connection, writing(other) as killer:
            pid = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
            killer.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})
            connection.execute(text("SELECT 1"))

    with pytest.raises(DatabaseUnreachable, match=r"shutting down|cannot be reached"):
        lose()
    engine.dispose()
    other.dispose()


def test_a_statement_that_takes_too_long(postgres_url):
    engine = connect(f"{postgres_url}?options=-cstatement_timeout%3D10")
    with pytest.raises(DatabaseUnreachable, match="did not answer in time"), writing(engine) as connection:
        connection.execute(text("SELECT pg_sleep(60)"))
    engine.dispose()


def test_a_file_that_is_no_database(tmp_path):
    (tmp_path / "tracking.db").write_text("not a database at all, but long enough to have a header" * 20)
    with pytest.raises(DatabaseUnreachable, match="is not a SQLite database"):
        Store.open(f"sqlite:///{tmp_path}/tracking.db")


def test_a_file_that_cannot_be_opened(tmp_path):
    (tmp_path / "tracking.db").mkdir()
    with pytest.raises(DatabaseUnreachable, match="cannot be opened"):
        Store.open(f"sqlite:///{tmp_path}/tracking.db")
    (tmp_path / "file").write_text("")
    with pytest.raises(DatabaseUnreachable, match="cannot be created"):
        connect(f"sqlite:///{tmp_path}/file/tracking.db")


def test_a_disk_that_is_full(tmp_path):
    url = f"sqlite:///{tmp_path}/tracking.db"
    Store.open(url).close()
    engine = connect(url)

    def fill():
        with writing(engine) as connection:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
            for _ in range(1000):
                connection.exec_driver_sql("INSERT INTO lease VALUES (hex(randomblob(900)), '', 0, 0)")

    with pytest.raises(DatabaseUnreachable, match="no space left"):
        fill()
    engine.dispose()


def test_a_lock_that_is_held_for_too_long(tmp_path, monkeypatch):
    url = f"sqlite:///{tmp_path}/tracking.db"
    Store.open(url).close()
    patient = connect(url)
    monkeypatch.setattr("migrator.tracking.engine.SQLITE_WAIT_S", 0.05)
    impatient = connect(url)
    with writing(patient), pytest.raises(DatabaseUnreachable, match="busy"):
        Store(impatient).beat("w", "idle")
    patient.dispose()
    impatient.dispose()


def test_many_processes_share_a_new_file(tmp_path):
    """Each opens the database first, as far as it can tell, and writes; nobody sees a lock."""
    url = f"sqlite:///{tmp_path}/tracking.db"
    program = (
        "import sys; from migrator.tracking.store import Store\n"
        f"store = Store.open({url!r})\n"
        "for _ in range(30): store.events.add('test', sys.argv[1])\n"
        "store.close()"
    )
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    running = [
        subprocess.Popen([sys.executable, "-c", program, f"p{n}"], cwd=tmp_path, env=environment) for n in range(3)
    ]
    assert [process.wait() for process in running] == [0, 0, 0]
    store = Store.open(url)
    assert len(store.events.list(limit=1000)) == 90
    store.close()
    with sqlite3.connect(tmp_path / "tracking.db") as raw:
        assert raw.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    raw.close()
