"""Print how long it takes to plan one cover, by shape and number of prefixes: `python benchmarks/cover.py`."""

from __future__ import annotations

import argparse
import random
import resource
import time
from collections.abc import Callable

from migrator.domain.cover import Finished, Unfinished, plan_cover, unserved

Shape = Callable[[int, random.Random], list[str]]


def flat(count: int, _: random.Random) -> list[str]:
    """All siblings: the fan-out is as large as the job."""
    return [f"user-{number:06d}/" for number in range(count)]


def dates(count: int, _: random.Random) -> list[str]:
    """Folders in folders, nothing nested in another prefix."""
    return [f"{1990 + n // 37000}/{n // 3000 % 12:02d}/{n // 100 % 30:02d}/{n % 100:02d}/" for n in range(count)]


def tokens(count: int, chance: random.Random) -> list[str]:
    """Random names: the tree branches everywhere."""
    return [f"{chance.getrandbits(64):016x}/" for _ in range(count)]


def long_names(count: int, _: random.Random) -> list[str]:
    """A thousand equal characters before the first difference."""
    return [f"{'same' * 248}{number:06d}/" for number in range(count)]


def combs(count: int, _: random.Random) -> list[str]:
    """Each name forks off a little deeper than the one before, as deep as a key may be."""
    return [f"{n // 1000:03d}{'a' * (n % 1000)}b/" for n in range(count)]


def nested(count: int, _: random.Random) -> list[str]:
    """Prefixes inside prefixes inside prefixes."""
    return [f"{n // 1000:03d}{'d/' * (n % 1000 // 2)}{'e/' * (n % 2)}" for n in range(count)]


SHAPES: tuple[Shape, ...] = (flat, dates, tokens, long_names, combs, nested)


def run(shape: Shape, count: int, budget: int, mixture: str) -> None:
    """Time one plan and check it with the independent checker."""
    chance = random.Random(f"{shape.__name__} {count} {mixture}")
    names = sorted(set(shape(count, chance)))
    unfinished: list[Unfinished[str]] = []
    finished: list[Finished] = []
    for name in names:
        if mixture == "half finished" and chance.random() < 0.5:
            finished.append(Finished(name, chance.randrange(10**6)))
        else:
            unfinished.append(Unfinished(name, "one"))
    if mixture == "plus as many finished":
        finished = [Finished(f"{name}x/", chance.random()) for name in names]
    domains: dict[str, str] = {}
    if mixture == "five jobs":
        domains = {f"job {number}": f"job-{number}/" for number in range(5)}
        jobs = sorted(domains)
        owners = [jobs[place % 5] for place in range(len(names))]
        unfinished = [Unfinished(domains[job] + name, job) for job, name in zip(owners, names, strict=True)]
    chance.shuffle(unfinished)
    chance.shuffle(finished)
    began, began_cpu = time.perf_counter(), time.process_time()
    cover = plan_cover(unfinished, finished, budget=budget, domains=domains)
    took, took_cpu = time.perf_counter() - began, time.process_time() - began_cpu
    assert not unserved(cover.rules, unfinished, finished)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(
        f"{shape.__name__:<11} {mixture:<22} {len(unfinished):>7} {len(finished):>7} {took:>8.3f} s {took_cpu:>8.3f} s"
        f" {len(cover.rules):>3} rules  peak {peak} MiB"
    )


def main() -> None:
    """Go through shapes, mixtures and sizes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--budget", type=int, default=17)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10**3, 10**4, 10**5])
    options = parser.parse_args()
    print(f"{'shape':<11} {'mixture':<22} {'open':>7} {'done':>7} {'time':>10} {'CPU':>10}")
    for size in options.sizes:
        for shape in SHAPES:
            for mixture in ("all unfinished", "half finished", "plus as many finished", "five jobs"):
                run(shape, size, options.budget, mixture)


if __name__ == "__main__":
    main()
