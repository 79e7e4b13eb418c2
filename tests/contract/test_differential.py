"""The simulator and the sandbox, two readings of one documentation that share no code, give the same answers.

MIGRATOR_TEST_SEED chooses other documents and requests; a difference is printed with what makes it again.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator

import pytest
from differential import CNAMES, Answer, Case, Client, case, rounds, told

from migrator.domain.rules import Document, parse
from migrator.domain.simulate import Assumptions, Outcome, Signing, simulate
from migrator.sandbox.oss.config import OssConfig
from migrator.sandbox.oss.run import start_oss

SEED = int(os.environ.get("MIGRATOR_TEST_SEED", "20240805"))
CHUNKS, DOCUMENTS, REQUESTS = 10, 26, 40


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with start_oss(OssConfig(cnames=CNAMES)) as server:
        made = Client(server)
        made.prepare()
        yield made
        made.close()


def test_the_cases_are_many_and_of_all_kinds() -> None:
    assert CHUNKS * DOCUMENTS * REQUESTS >= 10_000
    seen: Counter[object] = Counter()
    for random, place, website, assumed in rounds(SEED, CHUNKS * DOCUMENTS // 3):
        document = parse(website)
        for _ in range(REQUESTS):
            request, bucket = told(place, asked := case(random, place, website), asked.query)
            outcome = simulate(document, request, bucket, Assumptions(**assumed))
            seen.update([outcome.status, outcome.body_from, asked.method, asked.signed, bool(outcome.location)])
    assert {200, 301, 302, 303, 307, 400, 403, 404, 412, 416, 424} <= seen.keys()
    assert {"object", "redirect", "index", "error", "oss"} <= seen.keys()
    assert min(seen[kind] for kind in ("GET", "HEAD", *Signing, "index", "error", 403, 400)) >= 15, seen


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_both_answer_the_same(client: Client, chunk: int) -> None:
    seed = SEED + chunk
    print(f"seed {seed}")
    for random, place, website, assumed in rounds(seed, DOCUMENTS):
        client.server.switch(**assumed)
        readings = [parse(website), parse(client.put_website(place, website))]
        for _ in range(REQUESTS):
            asked = case(random, place, website)
            answer, query = client.ask(place, asked)
            for document in readings:
                request, bucket = told(place, asked, query)
                outcome = simulate(document, request, bucket, Assumptions(**assumed))
                problem = difference(document, asked, outcome, answer)
                assert not problem, (
                    f"{problem}\n{seed=}\n{place}\n{website.decode()}\n{assumed}\n{asked}\n{answer}\n{outcome}"
                )


def difference(document: Document, asked: Case, outcome: Outcome, answer: Answer) -> str:
    """Say in what the two differ; empty when they agree in everything a reader can see."""
    if (outcome.status, outcome.location) != (answer.status, answer.location):
        return f"the simulator says {outcome.status} {outcome.location}, the sandbox {answer.status} {answer.location}"
    if asked.method == "HEAD":
        return ""
    if outcome.error_code and outcome.error_code != answer.code and "versionId" not in asked.query:
        return f"the simulator says {outcome.error_code}, the sandbox {answer.code}"
    body = answer.body.decode("utf-8", "replace")
    if outcome.body_from == "index" and not (document.index and body.endswith(document.index.suffix)):
        return "the simulator says that an index page is served"
    if outcome.body_from == "error" and not (document.error and body == document.error.key):
        return "the simulator says that the error page is served"
    plain = outcome.rule_number is None and not {"acl", "tagging", "objectMeta"} & {*asked.query.split("&")}
    if outcome.body_from == "object" and plain and body != asked.key:
        return "the simulator says that the object itself is served"
    return ""
