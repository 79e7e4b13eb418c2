"""What follows a cover: the order of work, the timeline, and waves."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migrator.domain.cover import Finished, Unfinished, finish_first, plan_cover, timeline, unserved, waves
from migrator.errors import Invalid, RuleCapacityExceeded


def folders(*names: str, route: str = "x", weight: float = 1.0) -> list[Unfinished[str]]:
    return [Unfinished(name, route, weight) for name in names]


def test_what_contains_others_is_finished_first_then_partial_names_then_neighbours():
    ranks = finish_first(["b/", "", "img", "a/", "b/1/", "c/"])
    assert sorted(ranks, key=ranks.__getitem__) == ["", "b/", "img", "a/", "b/1/", "c/"]
    assert sorted(ranks.values()) == list(range(6))


def test_the_timeline_begins_with_now_and_ends_without_rules():
    steps = list(timeline(folders("", "a/", "b/", weight=4), budget=2))
    assert [step.retired for step in steps] == [(), ("",), ("a/",), ("b/",)]
    assert [step.left for step in steps] == [3, 2, 1, 0]
    assert [[rule.prefix for rule in step.cover.rules] for step in steps] == [[""], ["a/", "b/"], ["b/"], []]


def test_a_retired_prefix_counts_with_its_own_weight():
    steps = list(timeline(folders("", "a/", weight=4), budget=2, order=["a/"]))
    assert [step.cover.over_coverage for step in steps] == [0, 4]


def test_steps_retire_together():
    steps = list(timeline(folders(*(f"{number:03d}/" for number in range(100))), budget=5, steps=3))
    assert [len(step.retired) for step in steps] == [0, 33, 33, 34]
    assert steps[-1].left == 0


def test_nothing_to_retire_has_one_step():
    assert [step.left for step in timeline([], budget=0)] == [0]


def test_only_unfinished_prefixes_can_retire():
    with pytest.raises(Invalid, match="'z/' cannot retire"):
        list(timeline(folders("a/"), budget=1, order=["z/"]))


def test_what_fits_is_one_wave():
    unfinished = folders("a/", "b/")
    (wave,) = waves(unfinished, budget=2)
    assert wave.unfinished == tuple(unfinished)
    assert wave.cover == plan_cover(unfinished, budget=2)


def test_more_routes_than_slots_make_more_waves():
    unfinished = [Unfinished(f"job{number}/", number) for number in range(7)]
    assert [len(wave.unfinished) for wave in waves(unfinished, budget=3)] == [3, 3, 1]


def test_an_outer_route_goes_first_so_that_inner_ones_can_share():
    unfinished = [Unfinished("", "outer"), *folders("a1/", "a2/", "a3/", route="inner")]
    first, second = waves(unfinished, budget=3)
    assert [one.prefix for one in first.unfinished] == [""]
    assert [one.prefix for one in second.unfinished] == ["a1/", "a2/", "a3/"]


def test_no_slot_at_all_makes_no_wave():
    assert waves([], budget=0) == ()
    with pytest.raises(RuleCapacityExceeded):
        waves(folders("a/"), budget=0)


@pytest.mark.parametrize("look", [lambda given: list(timeline(given, budget=2)), lambda given: waves(given, budget=2)])
def test_contradictions_are_refused_here_too(look):
    with pytest.raises(Invalid, match="has two routes"):
        look([Unfinished("a/", "x"), Unfinished("a/", "y")])


prefixes = st.text("ab/", max_size=6)


@given(
    st.dictionaries(prefixes, st.integers(0, 5), max_size=20),
    st.dictionaries(prefixes, st.integers(0, 9)),
    st.integers(1, 6),
)
@settings(deadline=None)
def test_each_wave_fits_and_together_they_are_everything(routes: dict[str, int], weights: dict[str, int], budget: int):
    unfinished = [Unfinished(prefix, route, 1.0) for prefix, route in routes.items()]
    plan = waves(unfinished, [Finished(prefix, weight) for prefix, weight in weights.items()], budget=budget)
    assert sorted(one.prefix for wave in plan for one in wave.unfinished) == sorted(routes)
    for wave in plan:
        others = [Finished(one.prefix, 1.0) for one in unfinished if one not in wave.unfinished]
        closed = [*others, *(Finished(prefix, weight) for prefix, weight in weights.items())]
        assert len(wave.cover.rules) <= budget
        assert unserved(wave.cover.rules, wave.unfinished, closed) == ()


@given(st.dictionaries(prefixes, st.integers(0, 1), max_size=12), st.integers(5, 12))
@settings(deadline=None)
def test_nothing_is_uncovered_at_any_step(routes: dict[str, int], budget: int):
    unfinished = {prefix: Unfinished(prefix, route, 1.0) for prefix, route in routes.items()}
    retired: list[Finished] = []
    try:
        for step in timeline(unfinished.values(), budget=budget):
            retired += (Finished(unfinished.pop(prefix).prefix, 1.0) for prefix in step.retired)
            assert unserved(step.cover.rules, unfinished.values(), retired) == ()
            assert len(step.cover.rules) <= budget
    except RuleCapacityExceeded:
        assert not retired  # the first step or never
