"""Conversations with servers, written once as coroutines, whoever carries their requests.

A blocking client holds one with `run`; the copy engine's loop holds many at a time on one thread. Nothing here waits.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Coroutine, Generator
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, runtime_checkable

from migrator.adapters.http_handle import Handle
from migrator.adapters.http_message import Request, Response
from migrator.domain.objects import ObjectHead
from migrator.errors import MigratorError

T = TypeVar("T")
Prepare = Callable[[], Request]
"""Makes the request at the moment it is sent, so that no signature grows old in a queue."""


class Carrier(Protocol):
    """One side's way to its servers: what may be connected to, and through which proxy."""

    def perform(self, request: Request) -> Response:
        """Perform one request on the calling thread."""
        ...

    def new_handle(self) -> Handle:
        """Return a handle for somebody else's loop."""
        ...


@dataclass(frozen=True, slots=True)
class Exchange:
    """What a conversation asks for: one request and its answer."""

    carrier: Carrier
    prepare: Prepare


@types.coroutine
def exchange(carrier: Carrier, prepare: Prepare) -> Generator[Exchange, Response, Response]:
    """Have a request carried and return its answer, whatever its status. Raises as `Http.perform` does."""
    return (yield Exchange(carrier, prepare))


def run(talk: Coroutine[Any, Any, T]) -> T:
    """Hold a conversation on the calling thread and return what it comes to."""
    try:
        step: Exchange = talk.send(None)
        while True:
            try:
                answer = step.carrier.perform(step.prepare())
            except MigratorError as exc:
                step = talk.throw(exc)
            else:
                step = talk.send(answer)
    except StopIteration as end:
        found: T = end.value
        return found
    finally:
        talk.close()


@runtime_checkable
class Readable(Protocol):
    """An origin whose `read` is a conversation too."""

    async def aread(
        self, key: str, *, if_match: str = "", start: int = 0, end: int | None = None
    ) -> tuple[ObjectHead, bytes]:
        """See Origin.read."""
        ...
