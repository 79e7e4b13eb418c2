"""Commands that tell a job what people want."""

from __future__ import annotations

import click

from migrator.app import control
from migrator.cli.connect import runtime
from migrator.cli.render import out, say
from migrator.domain.states import Authority

_JOB = click.argument("job")
_PREFIX = click.argument("prefix", required=False)


@click.command()
@_JOB
def pause(job: str) -> None:
    """Stop reading and writing objects within two seconds; rules stay.

    Example: migrator pause photos
    """
    with runtime() as rt:
        out(f"{job} is {control.pause(rt, job).state}")


@click.command()
@_JOB
def resume(job: str) -> None:
    """Go on after a pause, or try again what blocked the job.

    Example: migrator resume photos
    """
    with runtime() as rt:
        out(f"{job} is {control.resume(rt, job).state}")


@click.command()
@_JOB
@click.option("--drop-rules", is_flag=True, help="Take the rules down too: no reader comes to OSS any more.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def cancel(job: str, *, drop_rules: bool, yes: bool) -> None:
    """Stop for good. Rules over what is not migrated stay if readers were sent to OSS, unless --drop-rules.

    Example: migrator cancel photos --yes
    """
    with runtime() as rt:
        rt.store.jobs.by_name(job)
        if not yes:
            what = "and leave readers without what is not migrated " if drop_rules else ""
            click.confirm(f"Cancel {job} for good {what}?", abort=True, err=True)
        out(control.cancel(rt, job, drop_rules=drop_rules))


@click.command()
@_JOB
@_PREFIX
@click.option("--by", default="an operator", show_default=True, help="Who holds it, and why.")
def hold(job: str, prefix: str | None, by: str) -> None:
    """Keep the rule of one prefix (or of all) up, however ready it is.

    Example: migrator hold photos eu/img/ --by "ops: after the webinar"
    """
    with runtime() as rt:
        out(f"{len(control.hold(rt, job, prefix, by))} prefixes are held")


@click.command()
@_JOB
@_PREFIX
def release(job: str, prefix: str | None) -> None:
    """Let the rule of one prefix (or of all) retire when it is ready.

    Example: migrator release photos eu/img/
    """
    with runtime() as rt:
        out(f"{len(control.release(rt, job, prefix))} prefixes are released")


@click.command()
@_JOB
@click.argument("prefix")
@click.option("--why", default="reopened by an operator", help="What was missed.")
def reopen(job: str, prefix: str, why: str) -> None:
    """Put the rule of a retired prefix back, then copy and prove it again.

    Example: migrator reopen photos eu/img/ --why "late upload"
    """
    with runtime() as rt:
        out(f"{prefix or '(root)'} is {control.reopen(rt, job, prefix, why).state}; its rule goes back first")


@click.command()
@_JOB
@_PREFIX
def retry(job: str, prefix: str | None) -> None:
    """Try failed and quarantined objects again.

    Example: migrator retry photos eu/img/
    """
    with runtime() as rt:
        out(f"{control.retry(rt, job, prefix)} shards are tried again")


@click.command()
@_JOB
@click.argument("prefix")
@click.argument("keys", nargs=-1, required=True)
@click.option("--by", required=True, help="Who accepts it, and why.")
def waive(job: str, prefix: str, keys: tuple[str, ...], by: str) -> None:
    """Accept that objects (keys relative to the job) are not migrated; they no longer block their prefix.

    Example: migrator waive photos eu/img/ "eu/img/bad.jpg" --by "ops: broken since 2019"
    """
    with runtime() as rt:
        out(f"{control.waive(rt, job, prefix, keys, by)} objects are waived")


@click.command()
@_JOB
@click.argument("words", nargs=-1, required=True, metavar=f"[PREFIX] {{{'|'.join(Authority)}}}")
def writes(job: str, words: tuple[str, ...]) -> None:
    """Tell who writes now: the destination, still the origin, or nobody (frozen).

    Example: migrator writes photos eu/img/ destination
    """
    *before, authority = words  # click has no optional argument in front of a required one
    if authority not in list(Authority) or len(before) > 1:
        raise click.BadParameter(f"tell who writes, last of all: {', '.join(Authority)}", param_hint="writes")
    with runtime() as rt:
        changed = control.writes(rt, job, before[0] if before else None, Authority(authority))
    say(f"{len(changed)} prefixes: writers are at the {authority}" if authority != "frozen" else "keys never change")
    out(authority)
