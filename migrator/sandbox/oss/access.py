"""Who may do what: the owner everything, the anonymous only what bucket and object ACLs open."""

from __future__ import annotations

from migrator.sandbox.oss.answers import Refusal
from migrator.sandbox.oss.call import Call
from migrator.sandbox.oss.store import Bucket

BUCKET_ACLS = ("private", "public-read", "public-read-write")
OBJECT_ACLS = ("default", *BUCKET_ACLS)


def may_read(call: Call, bucket: Bucket) -> None:
    """Refuse an anonymous read of what is not public; a private bucket says so before it looks for the object."""
    if call.signed == "anonymous" and _acl(bucket, call.key) == "private":
        raise Refusal.denied()


def may_write(call: Call, bucket: Bucket) -> None:
    """Refuse an anonymous write except where everybody may."""
    if call.signed == "anonymous" and _acl(bucket, call.key) != "public-read-write":
        raise Refusal.denied()


def owner_only(call: Call) -> None:
    """Refuse the anonymous."""
    if call.signed == "anonymous":
        raise Refusal.denied("Anonymous access is forbidden for this operation.")


def _acl(bucket: Bucket, key: str) -> str:
    held = bucket.find(key)
    return bucket.acl if held is None or held.entry.acl == "default" else held.entry.acl


def checked_acl(value: str, allowed: tuple[str, ...]) -> str:
    """Return an ACL as given. Raises Refusal for an unknown one."""
    if value not in allowed:
        raise Refusal.argument("x-oss-acl", value, "no such bucket access control exists")
    return value
