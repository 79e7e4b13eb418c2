"""Find out how a real bucket behaves where OSS's documentation is silent, and remember it for the simulator.

Everything happens under a scratch prefix of the probe's own, with temporary rules over exactly that prefix.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Sequence

from migrator.app.context import Runtime
from migrator.app.place import known
from migrator.app.probe.ask import KNOCKS, Voice, Watch, deaf, watch
from migrator.app.probe.documents import keeps_unknown, settles_a_race, takes_doubles, takes_rules
from migrator.app.probe.questions import OF_THE_PLAIN_RULE, Scene, ask_all
from migrator.app.probe.stage import RefusedByOss, Stage
from migrator.app.probe.temporary import ALWAYS, PLAIN, SCRATCH, VARIANTS, Batch, batches, unflagged
from migrator.app.probe.variants import OF_FOLDERS, OF_THE_BUCKET
from migrator.domain import rules
from migrator.domain.assumptions import NOT_ASKED, QUESTIONS, UNCLEAR, Learned, ordered
from migrator.domain.simulate import Signing
from migrator.errors import MaskedSecret
from migrator.spec import JobSpec

__all__ = ["PATIENCE_S", "intent", "probe"]

PATIENCE_S = 120.0
"""How long to wait for a change to reach every door, where nobody says otherwise."""


def intent(spec: JobSpec) -> Sequence[str]:
    """Say what a probe will do, before it does it."""
    prefix = f"{spec.destination.prefix}{SCRATCH}<random>/"
    return (
        f"oss://{spec.destination.bucket}: a handful of small objects under {prefix} are created and deleted again",
        f"up to {1 + len(VARIANTS)} temporary rules over exactly that prefix are published and taken away again",
        "nothing else is written; meanwhile nobody else publishes rules of this bucket through the migrator",
    )


def probe(rt: Runtime, spec: JobSpec, *, patience_s: float = PATIENCE_S) -> list[Learned]:
    """Ask everything that can be asked safely, store the answers as the bucket's assumptions, and return them all.

    Rules and objects of the probe are gone when this returns or raises. Raises KeyboardInterrupt soon after `rt.drain`
    was set, LeaseLost
    when somebody else publishes all the time, AccessRefused where the key may not do what a migration needs.
    """
    into = spec.destination
    found = known(rt.store.rules.buckets(), into)
    bucket = found or rt.store.rules.add_bucket(into.endpoint, into.region, into.bucket)
    stage = Stage(rt, spec, bucket, secrets.token_hex(6), patience_s)
    try:
        answers: dict[str, Learned] = {}
        for each in _asked(rt, spec, stage):
            answers.setdefault(each.question, each)
    finally:
        stage.close()
    learned = ordered(answers.values())
    rt.store.assumptions.save(bucket.id, learned)
    rt.store.events.add("probed", f"{bucket.name}: {sum(each.answer != NOT_ASKED for each in learned)} answers")
    return learned


def _asked(rt: Runtime, spec: JobSpec, stage: Stage) -> Iterator[Learned]:
    info = stage.control.info()
    yield from settles_a_race(stage, info)
    base, token = rules.parse_redirect_url(spec.redirect.url), secrets.token_hex(6)
    all_batches = list(batches(stage.prefix, base, token, stage.free_slots()))
    if why := _impossible(stage, all_batches):
        yield from _not_asked(why)
        return
    try:
        # Each put says something new even where OSS leaves out what is asked about.
        yield from takes_rules(stage, Batch(stage.prefix, base, f"{token}-first"), info)
        yield from keeps_unknown(stage, Batch(stage.prefix, base, f"{token}-unknown"))
        yield from takes_doubles(stage, Batch(stage.prefix, base, f"{token}-doubled"))
    except (MaskedSecret, RefusedByOss) as error:
        yield from _not_asked(f"no temporary rule could be put: {error}")
        return
    for number, batch in enumerate(all_batches):
        yield from _with(rt, spec, stage, batch, first=number == 0, last=number + 1 == len(all_batches))


def _with(rt: Runtime, spec: JobSpec, stage: Stage, batch: Batch, *, first: bool, last: bool) -> Iterator[Learned]:
    """Put one batch, wait until it is in force, ask, and time how it goes if it is the last."""
    info, endpoint = stage.control.info(), rt.connections.endpoint(spec)
    if ALWAYS in batch.folders and not info.versioned:
        stage.create(batch.key(ALWAYS, "there"))
    live, _ = stage.live()
    voices = [Voice("endpoint, signed", endpoint, Signing.HEADER)]
    voices += [Voice(door.url, door) for door in rt.connections.doors(spec)]
    silent = {each.name: why for each in voices if (why := deaf(each, batch.key(PLAIN, "before")))}
    voices = [each for each in voices if each.name not in silent]
    stage.put(batch.rules(), lambda text: unflagged(text, batch.scratch))
    arrived = watch(stage, voices, batch, arriving=True)
    hearing = [each for each in voices if each.name in arrived.seen]
    if first:
        yield _timed("rule_arrives_s", arrived, voices, silent.values())
    if not hearing:
        yield from _not_asked("no answer showed the temporary rule", answer=UNCLEAR)
        return
    scene = Scene(stage, batch, hearing[0], endpoint, info, stage.control.details(), rules.parse(live))
    if first:
        yield from ask_all(scene, OF_THE_PLAIN_RULE)
        yield from ask_all(scene, OF_THE_BUCKET)
    for folder in batch.folders[1:]:
        yield from ask_all(scene, OF_FOLDERS[folder])
    if last:
        stage.clear_rules()
        yield _timed("rule_leaves_s", watch(stage, hearing, batch, arriving=False), hearing, silent.values())


def _impossible(stage: Stage, all_batches: Sequence[Batch]) -> str:
    """Say why no temporary rule can be asked about; empty when it can."""
    if not all_batches:
        return f"all {rules.MAX_RULES} rule slots of the bucket are in use"
    for conflict in rules.conflicts(*stage.live(), [f"{stage.prefix}{PLAIN}/"]):
        if conflict.severity == rules.SHADOWS:
            return conflict.sentence
    return ""


def _timed(name: str, found: Watch, voices: Iterable[Voice], silent: Iterable[str]) -> Learned:
    missing = [each.name for each in voices if each.name not in found.seen]
    evidence = [found.spelled()] if found.seen else []
    evidence += [f"never seen at {each}" for each in missing]
    evidence += silent
    said = f"{max(found.seen.values()):.2f}" if found.seen and not missing else UNCLEAR
    return Learned(name, said, "; ".join([*evidence, f"{KNOCKS} answers in a row each"]))


def _not_asked(why: str, *, answer: str = NOT_ASKED) -> Iterator[Learned]:
    """Answer all that has no answer yet: the first one to each question counts."""
    for name in QUESTIONS:
        yield Learned(name, answer, why)
