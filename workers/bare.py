"""Celery's settings, each with its reason, for any table of verbs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from celery import Celery
from kombu.entity import Exchange, Queue

from workers.broker import VISIBILITY_S, transport_options
from workers.dispatch import PREFIX
from workers.tasks import register

R = TypeVar("R")


def bare_app(
    broker_url: str,
    verbs: Mapping[str, Callable[[R, int], None]],
    queues: Mapping[str, str],
    runtime: Callable[[], R],
    *,
    tick_s: float,
) -> Celery:
    """Return an app that runs any table of verbs with any runtime."""
    # Not made current: whoever imports this module keeps their own Celery.
    app = Celery("migrator", set_as_current=False)
    names = sorted({*queues.values()})
    app.conf.update(
        broker_url=broker_url,
        broker_transport_options=transport_options(broker_url),
        # Compose starts things in any order, and a broker may be away for as long as it likes.
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        # Ids in JSON only: nobody who reaches the broker can make a worker unpickle.
        task_serializer="json",
        accept_content=["json"],
        # State lives in the tracking database; nobody asks Celery for results.
        result_backend=None,
        task_ignore_result=True,
        task_store_errors_even_if_ignored=False,
        # A killed worker's message comes back, and no worker hoards shards that others could run.
        task_acks_late=True,
        worker_prefetch_multiplier=1,
        # A failed message is done with: the database knows how often and why, and the tick sends it again.
        task_acks_on_failure_or_timeout=True,
        # True would start a shard that kills its process over and over, and nobody would count. The lease expires
        # instead, the claim counts the attempt, and the shard is quarantined in the end.
        task_reject_on_worker_lost=False,
        # The second delivery, should one happen, ends at the lease; cutting off a running copy would only lose work.
        worker_cancel_long_running_tasks_on_connection_loss=False,
        # No task_time_limit: it kills the process, and one huge object may rightly take longer than any limit.
        # Shards yield after a slice, and every request has its own timeout.
        # Processes that have grown are replaced after the verb they run (KiB).
        worker_max_memory_per_child=600_000,
        # Two queues, so that a tick never waits behind an hour of copies; a misspelt third is refused.
        # Without its own exchange and key each queue would be bound to the first one's, and get its messages too.
        task_queues=[Queue(name, Exchange(name), routing_key=name) for name in names],  # type: ignore[no-untyped-call]
        task_default_queue=names[0],
        task_create_missing_queues=False,
        task_routes={PREFIX + verb: {"queue": queue} for verb, queue in queues.items()},
        # Nobody listens to events; workers are watched by their leases.
        worker_send_task_events=False,
        task_send_sent_event=False,
        # Our logging stays ours.
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        enable_utc=True,
        timezone="UTC",
        # One entry, so there is nothing to remember in a file between starts.
        beat_scheduler="celery.beat:Scheduler",
        beat_schedule=_beat(queues, tick_s) if "tick" in verbs else {},
    )
    app.conf.visibility_timeout = VISIBILITY_S
    register(app, verbs, runtime)
    # Celery publishes some things through the process's default app; were that not ours, they would go to
    # amqp://localhost and be lost without a word.
    app.set_default()
    return app


def _beat(queues: Mapping[str, str], tick_s: float) -> dict[str, object]:
    options = {"queue": queues["tick"], "expires": tick_s}  # a tick nobody took in time is of no use
    return {"tick": {"task": PREFIX + "tick", "schedule": tick_s, "args": (0,), "options": options}}
