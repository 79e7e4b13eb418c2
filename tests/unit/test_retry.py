from __future__ import annotations

import pytest

from migrator.adapters.retry import Retry, RetryingBucketControl, RetryingDestination, RetryingOrigin
from migrator.errors import IntegrityMismatch, NotOss, ObjectChanged, ObjectVanished, Transient
from migrator.ports import Part


class Flaky:
    """Any port: fails a number of times per call, then answers; records what it was asked."""

    def __init__(self, failures: int, error: Exception | None = None) -> None:
        self.left = failures
        self.error = error or Transient("busy")
        self.calls: list[tuple[str, tuple[object, ...], dict[str, object]]] = []

    def __getattr__(self, name):
        def call(*args, **kwargs):
            self.calls.append((name, args, kwargs))
            if self.left:
                self.left -= 1
                raise self.error
            return name

        return call


@pytest.fixture
def waits():
    return []


@pytest.fixture
def retry(waits):
    return Retry(attempts=4, base_s=1, cap_s=10, sleep=waits.append, jitter=lambda: 1.0)


def test_waits_grow_up_to_the_cap(waits):
    flaky = Flaky(9)
    retry = Retry(attempts=7, base_s=1, cap_s=10, sleep=waits.append, jitter=lambda: 1.0)
    with pytest.raises(Transient, match="busy"):
        retry(flaky.anything)
    assert waits == [1, 2, 4, 8, 10, 10]
    assert len(flaky.calls) == 7


def test_jitter_only_shortens_the_wait_by_half_at_most():
    assert Retry(base_s=1, jitter=lambda: 0.0).wait_s(1) == 0.5
    assert Retry(base_s=1, jitter=lambda: 1.0).wait_s(1) == 1


def test_the_servers_wish_is_honoured_within_the_cap(waits, retry):
    flaky = Flaky(1, Transient("busy", retry_after_s=7))
    assert retry(flaky.anything) == "anything"
    flaky = Flaky(1, Transient("busy", retry_after_s=3600))
    retry(flaky.anything)
    assert waits == [7, 10]


@pytest.mark.parametrize("error", [IntegrityMismatch("cut"), NotOss("proxy")])
def test_kinds_of_transient_are_repeated(retry, error):
    assert retry(Flaky(3, error).anything) == "anything"


@pytest.mark.parametrize("error", [ObjectVanished("gone"), ObjectChanged("other"), ValueError("bug")])
def test_everything_else_goes_through(waits, retry, error):
    flaky = Flaky(1, error)
    with pytest.raises(type(error)):
        retry(flaky.anything)
    assert (len(flaky.calls), waits) == (1, [])


PART = Part(1, "e", 1, 0)

REPEATED = [
    (RetryingOrigin, "list_page", ("p",), {"after": "a", "delimiter": "/", "limit": 3}),
    (RetryingOrigin, "server_time", (), {}),
    (RetryingOrigin, "head", ("k",), {}),
    (RetryingOrigin, "read", ("k",), {"if_match": "e", "start": 1, "end": 2}),
    (RetryingDestination, "list_page", ("p",), {"after": "a", "delimiter": "/", "limit": 3}),
    (RetryingDestination, "server_time", (), {}),
    (RetryingDestination, "head", ("k",), {}),
    (RetryingDestination, "upload_part", ("k", "u", 1, b"x"), {}),
    (RetryingDestination, "abort_upload", ("k", "u"), {}),
    (RetryingBucketControl, "info", (), {}),
    (RetryingBucketControl, "get_website", (), {}),
]
ONCE = [
    (RetryingDestination, "create", ("k", b"x", {"a": "b"})),
    (RetryingDestination, "start_upload", ("k", {"a": "b"})),
    (RetryingDestination, "complete_upload", ("k", "u", [PART])),
    (RetryingDestination, "delete", ("k",)),
    (RetryingBucketControl, "put_website", (b"<x/>",)),
    (RetryingBucketControl, "delete_website", ()),
]


@pytest.mark.parametrize(("decorator", "method", "args", "kwargs"), REPEATED)
def test_questions_are_repeated(retry, decorator, method, args, kwargs):
    flaky = Flaky(2)
    answer = getattr(decorator(flaky, retry), method)(*args, **kwargs)
    assert answer in (method, None)
    assert flaky.calls == [(method, args, kwargs)] * 3


@pytest.mark.parametrize(("decorator", "method", "args"), ONCE)
def test_changes_go_through_once(retry, decorator, method, args):
    flaky = Flaky(1)
    with pytest.raises(Transient):
        getattr(decorator(flaky, retry), method)(*args)
    assert flaky.calls == [(method, args, {})]


def test_a_list_of_uploads_is_repeated_as_a_whole(retry):
    class Uploads:
        failures = 1

        def list_uploads(self, prefix):
            yield (prefix, "1")
            if self.failures:
                self.failures -= 1
                raise Transient("busy")
            yield (prefix, "2")

    assert list(RetryingDestination(Uploads(), retry).list_uploads("p")) == [("p", "1"), ("p", "2")]
