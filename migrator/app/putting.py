"""Replace a website document: put, then read back until the bucket shows it."""

from __future__ import annotations

import logging
import time

from migrator.domain import rules
from migrator.errors import RulesConflict, Transient
from migrator.ports import BucketControl

log = logging.getLogger(__name__)

_READ_BACK_S = (0, 0.2, 0.5, 1, 2, 4)


def put(control: BucketControl, before: bytes | None, after: bytes | None) -> bool:
    """Make `after` the document; False when the bucket shows neither that nor `before`: somebody else wrote, too.

    A lost reply is settled by the read-back. Raises RulesConflict when the old document still shows after a while:
    OSS documents no bound on how long that may take, and putting again at once would only start that time anew.
    """
    try:
        if after is None:
            control.delete_website()
        else:
            control.put_website(after)
    except Transient as error:
        log.warning("put without an answer: %s", error)
    for delay_s in _READ_BACK_S:
        time.sleep(delay_s)
        shown = control.get_website()
        if rules.same_meaning(shown, after):
            return True
        if not rules.same_meaning(shown, before):
            return False
    raise RulesConflict("the bucket still shows the website document from before the put; it is looked at again")


def storable(document: bytes | None) -> bytes | None:
    """Return what may be stored: a foreign rule's secret never enters the tracking database."""
    return rules.redact(document) if document else None
