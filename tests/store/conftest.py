"""A store on each database, and short ways to put something into it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from migrator.domain.model import Counters, Job, JobId, Lease, Prefix, PrefixId, Shard, ShardId
from migrator.domain.planner import Cut
from migrator.domain.states import PREFIX_TRANSITIONS, Authority, JobState, PrefixState
from migrator.tracking import schema
from migrator.tracking.engine import connect, writing
from migrator.tracking.store import Store
from migrator.tracking.tables import metadata

BUCKET = ("https://oss.example.com", "cn-hangzhou", "new")


@pytest.fixture(scope="session")
def _migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("migrated") / "tracking.db"
    engine = connect(f"sqlite:///{file}")
    schema.upgrade(engine)
    engine.dispose()
    return file


@pytest.fixture(scope="session")
def _migrated_server(postgres_server) -> Iterator[Engine]:
    with postgres_server.database() as url:
        engine = connect(url)
        schema.upgrade(engine)
        yield engine
        engine.dispose()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """An empty store on each database; migrated once, since most tests are not about that."""
    if request.param == "sqlite":
        file = tmp_path / "tracking.db"
        shutil.copy(request.getfixturevalue("_migrated_file"), file)
        engine = connect(f"sqlite:///{file}")
        yield engine
        engine.dispose()
        return
    engine = request.getfixturevalue("_migrated_server")
    with writing(engine) as connection:
        connection.execute(text(f"TRUNCATE {', '.join(metadata.tables)} RESTART IDENTITY CASCADE"))
    yield engine


@pytest.fixture
def store(engine: Engine) -> Store:
    return Store(engine)


@dataclass
class World:
    """The store with shortcuts."""

    store: Store
    engine: Engine
    bucket: tuple[str, str, str] = BUCKET

    def job(self, name="photos", destination_prefix="", bucket=BUCKET, state=JobState.RUNNING) -> Job:
        job = self.store.jobs.create(name, "{}", bucket, destination_prefix)
        if state is not JobState.DRAFT:
            self.store.jobs.advance(job.id, JobState.DRAFT, state, "test")
        return self.store.jobs.get(job.id)

    def prefix(self, job_id: JobId, name="a/", state=PrefixState.COPYING) -> Prefix:
        self.store.prefixes.add(job_id, [name], Authority.DESTINATION)
        prefix = self.store.prefixes.find(job_id, name)
        self.walk_to(prefix.id, state)
        return self.store.prefixes.get(prefix.id)

    def walk_to(self, prefix_id: PrefixId, state: PrefixState) -> None:
        """Take the shortest legal way."""
        start = self.store.prefixes.get(prefix_id).state
        ways = {start: [start]}
        queue = [start]
        while queue:
            at = queue.pop(0)
            for after in sorted(PREFIX_TRANSITIONS[at]):
                if after not in ways:
                    ways[after] = [*ways[at], after]
                    queue.append(after)
        way = ways[state]
        for before, after in pairwise(way):
            self.store.prefixes.advance(prefix_id, before, after, "test")

    def shards(self, prefix_id: PrefixId, *ends: str) -> list[ShardId]:
        """Plan shards that end at each of `ends`, and an open one."""
        lease = self.lease(f"plan:{prefix_id}")
        begins = ("", *ends)
        cuts = [Cut(after, last, 10, 100) for after, last in zip(begins, (*ends, None), strict=True)]
        ids = self.store.shards.plan(lease, prefix_id, cuts, "", to_end=True)
        self.store.leases.release(lease)
        return ids

    def lease(self, name: str, owner="me", ttl_s=60.0) -> Lease:
        lease = self.store.leases.take(name, owner, ttl_s)
        assert lease is not None
        return lease

    def claim(self, shard_id: ShardId, owner="w1", ttl_s=60.0) -> tuple[Shard, Lease]:
        claimed = self.store.shards.claim(shard_id, owner, ttl_s)
        assert claimed is not None
        return claimed

    def compare(self, shard_id: ShardId, owner="v1", ttl_s=60.0) -> tuple[Shard, Lease]:
        claimed = self.store.shards.claim_done(shard_id, owner, ttl_s)
        assert claimed is not None
        return claimed

    def done(self, *shard_ids: ShardId, counters: Counters | None = None) -> None:
        for shard_id in shard_ids:
            _, lease = self.claim(shard_id)
            self.store.shards.finish(lease, counters or Counters())

    def expire(self, *shard_ids: ShardId) -> None:
        """Let the leases run out without waiting."""
        self.sql(f"UPDATE shard SET lease_until = 1 WHERE id IN ({','.join(map(str, shard_ids))})")

    def sql(self, statement: str) -> None:
        with writing(self.engine) as connection:
            connection.execute(text(statement))

    def events(self, job_id: JobId | None = None) -> list[str]:
        return [event.kind for event in self.store.events.list(job_id, limit=1000)]


@pytest.fixture
def world(store: Store, engine: Engine) -> World:
    return World(store, engine)
