"""The command that finds out how the real bucket behaves where the documentation is silent."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import click

from migrator import jobfile
from migrator.app.context import Runtime, spec_of
from migrator.app.probe import PATIENCE_S, intent
from migrator.app.probe import probe as ask_the_bucket
from migrator.app.report import as_json
from migrator.cli.connect import runtime
from migrator.cli.render import raw, say, table
from migrator.domain.assumptions import QUESTIONS
from migrator.errors import Invalid
from migrator.spec import JobSpec

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@click.command()
@click.argument("job_or_file", metavar="JOB|FILE")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_lines", is_flag=True, help="One JSON line per answer.")
@click.option(
    "--patience",
    type=click.FloatRange(min=0.1),
    default=PATIENCE_S,
    show_default=True,
    help="Seconds to wait for a change to reach every door.",
)
def probe(job_or_file: str, *, yes: bool, as_lines: bool, patience: float) -> None:
    """Find out how the bucket behaves where OSS's documentation is silent, and remember it.

    Creates a scratch prefix (.migrator-probe-<random>/) and temporary rules over exactly that prefix, and removes
    both in every case. `migrator rules explain` uses the answers from then on.

    Example: migrator probe photos --yes
    """
    with runtime() as rt:
        spec = _spec(rt, job_or_file)
        for line in intent(spec):
            say(line)
        _confirm(yes=yes)
        with _stopping_in_order(rt):
            learned = ask_the_bucket(rt, spec, patience_s=patience)
    if as_lines:
        for each in learned:
            raw(as_json(each))
        return
    table(
        ("QUESTION", "ANSWER", "EVIDENCE"), [(QUESTIONS[each.question], each.answer, each.evidence) for each in learned]
    )


def _spec(rt: Runtime, name: str) -> JobSpec:
    path = Path(name)
    if path.is_file() or path.suffix in (".yaml", ".yml", ".json"):
        return jobfile.read(path)
    return spec_of(rt.store.jobs.by_name(name).spec_json)


def _confirm(*, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise Invalid("a probe writes to the bucket, and nobody can be asked here", hint="give --yes")
    click.confirm("Go on?", abort=True, err=True)


@contextmanager
def _stopping_in_order(rt: Runtime) -> Iterator[None]:
    """Let SIGINT and SIGTERM ask the probe to stop at its next step instead of breaking off the one under way."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        if not rt.drain.is_set():
            say("interrupted; what the probe put is taken away first")
            rt.drain.set()

    before = {each: signal.signal(each, stop) for each in _SIGNALS}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
