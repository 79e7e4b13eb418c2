"""Shell completion."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from migrator.cli.render import raw
from migrator.errors import Invalid


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script of a shell.

    Example: migrator completion bash > /etc/bash_completion.d/migrator
    """
    from migrator.cli.main import cli  # noqa: PLC0415 - the group imports this module

    found = get_completion_class(shell)
    if found is None:
        raise Invalid(f"{shell} is not known")
    raw(found(cli, {}, "migrator", "_MIGRATOR_COMPLETE").source())
