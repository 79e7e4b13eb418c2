"""Whom to ask: the bucket's endpoint with a signature, or a reader's door without one."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from time import monotonic

from migrator.app.probe.stage import Stage
from migrator.app.probe.temporary import ALWAYS, PLAIN, Batch
from migrator.domain.simulate import Signing
from migrator.errors import MigratorError
from migrator.ports import Answer, Ask, Door

KNOCKS = 3
"""Answers in a row that must agree: OSS has many front ends, and they learn of a change one by one."""
_SHOWN = 120


@dataclass(frozen=True, slots=True)
class Voice:
    """One way to ask. `signing` None: as the readers of this door do."""

    name: str
    door: Door
    signing: Signing | None = None

    def get(
        self, key: str, *, query: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """GET a key."""
        if self.signing is None and not query and not headers:
            return self.door.knock(key)
        signing = self.signing or Signing.ANONYMOUS
        return self.door.ask(Ask(key, query=query or {}, headers=headers or {}, signing=signing))

    def head(self, key: str) -> Answer:
        """HEAD a key."""
        return self.door.ask(Ask(key, "HEAD", signing=self.signing or Signing.ANONYMOUS))


@dataclass(slots=True)
class Watch:
    """When each voice was first answered as awaited, in seconds since the put."""

    since: float
    seen: dict[str, float] = field(default_factory=dict)
    _runs: dict[str, list[float]] = field(default_factory=dict)

    def note(self, name: str, *, as_awaited: bool) -> None:
        """Count an answer; only a run of them settles it, and its first one is what is timed."""
        run = self._runs.setdefault(name, [])
        if not as_awaited:
            run.clear()
            return
        run.append(monotonic() - self.since)
        if len(run) >= KNOCKS:
            self.seen.setdefault(name, run[0])

    def spelled(self) -> str:
        """Return the times for people."""
        return ", ".join(f"{name} {seconds:.2f} s" for name, seconds in self.seen.items())


def deaf(voice: Voice, key: str) -> str:
    """Say why nothing can be learned by this voice; empty when it can.

    A private bucket refuses strangers before it looks at any rule.
    """
    try:
        answer = voice.get(key)
    except MigratorError as error:
        return str(error)
    return f"{voice.name} answers 403 to strangers" if answer.status == 403 and voice.signing is None else ""


def watch(stage: Stage, voices: Sequence[Voice], batch: Batch, *, arriving: bool) -> Watch:
    """Ask every voice until each is answered by the batch's rules (or no longer is), or patience is at its end."""
    found = Watch(monotonic())

    def look() -> bool:
        for voice in voices:
            if voice.name not in found.seen:
                found.note(voice.name, as_awaited=_answered(voice, batch) is arriving)
        return len(found.seen) == len(voices)

    stage.until(look)
    return found


def _answered(voice: Voice, batch: Batch) -> bool | None:
    """Say whether a rule of the batch answers; None when nobody can tell right now."""
    try:
        if batch.answers(voice.get(batch.key(PLAIN, secrets.token_hex(4))), PLAIN):
            return True
        return ALWAYS in batch.folders and batch.answers(voice.get(batch.key(ALWAYS, "there")), ALWAYS)
    except MigratorError:
        return None


def line(what: str, answer: Answer, hide: Callable[[str], str] = lambda location: location.partition("?")[0]) -> str:
    """Spell a question and its answer as evidence; a Location's query may hold a signature, so it is left out."""
    parts = (str(answer.status), answer.error_code, hide(answer.location)[:_SHOWN])
    return f"{what}: {' '.join(part for part in parts if part)}"
