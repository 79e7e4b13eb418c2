"""The publisher among other people's edits, lost replies, stale reads and a bucket that fills up."""

from __future__ import annotations

import pytest
from fault_proxy import cut_before, fault_proxy, lose_reply
from rig import canonical, own_rules, rules_in

from migrator.app import control
from migrator.domain.states import JobState, PrefixState


def document(*rules, index=""):
    return f"<WebsiteConfiguration>{index}<RoutingRules>{''.join(rules)}</RoutingRules></WebsiteConfiguration>".encode()


def foreign_rule(number, prefix):
    return (
        f"<RoutingRule><RuleNumber>{number}</RuleNumber><Condition><KeyPrefixEquals>{prefix}</KeyPrefixEquals>"
        "<HttpErrorCodeReturnedEquals>404</HttpErrorCodeReturnedEquals></Condition><Redirect>"
        "<RedirectType>External</RedirectType><Protocol>https</Protocol><HostName>www.example.com</HostName>"
        "<HttpRedirectCode>302</HttpRedirectCode></Redirect></RoutingRule>"
    )


def numbers(website):
    return [int(text) for text in website.decode().split("<RuleNumber>")[1:] for text in [text.split("<")[0]]]


def add_rule(rig, prefix):
    """Edit as another admin would: read the document, add a rule behind all others, write it back."""
    live = rig.website().decode()
    number = max(numbers(live.encode()), default=0) + 1
    rig.bucket.put_bucket_website(live.replace("</RoutingRules>", foreign_rule(number, prefix) + "</RoutingRules>"))


def drop_rules(rig, which):
    """Remove the rules whose XML `which` accepts."""
    head, *rest = rig.website().decode().split("<RoutingRule>")
    tail = rest[-1].split("</RoutingRule>")[-1]
    kept = [part.split("</RoutingRule>")[0] for part in rest if not which(part)]
    rig.bucket.put_bucket_website(head + "".join(f"<RoutingRule>{part}</RoutingRule>" for part in kept) + tail)


def test_an_admin_who_edits_all_the_time_loses_nothing_and_disturbs_nothing(rig):
    rig.fill(4, 3)
    rig.start()
    edits, messages = [], []

    def edit():
        messages.append(1)
        if len(messages) % 5 == 0 and len(edits) < 8:
            edits.append(f"elsewhere-{len(edits)}/")
            add_rule(rig, edits[-1])

    rig.drive(each=edit)
    assert len(edits) == 8
    website = rig.website()
    assert [f">{prefix}<" in website.decode() for prefix in edits] == [True] * 8
    assert set(rules_in(rig.foreign)) <= set(rules_in(website))
    assert own_rules(website, rig.foreign) == [rule for rule in rules_in(website) if "elsewhere-" in rule], (
        "an own rule is left"
    )
    assert any("elsewhere-0/" in event.message for event in rig.rt.store.events.list(limit=1000))


def test_an_own_rule_that_somebody_deletes_is_put_back_and_told_with_how_long_it_was_gone(rig):
    rig.fill(2, 2)
    rig.start(retire="hold")
    rig.drive(rig.is_in("p00/", PrefixState.READY))
    before = len(rig.own_left)
    drop_rules(rig, lambda rule: "www.example.com" not in rule and "Mirror" not in rule)
    assert rig.own_left == []
    rig.drive(lambda: len(rig.own_left) == before)
    assert rig.read("p00/missing").status == 404  # from the origin
    [told] = [event.message for event in rig.rt.store.events.list(limit=1000) if event.kind == "rules_drift"]
    assert "removed by somebody else for at most" in told


def test_a_deleted_configuration_is_put_back(rig):
    rig.fill(1, 2)
    rig.start(retire="hold")
    rig.drive(rig.is_in("p00/", PrefixState.READY))
    rig.bucket.delete_bucket_website()
    rig.drive(lambda: rig.website() != b"")
    assert rig.read("p00/000.txt", follow=False).status == 200
    assert "index document" in " ".join(event.message for event in rig.rt.store.events.list(limit=1000))


