"""Configuration documents of a bucket: website, and those that are only stored."""

from __future__ import annotations

from dataclasses import dataclass
from xml.etree import ElementTree as ET

from migrator.sandbox import website
from migrator.sandbox.oss import access
from migrator.sandbox.oss.answers import XML, Answer, Refusal, document
from migrator.sandbox.oss.call import Call
from migrator.sandbox.oss.encoding import read_xml
from migrator.sandbox.oss.incoming import check_md5
from migrator.sandbox.oss.state import Handler, Oss
from migrator.sandbox.oss.store import Bucket
from migrator.sandbox.oss.tags import Tags, read_tag_document, tag_document


# -- website ---------------------------------------------------------------------------------------------------------
def get_website(oss: Oss, call: Call, bucket: Bucket) -> Answer:
    """Answer GetBucketWebsite."""
    access.owner_only(call)
    text = oss.site(bucket).readable(oss.switches)
    if not text:
        message = "The specified bucket does not have a website configuration."
        details = (("BucketName", bucket.name),)
        raise Refusal(404, "NoSuchWebsiteConfiguration", message, "0019-00000001", details=details)
    return Answer(200, [XML], text)


def put_website(oss: Oss, call: Call, bucket: Bucket) -> Answer:
    """Answer PutBucketWebsite: the document replaces the old one as a whole."""
    access.owner_only(call)
    check_md5(call)
    try:
        text = website.validate(call.body, oss.switches)
    except website.Refused as refused:
        details = (("ArgumentName", refused.argument_name), ("ArgumentValue", refused.argument_value))
        shown = details if refused.argument_name else ()
        raise Refusal(refused.status, refused.code, refused.message, refused.ec, details=shown) from None
    if not oss.switches.unknown_elements_kept:
        text = website.without_unknown(text)
    if bucket.versioning and oss.switches.versioned_refuses_rules and has_rules(text):
        message = "Back-to-origin rules cannot be set on a bucket that has versioning."
        raise Refusal(400, "OperationNotSupported", message, "0037-00000001")
    _set_website(oss, bucket, text)
    return Answer()


def delete_website(oss: Oss, call: Call, bucket: Bucket) -> Answer:
    """Answer DeleteBucketWebsite: 204 also where there is none."""
    access.owner_only(call)
    _set_website(oss, bucket, b"")
    return Answer(204)


def _set_website(oss: Oss, bucket: Bucket, text: bytes) -> None:
    oss.site(bucket).change(text, oss.switches.propagation_delay_s)
    bucket.documents.pop("website", None)
    if text:
        bucket.documents["website"] = text
    oss.store.save_bucket(bucket)


def has_rules(text: bytes) -> bool:
    """Return whether a stored website document holds any rule."""
    return bool(text) and ET.fromstring(text).find("RoutingRules/RoutingRule") is not None  # noqa: S314 - our own


# -- documents that are only stored ----------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Kind:
    """One sub-resource: its root element (empty: JSON), and what GET answers where nothing was put."""

    name: str
    root: str
    missing: str = ""
    """The error code; empty where `default` is answered instead."""
    default: str = ""
    filled: tuple[tuple[str, str], ...] = ()
    """Children that the service adds where they were left out."""


KINDS = (
    Kind("cors", "CORSConfiguration", missing="NoSuchCORSConfiguration", filled=(("ResponseVary", "false"),)),
    Kind("lifecycle", "LifecycleConfiguration", missing="NoSuchLifecycle"),
    Kind("policy", "", missing="NoSuchBucketPolicy"),
    Kind("encryption", "ServerSideEncryptionRule", missing="NoSuchServerSideEncryptionRule"),
    Kind("tagging", "Tagging", default="<TagSet></TagSet>"),
    Kind("logging", "BucketLoggingStatus"),
    Kind(
        "referer",
        "RefererConfiguration",
        default="<AllowEmptyReferer>true</AllowEmptyReferer><RefererList></RefererList>",
        filled=(("AllowTruncateQueryString", "true"),),
    ),
    Kind("requestPayment", "RequestPaymentConfiguration", default="<Payer>BucketOwner</Payer>"),
)


def getter(kind: Kind) -> Handler:
    """Return the handler of GET for one kind of document."""

    def get(_oss: Oss, call: Call, bucket: Bucket) -> Answer:
        access.owner_only(call)
        text = bucket.documents.get(kind.name)
        if text is None and kind.missing:
            details = (("BucketName", bucket.name),)
            raise Refusal(404, kind.missing, f"The bucket has no {kind.name} configuration.", details=details)
        headers = [XML] if kind.root else [("content-type", "application/json")]
        return Answer(200, headers, document(kind.root, kind.default) if text is None else text)

    return get


def putter(kind: Kind) -> Handler:
    """Return the handler of PUT for one kind of document."""

    def put(oss: Oss, call: Call, bucket: Bucket) -> Answer:
        access.owner_only(call)
        check_md5(call)
        bucket.documents[kind.name] = _completed(kind, call.body) if kind.root else call.body
        oss.store.save_bucket(bucket)
        return Answer()

    return put


def deleter(kind: Kind) -> Handler:
    """Return the handler of DELETE for one kind of document."""

    def delete(oss: Oss, call: Call, bucket: Bucket) -> Answer:
        access.owner_only(call)
        gone = call.parameter("tagging").split(",") if call.parameter("tagging") else []
        kept = tuple(tag for tag in tags_of(bucket) if tag[0] not in gone)
        if gone and kept:
            bucket.documents["tagging"] = tag_document(kept)
        else:
            bucket.documents.pop(kind.name, None)
        oss.store.save_bucket(bucket)
        return Answer(204)

    return delete


def tags_of(bucket: Bucket) -> Tags:
    """Return the bucket's own tags."""
    text = bucket.documents.get("tagging")
    return read_tag_document(text) if text else ()


def _completed(kind: Kind, body: bytes) -> bytes:
    root = read_xml(body, kind.root)
    for node in root.iter():
        if node.text in {"True", "False"}:
            node.text = node.text.lower()
    for name, text in kind.filled:
        if root.find(name) is None:
            ET.SubElement(root, name).text = text
    completed: bytes = ET.tostring(root, encoding="UTF-8", xml_declaration=True)
    return completed
