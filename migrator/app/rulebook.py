"""Look at a bucket's rules: the live document, any other that can be named, what should stand, and what is wrong."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import islice

from migrator.app.context import Runtime
from migrator.app.place import Place
from migrator.app.ruleset import Demand, Route, Ruleset, demand, domains_of, fitted
from migrator.domain import rules
from migrator.domain.cover import Step, Wave, timeline, waves
from migrator.domain.model import Revision
from migrator.domain.rules import Document, Merge
from migrator.errors import NotFound, RuleCapacityExceeded

LIVE, PLANNED = "live", "planned"


@dataclass(frozen=True, slots=True)
class Rulebook:
    """A bucket's rules as of now."""

    live: bytes | None
    own: tuple[str, ...]
    ruleset: Ruleset
    merge: Merge
    """What publishing now would do."""

    @property
    def document(self) -> Document:
        """The live document, read."""
        return rules.parse(self.live)


@dataclass(frozen=True, slots=True)
class Outlook:
    """The own rules now and as prefixes retire."""

    budget: int
    """Slots that foreign rules leave."""
    steps: tuple[Step[Route], ...]
    """The first shows the cover now."""
    waves: tuple[Wave[Route], ...] = ()
    """Only where not everything fits at once: what could be open together."""
    problem: str = ""
    """Why not everything fits."""


def rulebook(rt: Runtime, place: Place) -> Rulebook:
    """Read the live rules of a bucket and compute what should stand there. Changes nothing."""
    live, own = place.control(rt).get_website(), place.own(rt)
    wanted = _demand(rt, place)
    ruleset = fitted(wanted.unfinished, wanted.finished, rules.foreign_count(live, own))
    return Rulebook(live, own, ruleset, rules.merge(live, own, ruleset.rules))


def history(rt: Runtime, place: Place) -> list[Revision]:
    """Return the revisions of a bucket, newest first."""
    return rt.store.rules.history(place.bucket.id) if place.bucket else []


def outlook(rt: Runtime, place: Place, steps: int) -> Outlook:
    """Compute the cover now and after the retirements to come, in at most `steps` steps."""
    live, own = place.control(rt).get_website(), place.own(rt)
    wanted = _weighed(rt, place, _demand(rt, place))
    free = max(0, rules.MAX_RULES - rules.foreign_count(live, own))
    domains = domains_of(wanted.unfinished)
    try:
        try:
            ahead = timeline(wanted.unfinished, wanted.finished, budget=free - 1, domains=domains, steps=steps)
            return Outlook(free, tuple(islice(ahead, steps + 1)))
        except RuleCapacityExceeded:
            ahead = timeline(wanted.unfinished, wanted.finished, budget=free, domains=domains, steps=steps)
            return Outlook(free, tuple(islice(ahead, steps + 1)))
    except RuleCapacityExceeded as error:
        if not free:
            raise
        planned = waves(wanted.unfinished, wanted.finished, budget=free, domains=domains)
        return Outlook(free, (Step((), len(wanted.unfinished), planned[0].cover),), planned, str(error))


def document_of(rt: Runtime, place: Place, name: str) -> bytes | None:
    """Return the document that a word names: `live`, `planned`, or the number of a revision. Raises NotFound."""
    if name == LIVE:
        return place.control(rt).get_website()
    if name == PLANNED:
        return rulebook(rt, place).merge.after
    return revision(rt, place, int(name)).after


def revision(rt: Runtime, place: Place, number: int) -> Revision:
    """Return a revision of this bucket. Raises NotFound."""
    found = next((each for each in _all_revisions(rt, place) if each.id == number), None)
    if found is None:
        raise NotFound(f"{place.name} has no revision {number}", hint="to see them: migrator rules history")
    return found


def ever_own(rt: Runtime, place: Place) -> tuple[str, ...]:
    """Return the fingerprints of every migration rule that was ever published into the bucket."""
    return tuple(dict.fromkeys(name for each in _all_revisions(rt, place) for name in each.own))


def prefixes_at(rt: Runtime, place: Place) -> tuple[str, ...]:
    """Return the complete destination prefixes of every job into the bucket."""
    names = (spec.destination.prefix + name for job, spec in place.jobs for name in rt.store.prefixes.names(job.id))
    return tuple(sorted(names))


def _all_revisions(rt: Runtime, place: Place) -> list[Revision]:
    return rt.store.rules.history(place.bucket.id, limit=1_000_000) if place.bucket else []


def _demand(rt: Runtime, place: Place) -> Demand:
    return demand(rt, place.bucket.id) if place.bucket else Demand()


def _weighed(rt: Runtime, place: Place, wanted: Demand) -> Demand:
    """Give unfinished prefixes the weight they will have once they are finished: the objects planned so far."""
    objects = {
        spec.destination.prefix + view.prefix.name: float(view.planned_objects)
        for job, spec in place.jobs
        for view in rt.store.prefixes.views(job.id)
    }
    return replace(
        wanted, unfinished=tuple(replace(one, weight=objects.get(one.prefix, 0.0)) for one in wanted.unfinished)
    )
