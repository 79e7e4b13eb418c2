"""What each kind of reader sees while rules redirect to the origin, and what helps it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from migrator.domain.readers import Reader
from migrator.domain.simulate import Assumptions


class Level(StrEnum):
    """How bad a finding is."""

    OK = "ok"
    NOTE = "note"
    """True of every migration, or harmless; worth knowing."""
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Around:
    """What decides how readers fare."""

    private: bool = False
    """The bucket's ACL is private."""
    signed: bool = False
    """The job file says that readers sign."""
    forbidden: bool = False
    """Strangers are refused redirects at the readers' door (ExternalRedirectForbidden)."""
    downgrade: bool = False
    """The redirect leads from https to http."""
    passes_query: bool = False
    from_cdn: bool = False
    """The rules are made for Alibaba Cloud CDN, which follows by itself."""
    cors: bool | None = None
    """The place where readers are sent lets any page read it (Access-Control-Allow-Origin * or null); None: unknown."""
    writes: str = "destination"
    assumptions: Assumptions = field(default_factory=Assumptions)


@dataclass(frozen=True, slots=True)
class Fate:
    """What one kind of reader sees, in one sentence, and what helps."""

    level: Level
    sees: str
    remedy: str = ""


CUSTOM_DOMAIN = "bind a custom domain to the bucket and set readers.url to it"
PUBLIC = "make the bucket public-read, or set readers.signed: true if readers sign their requests"
HTTPS = "give redirect.url an https address"
CORS = "let the place behind redirect.url answer Access-Control-Allow-Origin: * (or null) to every request"
LATER = "let them go on reading at the origin until their prefix is retired"


def fate(reader: Reader, around: Around) -> Fate:
    """Tell what becomes of one kind of reader while its objects are not migrated yet."""
    return _FATES[reader](around)


def _stranger(around: Around) -> Fate | None:
    """Tell what stops every unsigned reader before anything else does."""
    if around.private:
        return Fate(
            Level.WARNING, "get 403 from the private bucket before any rule is looked at, migrated or not", PUBLIC
        )
    if around.forbidden:
        return Fate(Level.WARNING, "get 400 ExternalRedirectForbidden instead of the redirect", CUSTOM_DOMAIN)
    return None


def _browser(around: Around) -> Fate:
    if stopped := _stranger(around):
        return stopped
    if around.downgrade:
        return Fate(Level.WARNING, "do not follow from a page on https to an http address (mixed content)", HTTPS)
    if around.cors is False:
        return Fate(
            Level.WARNING,
            "follow the redirect in <img>, <video> and links; scripts that fetch() across sites fail, because they "
            "arrive with Origin: null and are not allowed to read the answer",
            CORS,
        )
    return Fate(Level.OK, "follow the redirect")


def _preflight(around: Around) -> Fate:
    if around.cors:
        return Fate(
            Level.NOTE,
            "ask OSS first, then arrive at the origin with Origin: null, which may read there; the redirect itself "
            "must pass the bucket's CORS rules too",
            "give the bucket CORS rules for these pages; migrator probe tells whether a redirect carries them",
        )
    return Fate(Level.WARNING, "arrive at the origin with Origin: null and may not read the answer there", CORS)


def _signed_sdk(around: Around) -> Fate:
    if around.forbidden and not around.assumptions.header_signed_exempt:
        return Fate(Level.WARNING, "get 400 ExternalRedirectForbidden instead of the redirect", CUSTOM_DOMAIN)
    return Fate(
        Level.WARNING,
        "stop at the 302 with an error (oss v2, Go v2), or follow it (oss2, Java, Go v1), take the origin's answer "
        "for OSS's own and send x-oss-security-token on to it",
        "switch redirects off in these clients, use no STS tokens in them, or let them read OSS only when their prefix "
        "is retired",
    )


