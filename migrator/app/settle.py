"""The last step of a prefix: write down how we know, and call it retired."""

from __future__ import annotations

import json
from contextlib import suppress

from migrator.app.context import Runtime
from migrator.domain.model import Prefix, PrefixId
from migrator.domain.states import PrefixState, ShardState
from migrator.errors import IllegalTransition


def settle(rt: Runtime, prefix_id: int) -> None:
    """Retire a prefix whose comparison after the rule went was clean; the certificate is stored in the same step."""
    prefix = rt.store.prefixes.get(PrefixId(prefix_id))
    if prefix.state is not PrefixState.SETTLING or not _compared(rt, prefix):
        return
    certificate = json.dumps(evidence(rt, prefix.id), indent=2)
    why = "compared once more after its rule went; OSS answers alone"
    with suppress(IllegalTransition):  # somebody else was told too, and was faster
        rt.store.prefixes.advance(
            prefix.id, PrefixState.SETTLING, PrefixState.RETIRED, why, certificate_json=certificate
        )
    rt.store.clear_sent("settle", prefix_id)
    rt.dispatcher.send("tick", 0)


def _compared(rt: Runtime, prefix: Prefix) -> bool:
    """Say whether the comparison after the rule went is over and found nothing: the message may be an old one."""
    begun = not prefix.clean_joins  # until then they are those of the proof
    return begun and all(
        shard.state is ShardState.DONE and shard.verified_round >= prefix.verify_round
        for shard in rt.store.shards.of_prefix(prefix.id)
    )


def evidence(rt: Runtime, prefix_id: PrefixId) -> dict[str, object]:
    """Gather what an auditor asks for: counts, when both sides were compared, the rules before and after."""
    work, prefix = rt.work_of(prefix_id)
    shards = rt.store.shards.of_prefix(prefix_id)
    counters = sum((shard.counters for shard in shards), start=shards[0].counters.__class__()) if shards else None
    proven = [shard.proven_at for shard in shards if shard.proven_at is not None]
    revision = rt.store.rules.latest(work.job.bucket_id)
    return {
        "job": work.job.name,
        "prefix": prefix.name,
        "origin": work.spec.origin.url,
        "destination": work.spec.destination.url,
        "write_authority": prefix.authority.value,
        "counts": {name: getattr(counters, name) for name in counters.__slots__} if counters else {},
        "shards": len(shards),
        "comparisons": prefix.verify_round,
        "compared_from": min(proven).isoformat() if proven else None,
        "compared_to": max(proven).isoformat() if proven else None,
        "clock": "the origin's",
        "sentinel": prefix.sentinel,
        "rules_revision": revision.id if revision else None,
        "rules_before": (revision.before or b"").decode() if revision else None,
        "rules_after": (revision.after or b"").decode() if revision else None,
        "waivers": [
            {"key": record.key, "kind": record.kind.value, "reason": record.reason, "by": record.waived_by}
            for record in rt.store.records.waived(prefix_id)
        ],
        "issued_at": rt.clock().isoformat(),
    }
