"""From a prefix of a job to the rule that sends its missing keys to the origin, and what Location to expect."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import SplitResult, quote, unquote_to_bytes, urlsplit

from migrator.domain.rules.model import (
    ALI_CDN,
    EXTERNAL,
    KEY_VARIABLE,
    MIGRATION_CODES,
    Condition,
    Redirect,
    Rule,
)
from migrator.domain.rules.validate import can_be_written, is_host
from migrator.errors import Invalid

_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_NOT_IN_URL = re.compile(r"[\x00-\x20\x7f\\]")
_DEFAULT_PORTS = {"http": "80", "https": "443"}


@dataclass(frozen=True, slots=True)
class RedirectBase:
    """Where the origin's prefix is read by readers: the parsed `redirect.url` of a job."""

    protocol: str
    host: str
    """With a port where the URL names one."""
    path: str = ""
    """Decoded, without its leading `/`; empty or ending in `/`."""

    @property
    def url(self) -> str:
        """The base as a URL, percent-encoded."""
        return expected_location(self, "")


def parse_redirect_url(url: str) -> RedirectBase:
    """Read the URL that stands for the origin's prefix; a missing final `/` is added.

    Says nothing about private addresses: see `internal_host`. Raises Invalid with what would be right.
    """
    if _NOT_IN_URL.search(url):
        raise _refused(url, "it holds white space, a backslash or a control character; percent-encode it")
    try:
        parts = urlsplit(url)
        host = parts.netloc.lower()
        path = unquote_to_bytes(parts.path).decode()
    except UnicodeDecodeError:
        raise _refused(url, "its path is not UTF-8 once percent-decoded") from None
    except ValueError:
        raise _refused(url, "it is not a URL") from None
    problem = _url_problem(url, parts, path)
    if problem:
        raise _refused(url, problem)
    path = path.removeprefix("/")
    return RedirectBase(parts.scheme, host, path if not path or path.endswith("/") else path + "/")


def migration_rule(
    key_prefix: str,
    destination_prefix: str,
    base: RedirectBase,
    *,
    code: int = 302,
    pass_query_string: bool = False,
    from_cdn: bool = False,
) -> Rule:
    """Return the own rule, not numbered, that answers every missing key under `key_prefix`.

    Its Location is `expected_location(base, key[len(destination_prefix):])` for each such key.
    Raises Invalid: a 301 (browsers keep it for good) or any code but 302 and 307, a prefix outside the destination's
    prefix, a prefix that XML cannot carry (use a shorter one).
    """
    if code not in MIGRATION_CODES:
        raise Invalid(
            f"A migration rule redirects with 302 or 307, not {code}: browsers and caches keep a 301 for good."
        )
    if not key_prefix.startswith(destination_prefix):
        raise Invalid(
            f"The rule prefix {key_prefix!r} does not begin with the destination's prefix {destination_prefix!r}."
        )
    if not can_be_written(key_prefix):
        raise Invalid(
            f"The prefix {key_prefix!r} holds a control character that XML cannot carry, so it cannot have a rule.",
            hint="cover it with a shorter prefix that ends before that character",
        )
    replacement = base.path + key_prefix[len(destination_prefix) :]
    plain = replacement == key_prefix
    redirect = Redirect(
        kind=ALI_CDN if from_cdn else EXTERNAL,
        protocol=base.protocol,
        host=base.host,
        code=code,
        pass_query_string=pass_query_string,
        replace_key_with="" if key_prefix or plain else replacement + KEY_VARIABLE,
        replace_key_prefix_with=replacement if key_prefix and not plain else "",
        enable_replace_prefix=bool(key_prefix) and not plain,
    )
    return Rule(condition=Condition(key_prefix=key_prefix, status=404), redirect=redirect)


def expected_location(base: RedirectBase, relative_key: str) -> str:
    """Return the Location for a key relative to the destination's prefix: UTF-8, percent-encoded except `/`."""
    return f"{base.protocol}://{base.host}/{encode_key(base.path + relative_key)}"


def encode_key(key: str) -> str:
    """Percent-encode everything outside unreserved characters and `/`."""
    return quote(key, safe="/", errors="surrogatepass")


def same_location(a: str, b: str) -> bool:
    """Say whether two Locations ask for the same thing: paths are compared after one percent-decoding.

    Which characters OSS escapes is not documented; an unescaped `?` or `#` would ask for another object and counts.
    """
    try:
        return _comparable(urlsplit(a)) == _comparable(urlsplit(b))
    except ValueError:
        return a == b


def _comparable(parts: SplitResult) -> tuple[str, str, bytes, str, str]:
    scheme = parts.scheme.lower()
    host = parts.netloc.lower().removesuffix(f":{_DEFAULT_PORTS.get(scheme, '')}")
    return scheme, host, unquote_to_bytes(parts.path or "/"), parts.query, parts.fragment


def _url_problem(url: str, parts: SplitResult, path: str) -> str:
    checks = (
        (parts.scheme not in {"http", "https"}, "it must begin with http:// or https://"),
        (not parts.netloc, "it names no host"),
        ("@" in parts.netloc, "it must not hold a user name or password"),
        ("?" in url, "it must not hold a query"),
        ("#" in url, "it must not hold a fragment; write %23 for a # in the path"),
        (not is_host(parts.netloc), "its host must be a domain name (in ASCII) with an optional port"),
        (bool(_BAD_ESCAPE.search(parts.path)), "a % in its path must be followed by two hexadecimal digits"),
        (not can_be_written(path), "its path holds a control character"),
        (KEY_VARIABLE in path, "its path must not hold the text ${key}, which OSS replaces"),
        (not {".", ".."}.isdisjoint(path.split("/")), "its path must not hold . or .. segments, which readers resolve"),
    )
    return next((sentence for wrong, sentence in checks if wrong), "")


def _refused(url: str, why: str) -> Invalid:
    shown = re.sub(r"//[^?#]*@", "//***@", url)  # never repeat a password
    shown = shown.partition("?")[0]
    return Invalid(
        f"The redirect URL {shown!r} is refused: {why}.", hint="write it like https://legacy.example.com/base/"
    )
