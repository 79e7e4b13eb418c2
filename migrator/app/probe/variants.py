"""Questions that need a rule of their own, or objects, or a request that is signed in another way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from migrator.app.probe.ask import line
from migrator.app.probe.questions import Question, Scene, fires, yes
from migrator.app.probe.temporary import ALWAYS, BARE, DENIED, PLAIN, QUERY
from migrator.domain import rules
from migrator.domain.assumptions import NO, NOT_ASKED, UNCLEAR, YES, Learned
from migrator.domain.rules import RedirectBase
from migrator.domain.simulate import Signing
from migrator.domain.simulate.facts import FORBIDDEN_SINCE
from migrator.errors import Permanent
from migrator.ports import Ask, Door

_SIGNATURE = frozenset(
    {"ossaccesskeyid", "expires", "signature", "security-token", "x-oss-signature", "x-oss-credential", "x-oss-expires"}
)
_VERSIONED = "the bucket is versioned: scratch objects would leave versions behind"


# -- one rule each -------------------------------------------------------------------------------------------------
def _query_passed(scene: Scene) -> Iterator[Learned]:
    key = scene.batch.key(QUERY, "query")
    answer = fires(scene, QUERY, lambda: scene.voice.get(key, query={"page": "2"}))
    passed = scene.batch.answers(answer, QUERY) and "page=2" in urlsplit(answer.location).query
    yield Learned("query_passed", yes(passed), line("PassQueryString, ?page=2", answer))


def _signature_in_location(scene: Scene) -> Iterator[Learned]:
    ask = Ask(scene.batch.key(QUERY, "signed"), signing=Signing.URL)
    answer = fires(scene, QUERY, lambda: scene.endpoint.ask(ask))
    names = {part.partition("=")[0].lower() for part in urlsplit(answer.location).query.split("&")}
    leaked = sorted(names & _SIGNATURE)
    if not scene.batch.answers(answer, QUERY):
        yield Learned("signature_in_location", UNCLEAR, line("a presigned URL", answer))
        return
    # Names only: a signature that still works must not be written down.
    evidence = f"a presigned URL: Location carries {', '.join(leaked)}" if leaked else "Location carries none of them"
    yield Learned("signature_in_location", yes(bool(leaked)), evidence)


def _replace_prefix_without_flag(scene: Scene) -> Iterator[Learned]:
    key = scene.batch.key(BARE, "x")
    answer = scene.voice.get(key)
    if scene.batch.answers(answer, BARE):
        said = YES
    else:
        kept = rules.expected_location(RedirectBase(scene.batch.base.protocol, scene.batch.base.host), key)
        said = NO if rules.same_location(answer.location, kept) else UNCLEAR
    yield Learned("replace_prefix_without_flag", said, line("the rule without the flag", answer))


def _denied_reads_redirect(scene: Scene) -> Iterator[Learned]:
    key = scene.batch.key(DENIED, "hidden")
    if scene.info.acl != "private":
        if scene.info.versioned:
            yield Learned("denied_reads_redirect", NOT_ASKED, _VERSIONED)
            return
        try:
            scene.stage.create(key)
            scene.stage.control.hide(key)
        except Permanent as error:
            why = f"no read is denied in a public bucket, and no object could be made private: {error}"
            yield Learned("denied_reads_redirect", NOT_ASKED, why)
            return
    answer = fires(scene, DENIED, lambda: scene.endpoint.ask(Ask(key)))
    if not scene.batch.answers(answer, DENIED) and answer.status != 403:
        yield Learned("denied_reads_redirect", UNCLEAR, line("an unsigned read of a private object", answer))
        return
    fired = scene.batch.answers(answer, DENIED)
    yield Learned("denied_reads_redirect", yes(fired), line("an unsigned read of what is private", answer))


def _unconditional_rules(scene: Scene) -> Iterator[Learned]:
    if scene.info.versioned:
        yield Learned("unconditional_rules", NOT_ASKED, _VERSIONED)
        return
    answer = fires(scene, ALWAYS, lambda: scene.voice.get(scene.batch.key(ALWAYS, "there")))
    fired = scene.batch.answers(answer, ALWAYS)
    said = YES if fired else NO if answer.status == 200 else UNCLEAR
    yield Learned("unconditional_rules", said, line("an object that exists", answer))


OF_FOLDERS: Mapping[str, tuple[Question, ...]] = {
    QUERY: (_query_passed, _signature_in_location),
    BARE: (_replace_prefix_without_flag,),
    DENIED: (_denied_reads_redirect,),
    ALWAYS: (_unconditional_rules,),
}


# -- OSS's own domain ----------------------------------------------------------------------------------------------
def _forbidden(scene: Scene) -> Iterator[Learned]:
    key, endpoint = scene.batch.key(PLAIN, "stranger"), scene.endpoint
    stranger = fires(scene, PLAIN, lambda: endpoint.ask(Ask(key, signing=Signing.URL)))
    evidence = line("a presigned URL at the bucket's endpoint", stranger)
    if stranger.error_code == "ExternalRedirectForbidden":
        yield Learned("forbidden_applies", YES, evidence)
        signed = endpoint.ask(Ask(key, signing=Signing.HEADER))
        spared = signed.error_code != "ExternalRedirectForbidden" and scene.batch.answers(signed, PLAIN)
        yield Learned("header_signed_exempt", yes(spared), line("signed in a header", signed))
        return
    why = _never_forbidden(scene, endpoint)
    answers = scene.batch.answers(stranger, PLAIN)
    yield Learned("forbidden_applies", NOT_ASKED if why else NO if answers else UNCLEAR, why or evidence)
    yield Learned("header_signed_exempt", NOT_ASKED, why or "nobody is refused, so nobody can be spared")


def _never_forbidden(scene: Scene, endpoint: Door) -> str:
    if not rules.is_oss_domain(urlsplit(endpoint.url).netloc):
        return f"{endpoint.url} is not a public domain of OSS"
    if scene.info.created_at < FORBIDDEN_SINCE:
        return (
            f"the bucket was created on {scene.info.created_at:%Y-%m-%d}; only buckets since 2024-08-05 are concerned"
        )
    return ""


OF_THE_BUCKET: tuple[Question, ...] = (_forbidden,)
