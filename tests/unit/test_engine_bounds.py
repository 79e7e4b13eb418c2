from __future__ import annotations

import threading

from hypothesis import given
from hypothesis import strategies as st

from migrator.adapters.fidelity import MAX_OBJECT_BYTES
from migrator.adapters.memory import MemoryBudget
from migrator.adapters.parted import MAX_PARTS, part_bytes_for

MIB = 1024 * 1024


@given(st.integers(1, MAX_OBJECT_BYTES), st.integers(1, 64).map(lambda n: n * MIB))
def test_any_object_fits_into_the_parts_oss_allows(size_bytes: int, least_bytes: int):
    part = part_bytes_for(size_bytes, least_bytes)
    assert least_bytes <= part <= 5 * 1024 * MIB
    assert -(-size_bytes // part) <= MAX_PARTS


def test_the_budget_is_never_exceeded_and_everybody_gets_through():
    budget, lock = MemoryBudget(10), threading.Lock()
    held, most, done = 0, 0, 0

    def work(size: int) -> None:
        nonlocal held, most, done
        with budget.hold(size):
            with lock:
                held += min(size, 10)
                most = max(most, held)
            with lock:
                held -= min(size, 10)
                done += 1

    threads = [threading.Thread(target=work, args=(size,)) for size in [1, 3, 10, 25, 4, 7] * 20]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (done, held) == (120, 0)
    assert most <= 10
