from __future__ import annotations

from collections import deque

from hypothesis import given
from hypothesis import strategies as st

from migrator.adapters.fidelity import MAX_OBJECT_BYTES
from migrator.adapters.multi.parted import MAX_PARTS, part_bytes_for
from migrator.adapters.multi.tasks import Budget, Task

MIB = 1024 * 1024


@given(st.integers(1, MAX_OBJECT_BYTES), st.integers(1, 64).map(lambda n: n * MIB))
def test_any_object_fits_into_the_parts_oss_allows(size_bytes: int, least_bytes: int):
    part = part_bytes_for(size_bytes, least_bytes)
    assert least_bytes <= part <= 5 * 1024 * MIB
    assert -(-size_bytes // part) <= MAX_PARTS


class Turns:
    """A loop that does nothing but resume."""

    def __init__(self):
        self.ready = deque()

    def resume(self, task, value=None, error=None):
        self.ready.append(task)

    def run(self, talks):
        self.ready.extend(Task(talk) for talk in talks)
        while self.ready:
            task = self.ready.popleft()
            try:
                task.talk.send(None).begin(self, task)
            except StopIteration as end:
                task.finish(end.value, None)


class Yield:
    def begin(self, loop, task):
        loop.resume(task)

    def __await__(self):
        yield self


@given(st.lists(st.integers(0, 25), max_size=40))
def test_the_budget_is_never_exceeded_and_everybody_gets_through_in_order(sizes: list[int]):
    budget, held, most, order = Budget(10), [], [], []

    async def work(number: int, size: int) -> None:
        await budget.take(size)
        order.append(number)
        held.append(min(size, 10))
        most.append(sum(held))
        for _ in range(size % 3):
            await Yield()
        held.remove(min(size, 10))
        budget.give(size)

    Turns().run([work(number, size) for number, size in enumerate(sizes)])
    assert order == list(range(len(sizes)))
    assert max(most, default=0) <= 10
    assert budget.free_bytes == 10
