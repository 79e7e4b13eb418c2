"""Commands that look at jobs."""

from __future__ import annotations

import json
import time
from pathlib import Path

import click
from rich.console import Console
from rich.live import Live
from rich.text import Text

from migrator import jobfile
from migrator.app.audit import audit
from migrator.app.context import Runtime, spec_of
from migrator.app.report import as_json, snapshot
from migrator.cli import render
from migrator.cli.connect import runtime
from migrator.cli.screen import screen
from migrator.domain.compare import Verdict
from migrator.domain.progress import JobSnapshot, with_rate
from migrator.domain.states import JobState
from migrator.errors import Exit, NotFound

_EVERY_S = 1.0


@click.command()
@click.argument("job", required=False)
@click.option("--watch", is_flag=True, help="Keep showing it until the job ends.")
@click.option("--json", "as_lines", is_flag=True, help="One JSON line per snapshot; fields are only ever added.")
def status(job: str | None, *, watch: bool, as_lines: bool) -> None:
    """Show a job: states, progress, rules, and what waits for whom. Without JOB: all jobs in a line each.

    Example: migrator status photos --watch
    """
    with runtime() as rt:
        names = [job] if job else [each.name for each in rt.store.jobs.all()]
        if not names:
            render.say("no jobs yet; migrator init job.yaml begins one, migrator demo shows one")
        if job is None or not watch:
            for name in names:
                current = snapshot(rt, name)
                if as_lines:
                    render.raw(as_json(current))
                elif job is None:
                    render.out(f"{current.name}: {current.sentence} {render.one_line(current)}")
                else:
                    render.status(current)
        elif as_lines or not Console().is_terminal:
            _follow(rt, job, as_lines=as_lines)
        else:
            _live(rt, job)


def _follow(rt: Runtime, job: str, *, as_lines: bool) -> None:
    earlier: JobSnapshot | None = None
    while True:
        current = with_rate(snapshot(rt, job), earlier)
        if as_lines:
            render.raw(as_json(current))
        else:
            render.out(f"{current.name}: {current.sentence} {render.one_line(current)}")
        if current.state in (JobState.DONE, JobState.CANCELLED):
            return
        earlier = current
        time.sleep(_EVERY_S)


def _live(rt: Runtime, job: str) -> None:
    earlier: JobSnapshot | None = None
    with Live(Text(), refresh_per_second=4) as live:
        while True:
            current = with_rate(snapshot(rt, job), earlier)
            live.update(screen(current), refresh=True)
            if current.state in (JobState.DONE, JobState.CANCELLED):
                return
            earlier = current
            time.sleep(_EVERY_S)


@click.command()
@click.argument("job", required=False)
@click.option("--follow", is_flag=True, help="Wait for more.")
@click.option("--limit", default=50, show_default=True, help="How many of the newest.")
@click.option("--json", "as_lines", is_flag=True, help="One JSON line per event.")
def events(job: str | None, limit: int, *, follow: bool, as_lines: bool) -> None:
    """Show what happened, oldest first.

    Example: migrator events photos --follow
    """
    with runtime() as rt:
        job_id = rt.store.jobs.by_name(job).id if job else None
        after = 0
        while True:
            for event in rt.store.events.list(job_id, after, limit):
                after = max(after, event.id)
                if as_lines:
                    render.raw(as_json(event))
                else:
                    render.out(f"{event.at:%Y-%m-%d %H:%M:%S}Z {event.kind:<18} {event.message}")
            if not follow:
                return
            time.sleep(_EVERY_S)


@click.command()
@click.argument("job")
@click.argument("prefix", required=False)
def report(job: str, prefix: str | None) -> None:
    """Print the evidence as JSON: the certificate of one prefix, or of all retired prefixes, with totals.

    Example: migrator report photos > evidence.json
    """
    with runtime() as rt:
        found = rt.store.jobs.by_name(job)
        if prefix is not None:
            text = rt.store.prefixes.certificate(rt.store.prefixes.find(found.id, prefix).id)
            if text is None:
                raise NotFound(f"{prefix or '(root)'} is not retired, so it has no certificate yet")
            render.raw(text)
            return
        current = snapshot(rt, job)
        certificates = [rt.store.prefixes.certificate(view.prefix.id) for view in rt.store.prefixes.views(found.id)]
        render.raw(
            json.dumps(
                {
                    "job": job,
                    "state": found.state,
                    "sentence": current.sentence,
                    "counts": json.loads(as_json(current.counters)),
                    "prefixes": len(certificates),
                    "certificates": [json.loads(text) for text in certificates if text],
                },
                indent=2,
            )
        )


@click.command()
@click.argument("job_or_file")
@click.option("--json", "as_lines", is_flag=True, help="One JSON line per key that is not equal, then a summary.")
def verify(job_or_file: str, *, as_lines: bool) -> int:
    """Compare both sides of a job (or of a job file) now. Reads only. Exit code 4 when they differ.

    Example: migrator verify photos
    """
    counts = dict.fromkeys(Verdict, 0)
    explained = 0
    with runtime() as rt:
        path = Path(job_or_file)
        job = None if path.suffix in (".yaml", ".yml") and path.exists() else rt.store.jobs.by_name(job_or_file)
        spec = spec_of(job.spec_json) if job else jobfile.read(path)
        for each in audit(rt, spec, job):
            counts[each.verdict] += 1
            if each.verdict in (Verdict.EQUAL, Verdict.EXTRA):
                continue
            explained += bool(each.note)
            render.raw(as_json(each)) if as_lines else render.out(f"{each.verdict:<8} {each.key} {each.note}".rstrip())
    wrong = counts[Verdict.MISSING] + counts[Verdict.DIFFERS] + counts[Verdict.UNKNOWN] - explained
    if as_lines:
        render.raw(json.dumps({"type": "summary", **{str(k): v for k, v in counts.items()}, "explained": explained}))
    else:
        render.out(", ".join(f"{count:,} {name}" for name, count in counts.items()) + f"; {explained:,} explained")
    return Exit.OK if wrong == 0 else Exit.DIFFERENT
