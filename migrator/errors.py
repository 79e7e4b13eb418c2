"""Every error a user or a worker can meet: what happened, whether to try again, which command helps.

A leaf: imports nothing of the project. The class docstring is the default message.
"""

from __future__ import annotations

from enum import IntEnum
from typing import ClassVar


class Exit(IntEnum):
    """Documented process exit codes (docs/runbook.md). Any other code means failure too."""

    OK = 0
    BUG = 1
    USAGE = 2
    FAILED_OBJECTS = 3
    DIFFERENT = 4
    PREFLIGHT = 5
    SCHEMA = 10
    LEASE_HELD = 11
    CREDENTIALS = 12
    CAPACITY = 13
    UNREACHABLE = 14
    INTERRUPTED = 130


class MigratorError(Exception):
    """Something went wrong."""

    retryable: ClassVar[bool] = False
    fatal: ClassVar[bool] = False
    """True: no object of the job can succeed until a person acts, so the job is blocked, not the object."""
    exit_code: ClassVar[Exit] = Exit.BUG
    hint: str = ""
    """What to do next, preferably a command."""

    def __init__(self, message: str = "", *, hint: str = "") -> None:
        super().__init__(message or (self.__doc__ or "").split("\n", 1)[0])
        if hint:
            self.hint = hint


class Transient(MigratorError):
    """The other side did not answer properly; the same request may succeed later."""

    retryable = True
    exit_code = Exit.UNREACHABLE

    def __init__(self, message: str = "", *, hint: str = "", retry_after_s: float | None = None) -> None:
        super().__init__(message, hint=hint)
        self.retry_after_s = retry_after_s


class Permanent(MigratorError):
    """This object cannot succeed by trying again."""

    exit_code = Exit.FAILED_OBJECTS


class Fatal(MigratorError):
    """Nothing of this job can succeed until somebody acts."""

    fatal = True


# -- objects ---------------------------------------------------------------------------------------------------------
class ObjectVanished(Permanent):
    """The object was listed at the origin but is not there any more."""


class ObjectChanged(Transient):
    """The object changed at the origin while it was read; the next listing will show the new version."""


class AlreadyExists(Permanent):
    """The destination already holds an object under this key, and a create-only write never replaces it."""


class IntegrityMismatch(Transient):
    """What arrived is not what was sent: sizes or CRC-64 differ."""


class DigestRefused(IntegrityMismatch):
    """OSS refused a body because it does not have the MD5 that was announced; nothing was stored."""


class Unrepresentable(Permanent):
    """OSS cannot hold this object under its own name or with its own metadata."""


class AccessRefused(Permanent):
    """The other side refused access to this object."""


class NotOss(Transient):
    """The answer does not carry OSS's own identity (x-oss-request-id), so it proves nothing."""


# -- surroundings ----------------------------------------------------------------------------------------------------
class CredentialsRefused(Fatal):
    """The access key was refused."""

    exit_code = Exit.CREDENTIALS


class CredentialsMissing(Fatal):
    """No credentials were found."""

    exit_code = Exit.CREDENTIALS


class BucketMissing(Fatal):
    """There is no such bucket."""

    exit_code = Exit.PREFLIGHT


class BucketVersioned(Fatal):
    """The destination bucket is versioned: create-only writes are void there, and rules may be refused."""

    exit_code = Exit.PREFLIGHT


class EndpointUnreachable(Transient):
    """Nothing answers at the endpoint."""


class ListingBroken(Fatal):
    """The listing cannot be trusted: going on would skip keys."""

    exit_code = Exit.PREFLIGHT


class PrivateAddress(Fatal):
    """The address is loopback, private or internal; readers on the internet cannot reach it, and servers should not."""

    exit_code = Exit.PREFLIGHT


class RuleCapacityExceeded(Fatal):
    """The unfinished prefixes do not fit into the rules that are left in the bucket (at most 20 in all)."""

    exit_code = Exit.CAPACITY
    hint = "free a foreign rule of the bucket, or let other jobs into the bucket finish first; see: migrator rules show"


class ForeignRuleShadows(Fatal):
    """A rule that is not ours answers keys of this job before our rule can."""

    exit_code = Exit.PREFLIGHT


class RulesConflict(Transient):
    """The website document changed while it was being written; it is read and merged again."""


class MaskedSecret(Fatal):
    """The website document holds a masked secret of a foreign rule; writing it back would destroy that secret."""

    exit_code = Exit.PREFLIGHT


class MalformedWebsite(Fatal):
    """The bucket's website document is not one we understand well enough to edit safely."""

    exit_code = Exit.PREFLIGHT


# -- tracking --------------------------------------------------------------------------------------------------------
class LeaseLost(MigratorError):
    """The lease expired and somebody else holds it now; nothing of this worker's later work was recorded."""

    exit_code = Exit.LEASE_HELD


class IllegalTransition(MigratorError):
    """The state changed meanwhile; this step no longer applies."""


class SchemaOutOfDate(Fatal):
    """The tracking database has another schema revision than this program."""

    exit_code = Exit.SCHEMA
    hint = "run: migrator db upgrade"


class DatabaseUnreachable(Transient):
    """The tracking database cannot be reached."""

    hint = "check MIGRATOR_DATABASE_URL; see: migrator doctor"


class BrokerUnreachable(Transient):
    """The broker cannot be reached; work goes on when it can, nothing is lost."""

    hint = "check MIGRATOR_BROKER_URL; see: migrator doctor"


# -- input -----------------------------------------------------------------------------------------------------------
class Invalid(MigratorError):
    """The input is not valid."""

    exit_code = Exit.USAGE


class NotFound(MigratorError):
    """There is no such thing."""

    exit_code = Exit.USAGE


class PreflightFailed(MigratorError):
    """The surroundings are not fit for this job."""

    exit_code = Exit.PREFLIGHT