def _presigned(around: Around) -> Fate:
    if around.forbidden:
        return Fate(Level.WARNING, "get 400 ExternalRedirectForbidden instead of the redirect", CUSTOM_DOMAIN)
    leaks = around.passes_query and around.assumptions.signature_in_location
    sees = "are redirected to the origin, where OSS's signature means nothing: a private origin answers 403"
    if leaks:
        sees += "; pass_query_string hands the signature to the origin, which may refuse it"
    return Fate(
        Level.WARNING,
        sees,
        "let the origin serve these objects unsigned, move these prefixes before their readers, or use a Mirror rule"
        + ("; set redirect.pass_query_string: false" if leaks else ""),
    )


def _head(around: Around) -> Fate:
    if around.assumptions.head_redirects:
        return Fate(Level.OK, "are redirected as GET is")
    return Fate(
        Level.WARNING,
        "get 404 for what is not migrated yet: rules do not answer HEAD; clients that ask by HEAD first (resumable "
        "downloads, ossutil, ossfs, curl -I) believe that it is missing",
        "ask by GET with Range: bytes=0-0 instead, or " + LATER,
    )


def _list(_: Around) -> Fate:
    return Fate(Level.WARNING, "see only what is migrated so far: rules never act on listings", LATER)


def _processing(around: Around) -> Fate:
    if not around.assumptions.subresources_redirect:
        return Fate(Level.WARNING, "get 404 for what is not migrated yet: rules do not answer image processing", LATER)
    sees = "get the unprocessed image, because the query is not passed on"
    if around.passes_query:
        sees = "are redirected with x-oss-process, which the origin does not know"
    return Fate(Level.WARNING, sees, LATER)


def _cdn(around: Around) -> Fate:
    if around.from_cdn:
        return Fate(
            Level.NOTE,
            "recognise the rule, fetch from the origin by themselves and cache its content",
            "purge a prefix in the CDN after its rule is retired",
        )
    return Fate(
        Level.WARNING,
        "cache the 302 and keep sending readers to the origin after the rule is gone (a 301 even for good)",
        "set redirect.from_cdn: true for Alibaba Cloud CDN, or a TTL of 0 for 302 and 404 in the CDN, and purge a "
        "prefix after its rule is retired",
    )


def _range(around: Around) -> Fate:
    if not around.assumptions.range_redirects:
        return Fate(Level.WARNING, "get 404 for what is not migrated yet: rules do not answer Range requests", LATER)
    return Fate(
        Level.NOTE,
        "are redirected and keep their Range; behind the end OSS answers 200 with the whole object, other servers 206 "
        "or 416",
        "send x-oss-range-behavior: standard where that matters",
    )


def _conditional(_: Around) -> Fate:
    return Fate(
        Level.NOTE,
        "load once more when an object moves: its ETag and Last-Modified change",
        "expect a wave of full downloads after each retirement",
    )


def _bot(around: Around) -> Fate:
    return _stranger(around) or Fate(Level.NOTE, "follow the redirect and may index the origin's address")


def _client(around: Around) -> Fate:
    return _stranger(around) or Fate(
        Level.NOTE, "see the bare 302 unless they follow redirects (curl needs -L)", "check how these programs are set"
    )


def _sub_resource(_: Around) -> Fate:
    return Fate(Level.NOTE, "get 404 for what is not migrated yet: rules act on the content of objects only", LATER)


def _write(around: Around) -> Fate:
    if around.writes == "origin":
        return Fate(Level.NOTE, "are never redirected; as declared, writers stay at the origin until the freeze")
    return Fate(
        Level.NOTE,
        "are never redirected, and nothing written at the origin is copied a second time",
        "let writers write to OSS from the start, or declare writes: origin in the job file",
    )


_FATES: Mapping[Reader, Callable[[Around], Fate]] = {
    Reader.BROWSER: _browser,
    Reader.SIGNED_SDK: _signed_sdk,
    Reader.CDN: _cdn,
    Reader.BOT: _bot,
    Reader.CLIENT: _client,
    Reader.PRESIGNED: _presigned,
    Reader.HEAD: _head,
    Reader.LIST: _list,
    Reader.RANGE: _range,
    Reader.CONDITIONAL: _conditional,
    Reader.IMAGE_PROCESSING: _processing,
    Reader.SUB_RESOURCE: _sub_resource,
    Reader.PREFLIGHT: _preflight,
    Reader.WRITE: _write,
}
