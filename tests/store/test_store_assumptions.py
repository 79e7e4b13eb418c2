"""What was found out about a bucket: the newest answer to each question, per bucket."""

from __future__ import annotations

import datetime as dt

from migrator.domain.assumptions import NO, NOT_ASKED, QUESTIONS, UNCLEAR, YES, Learned, assume, ordered
from migrator.domain.simulate import Assumptions


def told(store, bucket_id):
    return [(each.question, each.answer, each.evidence) for each in store.assumptions.of(bucket_id)]


def test_answers_are_kept_per_bucket_and_replaced(world):
    store = world.store
    one = store.rules.add_bucket("https://oss-cn-hangzhou.aliyuncs.com", "cn-hangzhou", "one")
    other = store.rules.add_bucket("https://oss-cn-hangzhou.aliyuncs.com", "cn-hangzhou", "other")
    assert store.assumptions.of(one.id) == []
    store.assumptions.save(one.id, [Learned("head_redirects", NO, "404"), Learned("rule_arrives_s", "1.50", "d 1.5 s")])
    store.assumptions.save(other.id, [Learned("head_redirects", YES, "302")])
    first = store.assumptions.of(one.id)
    assert abs(first[0].at - store.now()) < dt.timedelta(minutes=1)
    store.assumptions.save(one.id, [Learned("head_redirects", YES, "302 \u4e2d")])
    assert told(store, one.id) == [("head_redirects", YES, "302 \u4e2d"), ("rule_arrives_s", "1.50", "d 1.5 s")]
    assert told(store, other.id) == [("head_redirects", YES, "302")]
    store.assumptions.save(one.id, [])
    assert len(told(store, one.id)) == 2


def test_only_plain_answers_change_what_the_simulator_assumes():
    learned = [
        Learned("head_redirects", YES),
        Learned("location_encoded", NO),
        Learned("range_redirects", UNCLEAR),
        Learned("unconditional_rules", NOT_ASKED),
        Learned("rule_arrives_s", "3.10"),
        Learned("duplicates_allowed", NO),
        Learned("asked_by_a_newer_program", YES),
    ]
    assert assume(learned) == Assumptions(head_redirects=True, location_encoded=False)
    assert assume([]) == Assumptions()


def test_every_question_has_its_place_in_the_answer():
    answers = ordered([Learned("duplicates_allowed", NO, "refused"), Learned("head_redirects", YES)])
    assert [each.question for each in answers] == list(QUESTIONS)
    assert {each.answer for each in answers} == {YES, NO, NOT_ASKED}
    assert all(each.evidence for each in answers if each.answer == NOT_ASKED)