@pytest.mark.parametrize("stale_reads", [False, True])
def test_a_slow_bucket_is_waited_for_and_not_written_again_and_again(rig, sides, stale_reads):
    rig.fill(2, 2)
    sides.oss.switch(propagation_delay_s=0.4, stale_reads=stale_reads)
    try:
        rig.start()
        rig.drive()
    finally:
        sides.oss.switch(propagation_delay_s=0.0, stale_reads=False)
    rig.check_end()
    published = [revision for revision in rig.every_revision() if own_rules(revision, rig.foreign)]
    assert len(published) <= 5


def test_a_put_whose_reply_is_lost_counts_once(rig, sides):
    rig.fill(1, 2)
    with fault_proxy(sides.oss.endpoint) as proxy:
        proxy.add("PUT", lose_reply, part_of_path="website")
        changed = {**rig.document()["destination"], "endpoint": proxy.url}
        rig.start(destination=changed)
        rig.drive()
        assert proxy.unused == []
    rig.check_end()


def test_a_put_that_never_arrived_is_sent_again(rig, sides):
    rig.fill(1, 2)
    with fault_proxy(sides.oss.endpoint) as proxy:
        proxy.add("PUT", cut_before, part_of_path="website")
        rig.start(destination={**rig.document()["destination"], "endpoint": proxy.url})
        rig.drive()
        assert proxy.unused == []
    rig.check_end()


def test_others_may_take_all_slots_but_one(rig):
    rig.fill(3, 2)
    rig.start(retire="hold")
    rig.drive(rig.is_in("", PrefixState.READY))
    rig.rt.store.prefixes.release(rig.prefix("").id)
    rig.drive(rig.is_in("", PrefixState.RETIRED))
    assert len(rig.own_left) == 3
    # The other admin fills the document to the brim, and once more after ours got broader to make room.
    for taken in range(20 - len(rules_in(rig.website()))):
        add_rule(rig, f"theirs-{taken}/")
    drop_rules(rig, lambda rule: ">p02/<" in rule)
    add_rule(rig, "theirs-instead/")
    rig.drive(lambda: rig.read("p02/missing").hops == 1)
    assert len(rules_in(rig.website())) <= 20
    assert {rig.read(f"p0{each}/missing").hops for each in range(3)} == {1}, "folded, not forgotten"
    for each in ("p00/", "p01/", "p02/"):
        rig.rt.store.prefixes.release(rig.prefix(each).id)
    rig.drive()
    assert rig.snapshot().state is JobState.DONE
    assert max(len(rules_in(revision)) for revision in rig.every_revision()) <= 20


def test_a_bucket_that_is_full_blocks_the_job_until_there_is_room(rig):
    rig.bucket.put_bucket_website(
        document(*(foreign_rule(number, f"theirs-{number}/") for number in range(1, 21))).decode()
    )
    rig.foreign = rig.website()
    rig.fill(1, 2)
    rig.start()
    rig.drive(lambda: rig.snapshot().wait.reason.startswith("blocked: rules: "))
    assert canonical(rig.website()) == canonical(rig.foreign), "nothing may be published that does not fit"
    assert rig.stored() == {}, "nothing may be copied before the rules stand"
    drop_rules(rig, lambda rule: "theirs-20/" in rule)
    rig.foreign = rig.website()
    rig.drive()
    rig.check_end()


def test_a_cancelled_job_keeps_rules_that_readers_need_until_someone_says_that_none_comes(rig):
    rig.fill(1, 2)
    rig.start(retire="hold")
    rig.drive(rig.is_in("p00/", PrefixState.READY))
    assert "stay" in control.cancel(rig.rt, "job")
    rig.drive(lambda: True)
    rig.tick()
    assert rig.own_left != []
    assert "taken down" in control.cancel(rig.rt, "job", drop_rules=True)
    rig.settle()
    assert canonical(rig.website()) == canonical(rig.foreign)
