"""A runtime for one command: it reads and writes intents; workers elsewhere act on them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from migrator import settings
from migrator.app import QUEUES
from migrator.app.context import Runtime
from migrator.ports import Dispatcher
from migrator.runtime import build


@contextmanager
def runtime() -> Iterator[Runtime]:
    """Open the tracking database the environment names, and the broker if there is one."""
    loaded = settings.load()
    rt = build(loaded, dispatcher=_dispatcher(loaded))
    try:
        yield rt
    finally:
        rt.store.close()


def _dispatcher(loaded: settings.Settings) -> Dispatcher | None:
    if not loaded.broker_url:
        return None
    from workers.app import make_app  # noqa: PLC0415 - Celery is only imported where there is a broker
    from workers.dispatch import CeleryDispatcher  # noqa: PLC0415

    return CeleryDispatcher(make_app(loaded), QUEUES)
