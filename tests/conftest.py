"""What every test stands on: no network, no inherited settings, real servers on demand.

`postgres_url` and `redis_url` start real servers when the first test asks (one of each per xdist worker). Set
MIGRATOR_TEST_PG_URL (a maintenance database whose user may create databases) or MIGRATOR_TEST_REDIS_URL (its
databases 0..15 are emptied) to use yours. A server that is missing skips its tests, and fails them where CI=true or
MIGRATOR_TEST_REQUIRE=1.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import TypeVar

import hypothesis
import isolation
import pytest
import servers

T = TypeVar("T")

CI = os.environ.get("CI", "").lower() in {"1", "true"}
REQUIRE = CI or os.environ.get("MIGRATOR_TEST_REQUIRE", "") == "1"
PG_URL = os.environ.get("MIGRATOR_TEST_PG_URL", "")
REDIS_URL = os.environ.get("MIGRATOR_TEST_REDIS_URL", "")
WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))

# A machine under load is slow, not wrong: no deadlines. In CI the same examples each time, so that red means changed.
hypothesis.settings.register_profile(
    "default", deadline=None, print_blob=True, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.register_profile("ci", hypothesis.settings.get_profile("default"), derandomize=True)
hypothesis.settings.load_profile("ci" if CI else "default")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs a server by the fixture it asks for, so that `-m "not postgresql"` needs no care."""
    for item in items:
        names = getattr(item, "fixturenames", ())
        for fixture, mark in (("postgres_url", pytest.mark.postgresql), ("redis_url", pytest.mark.redis)):
            if fixture in names:
                item.add_marker(mark)


@pytest.fixture(scope="session", autouse=True)
def _isolated() -> Iterator[None]:
    """No settings or credentials of whoever runs the tests, an empty home, and no connection beyond loopback."""
    with tempfile.TemporaryDirectory(prefix="migrator-home-") as home, isolation.environment(home), isolation.network():
        yield


@pytest.fixture(autouse=True)
def _environment_restored() -> Iterator[None]:
    """What a test leaves in the environment is gone before the next one."""
    before = dict(os.environ)
    yield
    for name in os.environ.keys() - before.keys():
        del os.environ[name]
    os.environ.update(before)


@pytest.fixture(scope="session")
def _servers() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def _started(stack: ExitStack, server: AbstractContextManager[T]) -> T:
    try:
        return stack.enter_context(server)
    except servers.Missing as missing:
        (pytest.fail if REQUIRE else pytest.skip)(str(missing))


@pytest.fixture(scope="session")
def postgres_server(_servers: ExitStack) -> servers.Postgres:
    return _started(_servers, servers.postgres(PG_URL))


@pytest.fixture(scope="session")
def redis_server(_servers: ExitStack) -> str:
    return _started(_servers, servers.redis_server(REDIS_URL, number=WORKER))


@pytest.fixture
def postgres_url(postgres_server: servers.Postgres) -> Iterator[str]:
    """An empty PostgreSQL database of this test's own."""
    with postgres_server.database() as url:
        yield url


@pytest.fixture
def redis_url(redis_server: str) -> Iterator[str]:
    """An empty Redis database; nobody else uses it meanwhile."""
    servers.empty_redis(redis_server)
    yield redis_server
    servers.empty_redis(redis_server)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def database_url(request: pytest.FixtureRequest) -> str:
    """An empty tracking database, once of each kind; everything that stores is tested on both."""
    if request.param == "sqlite":
        folder: Path = request.getfixturevalue("tmp_path")
        return f"sqlite:///{folder / 'tracking.db'}"
    return request.getfixturevalue("postgres_url")


@pytest.fixture
def free_port() -> Callable[[], int]:
    return servers.free_port
