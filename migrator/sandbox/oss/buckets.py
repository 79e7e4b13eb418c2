"""Buckets: create, describe, list, delete; ACL, location, statistics, versioning."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from migrator.sandbox.oss import access
from migrator.sandbox.oss.answers import Answer, Refusal, element, xml
from migrator.sandbox.oss.call import Call
from migrator.sandbox.oss.documents import has_rules, tags_of
from migrator.sandbox.oss.encoding import read_xml
from migrator.sandbox.oss.incoming import STORAGE_CLASSES
from migrator.sandbox.oss.listing import OWNER
from migrator.sandbox.oss.state import Oss
from migrator.sandbox.oss.store import Bucket

MAX_BUCKETS = 100
RESOURCE_GROUP = "rg-sandbox"
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")
_COMMENT = "<Comment></Comment>"


def check_name(name: str) -> None:
    """Refuse a name that no bucket can have."""
    if not _NAME.fullmatch(name):
        message = "The specified bucket is not valid."
        raise Refusal(400, "InvalidBucketName", message, "0015-00000001", details=(("BucketName", name),))


def create(oss: Oss, call: Call) -> Answer:
    """Answer PutBucket; again by the same owner it only changes the ACL."""
    access.owner_only(call)
    check_name(call.bucket)
    given = call.header("x-oss-acl")
    acl = access.checked_acl(given or "private", access.BUCKET_ACLS)
    storage_class, redundancy = "Standard", "LRS"
    if call.body:
        root = read_xml(call.body, "CreateBucketConfiguration")
        storage_class = root.findtext("StorageClass") or storage_class
        redundancy = root.findtext("DataRedundancyType") or redundancy
        if storage_class not in STORAGE_CLASSES:
            raise Refusal.argument("StorageClass", storage_class, "The storage class is not valid.")
    bucket = oss.store.buckets.get(call.bucket)
    if bucket is None:
        if len(oss.store.buckets) >= MAX_BUCKETS:
            message = "The number of buckets you created has reached the limit."
            raise Refusal(400, "TooManyBuckets", message, "0015-00000102")
        bucket = Bucket(call.bucket, datetime.now(UTC), acl, storage_class, redundancy)
    elif call.body and (storage_class, redundancy) != (bucket.storage_class, bucket.redundancy):
        message = "The requested bucket name is not available."
        raise Refusal(409, "BucketAlreadyExists", message, "0015-00000104", details=(("BucketName", bucket.name),))
    elif given:
        bucket.acl = acl
    oss.store.save_bucket(bucket)
    return Answer(200, [("location", f"/{bucket.name}")])


def delete(oss: Oss, call: Call, bucket: Bucket) -> Answer:
    """Answer DeleteBucket: only without objects and unfinished uploads."""
    access.owner_only(call)
    if bucket.objects or bucket.uploads:
        message = "The bucket you tried to delete is not empty. "
        raise Refusal(409, "BucketNotEmpty", message, "0015-00000301", details=(("BucketName", bucket.name),))
    oss.store.drop_bucket(bucket)
    return Answer(204)


def list_buckets(oss: Oss, call: Call) -> Answer:
    """Answer ListBuckets."""
    access.owner_only(call)
    prefix, marker = call.parameter("prefix"), call.parameter("marker")
    limit = call.number("max-keys", default=100, low=1, high=1000)
    wanted = [name for name, bucket in oss.store.buckets.items() if _is_tagged(bucket, call)]
    names = sorted(name for name in wanted if name.startswith(prefix) and name > marker)
    page = names[:limit]
    inner = [
        element("Prefix", prefix),
        element("Marker", marker),
        element("MaxKeys", limit),
        element("IsTruncated", str(len(names) > limit).lower()),
        OWNER,
    ]
    if len(names) > limit:
        inner.append(element("NextMarker", page[-1]))
    buckets = "".join(f"<Bucket>{_description(oss, oss.store.buckets[name])}</Bucket>" for name in page)
    return xml("ListAllMyBucketsResult", "\n  ".join([*inner, f"<Buckets>{buckets}</Buckets>"]))


def head(oss: Oss, call: Call, _bucket: Bucket) -> Answer:
    """Answer HeadBucket of the S3 dialect."""
    access.owner_only(call)
    return Answer(200, [("x-oss-bucket-region", oss.config.region)])


def _is_tagged(bucket: Bucket, call: Call) -> bool:
    key, value = call.parameter("tag-key"), call.parameter("tag-value")
    if not key:
        return True
    tags = dict(tags_of(bucket))
    return key in tags and (not value or tags[key] == value)


def info(oss: Oss, call: Call, bucket: Bucket) -> Answer:
    """Answer GetBucketInfo."""
    access.owner_only(call)
    parts = [
        _description(oss, bucket),
        OWNER,
        f"<AccessControlList>{element('Grant', bucket.acl)}</AccessControlList>",
        element("DataRedundancyType", bucket.redundancy),
        "<CrossRegionReplication>Disabled</CrossRegionReplication>",
        "<TransferAcceleration>Disabled</TransferAcceleration>",
        "<AccessMonitor>Disabled</AccessMonitor>",
        "<BucketPolicy><LogBucket></LogBucket><LogPrefix></LogPrefix></BucketPolicy>",
        "<ServerSideEncryptionRule><SSEAlgorithm>None</SSEAlgorithm></ServerSideEncryptionRule>",
        _COMMENT,
    ]
    if bucket.versioning:
        parts.append(element("Versioning", bucket.versioning))
    return xml("BucketInfo", f"<Bucket>{''.join(parts)}</Bucket>")


def _description(oss: Oss, bucket: Bucket) -> str:
    region = f"oss-{oss.config.region}"
    return "".join(
        (
            element("Name", bucket.name),
            element("Location", region),
            element("Region", oss.config.region),
            element("CreationDate", f"{bucket.created_at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.000Z}"),
            element("ExtranetEndpoint", oss.config.extranet),
            element("IntranetEndpoint", oss.config.extranet),
            element("StorageClass", bucket.storage_class),
            element("ResourceGroupId", RESOURCE_GROUP),
        )
    )


def get_acl(_oss: Oss, call: Call, bucket: Bucket) -> Answer:
    """Answer GetBucketAcl."""
    access.owner_only(call)
    grant = element("Grant", bucket.acl)
    return xml("AccessControlPolicy", f"{OWNER}<AccessControlList>{grant}</AccessControlList>")


def put_acl(oss: Oss, call: Call, bucket: Bucket) -> Answer:
    """Answer PutBucketAcl."""
    access.owner_only(call)
    bucket.acl = access.checked_acl(call.header("x-oss-acl"), access.BUCKET_ACLS)
    oss.store.save_bucket(bucket)
    return Answer()


def location(oss: Oss, call: Call, _bucket: Bucket) -> Answer:
    """Answer GetBucketLocation."""
    access.owner_only(call)
    answer = xml("LocationConstraint", "")
    answer.body = answer.body.replace(b"\n  \n", f"oss-{oss.config.region}".encode())
    return answer


def statistics(_oss: Oss, call: Call, bucket: Bucket) -> Answer:
    """Answer GetBucketStat."""
    access.owner_only(call)
    entries = [held.entry for held in bucket.objects.values()]
    sizes = {name: [e.size_bytes for e in entries if e.storage_class == name] for name in STORAGE_CLASSES}
    parts = [
        element("Storage", sum(entry.size_bytes for entry in entries)),
        element("ObjectCount", len(entries)),
        element("MultipartUploadCount", len(bucket.uploads)),
        "<LiveChannelCount>0</LiveChannelCount><LastModifiedTime>0</LastModifiedTime>",
        element("MultipartPartCount", sum(len(upload.parts) for upload in bucket.uploads.values())),
        element("DeleteMarkerCount", len(bucket.markers)),
        element("StandardStorage", sum(sizes["Standard"])),
        element("StandardObjectCount", len(sizes["Standard"])),
    ]
    for name, title in (
        ("IA", "InfrequentAccess"),
        ("Archive", "Archive"),
        ("ColdArchive", "ColdArchive"),
        ("DeepColdArchive", "DeepColdArchive"),
    ):
        parts.append(f"<{title}Storage>{sum(sizes[name])}</{title}Storage>")
        parts.append(f"<{title}RealStorage>{sum(sizes[name])}</{title}RealStorage>")
        parts.append(f"<{title}ObjectCount>{len(sizes[name])}</{title}ObjectCount>")
    return xml("BucketStat", "".join(parts))


def get_versioning(_oss: Oss, call: Call, bucket: Bucket) -> Answer:
    """Answer GetBucketVersioning; no Status where it was never enabled."""
    access.owner_only(call)
    return xml("VersioningConfiguration", element("Status", bucket.versioning) if bucket.versioning else "")


def put_versioning(oss: Oss, call: Call, bucket: Bucket) -> Answer:
    """Answer PutBucketVersioning."""
    access.owner_only(call)
    status = read_xml(call.body, "VersioningConfiguration").findtext("Status") or ""
    if status not in {"Enabled", "Suspended"}:
        raise Refusal.malformed()
    if oss.switches.versioned_refuses_rules and has_rules(bucket.documents.get("website", b"")):
        message = "Versioning cannot be enabled for a bucket that has back-to-origin rules."
        raise Refusal(400, "OperationNotSupported", message, "0037-00000001")
    bucket.versioning = status
    oss.store.save_bucket(bucket)
    return Answer()


def cnames(oss: Oss, call: Call, bucket: Bucket) -> Answer:
    """Answer ListCname: the custom domains that the sandbox was started with."""
    access.owner_only(call)
    bound = sorted(domain for domain, name in oss.config.cnames.items() if name == bucket.name)
    inner = "".join(f"<Cname>{element('Domain', each)}<Status>Enabled</Status></Cname>" for each in bound)
    return xml("ListCnameResult", element("Bucket", bucket.name) + element("Owner", "1000000000000001") + inner)


def live_channels(_oss: Oss, call: Call, _bucket: Bucket) -> Answer:
    """Answer ListLiveChannel: there never are any."""
    access.owner_only(call)
    return xml("ListLiveChannelResult", "<Prefix/><Marker/><MaxKeys>100</MaxKeys><IsTruncated>false</IsTruncated>")
