"""Back-to-origin rules: values, the raw document around them, the merge of own rules, and what is wrong with them.

Pure: stdlib only, no I/O. The sandbox must not import it; it is a second opinion on the same documentation.
"""

from __future__ import annotations

from migrator.domain.rules.conflicts import (
    CARVES,
    SHADOWS,
    Conflict,
    Severity,
    conflicts_before,
    hidden_behind,
    related,
    shadows,
)
from migrator.domain.rules.document import Document, ErrorDocument, IndexDocument, LiveRule, parse, redact, same_meaning
from migrator.domain.rules.drift import foreign_changes
from migrator.domain.rules.edit import Merge, conflicts, foreign_count, foreign_part, merge, ownership
from migrator.domain.rules.hosts import bare_host, internal_host, is_oss_domain
from migrator.domain.rules.lint import Finding, lint
from migrator.domain.rules.mapping import (
    RedirectBase,
    encode_key,
    expected_location,
    migration_rule,
    parse_redirect_url,
    same_location,
)
from migrator.domain.rules.model import (
    ALI_CDN,
    EXTERNAL,
    INTERNAL,
    MAX_RULES,
    MIGRATION_CODES,
    MIRROR,
    Condition,
    HeaderCondition,
    Redirect,
    Rule,
    in_order,
    new_key,
)
from migrator.domain.rules.render import fingerprint_of, render
from migrator.domain.rules.rewrite import rewrite
from migrator.domain.rules.validate import Problem, can_be_written, is_host, validate

__all__ = [
    "ALI_CDN",
    "CARVES",
    "EXTERNAL",
    "INTERNAL",
    "MAX_RULES",
    "MIGRATION_CODES",
    "MIRROR",
    "SHADOWS",
    "Condition",
    "Conflict",
    "Document",
    "ErrorDocument",
    "Finding",
    "HeaderCondition",
    "IndexDocument",
    "LiveRule",
    "Merge",
    "Problem",
    "Redirect",
    "RedirectBase",
    "Rule",
    "Severity",
    "bare_host",
    "can_be_written",
    "conflicts",
    "conflicts_before",
    "encode_key",
    "expected_location",
    "fingerprint_of",
    "foreign_changes",
    "foreign_count",
    "foreign_part",
    "hidden_behind",
    "in_order",
    "internal_host",
    "is_host",
    "is_oss_domain",
    "lint",
    "merge",
    "migration_rule",
    "new_key",
    "ownership",
    "parse",
    "parse_redirect_url",
    "redact",
    "related",
    "render",
    "rewrite",
    "same_location",
    "same_meaning",
    "shadows",
    "validate",
]
