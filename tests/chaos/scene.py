"""What the run plays with, drawn from the seed: waves of jobs, their keys, sizes and headers, and foreign rules."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from .bodies import LEGACY, make

BUCKET, ORIGIN_BUCKET = "chaos-new", "chaos-legacy"
PART_BYTES = 100 * 1024
FOLDERS = ("a/", "b/", "deep/er/", "ü ñ/", "q&a+1%/")
HOSTILE = (
    " lead",
    "trail ",
    "plus+plus",
    "100%",
    "%2F",
    "%00",
    "what?",
    "hash#tag",
    "a&b;c",
    "back\\slash",
    "quo\"te's",
    "<script>",
    "${key}",
    "{{7*7}}",
    "-rf",
    "%s%n",
    "con",
    "=cmd()",
    "nfc-\u00e9",
    "nfd-e\u0301",
    "\u202ertl",
    "emoji-\U0001f600",
    "a//b",
    "dots..dots",
    "tab\there",
    "x" * 200,
)
"""The tail of keys that are easy to get wrong."""

FOREIGN = """<?xml version="1.0" encoding="UTF-8"?>
<WebsiteConfiguration>
  <IndexDocument><Suffix>index.html</Suffix><SupportSubDir>false</SupportSubDir><Type>0</Type></IndexDocument>
  <ErrorDocument><Key>error-page.html</Key><HttpStatus>404</HttpStatus></ErrorDocument>
  <RoutingRules>
    <RoutingRule>
      <RuleNumber>1</RuleNumber>
      <Condition>
        <KeyPrefixEquals>old-campaign/</KeyPrefixEquals>
        <HttpErrorCodeReturnedEquals>404</HttpErrorCodeReturnedEquals>
      </Condition>
      <Redirect>
        <RedirectType>External</RedirectType><Protocol>https</Protocol><HostName>www.example.com</HostName>
        <HttpRedirectCode>302</HttpRedirectCode><ReplaceKeyWith>gone.html</ReplaceKeyWith>
      </Redirect>
    </RoutingRule>
    <RoutingRule>
      <RuleNumber>2</RuleNumber>
      <Condition>
        <KeyPrefixEquals>mirrored/</KeyPrefixEquals>
        <HttpErrorCodeReturnedEquals>404</HttpErrorCodeReturnedEquals>
      </Condition>
      <Redirect>
        <RedirectType>Mirror</RedirectType><MirrorURL>https://mirror.example.com/</MirrorURL>
        <MirrorFollowRedirect>true</MirrorFollowRedirect>
      </Redirect>
    </RoutingRule>
  </RoutingRules>
</WebsiteConfiguration>
"""
"""What an administrator put there before us."""


@dataclass(frozen=True, slots=True)
class Thing:
    """One object of the origin."""

    key: str
    size: int
    headers: dict[str, str]
    """As S3 sends them, lower case."""
    parted: bool = False
    """Its ETag is that of a multipart upload, so that no MD5 is known."""

    @property
    def body(self) -> bytes:
        """Its bytes, always the same."""
        return make(self.key, LEGACY, 0, self.size)


@dataclass(frozen=True, slots=True)
class Wave:
    """One job: everything under one destination prefix."""

    name: str
    things: tuple[Thing, ...]
    raced: tuple[str, ...]
    """Keys of the origin that a client overwrites at OSS meanwhile."""
    fresh: tuple[str, ...]
    """Keys that only a client writes."""
    mortal: tuple[str, ...]
    """Keys of the origin that a client deletes once their prefix is retired."""

    @property
    def prefix(self) -> str:
        """What comes before every key of the job on both sides."""
        return f"{self.name}/"


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything that exists before the first process starts."""

    seed: int
    waves: tuple[Wave, ...]
    extra: Wave
    """The job that is cancelled."""
    by_key: dict[str, Thing] = field(default_factory=dict)


def draw(seed: int, waves: int, objects: int) -> Scene:
    """Draw a scene; equal arguments give equal scenes."""
    chance = random.Random(f"scene {seed}")
    made = tuple(_wave(chance, f"w{number}", objects) for number in range(waves))
    extra = _wave(chance, "extra", 40)
    return Scene(seed, made, extra, {thing.key: thing for wave in (*made, extra) for thing in wave.things})


def _wave(chance: random.Random, name: str, objects: int) -> Wave:
    things = []
    for number in range(objects):
        folder = chance.choice(FOLDERS) if number % 12 else ""
        tail = chance.choice(HOSTILE) if number % 10 == 3 else f"{chance.randrange(16**6):06x}.bin"
        key = f"{name}/{folder}{number:04d}-{tail}"
        large = number % 30 == 7
        size = chance.randrange(PART_BYTES + 1, 3 * PART_BYTES) if large else int(2 ** chance.uniform(6, 13))
        parted = number % 9 == 5
        things.append(Thing(key, len(make(key, LEGACY, 0, size)), _headers(chance), parted))
    chance.shuffle(things)
    raced = tuple(thing.key for thing in things[: objects // 8])
    mortal = tuple(thing.key for thing in things[objects // 8 : objects // 6] if "/a/" in thing.key)
    fresh = tuple(f"{name}/{chance.choice(FOLDERS)}fresh-{number:03d}" for number in range(max(4, objects // 10)))
    return Wave(name, tuple(sorted(things, key=lambda thing: thing.key)), raced, fresh, mortal)


def _headers(chance: random.Random) -> dict[str, str]:
    headers = {"content-type": chance.choice(("text/plain", "image/png", "application/octet-stream", "text/html"))}
    if chance.random() < 0.3:
        headers["cache-control"] = "public, max-age=60"
    if chance.random() < 0.2:
        headers["content-disposition"] = 'attachment; filename="x.bin"'
    if chance.random() < 0.1:
        headers["content-encoding"] = "identity-made-up"
    if chance.random() < 0.4:
        headers["x-amz-meta-owner"] = f"team-{chance.randrange(9)}"
    return headers
