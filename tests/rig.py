"""A whole migration in one process: sandbox OSS, moto's S3, a tracking database, and verbs that run when told to.

`Rig.drive` runs ticks and every message they send, in this thread, until what a test waits for is true.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path
from time import monotonic
from typing import Any, Self
from urllib.parse import quote, urlsplit
from xml.etree.ElementTree import canonicalize, fromstring, tostring

import oss2
import pytest

from migrator import jobfile, settings
from migrator.app import VERBS, control
from migrator.app.context import Runtime
from migrator.app.report import snapshot
from migrator.domain.model import JobId, Prefix, PrefixId, PrefixView
from migrator.domain.progress import JobSnapshot
from migrator.domain.states import Authority, JobState, PrefixState
from migrator.runtime import build
from migrator.sandbox.origin import RunningOrigin, _backend, start_origin
from migrator.sandbox.oss.run import RunningOss, start_oss
from migrator.spec import JobSpec
from migrator.tracking import schema
from migrator.tracking.engine import connect

sys.path.append(str(Path(__file__).parent / "contract"))  # its fault_proxy is of use here too

PATIENCE_S = float(os.environ.get("MIGRATOR_TEST_PATIENCE_S", "60"))
FAST: Mapping[str, Any] = {
    "tick_s": 0.1,
    "threads": 2,
    "lease_s": 5.0,
    "resend_s": 0.2,
    "drift_s": 0.2,
}
FOREIGN = b"""<?xml version="1.0" encoding="UTF-8"?>
<WebsiteConfiguration>
  <IndexDocument><Suffix>index.html</Suffix><SupportSubDir>false</SupportSubDir><Type>0</Type></IndexDocument>
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
"""Two rules and an index document that somebody else put there."""

NOT_YET = PrefixView(
    Prefix(PrefixId(0), JobId(0), "", PrefixState.PLANNED, Authority.DESTINATION, datetime(1970, 1, 1, tzinfo=UTC))
)
"""What `Rig.view` shows of a prefix that is not discovered yet."""
SESSION = oss2.Session()  # the SDK never closes one: one for all, or sockets would be reported as leaked
_numbers = itertools.count(1)


def wait_for(true: Callable[[], object], what: str = "", patience_s: float = PATIENCE_S) -> None:
    """Look again and again until it is true; never longer than patience."""
    deadline, pause = monotonic() + patience_s, threading.Event()
    while not true():
        assert monotonic() < deadline, f"this never came true: {what}"
        pause.wait(0.02)


class Inline:
    """A dispatcher whose messages are run by the test, in order, in its own thread."""

    def __init__(self) -> None:
        self.waiting: deque[tuple[str, int]] = deque()
        self.sent: list[tuple[str, int]] = []

    def send(self, verb: str, subject_id: int) -> None:
        self.sent.append((verb, subject_id))
        if (verb, subject_id) not in self.waiting:
            self.waiting.append((verb, subject_id))


@dataclass
class Sides:
    """Both servers, shared by the tests of a session; each test has buckets of its own."""

    oss: RunningOss
    origin: RunningOrigin


@dataclass
class Answer:
    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    hops: int = 0


def get(url: str, *, follow: bool = True, headers: Mapping[str, str] | None = None) -> Answer:
    """GET as a reader does, following one redirect."""
    for hops in (0, 1):
        parts = urlsplit(url)
        connection = HTTPConnection(parts.netloc, timeout=30)
        try:
            connection.request("GET", parts.path + (f"?{parts.query}" if parts.query else ""), headers=headers or {})
            reply = connection.getresponse()
            body = reply.read()
        finally:
            connection.close()
        found = {name.lower(): value for name, value in reply.getheaders()}
        if not follow or hops or reply.status not in (301, 302, 307):
            return Answer(reply.status, body, found, hops)
        url = found["location"]
    raise AssertionError


class Reader:
    """A reader who never stops, from entering the context to leaving it: random keys, every byte compared."""

    def __init__(self, door: str, files: Mapping[str, bytes]) -> None:
        self.reads = self.redirected = 0
        self.wrong: list[str] = []
        self._door, self._files = door, files
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _read(self) -> None:
        choice, keys = random.Random(1), sorted(self._files)
        while not self._over.wait(0.005):
            key = choice.choice(keys)
            answer = get(self._door + quote(key))
            self.reads += 1
            self.redirected += answer.hops
            if (answer.status, answer.body) != (200, self._files[key]):
                self.wrong.append(f"{key!r}: {answer.status} after {answer.hops} redirects, {answer.body[:200]!r}")


def own_rules(document: bytes, foreign: bytes) -> list[str]:
    """Return the rules of a document that the foreign one does not have, in canonical form."""
    theirs = set(rules_in(foreign))
    return [rule for rule in rules_in(document) if rule not in theirs]


def rules_in(document: bytes) -> list[str]:
    """Return every rule without its number: own rules may move foreign ones down the order."""
    found = []
    for rule in fromstring(document).iter("RoutingRule") if document else ():
        for number in rule.findall("RuleNumber"):
            rule.remove(number)
        found.append(canonicalize(tostring(rule, encoding="unicode"), strip_text=True))
    return found


