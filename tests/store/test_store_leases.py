from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from migrator.errors import LeaseLost


def test_a_lease_is_taken_once(store):
    lease = store.leases.take("tick", "me", 60)
    assert store.leases.take("tick", "you", 60) is None
    assert store.leases.take("tick", "me", 60) is None  # not re-entrant: two ticks of one process are two ticks
    assert store.leases.take("rules:1", "you", 60) is not None
    assert store.leases.holder("tick") == "me"
    store.leases.check(lease)
    store.leases.renew(lease, 60)


def test_release_is_idempotent_and_the_next_fence_is_higher(world):
    first = world.lease("tick")
    world.store.leases.release(first)
    assert world.store.leases.holder("tick") is None
    second = world.lease("tick")
    assert second.fence > first.fence
    world.store.leases.release(first)  # must not end what somebody else holds
    assert world.store.leases.holder("tick") == "me"


def test_an_expired_lease_can_be_taken_and_its_old_owner_notices(world):
    old = world.lease("tick", "old", ttl_s=-1)
    assert world.store.leases.holder("tick") is None
    with pytest.raises(LeaseLost):
        world.store.leases.check(old)
    world.store.leases.renew(old, -1)  # nobody took it: the work goes on
    new = world.lease("tick", "new")
    for use in (world.store.leases.check, lambda lease: world.store.leases.renew(lease, 60)):
        with pytest.raises(LeaseLost):
            use(old)
    world.store.leases.check(new)


def test_one_of_many_takes_a_new_name(store):
    with ThreadPoolExecutor(8) as pool:
        taken = [lease for lease in pool.map(lambda n: store.leases.take("tick", f"w{n}", 60), range(24)) if lease]
    assert len(taken) == 1
    assert store.leases.holder("tick") == taken[0].owner
