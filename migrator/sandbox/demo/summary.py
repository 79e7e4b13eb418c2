"""The end of the demo: what was promised, checked from outside with the official SDK and plain XML."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import md5
from pathlib import Path
from xml.etree.ElementTree import canonicalize, fromstring, tostring

import oss2
from fastcrc import crc64

from migrator.sandbox.demo.reader import Reader
from migrator.sandbox.demo.stage import Stage


@dataclass(frozen=True, slots=True)
class Summary:
    """The last line of `migrator demo --json`; fields are only ever added."""

    objects: int
    bytes: int
    objects_different: int
    reads: int
    reads_redirected: int
    reads_wrong: int
    rules_published: int
    rules_retired: int
    own_rules_left: int
    max_rules: int
    foreign_preserved: bool
    prefixes: int
    seconds: float
    seed: int

    @property
    def fine(self) -> bool:
        """Say whether every promise was kept."""
        kept = self.foreign_preserved and not (self.objects_different or self.reads_wrong or self.own_rules_left)
        return kept and self.reads > 0 and self.max_rules <= 20


@dataclass(slots=True)
class RuleWatch:
    """Counts what is seen of the rules while the job runs."""

    foreign: bytes
    published: int = 0
    retired: int = 0
    most: int = 0
    before: frozenset[str] = frozenset()

    def look(self, document: bytes) -> None:
        """Look at one live document (or revision), in order of time."""
        own = frozenset(rules_of(document)) - frozenset(rules_of(self.foreign))
        self.published += len(own - self.before)
        self.retired += len(self.before - own)
        self.most = max(self.most, len(rules_of(document)))
        self.before = own


def rules_of(document: bytes) -> list[str]:
    """Return every rule of a website document in canonical form."""
    if not document:
        return []
    rules = fromstring(document).iter("RoutingRule")  # noqa: S314 - our own sandbox wrote it
    return [canonicalize(tostring(rule, encoding="unicode"), strip_text=True) for rule in rules]


def summarise(stage: Stage, reader: Reader, watch: RuleWatch, *, prefixes: int, seconds: float, seed: int) -> Summary:
    """Compare every object with its file, and the bucket's configuration with what it was."""
    website = stage.website()
    return Summary(
        objects=len(stage.files),
        bytes=sum(path.stat().st_size for path in stage.files.values()),
        objects_different=_different(stage),
        reads=reader.reads,
        reads_redirected=reader.redirected,
        reads_wrong=len(reader.wrong),
        rules_published=watch.published,
        rules_retired=watch.retired,
        own_rules_left=len(set(rules_of(website)) - set(rules_of(stage.foreign))),
        max_rules=watch.most,
        foreign_preserved=_canonical(website) == _canonical(stage.foreign),
        prefixes=prefixes,
        seconds=round(seconds, 1),
        seed=seed,
    )


def _different(stage: Stage) -> int:
    """Count the files that are not in the bucket byte for byte. No rule is left that could answer from the origin."""
    stored = {each.key: each for each in oss2.ObjectIterator(stage.bucket, max_keys=1000)}
    return sum(key not in stored or not _equal(stage, stored[key], path) for key, path in stage.files.items())


def _equal(stage: Stage, stored: oss2.models.SimplifiedObjectInfo, path: Path) -> bool:
    body = path.read_bytes()
    if stored.size == len(body) and stored.etag.lower() == md5(body, usedforsecurity=False).hexdigest():
        return True
    # The ETag of a multipart upload is no MD5; OSS keeps a CRC-64 of the whole object.
    headers = stage.bucket.head_object(stored.key).headers
    return int(headers["x-oss-hash-crc64ecma"]) == int(crc64.xz(body)) and stored.size == len(body)


def _canonical(document: bytes) -> str:
    return canonicalize(document.decode(), strip_text=True) if document else ""
