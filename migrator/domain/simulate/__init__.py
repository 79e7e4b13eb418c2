"""What OSS would answer a reader under a website document: the documented order of evaluation, step by step.

Pure. The sandbox holds a second, independent implementation of the same documentation; the two share no code.
"""

from __future__ import annotations

from migrator.domain.simulate.diff import Change, compared, diff
from migrator.domain.simulate.engine import simulate
from migrator.domain.simulate.facts import Assumptions, BodyFrom, Bucket, Outcome, Request, Signing
from migrator.domain.simulate.views import View, views

__all__ = [
    "Assumptions",
    "BodyFrom",
    "Bucket",
    "Change",
    "Outcome",
    "Request",
    "Signing",
    "View",
    "compared",
    "diff",
    "simulate",
    "views",
]
