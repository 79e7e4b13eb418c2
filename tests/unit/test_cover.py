"""Covers against brute force: every set of rules on a small alphabet, every key of a small universe."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, product

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from migrator.domain.cover import Cover, CoverRule, Finished, Unfinished, plan_cover, serves, unserved
from migrator.errors import Invalid, RuleCapacityExceeded

STRANGER = "c"
"""A character that occurs in no prefix, so that every group has keys of its own."""
names = st.text("ab", max_size=4)
weights = st.integers(0, 3)


@dataclass(frozen=True)
class Task:
    unfinished: Mapping[str, str]
    finished: Mapping[str, float]
    domains: Mapping[str, str]

    def cover(self, budget: int) -> Cover[str]:
        return plan_cover(*self.parts(), budget=budget, domains=self.domains)

    def parts(self) -> tuple[list[Unfinished[str]], list[Finished]]:
        return (
            [Unfinished(prefix, route) for prefix, route in self.unfinished.items()],
            [Finished(prefix, weight) for prefix, weight in self.finished.items()],
        )

    def owner(self, key: str) -> str | None:
        """The longest prefix of the set that the key starts with."""
        members = [one for one in {*self.unfinished, *self.finished} if key.startswith(one)]
        return max(members, key=len, default=None)

    @cached_property
    def wants(self) -> list[tuple[str, str]]:
        """Every key of an unfinished group, with the route that must answer it."""
        return [(key, self.unfinished[owner]) for key in self.keys() if (owner := self.owner(key)) in self.unfinished]

    @cached_property
    def gaps(self) -> list[str]:
        forks = {beginning([left, right]) for left, right in combinations(self.unfinished, 2)} - self.unfinished.keys()
        return [fork for fork in forks if self.owner(fork) not in self.unfinished]

    def keys(self) -> list[str]:
        stems = {name[:end] for name in {*self.unfinished, *self.finished} for end in range(len(name) + 1)} | {""}
        return sorted(stems | {stem + STRANGER for stem in stems})

    def is_right(self, rules: Iterable[tuple[str, str]]) -> bool:
        ordered = sorted(rules, key=lambda rule: (-len(rule[0]), rule[0]))
        return all(
            route == next((route for prefix, route in ordered if key.startswith(prefix)), None)
            for key, route in self.wants
        )

    def price(self, rules: Iterable[tuple[str, str]]) -> tuple[float, int, int, int]:
        """What is to be least, as the documentation of plan_cover puts it."""
        prefixes = [prefix for prefix, _ in rules]
        longest = max(map(len, self.unfinished), default=0)
        covered = [one for one in self.finished if any(one.startswith(prefix) for prefix in prefixes)]
        gaps = [one for one in self.gaps if any(one.startswith(prefix) for prefix in prefixes)]
        return (
            sum(self.finished[one] for one in covered),
            len(covered) + len(gaps),
            len(prefixes),
            sum(longest - len(prefix) for prefix in prefixes if prefix not in self.unfinished),
        )

    def best(self, budget: int) -> tuple[float, int, int, int] | None:
        stems = sorted({name[:end] for name in self.unfinished for end in range(len(name) + 1)})
        routes = sorted(set(self.unfinished.values()))
        prices = []
        for size in range(budget + 1):
            for places in combinations(stems, size):
                for chosen in product(routes, repeat=size):
                    rules = list(zip(places, chosen, strict=True))
                    inside = all(place.startswith(self.domains.get(route, "")) for place, route in rules)
                    if inside and self.is_right(rules):
                        prices.append(self.price(rules))
        return min(prices, default=None)


def beginning(strings: list[str]) -> str:
    """The longest one that all of them have in common."""
    first = strings[0]
    ends = range(len(first), -1, -1)
    return next(first[:end] for end in ends if all(other.startswith(first[:end]) for other in strings))


@st.composite
def tasks(draw: st.DrawFn, routes: int = 1, most: int = 5) -> Task:
    unfinished = draw(st.dictionaries(names, st.sampled_from("xyz"[:routes]), max_size=most))
    finished = draw(st.dictionaries(names, weights, max_size=4))
    domains = {}
    for route in sorted(set(unfinished.values())):
        inside = beginning([prefix for prefix, other in unfinished.items() if other == route])
        domains[route] = inside[: draw(st.integers(0, 2))]
    return Task(unfinished, finished, domains)


def plain(cover: Cover[str]) -> list[tuple[str, str]]:
    return [(rule.prefix, rule.route) for rule in cover.rules]


@given(tasks(), st.integers(1, 4))
@settings(max_examples=250, deadline=None)
def test_one_route_matches_brute_force(task: Task, budget: int):
    cover = task.cover(budget)
    assert task.price(plain(cover)) == task.best(budget)
    assert cover.over_coverage == task.price(plain(cover))[0]


@given(tasks(routes=3, most=4), st.integers(1, 3))
@settings(max_examples=250, deadline=None)
# The root's own keys keep `x` from being served by one rule for `aa` and `ab`, until "a" is cut out of the root.
@example(Task({"": "x", "aa": "y", "ab": "y"}, {}, {}), 2)
@example(Task({"": "x", "aa": "y", "ab": "y"}, {"a": 1}, {}), 2)
@example(Task({"": "x", "a": "y", "aa": "x", "aaa": "y"}, {}, {}), 3)
def test_several_routes_match_brute_force(task: Task, budget: int):
    best = task.best(budget)
    try:
        cover = task.cover(budget)
    except RuleCapacityExceeded:
        assert best is None
    else:
        assert task.price(plain(cover)) == best


wide = st.text("ab/", max_size=6)


@st.composite
def wide_tasks(draw: st.DrawFn) -> Task:
    count = draw(st.integers(1, 4))
    unfinished = draw(st.dictionaries(wide, st.sampled_from("wxyz"[:count]), max_size=12))
    finished = draw(st.dictionaries(wide, st.floats(0, 1e9), max_size=12))
    return Task(unfinished, finished, {})


@given(wide_tasks(), st.integers(1, 20))
@settings(max_examples=200, deadline=None)
def test_every_unfinished_key_finds_its_route_first(task: Task, budget: int):
    try:
        cover = task.cover(budget)
    except RuleCapacityExceeded:
        assume(False)
    assert len(cover.rules) <= budget
    assert task.is_right(plain(cover))
    assert unserved(cover.rules, *task.parts()) == ()
    assert plain(cover) == sorted(plain(cover), key=lambda rule: (-len(rule[0]), rule[0]))


@given(wide_tasks(), st.integers(1, 19))
@settings(deadline=None)
def test_a_larger_budget_never_costs_more(task: Task, budget: int):
    try:
        narrow = task.cover(budget)
    except RuleCapacityExceeded:
        assume(False)
    assert task.cover(budget + 1).over_coverage <= narrow.over_coverage


@given(wide_tasks(), st.integers(1, 12), st.data())
@settings(deadline=None)
def test_retiring_a_prefix_leaves_every_other_one_covered(task: Task, budget: int, data: st.DataObject):
    assume(task.unfinished)
    try:
        task.cover(budget)
    except RuleCapacityExceeded:
        assume(False)
    retired = data.draw(st.sampled_from(sorted(task.unfinished)))
    left = {prefix: route for prefix, route in task.unfinished.items() if prefix != retired}
    later = Task(left, {**task.finished, retired: 1.0}, {})
    assert later.is_right(plain(later.cover(budget)))


@given(wide_tasks(), st.integers(4, 20), st.randoms())
@settings(deadline=None)
def test_the_order_of_the_input_does_not_matter(task: Task, budget: int, chance):
    unfinished, finished = task.parts()
    try:
        cover = plan_cover(unfinished, finished, budget=budget)
    except RuleCapacityExceeded:
        assume(False)
    chance.shuffle(unfinished)
    chance.shuffle(finished)
    assert plan_cover(unfinished, finished, budget=budget) == cover


@given(wide_tasks(), st.lists(st.tuples(wide, st.sampled_from("wxyz")), max_size=6, unique_by=lambda rule: rule[0]))
@settings(max_examples=200, deadline=None)
def test_the_checker_agrees_with_asking_every_key(task: Task, rules: list[tuple[str, str]]):
    made = [CoverRule(p, r, 0, 0.0, 0, "") for p, r in sorted(rules, key=lambda rule: (-len(rule[0]), rule[0]))]
    wrong = set()
    stems = {p[:end] for p, _ in rules for end in range(len(p) + 1)}
    for key in [*task.keys(), *stems, *(stem + STRANGER for stem in stems)]:
        owner, first = task.owner(key), serves(made, key)
        if owner in task.unfinished and (first is None or first.route != task.unfinished[owner]):
            wrong.add(owner)
    assert set(unserved(made, *task.parts())) == wrong


@given(wide_tasks(), st.integers(4, 20))
@settings(deadline=None)
def test_each_rule_accounts_for_what_it_serves(task: Task, budget: int):
    try:
        cover = task.cover(budget)
    except RuleCapacityExceeded:
        assume(False)
    for rule in cover.rules:
        assert rule.covers == sum(serves(cover.rules, prefix) is rule for prefix in task.unfinished)
        over = [weight for prefix, weight in task.finished.items() if serves(cover.rules, prefix) is rule]
        assert rule.over_count == len(over)
        assert rule.over_weight == pytest.approx(sum(over))
    assert cover.over_coverage == pytest.approx(sum(rule.over_weight for rule in cover.rules))
    assert sum(rule.covers for rule in cover.rules) == len(task.unfinished)


def cover_of(unfinished: Iterable[str], budget: int, finished: Mapping[str, float] | None = None) -> list[str]:
    cover = plan_cover(
        [Unfinished(prefix, "legacy") for prefix in unfinished],
        [Finished(prefix, weight) for prefix, weight in (finished or {}).items()],
        budget=budget,
    )
    return [rule.prefix for rule in cover.rules]


def test_with_enough_slots_each_prefix_has_its_own_rule():
    assert cover_of(["a/", "b/", "long/"], 3) == ["long/", "a/", "b/"]


def test_a_partial_name_is_shared_before_a_finished_folder_is_covered():
    assert cover_of(["img-1/", "img-2/", "doc/"], 2, {"css/": 5}) == ["doc/", "img-"]


def test_weight_decides_which_siblings_share():
    unfinished = ["a/1/", "a/2/", "b/1/", "b/2/"]
    assert cover_of(unfinished, 3, {"a/3/": 9, "b/3/": 1}) == ["a/1/", "a/2/", "b/"]
    assert cover_of(unfinished, 3, {"a/3/": 1, "b/3/": 9}) == ["b/1/", "b/2/", "a/"]


def test_an_unfinished_root_needs_one_rule_only():
    assert cover_of(["", "a/", "b/"], 17, {"c/": 5}) == [""]


def test_without_weights_the_longer_beginning_is_shared():
    assert cover_of(["p/1/", "p/2/", "longer/1/", "longer/2/"], 3) == ["longer/", "p/1/", "p/2/"]


def test_the_reasons_name_what_is_redirected_in_vain():
    cover = plan_cover(
        [Unfinished("a/", "x"), Unfinished("b/1/", "x"), Unfinished("b/2/", "x")],
        [Finished("a/old/", 7), Finished("b/3/", 2), Finished("b/4/", 3)],
        budget=2,
    )
    first, second = (rule.reason for rule in cover.rules)
    assert "'a/' is unfinished and has this rule to itself" in first
    assert "redirects 1 finished prefix below it, the heaviest is 'a/old/'" in first
    assert "shared by 2 unfinished prefixes" in second
    assert "'b/4/'" in second


def test_no_unfinished_prefix_needs_no_rule_even_without_a_slot():
    assert plan_cover([], [Finished("a/", 1)], budget=0) == Cover((), 0.0)


def test_too_many_routes_are_named_with_their_domains():
    unfinished = [Unfinished(f"job{number}/a/", f"https://old{number}.example/") for number in range(3)]
    domains = {one.route: one.prefix[:5] for one in unfinished}
    with pytest.raises(
        RuleCapacityExceeded, match=r"3 different redirects need at least 3 rules, but only 2"
    ) as caught:
        plan_cover(unfinished, budget=2, domains=domains)
    assert all(f"https://old{number}.example/ under 'job{number}/'" in str(caught.value) for number in range(3))


def test_routes_inside_each_other_may_need_more_rules_than_routes():
    unfinished = [Unfinished("", "outer"), *(Unfinished(f"{name}/", "inner") for name in "abc")]
    assert len(plan_cover(unfinished, budget=4).rules) == 4
    with pytest.raises(RuleCapacityExceeded, match="2 different redirects need at least 4 rules, but only 3"):
        plan_cover(unfinished, budget=3)


@pytest.mark.parametrize("weight", [-1.0, float("nan"), float("inf")])
def test_impossible_weights_are_refused(weight: float):
    with pytest.raises(Invalid, match="the weight of the finished prefix 'a/'"):
        plan_cover([Unfinished("b/", "x")], [Finished("a/", weight)], budget=1)


def test_a_prefix_with_two_routes_is_refused():
    with pytest.raises(Invalid, match="has two routes"):
        plan_cover([Unfinished("a/", "x"), Unfinished("a/", "y")], budget=2)


def test_a_prefix_outside_of_its_domain_is_refused():
    with pytest.raises(Invalid, match=r"'a/' lies outside of 'photos/'"):
        plan_cover([Unfinished("a/", "x")], budget=2, domains={"x": "photos/"})


def test_a_chain_as_deep_as_a_key_may_be():
    names = [f"{'a' * depth}b/" for depth in range(1000)]
    assert len(cover_of(names, 17)) == 17
