"""Fixtures of the preflight's tests."""

from __future__ import annotations

import os

import pytest
from preflight_rig import Scene, legacy

from migrator import settings
from migrator.runtime import build
from migrator.sandbox.oss.run import start_oss


@pytest.fixture(scope="module")
def oss():
    with start_oss() as running:
        yield running


@pytest.fixture
def origin(tmp_path):
    with legacy(tmp_path / "files") as running:
        running.headers["Access-Control-Allow-Origin"] = "*"
        running.put("a/plain.txt")
        running.put("a/sp ace+%\u4e2d.txt", b"special\n")
        yield running


@pytest.fixture
def rt(oss, tmp_path):
    os.environ.update(OSS_ACCESS_KEY_ID=oss.access_key_id, OSS_ACCESS_KEY_SECRET=oss.access_key_secret)
    os.environ["MIGRATOR_DATABASE_URL"] = f"sqlite:///{tmp_path / 'tracking.db'}"
    runtime = build(settings.load())
    yield runtime
    runtime.store.close()


@pytest.fixture
def scene(rt, oss, origin):
    return Scene(rt, oss, origin)
