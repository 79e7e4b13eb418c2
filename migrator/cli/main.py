"""The entry point: commands are imported only when they are called, so that `migrator --help` is quick."""

from __future__ import annotations

import importlib
import logging
import os
import sys
from collections.abc import Mapping
from typing import Any

import click

from migrator import __version__, logs
from migrator.errors import Exit, MigratorError

COMMANDS: Mapping[str, tuple[str, str]] = {
    "init": ("jobs:init", "Write a commented job file to edit."),
    "check": (
        "jobs:check",
        "Look whether the surroundings are fit for a job, and which readers will not survive a redirect.",
    ),
    "plan": ("jobs:plan", "Show what a job would do: prefixes, counts, rules published first and how the set shrinks."),
    "start": ("jobs:start", "Start a job."),
    "status": ("watch:status", "Show a job: states, progress, rules, and what waits for whom."),
    "events": ("watch:events", "Show what happened, oldest first."),
    "report": (
        "watch:report",
        "Print the evidence as JSON: the certificate of one prefix, or of all retired prefixes, with totals.",
    ),
    "verify": ("watch:verify", "Compare both sides of a job (or of a job file) now."),
    "pause": ("control:pause", "Stop reading and writing objects within two seconds; rules stay."),
    "resume": ("control:resume", "Go on after a pause, or try again what blocked the job."),
    "cancel": ("control:cancel", "Stop for good."),
    "hold": ("control:hold", "Keep the rule of one prefix (or of all) up, however ready it is."),
    "release": ("control:release", "Let the rule of one prefix (or of all) retire when it is ready."),
    "reopen": ("control:reopen", "Put the rule of a retired prefix back, then copy and prove it again."),
    "retry": ("control:retry", "Try failed and quarantined objects again."),
    "waive": (
        "control:waive",
        "Accept that objects (keys relative to the job) are not migrated; they no longer block their prefix.",
    ),
    "writes": ("control:writes", "Tell who writes now: the destination, still the origin, or nobody (frozen)."),
    "probe": ("probe:probe", "Find out how the bucket behaves where OSS's documentation is silent, and remember it."),
    "rules": ("rules:rules", "Look at the 302 rules of a bucket, explain them, and change them by hand."),
    "up": ("serve:up", "Run everything in this process: ticks, workers and the dashboard."),
    "worker": ("serve:worker", "Run a Celery worker on MIGRATOR_BROKER_URL."),
    "web": ("serve:web", "Serve the dashboard."),
    "db": ("database:db", "Look after the tracking database (MIGRATOR_DATABASE_URL)."),
    "doctor": ("doctor:doctor", "Look at the tracking database, the broker, credentials and this machine."),
    "schema": ("jobs:schema", "Print the JSON Schema of job files, for editors."),
    "demo": (
        "try_out:demo",
        "Move real files from a legacy S3 origin to an OSS bucket, readers reading all the while.",
    ),
    "sandbox": (
        "try_out:sandbox",
        "Run a local OSS and a local legacy S3 origin to play with; one JSON line says how to reach them.",
    ),
    "completion": ("completion:completion", "Print the completion script of a shell."),
}
"""Command -> (module of this package and attribute, first sentence of its help)."""


class LazyGroup(click.Group):
    """Finds commands in `COMMANDS`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name every command, in the order people meet them."""
        _ = ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command."""
        _ = ctx
        if cmd_name not in COMMANDS:
            return None
        module, attribute = COMMANDS[cmd_name][0].split(":")
        command: click.Command = getattr(importlib.import_module(f"migrator.cli.{module}"), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing any of them."""
        _ = ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="migrator")
def cli() -> None:
    """Move a live bucket to Alibaba Cloud OSS behind 302 rules that retire on evidence.

    \b
    Try it:       migrator demo
    A real move:  migrator init job.yaml, edit it, migrator check job.yaml,
                  migrator start job.yaml, migrator up
    Settings come from MIGRATOR_* environment variables; see docs/runbook.md, also for exit codes.
    """  # noqa: D301 - \b is click's mark for a paragraph to keep as it is


def main() -> None:
    """Run the command line; every error is one clear line, a remedy and a documented exit code."""
    try:
        logs.configure(os.environ.get("MIGRATOR_LOG", "console"), os.environ.get("MIGRATOR_LOG_LEVEL", "WARNING"))
    except ValueError:
        logs.configure("console", "WARNING")
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command and return its exit code."""
    from migrator.cli import render  # noqa: PLC0415 - `--help` must not pay for it

    try:
        result: Any = cli.main(args=arguments, prog_name="migrator", standalone_mode=False)
    except click.exceptions.Exit as exit_:
        return exit_.exit_code
    except (click.Abort, KeyboardInterrupt):
        render.say("interrupted; what runs elsewhere goes on, and nothing is lost")
        return Exit.INTERRUPTED
    except click.ClickException as error:
        error.show()
        return Exit.USAGE
    except MigratorError as error:
        render.say(f"error: {error}")
        if error.hint:
            render.say(f"remedy: {error.hint}")
        return error.exit_code
    except BrokenPipeError:
        sys.stderr.close()
        return Exit.OK
    except Exception as error:
        logging.getLogger(__name__).debug("internal error", exc_info=True)
        render.say(f"internal error: {type(error).__name__}: {error}")
        render.say("remedy: run it again with MIGRATOR_LOG_LEVEL=DEBUG and report what it prints")
        return Exit.BUG
    return result if isinstance(result, int) else Exit.OK
