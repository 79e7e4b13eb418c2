"""The golden folders under tests/cases/rules: a website document, an edit, and the document after it.

`edit.yaml` says what happens; without `before.xml` the bucket has no website configuration, without `after.xml` it is
left with none (or the edit is refused).
"""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from migrator import errors
from migrator.domain import rules

CASES = Path(__file__).parent.parent / "cases" / "rules"
NAMES = sorted(folder.name for folder in CASES.iterdir() if folder.is_dir())


def read(folder, name):
    file = folder / name
    return file.read_bytes() if file.exists() else None


def merged(folder, edit):
    before = read(folder, "before.xml")
    base = rules.parse_redirect_url(edit.get("redirect", "https://legacy.example.com/"))
    desired = [
        rules.migration_rule(prefix, edit.get("destination", ""), base, **edit.get("options", {}))
        for prefix in edit["prefixes"]
    ]
    ours = set(edit.get("own", []))
    own = [live.fingerprint for live in rules.parse(before).rules if live.rule.number in ours]
    return before, own, rules.merge(before, own, desired)


@pytest.mark.parametrize("name", NAMES)
def test_a_case(name):
    folder = CASES / name
    edit = yaml.safe_load((folder / "edit.yaml").read_text("utf-8"))
    if "refused" in edit:
        with pytest.raises(getattr(errors, edit["refused"])) as caught:
            merged(folder, edit)
        assert str(caught.value) == edit["says"]
        return
    before, own, found = merged(folder, edit)
    after = read(folder, "after.xml")
    assert found.after == after, (found.after or b"").decode()
    assert found.changed is (before != after)
    assert [c.sentence for c in found.conflicts] == edit.get("conflicts", [])
    assert rules.foreign_part(after, found.own) == rules.foreign_part(before, own)


@pytest.mark.parametrize("name", NAMES)
def test_what_others_configured_comes_through_a_round_trip_byte_for_byte(name):
    """Every real-world document here survives that own rules come and go."""
    before = read(CASES / name, "before.xml")
    base = rules.parse_redirect_url("https://trip.example.com/")
    room = rules.MAX_RULES - len(rules.parse(before).rules)
    if any(live.masked for live in rules.parse(before).rules):
        return
    there = rules.merge(before, (), [rules.migration_rule(f"trip{i}/", "", base) for i in range(room)])
    assert rules.merge(there.after, there.own, []).after == before
