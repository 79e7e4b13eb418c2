"""Commands to try the product without any cloud."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import click
from rich.console import Console
from rich.live import Live
from rich.text import Text

from migrator.app.context import Runtime
from migrator.app.report import as_json
from migrator.cli.render import one_line, out, raw, say
from migrator.cli.screen import screen
from migrator.cli.serve import stop_event
from migrator.domain.progress import JobSnapshot
from migrator.errors import Exit
from migrator.sandbox.demo.reader import Reader
from migrator.sandbox.demo.run import Options, run
from migrator.sandbox.demo.stage import Stage
from migrator.sandbox.demo.summary import Summary
from migrator.spelling import size


@click.command()
@click.option("--from", "root", type=click.Path(path_type=Path, exists=True, file_okay=False), help="Files to move.")
@click.option("--objects", type=click.IntRange(1), default=1500, show_default=True, help="How many of them.")
@click.option("--all", "everything", is_flag=True, help="All of them, however many.")
@click.option("--seed", default=1, show_default=True, help="Chooses files and reads; the same seed, the same choice.")
@click.option(
    "--workers", type=click.IntRange(0, 64), default=0, help="Real Celery worker processes instead of threads."
)
@click.option("--port", default=0, show_default=True, help="Port of the dashboard; 0: any free one.")
@click.option("--keep", is_flag=True, help="Leave everything running afterwards, to play with.")
@click.option("--json", "as_line", is_flag=True, help="The last line on stdout is the summary as JSON.")
def demo(
    root: Path | None, objects: int, seed: int, workers: int, port: int, *, everything: bool, keep: bool, as_line: bool
) -> int:
    """Move real files from a legacy S3 origin to an OSS bucket, readers reading all the while. Needs no cloud.

    By default the files of the running Python. Exit code 0 only if every object is equal, no own rule is left, and
    the configuration of others is what it was.

    Example: migrator demo --from /usr/share/doc --objects 500
    """
    options = Options(root, None if everything else objects, seed, workers)
    with ExitStack() as stack:
        view = stack.enter_context(Live(Text("setting the stage ..."), console=Console(stderr=True), transient=False))
        live = view.console.is_terminal
        if not live:
            view.stop()
        url: list[str] = []

        def started(rt: Runtime, scene: Stage) -> None:
            from migrator.web.serve import Dashboard  # noqa: PLC0415 - FastAPI is slow to import

            url.append(stack.enter_context(Dashboard(rt, "127.0.0.1", port)).url)
            say(f"dashboard: {url[0]}   OSS: {scene.oss.endpoint}   origin: {scene.origin.endpoint}")

        def show(snapshot: JobSnapshot, reader: Reader) -> None:
            reads = f"reader    {reader.reads:,} reads, {reader.redirected:,} redirected, {len(reader.wrong)} wrong"
            if live:
                view.update(screen(snapshot, [reads, f"dashboard {url[0]}"]), refresh=True)
            else:
                say(f"{snapshot.sentence} {one_line(snapshot)} | {reads}")

        def finished(summary: Summary) -> None:
            view.stop()
            raw(as_json(summary)) if as_line else _summary(summary)
            if keep:
                say(f"everything is left running; dashboard: {url[0]} ; Ctrl-C ends it")
                stop_event().wait()

        summary = run(options, show, started, finished)
    return Exit.OK if summary.fine else Exit.DIFFERENT


def _summary(summary: Summary) -> None:
    rate = summary.objects / summary.seconds if summary.seconds else 0
    out(f"moved      {summary.objects:,} objects, {size(summary.bytes)} in {summary.seconds} s ({rate:.0f} objects/s)")
    out(f"different  {summary.objects_different}")
    out(
        f"reads      {summary.reads:,} while moving, {summary.reads_redirected:,} redirected to the origin, "
        f"{summary.reads_wrong} wrong"
    )
    out(
        f"rules      {summary.rules_published} published for {summary.prefixes} prefixes, {summary.rules_retired} "
        f"retired, at most {summary.max_rules} of 20 at a time, {summary.own_rules_left} own left"
    )
    out(f"others'    configuration {'as it was' if summary.foreign_preserved else 'CHANGED'}")
    out("every promise was kept" if summary.fine else "A PROMISE WAS BROKEN")


@click.command()
@click.option("--oss-port", default=0, show_default=True, help="0 picks a free port.")
@click.option("--origin-port", default=0, show_default=True, help="0 picks a free port.")
@click.option("--state", type=click.Path(path_type=Path), help="Keep the OSS's objects and websites here.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Listen here instead of on loopback only.")
@click.option("--oss-bucket", multiple=True, help="Create it, public-read.")
@click.option("--origin-bucket", multiple=True, help="Create it, readable for everybody.")
def sandbox(
    oss_port: int,
    origin_port: int,
    state: Path | None,
    host: str,
    oss_bucket: tuple[str, ...],
    origin_bucket: tuple[str, ...],
) -> None:
    """Run a local OSS and a local legacy S3 origin to play with; one JSON line says how to reach them.

    Example: migrator sandbox --oss-port 9001 --origin-port 9002 --state ./sandbox
    """
    from migrator.sandbox.main import run as run_sandbox  # noqa: PLC0415 - slow to import

    run_sandbox(oss_port, origin_port, state, host, oss_buckets=oss_bucket, origin_buckets=origin_bucket)
