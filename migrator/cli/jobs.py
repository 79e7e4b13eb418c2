"""Commands about job files: write one, check it, see what it would do, start it."""

from __future__ import annotations

import time
from pathlib import Path

import click

from migrator import jobfile
from migrator.app.control import start as start_job
from migrator.app.dryrun import DryRun, dry_run
from migrator.app.preflight import Finding, Level, preflight, refuse
from migrator.app.report import as_json, describe, snapshot
from migrator.cli.connect import runtime
from migrator.cli.render import one_line, out, raw, say, table
from migrator.domain.progress import JobSnapshot, with_rate
from migrator.domain.states import JobState
from migrator.errors import Exit, Invalid
from migrator.spelling import size

_FILE = click.argument("file", type=click.Path(path_type=Path))
_TEMPLATE = """\
# A migration, declared. `migrator schema` prints every field with its limits.
name: photos

# The legacy side; it is only read. s3://bucket/prefix/ (any S3-compatible server), oss://, https:// with a manifest
# of keys, or file:///directory/. Credentials come from the environment or the usual files, never from here.
origin:
  url: s3://legacy-bucket/optional/prefix/
  endpoint: "https://s3.us-east-1.amazonaws.com"
  region: us-east-1
  credentials: {profile: default}

# The OSS bucket. Its versioning must never have been enabled: create-only writes are void there.
destination:
  url: oss://new-bucket/optional/prefix/
  endpoint: "https://oss-cn-hangzhou.aliyuncs.com"
  region: cn-hangzhou

# Where readers are sent for what is not in OSS yet. Stands for the origin's prefix: the rest of the key is appended.
redirect:
  url: "https://legacy.example.com/optional/prefix/"
  code: 302
  pass_query_string: false   # true would hand readers' signatures to the origin
  from_cdn: false            # true: readers come through Alibaba Cloud CDN

# The door readers use. Buckets created since 2024-08-05 redirect on custom domains only.
readers:
  url: "https://img.example.com"
  signed: false

prefixes: {delimiter: "/", depth: 1}   # or a list: ["eu/", "us/"]; other keys form the root group
writes: destination                    # who writes meanwhile: destination | origin | frozen
retire: auto                           # hold: a person releases each prefix
copy: {shard_objects: 1000, concurrency: 16}
verify: {settle_s: 60}
"""


@click.command()
@click.argument("file", type=click.Path(path_type=Path), default=Path("job.yaml"))
def init(file: Path) -> None:
    """Write a commented job file to edit.

    Example: migrator init job.yaml
    """
    try:
        with file.open("x", encoding="utf-8") as stream:
            stream.write(_TEMPLATE)
    except FileExistsError:
        raise Invalid(f"{file} exists already", hint="give another name") from None
    except OSError as error:
        raise Invalid(f"cannot write {file}: {error.strerror}") from error
    out(str(file))
    say(f"edit it, then: migrator check {file}")


@click.command()
def schema() -> None:
    """Print the JSON Schema of job files, for editors.

    Example: migrator schema > job.schema.json
    """
    raw(jobfile.schema())


@click.command()
@_FILE
@click.option(
    "--sample-log",
    type=click.Path(path_type=Path),
    help="An access log of OSS or nginx (.gz too): count real readers and tell what each kind will see.",
)
@click.option("--json", "as_lines", is_flag=True, help="One JSON line per finding.")
def check(file: Path, *, sample_log: Path | None, as_lines: bool) -> None:
    """Look whether the surroundings are fit for a job, and which readers will not survive a redirect.

    Nothing is changed anywhere.

    Example: migrator check job.yaml --sample-log access.log.gz
    """
    spec = jobfile.read(file)
    with runtime() as rt:
        findings = preflight(rt, spec, sample_log=sample_log)
    for each in findings:
        out(as_json(each)) if as_lines else _finding(each)
    refuse(findings)


@click.command()
@_FILE
@click.option("--json", "as_lines", is_flag=True, help="One JSON document.")
def plan(file: Path, *, as_lines: bool) -> None:
    """Show what a job would do: prefixes, counts, rules published first and how the set shrinks. Changes nothing.

    Example: migrator plan job.yaml
    """
    spec = jobfile.read(file)
    with runtime() as rt:
        planned = dry_run(rt, spec)
    if as_lines:
        out(as_json(planned))
    else:
        _plan(planned)


@click.command()
@_FILE
@click.option("--wait", is_flag=True, help="Follow the job to its end (workers must run: migrator up).")
@click.option("--no-check", is_flag=True, help="Skip the preflight.")
def start(file: Path, *, wait: bool, no_check: bool) -> int:
    """Start a job. It moves while `migrator up` (or a worker) runs somewhere.

    Example: migrator start job.yaml --wait
    """
    spec = jobfile.read(file)
    with runtime() as rt:
        if not no_check:
            findings = preflight(rt, spec)
            for each in findings:
                if each.level is Level.WARNING:
                    say(f"warning: {each.code}: {each.message} ({each.remedy})")
            refuse(findings)
        job = start_job(rt, spec)
        out(f"{job.name} is started")
        if not wait:
            say(f"migrator up runs it here; migrator status {job.name} --watch shows it")
            return Exit.OK
        earlier: JobSnapshot | None = None
        while True:
            current = with_rate(snapshot(rt, spec.name), earlier)
            say(
                f"{current.sentence} {one_line(current)}" + (f" | {current.wait.reason}" if current.wait.reason else "")
            )
            if current.state in (JobState.DONE, JobState.CANCELLED):
                return Exit.OK if current.counters.failed + current.counters.quarantined == 0 else Exit.FAILED_OBJECTS
            earlier = current
            time.sleep(2)


def _finding(finding: Finding) -> None:
    mark = {Level.OK: "ok  ", Level.NOTE: "note", Level.WARNING: "warn", Level.ERROR: "FAIL"}[finding.level]
    out(f"{mark} {finding.code}: {finding.message}" + (f" - {finding.remedy}" if finding.remedy else ""))


def _plan(planned: DryRun) -> None:
    table(
        ("PREFIX", "OBJECTS", "BYTES"),
        [(each.name or "(root)", each.objects, size(each.size_bytes)) for each in planned.prefixes],
    )
    total, total_bytes = (sum(each.objects for each in planned.prefixes), sum(p.size_bytes for p in planned.prefixes))
    out(f"{len(planned.prefixes)} prefixes, {total:,} objects, {size(total_bytes)}")
    out(f"rules published first ({planned.foreign_rules} foreign rules stay as they are):")
    cover = planned.first.cover.rules
    table(
        ("PREFIX", "ANSWERS", "FOR PREFIXES", "WHY"),
        [
            (each.prefix or "(everything)", describe(rule), each.covers, each.reason)
            for each, rule in zip(cover, planned.first.rules, strict=True)
        ],
    )
    out(f"own rules as prefixes retire: {' -> '.join(str(count) for count in planned.shrinking)}")
