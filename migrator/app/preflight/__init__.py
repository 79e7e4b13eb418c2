"""Look before anything moves: is every surrounding fit for this job, and who will not survive a redirect?

Each finding names its remedy. Nothing is changed anywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from migrator.app.context import Runtime
from migrator.app.preflight.door import readers
from migrator.app.preflight.facts import Facts
from migrator.app.preflight.finding import Finding, Level, refuse
from migrator.app.preflight.redirected import redirect
from migrator.app.preflight.sides import destination, origin
from migrator.app.preflight.website import website
from migrator.app.preflight.who import declared, logged
from migrator.errors import MigratorError
from migrator.spec import JobSpec

__all__ = ["Finding", "Level", "preflight", "refuse"]

Look = Callable[[Facts], Iterator[Finding]]


def preflight(rt: Runtime, spec: JobSpec, *, sample_log: Path | None = None) -> list[Finding]:
    """Look at everything; errors of one look do not hide the others, and each is told once.

    With `sample_log` (an access log of OSS or nginx) real readers are counted instead of named. Raises Invalid for
    a log that cannot be read.
    """
    facts = Facts(rt, spec)
    who: Look = partial(logged, log=sample_log) if sample_log else declared
    looks: dict[str, Look] = {
        "origin": origin,
        "destination": destination,
        "rules": website,
        "readers": readers,
        "redirect": redirect,
    }
    found: list[Finding] = []
    met: list[MigratorError] = []
    for name, look in looks.items():
        try:
            found.extend(look(facts))
        except MigratorError as error:
            if not any(_same(error, other) for other in met):
                met.append(error)
                found.append(Finding(Level.ERROR, f"{name}.failed", str(error), error.hint, error.exit_code))
    if not met or sample_log:
        found.extend(who(facts))
    return found


def _same(error: MigratorError, other: MigratorError) -> bool:
    """Say whether two looks met the same trouble: a bucket that is not there, say, however each of them asked."""
    return error is other or (error.fatal and type(error) is type(other) and error.hint == other.hint)
