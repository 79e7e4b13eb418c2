"""Commands that run the machinery: everything in one process, or one part each."""

from __future__ import annotations

import logging
import signal
import sys
import threading

import click

from migrator import settings
from migrator.cli.render import say
from migrator.errors import Invalid
from migrator.runtime import Embedded

_PORT = click.option("--port", default=8080, show_default=True, help="Port of the dashboard; 0: any free one.")
_HOST = click.option("--host", default="127.0.0.1", show_default=True, help="Address of the dashboard.")


@click.command()
@_HOST
@_PORT
@click.option("--no-web", is_flag=True, help="Without the dashboard.")
def up(host: str, port: int, *, no_web: bool) -> None:
    """Run everything in this process: ticks, workers and the dashboard. Ctrl-C drains and stops.

    Example: migrator up --port 8080
    """
    logging.getLogger("migrator").setLevel(logging.INFO)
    loaded = settings.load()
    if loaded.broker_url:
        raise Invalid(
            "MIGRATOR_BROKER_URL is set, so workers take their work from the broker",
            hint="run `migrator worker --beat` and `migrator web`, or unset MIGRATOR_BROKER_URL",
        )
    stopped = stop_event()
    with Embedded(loaded) as rt:
        if no_web:
            say("running; Ctrl-C stops")
            stopped.wait()
        else:
            from migrator.web.serve import Dashboard  # noqa: PLC0415 - FastAPI is slow to import

            with Dashboard(rt, host, port) as dashboard:
                say(f"running; dashboard: {dashboard.url} ; Ctrl-C stops")
                stopped.wait()
    say("drained and stopped; nothing is lost, migrator up goes on")


@click.command()
@click.option("--queues", default="control,copy", show_default=True, help="What to work on.")
@click.option("--concurrency", default=2, show_default=True, help="Processes.")
@click.option("--beat", is_flag=True, help="Also tick from this worker (run one of these).")
@click.option("--beat-only", is_flag=True, help="Only tick; run no verbs.")
def worker(queues: str, concurrency: int, *, beat: bool, beat_only: bool) -> None:
    """Run a Celery worker on MIGRATOR_BROKER_URL.

    Example: migrator worker --concurrency 4 --beat
    """
    loaded = settings.load()
    if not loaded.broker_url:
        raise Invalid("MIGRATOR_BROKER_URL is not set", hint="set it to redis://host:6379/0, or use `migrator up`")
    from workers.app import make_app  # noqa: PLC0415 - Celery is only imported where there is a broker

    app = make_app(loaded)
    if beat_only:
        app.start(["beat", "--loglevel", loaded.log_level])
        return
    arguments = ["worker", "--queues", queues, "--concurrency", str(concurrency), "--loglevel", loaded.log_level]
    app.worker_main([*arguments, "--beat"] if beat else arguments)


@click.command()
@_HOST
@_PORT
def web(host: str, port: int) -> None:
    """Serve the dashboard. It reads the tracking database and changes nothing.

    Example: migrator web --port 8080
    """
    from migrator.cli.connect import runtime  # noqa: PLC0415 - as below
    from migrator.web.serve import Dashboard  # noqa: PLC0415 - FastAPI is slow to import

    stopped = stop_event()
    with runtime() as rt, Dashboard(rt, host, port) as dashboard:
        say(f"dashboard: {dashboard.url} ; Ctrl-C stops")
        stopped.wait()


def stop_event() -> threading.Event:
    """Return an event that SIGTERM and SIGINT set; a second signal ends the process at once."""
    stopped = threading.Event()

    def stop(number: int, _: object) -> None:
        if stopped.is_set():
            sys.exit(128 + number)
        stopped.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    return stopped
