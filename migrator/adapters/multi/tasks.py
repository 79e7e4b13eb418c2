"""What coroutines may await besides requests: a pause, work on another thread, another coroutine, their turn."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from typing import Any, Generic, Protocol, TypeVar

T = TypeVar("T")
Talk = Coroutine[Any, Any, T]


class Scheduler(Protocol):
    """What a wait needs of the loop. Everything but `post` is called on the loop's own thread."""

    def resume(self, task: Task[Any], value: object = None, error: Exception | None = None) -> None:
        """Let a task go on in this turn."""
        ...

    def resume_later(self, task: Task[Any], delay_s: float) -> None:
        """Let a task go on after a while."""
        ...

    def post(self, call: Callable[[], None]) -> None:
        """Have something called on the loop's thread; from any thread."""
        ...

    def on_thread(self, task: Task[Any], call: Callable[[], object]) -> None:
        """Call something that waits on a thread of its own; its result resumes the task."""
        ...


class Wait(ABC):
    """Something to await; `begin` must see to it that the task is resumed once, later or at once."""

    __slots__ = ()

    @abstractmethod
    def begin(self, loop: Scheduler, task: Task[Any]) -> None:
        """Take note of the task that waits."""

    def __await__(self) -> Generator[Wait, Any, Any]:
        return (yield self)


class Pause(Wait):
    """Go on after a while."""

    __slots__ = ("_delay_s",)

    def __init__(self, delay_s: float) -> None:
        self._delay_s = delay_s

    def begin(self, loop: Scheduler, task: Task[Any]) -> None:
        """See Wait."""
        loop.resume_later(task, self._delay_s)


class OnThread(Wait):
    """Go on with the result of a call that waits for something."""

    __slots__ = ("_call",)

    def __init__(self, call: Callable[[], object]) -> None:
        self._call = call

    def begin(self, loop: Scheduler, task: Task[Any]) -> None:
        """See Wait."""
        loop.on_thread(task, self._call)


class Task(Wait, Generic[T]):
    """A coroutine under way; awaiting it gives its result or raises its error."""

    __slots__ = ("_done", "_waiters", "error", "finished", "result", "talk")

    def __init__(self, talk: Talk[T], done: Callable[[Task[T]], None] | None = None) -> None:
        self.talk = talk
        self.finished = False
        self.result: T | None = None
        self.error: BaseException | None = None
        self._done = done
        self._waiters: list[tuple[Scheduler, Task[Any]]] = []

    def finish(self, result: T | None, error: BaseException | None) -> None:
        """Keep what became of it and let those go on that wait for it."""
        self.finished, self.result, self.error = True, result, error
        for loop, task in self._waiters:
            loop.resume(task)
        if self._done is not None:
            self._done(self)

    def begin(self, loop: Scheduler, task: Task[Any]) -> None:
        """See Wait."""
        if self.finished:
            loop.resume(task)
        else:
            self._waiters.append((loop, task))

    def __await__(self) -> Generator[Wait, Any, T]:
        if not self.finished:
            yield self
        if self.error is not None:
            raise self.error
        return self.result  # type: ignore[return-value]


class Budget(Wait):
    """A bound for the bytes of objects held in memory, given out in order of asking; for one loop's coroutines.

    `if not budget.take(n): await budget.wait(n)`, then `budget.give(n)` in any case. Who wants more than all of it gets
    it alone. Never hold some while waiting for more: two that do so would wait for each other.
    """

    __slots__ = ("_free_bytes", "_limit_bytes", "_waiting")

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._free_bytes = limit_bytes
        self._waiting: deque[tuple[int, Scheduler, Task[Any]]] = deque()

    def take(self, size_bytes: int) -> bool:
        """Take a share if there is room and nobody waits."""
        share = min(size_bytes, self._limit_bytes)
        if self._waiting or share > self._free_bytes:
            return False
        self._free_bytes -= share
        return True

    def wait(self, size_bytes: int) -> _Turn:
        """Wait for a share."""
        return _Turn(self._waiting, min(size_bytes, self._limit_bytes))

    def give(self, size_bytes: int) -> None:
        """Give a share back."""
        self._free_bytes += min(size_bytes, self._limit_bytes)
        while self._waiting and self._waiting[0][0] <= self._free_bytes:
            share, loop, task = self._waiting.popleft()
            self._free_bytes -= share
            loop.resume(task)

    def begin(self, loop: Scheduler, task: Task[Any]) -> None:
        """See Wait."""
        raise NotImplementedError


class _Turn(Wait):
    __slots__ = ("_share", "_waiting")

    def __init__(self, waiting: deque[tuple[int, Scheduler, Task[Any]]], share: int) -> None:
        self._waiting = waiting
        self._share = share

    def begin(self, loop: Scheduler, task: Task[Any]) -> None:
        self._waiting.append((self._share, loop, task))
