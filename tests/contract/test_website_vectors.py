"""Every vector of tests/cases/website, against the engine alone and over HTTP against the sandbox."""

from __future__ import annotations

from collections.abc import Iterator

import oss2
import pytest
from website_vectors import HOSTS, Client, Vector, check, document, load, meaning, play_pure, xml_of

from migrator.sandbox import website
from migrator.sandbox.oss.config import OssConfig
from migrator.sandbox.oss.run import RunningOss, start_oss

VECTORS = dict(load())
ASKED = {name: vector for name, vector in VECTORS.items() if "request" in vector}
ANSWERED = {name: vector for name, vector in VECTORS.items() if "answer" in vector}
REFUSED = {name: vector for name, vector in VECTORS.items() if "refused" in vector}
PURE = [name for name, vector in ASKED.items() if vector.get("over_http") != "only"]
SENT = [
    (name, version)
    for name, vector in ASKED.items()
    if "error" not in vector and vector.get("over_http") != "no"
    for version in (["v1"] if "signed" not in vector or "location_has" in vector.get("expected", {}) else ["v1", "v4"])
]


def test_the_vectors_are_many_and_of_known_shape() -> None:
    assert len(VECTORS) >= 60
    assert len(ASKED) + len(ANSWERED) + len(REFUSED) == len(VECTORS)
    assert {vector["basis"] for vector in VECTORS.values()} == {"doc", "sdk", "inferred"}
    known = {"name", "basis", "website", "document", "bucket", "objects", "deleted", "switches", "host", "signed"}
    known |= {"headers", "over_http", "request", "error", "expected", "answer", "refused"}
    assert {field for vector in VECTORS.values() for field in vector} <= known


# -- the engine alone ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", PURE)
def test_the_engine_decides(name: str) -> None:
    got = play_pure(ASKED[name])
    if got is not None:
        check(ASKED[name]["expected"], got)


@pytest.mark.parametrize("name", ANSWERED)
def test_the_engine_answers_a_document(name: str) -> None:
    vector = ANSWERED[name]
    answer = website.validate(document(vector))
    assert meaning(answer) == meaning(xml_of(vector["answer"]))
    assert website.validate(answer) == answer


@pytest.mark.parametrize("name", REFUSED)
def test_the_engine_refuses_a_document(name: str) -> None:
    with pytest.raises(website.Refused) as caught:
        website.validate(document(REFUSED[name]))
    error = caught.value
    seen = {"status": error.status, "code": error.code}
    seen |= {"argument_name": error.argument_name, "argument_value": error.argument_value}
    assert REFUSED[name]["refused"].items() <= seen.items()
    assert error.message


# -- over HTTP -------------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def server() -> Iterator[RunningOss]:
    with start_oss(OssConfig(cnames=HOSTS)) as running:
        yield running


@pytest.fixture(scope="module")
def clients(server: RunningOss) -> dict[str, Client]:
    return {version: Client(server, version) for version in ("v1", "v4")}


@pytest.mark.parametrize(("name", "version"), SENT)
def test_the_server_decides(clients: dict[str, Client], name: str, version: str) -> None:
    vector: Vector = ASKED[name]
    clients[version].prepare(vector)
    check(vector["expected"], clients[version].play(vector))


@pytest.mark.parametrize("name", ANSWERED)
def test_the_server_answers_a_document(clients: dict[str, Client], name: str) -> None:
    bucket = clients["v1"].owner
    bucket.create_bucket()
    bucket.put_bucket_website(document(ANSWERED[name]))
    reply = bucket._do("GET", bucket.bucket_name, "", params={"website": ""})
    assert meaning(reply.read()) == meaning(xml_of(ANSWERED[name]["answer"]))


@pytest.mark.parametrize("name", REFUSED)
def test_the_server_refuses_a_document(clients: dict[str, Client], name: str) -> None:
    bucket = clients["v1"].owner
    bucket.create_bucket()
    bucket.delete_bucket_website()
    with pytest.raises(oss2.exceptions.ServerError) as caught:
        bucket.put_bucket_website(document(REFUSED[name]))
    error, expected = caught.value, REFUSED[name]["refused"]
    assert (error.status, error.code) == (expected["status"], expected["code"])
    if "argument_name" in expected:
        assert error.details["ArgumentName"] == expected["argument_name"]
        assert error.ec == "0019-00000002"
    with pytest.raises(oss2.exceptions.NoSuchWebsite):
        bucket.get_bucket_website()
