"""What an object has besides bytes and headers: ACL, tags, a link's target, the state of a restore."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import quote

from migrator.sandbox.oss import access
from migrator.sandbox.oss.answers import XML, Answer, Refusal, element, xml
from migrator.sandbox.oss.call import Call
from migrator.sandbox.oss.encoding import read_xml
from migrator.sandbox.oss.listing import OWNER
from migrator.sandbox.oss.reading import find
from migrator.sandbox.oss.state import Oss
from migrator.sandbox.oss.store import Bucket, Entry, whole
from migrator.sandbox.oss.tags import checked, read_tag_document, tag_document

TIERS = ("Expedited", "Standard", "Bulk")
ONGOING = 'ongoing-request="true"'


def get_acl(_oss: Oss, call: Call, bucket: Bucket) -> Answer:
    """Answer GetObjectACL."""
    access.owner_only(call)
    grant = element("Grant", find(bucket, call.key).entry.acl)
    return xml("AccessControlPolicy", f"{OWNER}<AccessControlList>{grant}</AccessControlList>")


def put_acl(oss: Oss, call: Call, bucket: Bucket) -> Answer:
    """Answer PutObjectACL."""
    access.owner_only(call)
    acl = access.checked_acl(call.header("x-oss-object-acl"), access.OBJECT_ACLS)
    _change(oss, bucket, replace(find(bucket, call.key).entry, acl=acl))
    return Answer()


def get_tags(_oss: Oss, call: Call, bucket: Bucket) -> Answer:
    """Answer GetObjectTagging."""
    access.owner_only(call)
    return Answer(200, [XML], tag_document(find(bucket, call.key).entry.tags))


def put_tags(oss: Oss, call: Call, bucket: Bucket) -> Answer:
    """Answer PutObjectTagging; Last-Modified stays."""
    access.owner_only(call)
    entry = find(bucket, call.key).entry
    _change(oss, bucket, replace(entry, tags=checked(read_tag_document(call.body))))
    return Answer()


def delete_tags(oss: Oss, call: Call, bucket: Bucket) -> Answer:
    """Answer DeleteObjectTagging."""
    access.owner_only(call)
    _change(oss, bucket, replace(find(bucket, call.key).entry, tags=()))
    return Answer(204)


def get_symlink(_oss: Oss, call: Call, bucket: Bucket) -> Answer:
    """Answer GetSymlink."""
    access.may_read(call, bucket)
    entry = find(bucket, call.key).entry
    if entry.kind != "Symlink":
        message = "The object you specified is not a symlink."
        raise Refusal(400, "NotSymlink", message, "0026-00000012")
    return Answer(200, [("x-oss-symlink-target", quote(entry.target)), ("etag", f'"{entry.etag}"')])


def restore(oss: Oss, call: Call, bucket: Bucket) -> Answer:
    """Answer RestoreObject; a restore here never ends by itself."""
    access.owner_only(call)
    entry = find(bucket, call.key).entry
    if not entry.storage_class.endswith("Archive"):
        message = "The operation is not valid for the object's storage class"
        raise Refusal(400, "OperationNotSupported", message, "0037-00000001")
    if entry.restore:
        message = "The restore operation is in progress."
        raise Refusal(409, "RestoreAlreadyInProgress", message, "0026-00000061")
    headers = _restore_priority(call, entry)
    _change(oss, bucket, replace(entry, restore=ONGOING))
    return Answer(202, headers)


def _restore_priority(call: Call, entry: Entry) -> list[tuple[str, str]]:
    if not call.body:
        return []
    tier = read_xml(call.body, "RestoreRequest").findtext("JobParameters/Tier")
    if tier is None:
        return []
    if entry.storage_class == "Archive":  # it has no tiers
        raise Refusal.malformed()
    if tier not in TIERS:
        raise Refusal.argument("Tier", tier, "The restore tier is not valid.")
    return [("x-oss-object-restore-priority", tier)]


def _change(oss: Oss, bucket: Bucket, entry: Entry) -> None:
    blob = bucket.objects[entry.key].blob
    oss.store.put(bucket, entry, whole(blob))
