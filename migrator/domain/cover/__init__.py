"""Which prefixes get a rule: the cheapest cover of everything unfinished within the slots that are left.

`plan_cover` decides, `serves` reads a cover as OSS would, `unserved` checks one before it is published; `timeline`,
`finish_first` and `waves` look further ahead. Pure: nothing here knows how a rule is written.
"""

from __future__ import annotations

from migrator.domain.cover.course import Step, Wave, finish_first, timeline, waves
from migrator.domain.cover.model import Cover, CoverRule, Finished, Unfinished, serves, unserved
from migrator.domain.cover.plan import plan_cover

__all__ = [
    "Cover",
    "CoverRule",
    "Finished",
    "Step",
    "Unfinished",
    "Wave",
    "finish_first",
    "plan_cover",
    "serves",
    "timeline",
    "unserved",
    "waves",
]