def canonical(document: bytes) -> str:
    return canonicalize(document.decode(), strip_text=True) if document else ""


class Rig:
    """One test's buckets, tracking database and runtime."""

    def __init__(self, sides: Sides, database_url: str, folder: Path, *, website: bytes = FOREIGN) -> None:
        self.sides, self.folder = sides, folder
        number = next(_numbers)
        self.here, self.there = f"new-{number}-{os.getpid()}", f"legacy-{number}-{os.getpid()}"
        sides.origin.create_bucket(self.there)
        self.bucket = oss2.Bucket(
            oss2.AuthV4(sides.oss.access_key_id, sides.oss.access_key_secret),
            sides.oss.endpoint,
            self.here,
            region=sides.oss.region,
            session=SESSION,
        )
        self.bucket.create_bucket("public-read")
        if website:
            self.bucket.put_bucket_website(website.decode())
        self.foreign = self.website()
        self.settings = settings.load({}, database_url=database_url, **FAST)
        self.dispatcher = Inline()
        engine = connect(database_url)
        schema.upgrade(engine)
        engine.dispose()
        self.rt: Runtime = build(self.settings, dispatcher=self.dispatcher)
        self.files: dict[str, bytes] = {}

    # -- both sides ----------------------------------------------------------------------------------------------
    def put(self, key: str, body: bytes = b"", *, modified_at: datetime | None = None, **headers: str) -> None:
        """Store an object at the origin; header names with `_` for `-`."""
        spelled = {name.replace("_", "-"): value for name, value in headers.items()}
        self.sides.origin.put(self.there, key, body, {"Content-Type": "text/plain", **spelled})
        if modified_at is not None:
            _backend().get_object(self.there, key).last_modified = modified_at.replace(tzinfo=None)
        self.files[key] = body

    def remove(self, key: str) -> None:
        """Delete an object at the origin."""
        _backend().delete_object(self.there, key)
        del self.files[key]

    def fill(self, prefixes: int, each: int) -> None:
        """Put small objects into so many prefixes, and one above all of them."""
        for at in range(prefixes):
            for number in range(each):
                self.put(f"p{at:02}/{number:03}.txt", f"object {number} of {at}".encode())
        self.put("root.txt", b"above all prefixes")

    def website(self) -> bytes:
        """Return the live website document; empty when there is none."""
        try:
            answer = self.bucket._do("GET", self.here, "", params={"website": ""})
        except oss2.exceptions.NoSuchWebsite:
            return b""
        return bytes(answer.read())

    def stored(self) -> dict[str, oss2.models.SimplifiedObjectInfo]:
        """List the OSS bucket."""
        return {each.key: each for each in oss2.ObjectIterator(self.bucket, max_keys=1000)}

    def read(self, key: str, *, follow: bool = True) -> Answer:
        """Read a key through OSS as a reader does."""
        return get(self.door + quote(key), follow=follow)

    @property
    def door(self) -> str:
        return f"{self.sides.oss.endpoint}/{self.here}/"

    def headers(self, key: str) -> dict[str, str]:
        """Return what OSS itself says about an object."""
        return {name.lower(): value for name, value in self.bucket.head_object(key).headers.items()}

    @property
    def own_left(self) -> list[str]:
        return own_rules(self.website(), self.foreign)

    # -- the job -------------------------------------------------------------------------------------------------
    def document(self, name: str = "job", **changes: Any) -> dict[str, Any]:
        """Return a job file's content; `changes` replace whole fields."""
        oss, origin = self.sides.oss, self.sides.origin
        return {
            "name": name,
            "origin": {"url": f"s3://{self.there}/", "endpoint": origin.endpoint, "region": origin.region},
            "destination": {"url": f"oss://{self.here}/", "endpoint": oss.endpoint, "region": oss.region},
            "redirect": {"url": f"{origin.endpoint}/{self.there}/"},
            "copy": {"shard_objects": 10, "concurrency": 2},
            "verify": {"settle_s": 0, "delta_interval_s": 0},
            "allow_private": True,
            **changes,
        }

    def spec(self, name: str = "job", **changes: Any) -> JobSpec:
        return jobfile.parse(json.dumps(self.document(name, **changes)).encode())

    def file(self, name: str = "job", **changes: Any) -> Path:
        """Write a job file (JSON is YAML)."""
        path = self.folder / f"{name}.yaml"
        path.write_text(json.dumps(self.document(name, **changes)))
        return path

    def start(self, name: str = "job", **changes: Any) -> None:
        control.start(self.rt, self.spec(name, **changes))

    # -- running it ----------------------------------------------------------------------------------------------
    def settle(self, *, without: frozenset[str] = frozenset()) -> None:
        """Run messages until there are none; those of verbs named in `without` are lost."""
        while self.dispatcher.waiting:
            verb, subject_id = self.dispatcher.waiting.popleft()
            if verb not in without:
                VERBS[verb](self.rt, subject_id)

    def tick(self, *, without: frozenset[str] = frozenset()) -> None:
        """Tick once and run what it sends."""
        self.dispatcher.send("tick", 0)
        self.settle(without=without)

    def drive(
        self,
        until: Callable[[], object] | None = None,
        *,
        without: frozenset[str] = frozenset(),
        each: Callable[[], object] = lambda: None,
    ) -> None:
        """Tick and work until it is true (default: the job has ended); `each` looks on after every message."""
        done = until or (lambda: self.rt.store.jobs.by_name("job").state in (JobState.DONE, JobState.CANCELLED))
        deadline, pause = monotonic() + PATIENCE_S, threading.Event()
        while not done():
            assert monotonic() < deadline, self.story()
            self.dispatcher.send("tick", 0)
            while self.dispatcher.waiting:
                verb, subject_id = self.dispatcher.waiting.popleft()
                if verb not in without:
                    VERBS[verb](self.rt, subject_id)
                each()
                if done():
                    return
            pause.wait(0.005)

    # -- looking at it -------------------------------------------------------------------------------------------
    def snapshot(self, name: str = "job") -> JobSnapshot:
        return snapshot(self.rt, name)

    def prefix(self, prefix: str, name: str = "job") -> Prefix:
        return self.rt.store.prefixes.find(self.rt.store.jobs.by_name(name).id, prefix)

    def view(self, prefix: str, name: str = "job") -> PrefixView:
        views = self.rt.store.prefixes.views(self.rt.store.jobs.by_name(name).id)
        return next((view for view in views if view.prefix.name == prefix), NOT_YET)

    def is_in(self, prefix: str, *states: PrefixState, name: str = "job") -> Callable[[], bool]:
        return lambda: self.rt.store.jobs.by_name(name).discovered and self.prefix(prefix, name).state in states

    def event_kinds(self) -> list[str]:
        return [event.kind for event in self.rt.store.events.list(limit=100_000)]

    def story(self) -> str:
        """Tell what happened, for failed tests."""
        lines = [f"{event.kind}: {event.message}" for event in self.rt.store.events.list(limit=60)]
        return "\n".join(["it did not end", *lines])

    # -- judging it ----------------------------------------------------------------------------------------------
    def check_end(self, expected: Mapping[str, bytes] | None = None) -> None:
        """Demand every promise that an ended job makes: bytes, rules, the configuration of others, exact counters."""
        expected = self.files if expected is None else expected
        current = self.snapshot()
        assert current.state is JobState.DONE, self.story()
        assert {state for state, _ in current.states} == {PrefixState.RETIRED}
        assert sorted(self.stored()) == sorted(expected)
        for key, body in expected.items():
            answer = self.read(key, follow=False)  # not with the SDK: it unpacks gzip, and cannot reach every key
            assert (answer.status, answer.body) == (200, body), key
        assert canonical(self.website()) == canonical(self.foreign)
        counters = current.counters
        assert counters.discovered == counters.settled == len(self.files)
        assert counters.failed == counters.quarantined == 0

    def every_revision(self) -> Iterator[bytes]:
        """Yield every document that was published, oldest first."""
        [bucket_id] = {job.bucket_id for job in self.rt.store.jobs.all()}
        for revision in reversed(self.rt.store.rules.history(bucket_id, limit=100_000)):
            yield revision.after or b""

    def close(self) -> None:
        self.rt.store.close()
        # An account has a hundred buckets at most.
        with suppress(oss2.exceptions.OssError):
            for upload in oss2.MultipartUploadIterator(self.bucket):
                self.bucket.abort_multipart_upload(upload.key, upload.upload_id)
            if keys := list(self.stored()):
                self.bucket.batch_delete_objects(keys)
            self.bucket.delete_bucket()

    def another_worker(self, name: str = "another", **changes: Any) -> Runtime:
        """Return a second process's runtime on the same database."""
        return replace(build(replace(self.settings, **changes), dispatcher=self.dispatcher), worker=name)


@pytest.fixture(scope="session")
def sides() -> Iterator[Sides]:
    origin = start_origin()
    with start_oss() as oss:
        yield Sides(oss, origin)
    origin.stop()


@pytest.fixture
def credentials(sides: Sides) -> None:
    """Put both sides' keys where their owners would."""
    os.environ.update(
        OSS_ACCESS_KEY_ID=sides.oss.access_key_id,
        OSS_ACCESS_KEY_SECRET=sides.oss.access_key_secret,
        AWS_ACCESS_KEY_ID=sides.origin.access_key_id,
        AWS_SECRET_ACCESS_KEY=sides.origin.access_key_secret,
    )


@pytest.fixture
def rig(sides: Sides, credentials: None, tmp_path: Path) -> Iterator[Rig]:
    """A rig on SQLite."""
    made = Rig(sides, f"sqlite:///{tmp_path / 'tracking.db'}", tmp_path)
    yield made
    made.close()


@pytest.fixture
def each_rig(sides: Sides, credentials: None, tmp_path: Path, database_url: str) -> Iterator[Rig]:
    """A rig on SQLite and one on PostgreSQL."""
    made = Rig(sides, database_url, tmp_path)
    yield made
    made.close()
