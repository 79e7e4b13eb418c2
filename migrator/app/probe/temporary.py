"""The temporary rules of a probe, each over its own folder of the scratch prefix, and how their answers are told."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from migrator.domain import rules
from migrator.domain.rules import Condition, Redirect, RedirectBase, Rule
from migrator.ports import Answer

SCRATCH = ".migrator-probe-"
PLAIN, ALWAYS, QUERY, DENIED, BARE = "plain", "always", "query", "denied", "bare"
VARIANTS = (ALWAYS, QUERY, DENIED, BARE)
"""What is asked beside the plain rule, by the folder that each has."""

_SCRATCH_KEY = re.compile(rf"(^|/){re.escape(SCRATCH)}[0-9a-f]+/")


def is_scratch(key: str) -> bool:
    """Say whether a key, or a rule's prefix, belongs to a probe: this one, or one that was killed."""
    return bool(_SCRATCH_KEY.search(key))


@dataclass(frozen=True, slots=True)
class Batch:
    """Rules that stand at the same time. The readers' Location names the batch, so that it is seen to be in force."""

    scratch: str
    """The scratch prefix; ends in `/`."""
    base: RedirectBase
    token: str
    folders: Sequence[str] = (PLAIN,)

    def rules(self) -> list[Rule]:
        """Return the rules, not numbered. That of BARE still has the flag that `unflagged` takes away."""
        return [self._rule(folder) for folder in self.folders]

    def key(self, folder: str, rest: str) -> str:
        """Return a key of one folder."""
        return f"{self.scratch}{folder}/{rest}"

    def location(self, folder: str) -> str:
        """Return what every Location of one folder's rule begins with."""
        return f"{self.base.protocol}://{self.base.host}/{self.token}/{folder}/"

    def answers(self, answer: Answer, folder: str) -> bool:
        """Say whether one folder's rule fired, whatever OSS then made of it (a refusal names the Location too)."""
        return answer.location.startswith(self.location(folder))

    def _rule(self, folder: str) -> Rule:
        status = {DENIED: 403, ALWAYS: None}.get(folder, 404)
        redirect = Redirect(
            protocol=self.base.protocol,
            host=self.base.host,
            code=302,
            pass_query_string=folder == QUERY,
            replace_key_prefix_with=f"{self.token}/{folder}/",
            enable_replace_prefix=True,
        )
        return Rule(condition=Condition(f"{self.scratch}{folder}/", status), redirect=redirect)


def batches(scratch: str, base: RedirectBase, token: str, slots: int) -> Iterator[Batch]:
    """Cut the rules into as few batches as `slots` allow, the plain rule in each. None without a slot."""
    room = slots - 1
    groups = [VARIANTS[at : at + room] for at in range(0, len(VARIANTS), room)] if room > 0 else [()]
    for number, group in enumerate(groups if slots > 0 else ()):
        yield Batch(scratch, base, f"{token}-{number}", (PLAIN, *group))


# -- what no rule value can say ------------------------------------------------------------------------------------
def unflagged(document: bytes, scratch: str) -> bytes:
    """Take EnableReplacePrefix out of the rule of the folder BARE, if the document has it."""
    return _edited(document, f"{scratch}{BARE}/", "<{p}EnableReplacePrefix>true</{p}EnableReplacePrefix>", "")


def with_unknown(document: bytes, scratch: str, token: str) -> bytes:
    """Put an element into the plain rule that OSS cannot know."""
    added = f"<{{p}}MigratorProbe>{token}</{{p}}MigratorProbe></{{p}}Redirect>"
    return _edited(document, f"{scratch}{PLAIN}/", "</{p}Redirect>", added)


def doubled(document: bytes, scratch: str) -> bytes:
    """Put the plain rule in a second time, under the next number."""
    parsed = rules.parse(document)
    [plain] = (live.rule for live in parsed.rules if live.rule.condition.key_prefix == f"{scratch}{PLAIN}/")
    last = max(live.rule.number for live in parsed.rules)
    return rules.rewrite(parsed, add=[plain.numbered(last + 1)]) or document


def scratch_fingerprints(document: bytes | None) -> tuple[str, ...]:
    """Return the fingerprints of every rule of a probe in a document, by which it is later known for ours."""
    return tuple(live.fingerprint for live in rules.parse(document).rules if is_scratch(live.rule.condition.key_prefix))


def _edited(document: bytes, key_prefix: str, before: str, after: str) -> bytes:
    for live in rules.parse(document).rules:
        if live.rule.condition.key_prefix == key_prefix:
            start, end, prefix = live.element.start, live.element.end, live.element.tag_prefix
            text = document[start:end].replace(before.format(p=prefix).encode(), after.format(p=prefix).encode())
            return document[:start] + text + document[end:]
    return document
