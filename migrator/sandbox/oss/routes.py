"""Which handler answers which request."""

from __future__ import annotations

from migrator.sandbox.oss import buckets, deleting, details, documents, listing, multipart, reading, uploads, writing
from migrator.sandbox.oss.answers import Answer, Refusal
from migrator.sandbox.oss.call import Call
from migrator.sandbox.oss.state import Handler, Oss

_OBJECT: dict[tuple[str, str], Handler] = {
    ("GET", ""): reading.get_object,
    ("HEAD", ""): reading.get_object,
    ("PUT", ""): writing.put_object,
    ("DELETE", ""): deleting.delete_object,
    ("GET", "objectMeta"): reading.get_meta,
    ("HEAD", "objectMeta"): reading.get_meta,
    ("POST", "uploads"): multipart.initiate,
    ("PUT", "uploadId"): multipart.put_part,
    ("POST", "uploadId"): multipart.complete,
    ("DELETE", "uploadId"): multipart.abort,
    ("GET", "uploadId"): uploads.list_parts,
    ("POST", "append"): writing.append_object,
    ("GET", "acl"): details.get_acl,
    ("PUT", "acl"): details.put_acl,
    ("GET", "tagging"): details.get_tags,
    ("PUT", "tagging"): details.put_tags,
    ("DELETE", "tagging"): details.delete_tags,
    ("GET", "symlink"): details.get_symlink,
    ("HEAD", "symlink"): details.get_symlink,
    ("PUT", "symlink"): writing.put_symlink,
    ("POST", "restore"): details.restore,
}
_BUCKET: dict[tuple[str, str], Handler] = {
    ("GET", ""): listing.list_objects,
    ("HEAD", ""): buckets.head,
    ("DELETE", ""): buckets.delete,
    ("GET", "bucketInfo"): buckets.info,
    ("GET", "stat"): buckets.statistics,
    ("GET", "location"): buckets.location,
    ("GET", "acl"): buckets.get_acl,
    ("PUT", "acl"): buckets.put_acl,
    ("GET", "versioning"): buckets.get_versioning,
    ("PUT", "versioning"): buckets.put_versioning,
    ("GET", "live"): buckets.live_channels,
    ("GET", "cname"): buckets.cnames,
    ("GET", "uploads"): uploads.list_uploads,
    ("POST", "delete"): deleting.delete_objects,
    ("GET", "website"): documents.get_website,
    ("PUT", "website"): documents.put_website,
    ("DELETE", "website"): documents.delete_website,
}
for _kind in documents.KINDS:
    _BUCKET["GET", _kind.name] = documents.getter(_kind)
    _BUCKET["PUT", _kind.name] = documents.putter(_kind)
    _BUCKET["DELETE", _kind.name] = documents.deleter(_kind)

_OBJECT_PARTS = frozenset(part for _, part in _OBJECT) - {""}
_BUCKET_PARTS = frozenset(part for _, part in _BUCKET) - {""}
_FOREIGN = frozenset(
    """
    accessPoint accessPointPolicy accessmonitor asyncFetch bucketArchiveDirectRead callback comp httpsConfig
    inventory metaQuery publicAccessBlock qos qosInfo qosRequester redundancyTransition replication replicationLocation
    replicationProgress requesterQosInfo resourceGroup resourcePool resourcePoolInfo style transferAcceleration
    versions vod worm wormExtend wormId x-oss-async-process x-oss-process x-oss-write-get-object-response
    """.split()  # noqa: SIM905 - one name per line would be a wall
)
"""Sub-resources that OSS has and this server refuses; anything else unknown is ignored, as OSS does."""


def answer(oss: Oss, call: Call) -> Answer:
    """Answer one identified request. Raises Refusal."""
    if not call.bucket:
        return _service(oss, call)
    if call.key:
        part = _part(call, _OBJECT_PARTS)
        handler = _OBJECT.get((call.method, part))
    else:
        part = _part(call, _BUCKET_PARTS)
        if not part and call.method == "PUT":
            return buckets.create(oss, call)
        handler = _BUCKET.get((call.method, part))
        if not part and call.method == "GET" and call.signed == "anonymous":
            # The site's root: its index page, where there is one.
            handler = reading.get_root
    bucket = oss.bucket(call.bucket)
    if handler is None:
        message = "The specified method is not allowed against this resource."
        kind = (part or ("Object" if call.key else "Bucket")).upper()
        details_ = (("Method", call.method), ("ResourceType", kind))
        raise Refusal(405, "MethodNotAllowed", message, "0016-00000101", details=details_)
    return handler(oss, call, bucket)


def _part(call: Call, known: frozenset[str]) -> str:
    """Return the sub-resource that a request is about."""
    if not call.query:
        return ""
    foreign = _FOREIGN - {reading.PROCESS} if call.key and call.method in {"GET", "HEAD"} else _FOREIGN
    if not call.query.keys().isdisjoint(foreign):
        name = next(name for name in call.query if name in foreign)
        raise Refusal.not_implemented(name)
    return next((name for name in call.query if name in known), "")


def _service(oss: Oss, call: Call) -> Answer:
    if call.method == "GET":
        return buckets.list_buckets(oss, call)
    message = "The specified method is not allowed against this resource."
    details_ = (("Method", call.method), ("ResourceType", "SERVICE"))
    raise Refusal(405, "MethodNotAllowed", message, "0016-00000101", details=details_)
