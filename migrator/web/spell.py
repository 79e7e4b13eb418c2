"""How the page spells values; the terminal's own spelling where it has one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from migrator.domain.states import PrefixState
from migrator.spelling import duration, safe, share, size

SENTENCES: Mapping[PrefixState, str] = {
    PrefixState.PLANNED: "Known; no rule covers it yet.",
    PrefixState.ARMING: "Its rule is being published and looked for at the readers' door.",
    PrefixState.REDIRECTING: "Its rule was observed; readers may use OSS.",
    PrefixState.COPYING: "Copied; the rule answers for what is not there yet.",
    PrefixState.VERIFYING: "Both sides are listed afresh and compared.",
    PrefixState.READY: "Proven equal twice; the rule is still up.",
    PrefixState.RETIRING: "Its rule is being taken down.",
    PrefixState.SETTLING: "The rule is gone; both sides are compared once more.",
    PrefixState.RETIRED: "OSS answers alone; the certificate says how we know.",
    PrefixState.REGRESSED: "Something was missed; the rule goes back first.",
}


def _clock(at: datetime) -> str:
    return f"{at:%H:%M:%S}"


FILTERS: Mapping[str, Callable[..., Any]] = {
    "size": size,
    "share": share,
    "duration": duration,
    "clock": _clock,
    "safe_text": safe,
    "sentence": lambda state: SENTENCES[state],
    "count": lambda number: f"{number:,}",
}
