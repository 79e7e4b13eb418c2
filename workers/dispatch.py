"""Sends verbs to Celery workers."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import Final

from celery import Celery
from kombu.exceptions import KombuError
from redis.exceptions import RedisError

log = logging.getLogger(__name__)

PREFIX: Final = "migrator."
"""A verb's name among all tasks."""

QUIET_S: Final = 5.0
"""After a failed publish, for how long messages are dropped without trying. A tick may send hundreds of messages, and
each would wait for its own timeout; what is dropped is sent again by a later tick."""


class CeleryDispatcher:
    """Publishes a verb and an id; one short attempt, because a message is a hint and the next tick repeats it."""

    def __init__(
        self, app: Celery, queues: Mapping[str, str], *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._app = app
        self._queues = queues
        self._monotonic = monotonic
        self._quiet_until = float("-inf")

    def send(self, verb: str, subject_id: int) -> None:
        """Enqueue; a broker that is away is logged and never raised. Unknown verbs are logged and dropped."""
        queue = self._queues.get(verb)
        if queue is None:
            log.error("there is no verb %r; the message is dropped", verb)
            return
        if self._monotonic() < self._quiet_until:
            return
        try:
            # retry=False: Celery's own policy would wait for the broker in the middle of a tick.
            self._app.send_task(PREFIX + verb, args=(subject_id,), queue=queue, retry=False, ignore_result=True)
        except (KombuError, RedisError, OSError) as exc:
            self._quiet_until = self._monotonic() + QUIET_S
            log.warning("the broker is away (%s); work is sent again when it is back", type(exc).__name__)
