"""What can be asked of a bucket where OSS's documentation is silent, and what the answers mean for the simulator."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime

from migrator.domain.simulate import Assumptions

YES, NO, NOT_ASKED, UNCLEAR = "yes", "no", "not asked", "unclear"
"""Answers. Some questions are answered by a number of seconds instead."""

QUESTIONS: Mapping[str, str] = {
    "head_redirects": "Is HEAD of a missing key redirected?",
    "range_redirects": "Is a Range request for a missing key redirected?",
    "subresources_redirect": "Are x-oss-process and versionId of a missing key redirected?",
    "acl_redirects": "Is ?acl of a missing key redirected?",
    "query_passed": "Does PassQueryString append the reader's query to Location?",
    "query_dropped": "Without PassQueryString, is the query left out of Location?",
    "signature_in_location": "Does PassQueryString also pass the parameters of a presigned URL?",
    "location_encoded": "Is the key percent-encoded in Location (space + % # ? and non-ASCII)?",
    "replace_prefix_without_flag": "Does ReplaceKeyPrefixWith count without EnableReplacePrefix?",
    "denied_reads_redirect": "Does a rule for 403 answer where access is denied?",
    "unconditional_rules": "Does a rule without a status redirect objects that exist?",
    "forbidden_applies": "Are strangers on OSS's own domain refused a redirect (ExternalRedirectForbidden)?",
    "header_signed_exempt": "Are requests signed in a header spared that refusal?",
    "cors_on_redirect": "Does the redirect carry the bucket's CORS headers?",
    "cacheable_redirect": "Does the redirect carry headers that let caches keep it?",
    "error_page_first": "Does the error page come before a rule for 404?",
    "folder_page_first": "Does the index page of a sub-directory come before a rule for 404?",
    "versioned_refuses_rules": "Does a versioned bucket refuse rules?",
    "forbid_overwrite_holds": "Of several creates at the same moment, does exactly one succeed (409 for the others)?",
    "unknown_elements_kept": "Does GetBucketWebsite give back elements that it does not know?",
    "duplicates_allowed": "May two rules carry equal conditions?",
    "stale_reads": "Does GetBucketWebsite show a change only some time after the put?",
    "rule_arrives_s": "How long after the put does the last door answer by a new rule?",
    "rule_leaves_s": "How long after the put does the last door stop answering by a removed rule?",
}
"""Every question by its stable name, in the order in which people read the answers."""


@dataclass(frozen=True, slots=True)
class Learned:
    """One answer, and the one line that it rests on; never a signature or a token."""

    question: str
    answer: str
    evidence: str = ""
    at: datetime | None = None
    """When it was stored."""


def assume(learned: Iterable[Learned]) -> Assumptions:
    """Return what the simulator shall assume: what was found out, and the best evidence for everything else."""
    names = {field.name for field in fields(Assumptions)}
    found = {
        each.question: each.answer == YES for each in learned if each.question in names and each.answer in {YES, NO}
    }
    return Assumptions(**found)


def ordered(learned: Iterable[Learned]) -> list[Learned]:
    """Sort as `QUESTIONS` does, and say of everything that has no answer that it was not asked."""
    answers = {each.question: each for each in learned}
    return [answers.get(name, Learned(name, NOT_ASKED, "the probe did not come to it")) for name in QUESTIONS]
