"""Makes the Celery app. `celery -A workers.app worker` and `celery -A workers.app beat` find `app` here."""

from __future__ import annotations

import sys

from celery import Celery

from migrator import runtime as wiring
from migrator import settings as configuration
from migrator.app import QUEUES, VERBS
from migrator.app.context import Runtime
from migrator.errors import MigratorError
from migrator.settings import Settings
from workers.bare import bare_app
from workers.broker import check_url
from workers.dispatch import CeleryDispatcher
from workers.tasks import PerProcess, drain_on_shutdown


def make_app(settings: Settings) -> Celery:
    """Return the app that runs the product's verbs. Opens no connection; the runtime is built after the fork.

    Raises Invalid without a broker: Celery would go looking for one on its own.
    """
    check_url(settings.broker_url)
    drain = drain_on_shutdown()

    def build() -> Runtime:
        return wiring.build(settings, dispatcher=CeleryDispatcher(app, QUEUES), drain=drain)

    app = bare_app(settings.broker_url, VERBS, QUEUES, PerProcess(build), tick_s=settings.tick_s)
    return app


def __getattr__(name: str) -> Celery:
    """Make `app` when the celery command asks for it, so that importing this module reads no settings."""
    if name == "app":
        try:
            globals()["app"] = made = make_app(configuration.load())
        except MigratorError as exc:
            sys.stderr.write(f"{exc}; {exc.hint}\n")
            raise SystemExit(exc.exit_code) from None
        return made
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
