"""The entry point: commands are imported only when they are called, so that `migrator --help` is quick."""

from __future__ import annotations

import importlib
import logging
import os
import sys
from collections.abc import Mapping
from typing import Any

import click

from migrator import __version__
from migrator.errors import Exit, MigratorError

COMMANDS: Mapping[str, str] = {
    "init": "jobs:init",
    "check": "jobs:check",
    "plan": "jobs:plan",
    "start": "jobs:start",
    "status": "watch:status",
    "events": "watch:events",
    "report": "watch:report",
    "verify": "watch:verify",
    "pause": "control:pause",
    "resume": "control:resume",
    "cancel": "control:cancel",
    "hold": "control:hold",
    "release": "control:release",
    "reopen": "control:reopen",
    "retry": "control:retry",
    "waive": "control:waive",
    "writes": "control:writes",
    "probe": "probe:probe",
    "rules": "rules:rules",
    "up": "serve:up",
    "worker": "serve:worker",
    "web": "serve:web",
    "db": "database:db",
    "doctor": "doctor:doctor",
    "schema": "jobs:schema",
    "demo": "try_out:demo",
    "sandbox": "try_out:sandbox",
    "completion": "completion:completion",
}
"""Command -> module of this package and attribute."""


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
        module, attribute = COMMANDS[cmd_name].split(":")
        command: click.Command = getattr(importlib.import_module(f"migrator.cli.{module}"), attribute)
        return command


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
    logging.basicConfig(
        level=os.environ.get("MIGRATOR_LOG_LEVEL", "WARNING").upper(),
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )
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
