"""The sandbox's own reading of OSS website configurations, written from the documentation.

A second opinion on purpose: it shares no code with the part of this project that writes and predicts rules.
"""

from __future__ import annotations

from migrator.sandbox.website.config import Config, parse
from migrator.sandbox.website.engine import before_lookup, on_error
from migrator.sandbox.website.known import without_unknown
from migrator.sandbox.website.refusal import Refused
from migrator.sandbox.website.request import Facts, Reply, Request
from migrator.sandbox.website.validation import validate

__all__ = [
    "Config",
    "Facts",
    "Refused",
    "Reply",
    "Request",
    "before_lookup",
    "on_error",
    "parse",
    "validate",
    "without_unknown",
]
