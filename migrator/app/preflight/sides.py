"""Both sides: can the origin be listed, is the bucket one that objects can be moved into?"""

from __future__ import annotations

from collections.abc import Iterator

from migrator.app.preflight.facts import Facts
from migrator.app.preflight.finding import Finding, Level
from migrator.domain.rules import related
from migrator.errors import BucketVersioned


def origin(facts: Facts) -> Iterator[Finding]:
    """Look whether the origin can be listed."""
    url = facts.spec.origin.url
    if facts.sample:
        yield Finding(Level.OK, "origin.listable", f"{url} can be listed")
    else:
        remedy = "check origin.url, mind the prefix"
        yield Finding(Level.WARNING, "origin.empty", f"{url} lists no objects", remedy)


def destination(facts: Facts) -> Iterator[Finding]:
    """Look at the bucket itself."""
    info = facts.info
    if info.versioned:
        error = BucketVersioned()
        yield Finding(
            Level.ERROR,
            "destination.versioned",
            f"{info.name}: {error}",
            "use a bucket whose versioning was never enabled; x-oss-forbid-overwrite is void on versioned buckets",
            error.exit_code,
        )
    else:
        yield Finding(Level.OK, "destination.exists", f"{info.name} exists, not versioned, {info.acl}")
    for prefix in facts.details.expiring or ():
        if related(prefix, facts.spec.destination.prefix):
            yield Finding(
                Level.WARNING,
                "destination.lifecycle",
                f"a lifecycle rule of {info.name} deletes objects under {prefix or '(everything)'}: what is migrated "
                "goes again, and the two sides never become equal",
                "disable that rule until the job is done",
            )
