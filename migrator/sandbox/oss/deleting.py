"""DeleteObject and DeleteMultipleObjects."""

from __future__ import annotations

import re

from migrator.sandbox.oss import access
from migrator.sandbox.oss.answers import Answer, Refusal, element, escape, xml
from migrator.sandbox.oss.call import Call
from migrator.sandbox.oss.encoding import encoding_type, name_encoder, unescape
from migrator.sandbox.oss.incoming import check_md5
from migrator.sandbox.oss.state import Oss
from migrator.sandbox.oss.store import Bucket

MAX_DELETES = 1000
# A parser would refuse the raw control characters that SDKs send in keys here, and OSS takes.
_OBJECT = re.compile(r"<Object>(.*?)</Object>", re.DOTALL)
_KEY = re.compile(r"<Key>(.*?)</Key>", re.DOTALL)
_QUIET = re.compile(r"<Quiet>\s*true\s*</Quiet>", re.IGNORECASE)


def delete_object(oss: Oss, call: Call, bucket: Bucket) -> Answer:
    """Answer DeleteObject: 204 whether or not the object was there."""
    access.may_write(call, bucket)
    version = call.parameter("versionId")
    if version:
        oss.store.delete_version(bucket, call.key, version)
        return Answer(204, [("x-oss-version-id", version)])
    marker = oss.store.delete(bucket, call.key)
    headers = [("x-oss-delete-marker", "true"), ("x-oss-version-id", marker)] if marker else []
    return Answer(204, headers)


def delete_objects(oss: Oss, call: Call, bucket: Bucket) -> Answer:
    """Answer DeleteMultipleObjects."""
    access.owner_only(call)
    if "content-md5" not in call.headers:
        message = "Missing Some Required Arguments."
        raise Refusal(400, "MissingArgument", message, "0016-00000502", details=(("ArgumentName", "Content-MD5"),))
    check_md5(call)
    encoding = encoding_type(call)
    encode = name_encoder(encoding)
    try:
        text = call.body.decode()
    except UnicodeDecodeError:
        raise Refusal.malformed() from None
    keys = [unescape(match[1]) for item in _OBJECT.findall(text) if (match := _KEY.search(item))]
    if not keys or len(keys) > MAX_DELETES or "</Delete>" not in text:
        raise Refusal.malformed()
    done = []
    for key in keys:
        marker = oss.store.delete(bucket, key)
        versions = f"<DeleteMarker>true</DeleteMarker>{element('DeleteMarkerVersionId', marker)}" if marker else ""
        done.append(f"<Deleted><Key>{encode(key)}</Key>{versions}</Deleted>")
    call.notes["keys"] = str(len(keys))
    if _QUIET.search(text):
        return Answer(200)
    inner = (f"<EncodingType>{escape(encoding)}</EncodingType>" if encoding else "") + "\n  ".join(done)
    return xml("DeleteResult", inner)
