"""Questions that need no reader: what OSS takes, and what it gives back."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from migrator.app.probe.stage import RefusedByOss, Stage
from migrator.app.probe.temporary import Batch, doubled, with_unknown
from migrator.domain.assumptions import NO, NOT_ASKED, UNCLEAR, YES, Learned
from migrator.errors import AlreadyExists, MigratorError
from migrator.ports import BucketInfo

_AT_ONCE = 4


def settles_a_race(stage: Stage, info: BucketInfo) -> Iterator[Learned]:
    """Let several writers create the same scratch object at the same moment."""
    name = "forbid_overwrite_holds"
    if info.versioned:
        yield Learned(name, NOT_ASKED, "the bucket is versioned; OSS documents that create-only is ignored there")
        return

    def create(number: int) -> str:
        try:
            stage.create(f"{stage.prefix}race", f"writer {number}\n".encode())
        except AlreadyExists:
            return "409"
        except MigratorError as error:
            return str(error)
        return "200"

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        answers = sorted(pool.map(create, range(_AT_ONCE)))
    told = set(answers) <= {"200", "409"}
    said = UNCLEAR if not told else YES if answers.count("200") == 1 else NO
    yield Learned(name, said, f"{_AT_ONCE} creates at once: {', '.join(answers)}")


def takes_rules(stage: Stage, batch: Batch, info: BucketInfo) -> Iterator[Learned]:
    """Put the first rule. Raises RefusedByOss after the answer where a versioned bucket takes none."""
    name = "versioned_refuses_rules"
    try:
        stage.put(batch.rules())
    except RefusedByOss as error:
        if not info.versioned:
            raise
        yield Learned(name, YES, str(error))
        raise
    if info.versioned:
        yield Learned(name, NO, "the versioned bucket took a rule")
    else:
        why = "the bucket is not versioned, and versioning could not be taken back"
        yield Learned(name, NOT_ASKED, why)
    lagged = "the old document was read after the put" if stage.reads_lagged else "the put was read back at once"
    yield Learned("stale_reads", YES if stage.reads_lagged else NO, lagged)


def keeps_unknown(stage: Stage, batch: Batch) -> Iterator[Learned]:
    """Put an element that OSS cannot know into a temporary rule, and look for it."""
    name = "unknown_elements_kept"
    try:
        shown = stage.put(batch.rules(), lambda text: with_unknown(text, batch.scratch, batch.token))
    except RefusedByOss as error:
        yield Learned(name, NO, f"refused: {error}")
        return
    kept = f"<MigratorProbe>{batch.token}<".encode() in (shown or b"")
    yield Learned(name, YES if kept else NO, "the element came back" if kept else "it was left out without a word")


def takes_doubles(stage: Stage, batch: Batch) -> Iterator[Learned]:
    """Put the temporary rule a second time under another number."""
    name = "duplicates_allowed"
    if stage.free_slots() < len(batch.folders) + 1:
        yield Learned(name, NOT_ASKED, "it needs two free rule slots")
        return
    try:
        stage.put(batch.rules(), lambda text: doubled(text, batch.scratch))
    except RefusedByOss as error:
        yield Learned(name, NO, str(error))
        return
    yield Learned(name, YES, "two rules with equal conditions were taken")
