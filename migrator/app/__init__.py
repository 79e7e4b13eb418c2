"""The verbs: plain functions over a runtime and an id. Facts come from the store, never from the message."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from migrator.app.context import Runtime
from migrator.app.copy import copy
from migrator.app.discover import discover
from migrator.app.plan import plan
from migrator.app.publish import publish
from migrator.app.settle import settle
from migrator.app.tick import tick
from migrator.app.verify import verify

Verb = Callable[[Runtime, int], None]

VERBS: Mapping[str, Verb] = {
    "tick": tick,
    "discover": discover,
    "publish": publish,
    "plan": plan,
    "copy": copy,
    "verify": verify,
    "settle": settle,
}
"""Everything a worker can be told to do."""

QUEUES: Mapping[str, str] = {
    "tick": "control",
    "discover": "control",
    "publish": "control",
    "settle": "control",
    "plan": "control",
    "copy": "copy",
    "verify": "copy",
}
"""A tick never waits behind an hour of copies."""
