"""What others changed in a website document since we last saw it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migrator.domain.rules.document import meaning, parse
from migrator.domain.rules.edit import ownership
from migrator.domain.rules.render import content_of

if TYPE_CHECKING:
    from collections.abc import Collection


def foreign_changes(known: bytes | None, live: bytes | None, own: Collection[str]) -> tuple[str, ...]:
    """Describe, one sentence each, how the foreign part of `live` differs in meaning from that of `known`.

    `own` are the fingerprints of every own rule that may stand in either document.
    """
    before, after = parse(known), parse(live)
    old = {found.fingerprint: found for found in ownership(before, own)[1]}
    new = {found.fingerprint: found for found in ownership(after, own)[1]}
    gone = {found.rule.number: found for name, found in old.items() if name not in new}
    come = {found.rule.number: found for name, found in new.items() if name not in old}
    moved = {content_of(found.fingerprint): number for number, found in gone.items()}
    sentences = []
    for number, found in sorted(come.items()):
        earlier = moved.get(content_of(found.fingerprint))
        if number in gone:
            sentences.append(f"Foreign rule {number} was edited.")
            del gone[number]
        elif earlier in gone:
            sentences.append(f"Foreign rule {earlier} became rule {number}.")
            del gone[earlier]
        else:
            sentences.append(f"Foreign rule {number} was added (prefix {found.rule.condition.key_prefix!r}).")
    sentences += [f"Foreign rule {number} was removed." for number in sorted(gone)]
    if meaning(before)[1] != meaning(after)[1]:
        sentences.append("The index document, the error document or another setting outside the rules was changed.")
    return tuple(sentences)
