"""What nobody outside Alibaba knows for sure about OSS, as switches: a safe design works under all of them."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace


@dataclass(frozen=True, slots=True)
class Switches:
    """One setting of every open question; the defaults are what the evidence suggests."""

    propagation_delay_s: float = 0.0
    """How much later than the answer to PutBucketWebsite a change takes effect for readers."""
    stale_reads: bool = False
    """GetBucketWebsite lags behind by the same delay."""
    head_redirects: bool = False
    """HeadObject is answered by rules as GetObject is."""
    subresources_redirect: bool = False
    """A read with x-oss-process or versionId is answered by rules as a plain one is."""
    range_redirects: bool = True
    """A read of a range is answered by rules as a plain one is."""
    unconditional_rules: bool = True
    """A rule without a status condition also matches objects that exist."""
    denied_reads_redirect: bool = True
    """A rule for 403 fires when the ACL refuses a read."""
    forbidden_applies: bool = True
    """ExternalRedirectForbidden is enforced on the OSS domains of new buckets."""
    header_signed_exempt: bool = True
    """ExternalRedirectForbidden spares requests that are signed in the Authorization header."""
    signature_in_location: bool = True
    """PassQueryString also passes the parameters of a URL signature."""
    replace_prefix_without_flag: bool = True
    """ReplaceKeyPrefixWith works although EnableReplacePrefix is false or absent."""
    location_encoded: bool = True
    """The key is percent-encoded in Location."""
    error_page_first: bool = False
    """The error page is served although a rule for 404 matches."""
    cors_on_redirect: bool = False
    """A redirect carries the headers that the bucket's CORS rules give to other answers."""
    unknown_elements_kept: bool = True
    """GetBucketWebsite gives back elements that it does not know."""
    versioned_refuses_rules: bool = True
    """Rules and versioning exclude each other."""
    duplicates_allowed: bool = True
    """Two rules may carry equal conditions."""
    cdn_header: str = "x-oss-redirect-alicdn"
    """The (unpublished) name of the extra header of AliCDN rules."""

    def changed(self, changes: dict[str, object]) -> Switches:
        """Return a copy with `changes` applied. Raises ValueError for an unknown name or a wrong type."""
        known = {field.name: type(getattr(self, field.name)) for field in fields(self)}
        taken: dict[str, object] = {}
        for name, value in changes.items():
            if name not in known:
                raise ValueError(f"there is no switch {name!r}; there are: {', '.join(sorted(known))}")
            taken[name] = float(value) if known[name] is float and type(value) is int else value
            if type(taken[name]) is not known[name]:
                raise ValueError(f"the switch {name!r} is a {known[name].__name__}, not {value!r}")
        return replace(self, **taken)  # type: ignore[arg-type]
