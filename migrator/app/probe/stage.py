"""The only place where a probe changes anything: scratch objects and temporary rules, recorded before they exist.

A temporary rule goes through the bucket's one publisher lease, and its fingerprint is stored as one of ours before it
is put. So whoever publishes next takes it away, even if this process is killed between any two lines.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from time import monotonic

from migrator.app.context import Runtime
from migrator.app.probe.temporary import SCRATCH, is_scratch, scratch_fingerprints
from migrator.app.putting import storable
from migrator.domain import rules
from migrator.domain.model import Bucket, Lease
from migrator.errors import AccessRefused, LeaseLost, Permanent, RulesConflict, Transient
from migrator.spec import JobSpec

log = logging.getLogger(__name__)

Twist = Callable[[bytes], bytes]
_ATTEMPTS = 5
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.05, 1.0


class RefusedByOss(Exception):
    """OSS does not take the document."""


class Stage:
    """One scratch prefix in one bucket, under the publisher's lease."""

    def __init__(self, rt: Runtime, spec: JobSpec, bucket: Bucket, token: str, patience_s: float) -> None:
        self.prefix = f"{spec.destination.prefix}{SCRATCH}{token}/"
        self.patience_s = patience_s
        self.reads_lagged = False
        """GetBucketWebsite once showed the old document after a put."""
        self.destination = rt.connections.destination(spec)
        self.control = rt.connections.control(spec)
        self._rt, self._spec, self._bucket = rt, spec, bucket
        self._pause, self._closing = threading.Event(), False
        self._lease = self._taken()
        self._renewed = monotonic()

    # -- time ----------------------------------------------------------------------------------------------------
    def until(self, true: Callable[[], bool]) -> bool:
        """Look again and again, ever more slowly, until it is true; False when patience is at its end."""
        deadline, pause_s = monotonic() + self.patience_s, _FIRST_PAUSE_S
        while not true():
            if monotonic() > deadline:
                return False
            self._pause.wait(pause_s)
            pause_s = min(_LONGEST_PAUSE_S, pause_s * 1.3)
            self.renew()
        return True

    def renew(self) -> None:
        """Keep the lease. Raises LeaseLost; KeyboardInterrupt, always between steps, when this process shall stop."""
        self._stop_if_asked()
        lease_s = self._rt.settings.lease_s
        if monotonic() - self._renewed > lease_s / 3:
            self._rt.store.leases.renew(self._lease, lease_s)
            self._renewed = monotonic()

    def _stop_if_asked(self) -> None:
        if self._rt.drain.is_set() and not self._closing:
            raise KeyboardInterrupt

    def _taken(self) -> Lease:
        name, settings = f"rules:{self._bucket.id}", self._rt.settings
        deadline = monotonic() + max(self.patience_s, settings.lease_s)
        while (lease := self._rt.store.leases.take(name, self._rt.worker, settings.lease_s)) is None:
            if monotonic() > deadline:
                raise LeaseLost(
                    f"somebody else is publishing the rules of {self._bucket.name} all the time",
                    hint="try again later; migrator doctor shows who works",
                )
            self._stop_if_asked()
            self._pause.wait(_LONGEST_PAUSE_S)
        return lease

    # -- rules ---------------------------------------------------------------------------------------------------
    def live(self) -> tuple[bytes | None, tuple[str, ...]]:
        """Return the live document, and the fingerprints of what is or may be ours in it."""
        return self.control.get_website(), self._rt.store.rules.own(self._bucket.id)

    def free_slots(self) -> int:
        """Return how many rules could be added to those that stand."""
        live = self.control.get_website()
        standing = [each for each in rules.parse(live).rules if not is_scratch(each.rule.condition.key_prefix)]
        return rules.MAX_RULES - len(standing)

    def put(self, temporary: Sequence[rules.Rule], twist: Twist | None = None) -> bytes | None:
        """Make exactly these the temporary rules, beside what stands, and return the document as OSS shows it.

        `twist` may change the text of temporary rules after they are rendered. Raises RefusedByOss, RulesConflict,
        MaskedSecret, RuleCapacityExceeded, AccessRefused, LeaseLost.
        """
        for _ in range(_ATTEMPTS):
            self.renew()
            live, own = self.live()
            mine, _foreign, _missing = rules.ownership(rules.parse(live), own)
            kept = [each.rule for each in mine if not is_scratch(each.rule.condition.key_prefix)]
            merge = rules.merge(live, own, [*kept, *temporary])
            if not merge.changed and twist is None:
                return live
            after = twist(merge.after) if twist and merge.after else merge.after
            marks = tuple(dict.fromkeys([*merge.own, *scratch_fingerprints(after)]))
            if self._written(live, after, merge.after, marks):
                return self.control.get_website()
        raise RulesConflict(f"the website document of {self._bucket.name} kept changing while it was written")

    def _written(self, live: bytes | None, after: bytes | None, plain: bytes | None, marks: tuple[str, ...]) -> bool:
        """Put one document; False when somebody else wrote meanwhile."""
        store, reason = self._rt.store, f"probe {self.prefix}"
        revision = store.rules.begin(self._lease, self._bucket.id, storable(live), storable(after), marks, reason)
        if self.control.get_website() != live:
            return False
        try:
            if after is None:
                self.control.delete_website()
            else:
                self.control.put_website(after)
        except AccessRefused:
            raise
        except Permanent as error:
            raise RefusedByOss(str(error)) from error
        except Transient as error:
            log.warning("probe: put without an answer: %s", error)  # the read-back tells
        shown = self.control.get_website()
        if rules.same_meaning(shown, live) and not rules.same_meaning(after, live):
            self.reads_lagged = True
            if not self.until(lambda: not rules.same_meaning(self.control.get_website(), live)):
                raise RulesConflict("the bucket still shows the website document from before the put")
            shown = self.control.get_website()
        # What OSS does not know it may leave out.
        if not (rules.same_meaning(shown, after) or rules.same_meaning(shown, plain)):
            return False
        store.rules.confirm(self._lease, revision.id)
        return True

    # -- objects -------------------------------------------------------------------------------------------------
    def create(self, key: str, body: bytes = b"migrator probe\n") -> None:
        """Put one scratch object. Raises AlreadyExists as any create does."""
        assert is_scratch(key)
        self.destination.create(key, body, {"content-type": "text/plain"})

    def _sweep(self) -> None:
        """Delete every object of this probe, and of those that were killed."""
        root = f"{self._spec.destination.prefix}{SCRATCH}"
        for each in self.destination.list_page(root).objects:
            if is_scratch(each.key):
                self.destination.delete(each.key)

    # -- the end -------------------------------------------------------------------------------------------------
    def clear_rules(self) -> None:
        """Take every temporary rule away, and see that it is gone from the document. Idempotent."""
        for attempt in range(_ATTEMPTS):
            try:
                self.put(())
            except LeaseLost:
                self._lease = self._taken()
            except Transient:
                if attempt + 1 == _ATTEMPTS:
                    raise
                self._pause.wait(_LONGEST_PAUSE_S)
            else:
                return

    def close(self) -> None:
        """Leave nothing behind: rules first, objects next, then the lease."""
        self._closing = True
        try:
            self.clear_rules()
        finally:
            try:
                self._sweep()
            finally:
                self._rt.store.leases.release(self._lease)
