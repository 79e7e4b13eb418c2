"""What is asked while the temporary rules stand: each function asks, decides, and says on what its answer rests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from migrator.app.probe.ask import Voice, line
from migrator.app.probe.stage import Stage
from migrator.app.probe.temporary import PLAIN, Batch
from migrator.domain.assumptions import NO, NOT_ASKED, UNCLEAR, YES, Learned
from migrator.domain.rules import Document
from migrator.errors import MigratorError
from migrator.ports import Answer, BucketDetails, BucketInfo, Door

_TRIED = {" ": "space", "+": "+", "%": "%", "#": "#", "?": "?", "\u4e2d": "CJK", "\U0001f600": "emoji"}
_HARMLESS = frozenset("+")
"""A raw + in a path asks for the same key."""
_TWICE = 2


@dataclass(frozen=True, slots=True)
class Scene:
    """What the questions are asked with, and what is known of the bucket."""

    stage: Stage
    batch: Batch
    voice: Voice
    endpoint: Door
    info: BucketInfo
    details: BucketDetails
    document: Document
    """The website document without the temporary rules."""


Question = Callable[[Scene], Iterator[Learned]]


def ask_all(scene: Scene, questions: tuple[Question, ...]) -> Iterator[Learned]:
    """Yield every answer; a question whose asking failed is unclear, and hides no other."""
    for question in questions:
        scene.stage.renew()
        try:
            yield from question(scene)
        except MigratorError as error:
            yield Learned(question.__name__.strip("_"), UNCLEAR, str(error))


def yes(when: bool) -> str:
    """Spell a truth."""
    return YES if when else NO


def fires(scene: Scene, folder: str, get: Callable[[], Answer]) -> Answer:
    """Ask twice where the rule did not fire: one front end may be late."""
    answer = get()
    for _ in range(_TWICE):
        if scene.batch.answers(answer, folder):
            break
        answer = get()
    return answer


def _head_redirects(scene: Scene) -> Iterator[Learned]:
    answer = fires(scene, PLAIN, lambda: scene.voice.head(scene.batch.key(PLAIN, "head")))
    yield Learned("head_redirects", yes(scene.batch.answers(answer, PLAIN)), line("HEAD of a missing key", answer))


def _range_redirects(scene: Scene) -> Iterator[Learned]:
    key, headers = scene.batch.key(PLAIN, "range"), {"range": "bytes=0-9"}
    answer = fires(scene, PLAIN, lambda: scene.voice.get(key, headers=headers))
    yield Learned("range_redirects", yes(scene.batch.answers(answer, PLAIN)), line("Range: bytes=0-9", answer))


def _subresources_redirect(scene: Scene) -> Iterator[Learned]:
    key = scene.batch.key(PLAIN, "part")
    asked = {"x-oss-process": "image/info", "versionId": "null"}
    answers = {name: scene.voice.get(key, query={name: value}) for name, value in asked.items()}
    fired = any(scene.batch.answers(answer, PLAIN) for answer in answers.values())
    evidence = "; ".join(line(f"?{name}", answer) for name, answer in answers.items())
    yield Learned("subresources_redirect", yes(fired), evidence)


def _acl_redirects(scene: Scene) -> Iterator[Learned]:
    answer = scene.voice.get(scene.batch.key(PLAIN, "acl"), query={"acl": ""})
    yield Learned("acl_redirects", yes(scene.batch.answers(answer, PLAIN)), line("?acl", answer))


def _query_dropped(scene: Scene) -> Iterator[Learned]:
    answer = scene.voice.get(scene.batch.key(PLAIN, "query"), query={"page": "2"})
    dropped = scene.batch.answers(answer, PLAIN) and "page=2" not in urlsplit(answer.location).query
    yield Learned("query_dropped", yes(dropped), line("?page=2", answer, str))


def _location_encoded(scene: Scene) -> Iterator[Learned]:
    raw, missing = [], []
    for character, name in _TRIED.items():
        answer = scene.voice.get(scene.batch.key(PLAIN, f"a{character}b"))
        tail = answer.location.removeprefix(scene.batch.location(PLAIN))
        if not scene.batch.answers(answer, PLAIN):
            missing.append(name)
        elif tail.upper() != quote(f"a{character}b", safe="").upper():
            raw.append(character)
    telling = [character for character in raw if character not in _HARMLESS]
    mixed = missing or 0 < len(telling) < len(_TRIED) - len(_HARMLESS)
    said = UNCLEAR if mixed else yes(not telling)
    evidence = "not encoded: " + ", ".join(_TRIED[each] for each in raw) if raw else "every character was encoded"
    yield Learned("location_encoded", said, evidence + (f"; no redirect for {', '.join(missing)}" if missing else ""))


def _cors_on_redirect(scene: Scene) -> Iterator[Learned]:
    if not scene.details.cors:
        yield Learned("cors_on_redirect", NOT_ASKED, "the bucket has no CORS rules that this key may read")
        return
    origin = scene.details.cors[0].replace(
        "*", "https://probe.example.com" if scene.details.cors[0] == "*" else "probe"
    )
    answer = scene.voice.get(scene.batch.key(PLAIN, "cors"), headers={"origin": origin})
    allowed = answer.headers.get("access-control-allow-origin", "")
    evidence = f"Origin: {origin}: {answer.status}, Access-Control-Allow-Origin: {allowed or 'absent'}"
    yield Learned("cors_on_redirect", yes(bool(allowed)), evidence)


def _cacheable_redirect(scene: Scene) -> Iterator[Learned]:
    answer = scene.voice.get(scene.batch.key(PLAIN, "cache"))
    found = {name: answer.headers[name] for name in ("cache-control", "expires", "pragma") if name in answer.headers}
    told_not_to = any(word in found.get("cache-control", "") for word in ("no-store", "no-cache", "private"))
    evidence = ", ".join(f"{name}: {value}" for name, value in found.items()) or "no Cache-Control, Expires or Pragma"
    keeps = bool(found.keys() & {"cache-control", "expires"}) and not told_not_to
    yield Learned("cacheable_redirect", yes(keeps), evidence)


def _error_page_first(scene: Scene) -> Iterator[Learned]:
    page = scene.document.error
    if page is None:
        yield Learned(
            "error_page_first", NOT_ASKED, "the bucket has no error page, and all readers would get a new one"
        )
    elif scene.stage.destination.head(page.key) is None:
        yield Learned("error_page_first", NOT_ASKED, f"the error page {page.key!r} does not exist")
    else:
        answer = fires(scene, PLAIN, lambda: scene.voice.get(scene.batch.key(PLAIN, "error")))
        yield Learned("error_page_first", yes(not scene.batch.answers(answer, PLAIN)), line("a missing key", answer))


def _folder_page_first(scene: Scene) -> Iterator[Learned]:
    index = scene.document.index
    if index is None or not index.support_sub_dir or scene.info.versioned:
        yield Learned("folder_page_first", NOT_ASKED, "the bucket has no index page for sub-directories")
        return
    scene.stage.create(scene.batch.key(PLAIN, f"folder/{index.suffix}"))
    answer = fires(scene, PLAIN, lambda: scene.voice.get(scene.batch.key(PLAIN, "folder")))
    yield Learned("folder_page_first", yes(not scene.batch.answers(answer, PLAIN)), line("folder/ with a page", answer))


OF_THE_PLAIN_RULE: tuple[Question, ...] = (
    _head_redirects,
    _range_redirects,
    _subresources_redirect,
    _acl_redirects,
    _query_dropped,
    _location_encoded,
    _cors_on_redirect,
    _cacheable_redirect,
    _error_page_first,
    _folder_page_first,
)
