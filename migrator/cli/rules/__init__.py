"""Commands about the back-to-origin rules of a bucket: look at them, explain them, change them by hand."""

from __future__ import annotations

import click

from migrator.cli.rules.compare import diff, lint
from migrator.cli.rules.cover import cover, plan
from migrator.cli.rules.edit import add, edit, move, remove
from migrator.cli.rules.explain import explain
from migrator.cli.rules.look import export, history, show
from migrator.cli.rules.whole import import_, restore


@click.group()
def rules() -> None:
    """Look at the 302 rules of a bucket, explain them, and change them by hand.

    The bucket is that of a JOB, or one by itself: --bucket oss://NAME --endpoint URL --region R.
    """


for _command in (show, plan, explain, diff, lint, cover, add, edit, remove, move, import_, export, history, restore):
    rules.add_command(_command)
