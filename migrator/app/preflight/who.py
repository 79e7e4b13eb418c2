"""Who reads: what becomes of each kind of reader, by declaration or by a sample of the access log."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import IO, cast

from migrator.app.preflight.facts import Facts
from migrator.app.preflight.finding import Finding, Level
from migrator.app.preflight.redirected import allows_any_page
from migrator.domain.accesslog import MAX_LINE
from migrator.domain.fates import Around, fate
from migrator.domain.readers import Reader, Tally
from migrator.errors import Invalid, MigratorError

_ALWAYS = (Reader.SIGNED_SDK, Reader.PRESIGNED, Reader.HEAD, Reader.LIST, Reader.IMAGE_PROCESSING)
"""Kinds that break by nature; without a log nobody knows whether there are any."""
_GZIP = b"\x1f\x8b"


def around(facts: Facts) -> Around:
    """Gather what decides how readers fare."""
    spec = facts.spec
    try:
        private, forbidden = facts.info.acl == "private" and not spec.readers.signed, facts.forbidden
    except MigratorError:  # told by another look
        private = forbidden = False
    return Around(
        private=private,
        signed=spec.readers.signed,
        forbidden=forbidden,
        downgrade=spec.redirect.url.startswith("http:") and facts.doorstep.startswith("https:"),
        passes_query=spec.redirect.pass_query_string,
        from_cdn=spec.redirect.from_cdn,
        cors=allows_any_page(facts),
        writes=spec.writes,
        assumptions=facts.assumptions,
    )


def declared(facts: Facts) -> Iterator[Finding]:
    """Name the kinds of readers that do not survive a redirect, for nobody has looked whether there are any."""
    surroundings = around(facts)
    for reader in _ALWAYS:
        found = fate(reader, surroundings)
        if found.level is Level.OK:
            continue
        certain = reader is Reader.SIGNED_SDK and facts.spec.readers.signed
        level = Level.WARNING if certain else Level.NOTE
        message = f"{_TITLES[reader]} {found.sees}"
        yield Finding(level, f"readers.{reader.value}", message, found.remedy)


def logged(facts: Facts, log: Path) -> Iterator[Finding]:
    """Say of each kind of reader in a log how many requests there are, and what becomes of them. Raises Invalid."""
    tally, cut = read_log(log)
    message = f"{log}: {tally.requests:,} requests, {tally.not_understood:,} lines not understood"
    whole = tally.requests > tally.not_understood and not cut
    yield Finding(
        Level.OK if whole else Level.WARNING,
        "readers.log",
        message + ("; it ends in the middle" if cut else ""),
        "" if whole else "give a whole access log of OSS, or of nginx in the combined format",
        requests=tally.requests,
    )
    surroundings = around(facts)
    if Reader.PREFLIGHT in tally.counts and surroundings.cors is None:
        surroundings = replace(surroundings, cors=False)
    for reader, count in sorted(tally.counts.items(), key=lambda item: (-item[1], item[0])):
        found = fate(reader, surroundings)
        share = f"{count / tally.requests:.1%} of all requests, such as {tally.examples[reader]}"
        message = f"{_TITLES[reader]} ({count:,}, {share}) {found.sees}"
        yield Finding(found.level, f"readers.{reader.value}", message, found.remedy, requests=count)


def read_log(path: Path) -> tuple[Tally, bool]:
    """Count a log, packed with gzip or not, line by line; True when it ended in the middle. Raises Invalid."""
    tally = Tally()
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == _GZIP
            raw.seek(0)
            stream = gzip.GzipFile(fileobj=raw) if packed else raw
            for line in _lines(cast("IO[bytes]", stream)):
                tally.add(line)
    except (EOFError, gzip.BadGzipFile, zlib.error):
        return tally, True
    except OSError as error:
        raise Invalid(f"cannot read {path}: {error.strerror}", hint="give the path of an access log") from error
    return tally, False


def _lines(stream: IO[bytes]) -> Iterator[str | None]:
    """Yield lines of bounded length; one None for each that is longer."""
    while line := stream.readline(MAX_LINE):
        if line.endswith(b"\n") or len(line) < MAX_LINE:
            yield line.decode("utf-8", "replace")
            continue
        while (rest := stream.readline(MAX_LINE)) and not rest.endswith(b"\n"):
            pass
        yield None


_TITLES = {
    Reader.BROWSER: "browsers",
    Reader.SIGNED_SDK: "SDK clients that sign their requests",
    Reader.CDN: "CDN fetches",
    Reader.BOT: "crawlers",
    Reader.CLIENT: "other programs",
    Reader.PRESIGNED: "users of presigned URLs",
    Reader.HEAD: "HEAD requests",
    Reader.LIST: "listings",
    Reader.RANGE: "Range requests",
    Reader.CONDITIONAL: "conditional requests",
    Reader.IMAGE_PROCESSING: "image processing requests",
    Reader.SUB_RESOURCE: "sub-resource requests",
    Reader.PREFLIGHT: "CORS preflights",
    Reader.WRITE: "writes",
}
