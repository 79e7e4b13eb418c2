"""The job file: what a person declares, validated field by field before anything happens."""

from __future__ import annotations

import os
from enum import StrEnum
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

from migrator.domain.reconcile import Policy
from migrator.domain.states import Authority


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def _http_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be a URL such as https://legacy.example.com/base/")
    if parts.username or parts.password:
        raise ValueError("must not carry a user name or password; readers would be sent it")
    if parts.query or parts.fragment or url.endswith(("?", "#")):
        raise ValueError("must not have a query or a fragment")
    try:
        _ = parts.port
    except ValueError as error:
        raise ValueError("has no valid port") from error
    return url


HttpUrl = Annotated[str, AfterValidator(_http_url)]
Endpoint = Annotated[HttpUrl, AfterValidator(lambda url: url.rstrip("/"))]
"""Spelled one way: the same bucket must not get two rows, and so two publishers."""


class OriginKind(StrEnum):
    """What kind of place the legacy origin is."""

    S3 = "s3"
    OSS = "oss"
    HTTP = "http"
    FILE = "file"


class CredentialsSpec(_Part):
    """Which credentials to look up; never the credentials themselves."""

    profile: str = Field(default="", description="A profile of the usual files (AWS: ~/.aws, OSS: ~/.ossutilconfig).")
    anonymous: bool = Field(default=False, description="Send unsigned requests.")


class OssCredentialsSpec(_Part):
    """Likewise for OSS, where requests are always signed."""

    profile: str = Field(default="", description="A section of ~/.ossutilconfig.")


class OriginSpec(_Part):
    """The legacy side. It is never written."""

    url: str = Field(
        description="s3://bucket/prefix/, oss://bucket/prefix/, https://host/base/ (with manifest) or file:///directory/"
    )
    endpoint: Endpoint | None = Field(default=None, description="Where an S3-compatible or OSS origin listens.")
    region: str = Field(default="us-east-1", description="The origin's region, used for signing.")
    credentials: CredentialsSpec = CredentialsSpec()
    manifest: str = Field(default="", description="For https:// origins: a file that lists the keys, one a line.")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        parts = urlsplit(self.url)
        if parts.scheme not in ("s3", "oss", "http", "https", "file"):
            raise ValueError("origin.url must begin with s3://, oss://, https://, http:// or file://")
        if self.kind in (OriginKind.S3, OriginKind.OSS) and not parts.netloc:
            raise ValueError("origin.url names no bucket; write s3://bucket/optional/prefix/")
        if self.kind is OriginKind.HTTP and not self.manifest:
            raise ValueError("origin.manifest is needed: a web server cannot list its files; give a file of keys")
        if self.kind is OriginKind.OSS and not self.endpoint:
            raise ValueError(
                "origin.endpoint is needed for oss:// origins, such as https://oss-cn-hangzhou.aliyuncs.com"
            )
        if self.kind is OriginKind.OSS and self.credentials.anonymous:
            raise ValueError("origin.credentials.anonymous is for s3:// origins; requests to OSS are always signed")
        if parts.password or parts.username:
            raise ValueError("origin.url must not carry credentials; use the environment or a profile")
        return self

    @property
    def kind(self) -> OriginKind:
        """The kind of origin its URL names."""
        scheme = urlsplit(self.url).scheme
        return OriginKind.HTTP if scheme == "https" else OriginKind(scheme)

    @property
    def bucket(self) -> str:
        """The bucket of an s3:// or oss:// origin."""
        return urlsplit(self.url).netloc

    @property
    def prefix(self) -> str:
        """What comes before every key of the job at the origin; empty for http and file origins."""
        return _key_part(self.url) if self.kind in (OriginKind.S3, OriginKind.OSS) else ""


class DestinationSpec(_Part):
    """The OSS bucket."""

    url: str = Field(
        description="oss://bucket/optional/prefix/", pattern=r"^oss://[a-z0-9][a-z0-9-]{1,61}[a-z0-9](/.*)?$"
    )
    endpoint: Endpoint = Field(description="Such as https://oss-cn-hangzhou.aliyuncs.com")
    region: str = Field(
        default_factory=lambda: os.environ.get("OSS_REGION", ""),
        description="Such as cn-hangzhou; default: the environment's OSS_REGION.",
        validate_default=True,
        min_length=1,
    )
    credentials: OssCredentialsSpec = OssCredentialsSpec()

    @property
    def bucket(self) -> str:
        """The bucket's name."""
        return urlsplit(self.url).netloc

    @property
    def prefix(self) -> str:
        """What comes before every key of the job in the bucket."""
        return _key_part(self.url)


class RedirectSpec(_Part):
    """Where readers are sent for what the destination does not have yet."""

    url: HttpUrl = Field(description="Stands for the origin's prefix; what follows it in a key is appended, encoded.")
    code: Literal[302, 307] = Field(
        default=302, description="302 or 307. Never 301: browsers and CDNs keep it for good."
    )
    pass_query_string: bool = Field(default=False, description="Append the reader's query. Leaks signatures; off.")
    from_cdn: bool = Field(
        default=False, description="Readers come through Alibaba Cloud CDN, which follows by itself."
    )


class ReadersSpec(_Part):
    """The door readers use; sentinels knock there."""

    url: HttpUrl | None = Field(default=None, description="A custom domain or CDN; default: the bucket's own endpoint.")
    signed: bool = Field(default=False, description="Readers sign their requests (private buckets).")


class DiscoverSpec(_Part):
    """Find prefixes by listing."""

    delimiter: str = Field(default="/", min_length=1, max_length=1)
    depth: int = Field(default=1, ge=0, le=8, description="How many levels; 0: the whole job is one prefix.")


class CopySpec(_Part):
    """How copying is cut up and paced."""

    shard_objects: int = Field(default=1000, ge=1, le=100_000, description="Objects per unit of work.")
    concurrency: int = Field(default=16, ge=1, le=512, description="Objects in flight per running shard.")
    multipart_bytes: int = Field(
        default=8 * 1024**2, ge=100 * 1024, le=1024**3, description="Objects above this size go in parts of this size."
    )


class VerifySpec(_Part):
    """How sure is sure."""

    settle_s: float = Field(default=60, ge=0, le=30 * 86400, description="Watch this long after a rule went.")
    max_age_s: float = Field(default=3600, ge=1, le=30 * 86400, description="Renew a proof older than this.")
    delta_interval_s: float = Field(
        default=60, ge=0, le=86400, description="Between passes while writers are at the origin."
    )


Key = Annotated[str, Field(max_length=1023)]
TAGS = ("discovered", "listed")
"""Names of the two forms of `prefixes` inside the validator; nobody writes them, so errors leave them out."""
Prefixes = Annotated[
    Annotated[DiscoverSpec, Tag("discovered")] | Annotated[list[Key], Tag("listed")],
    Discriminator(lambda value: "listed" if isinstance(value, list) else "discovered"),
]


class JobSpec(_Part):
    """One declared migration."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$", description="Lower-case letters, digits, dots, dashes.")
    origin: OriginSpec
    destination: DestinationSpec
    redirect: RedirectSpec
    readers: ReadersSpec = ReadersSpec()
    prefixes: Prefixes = DiscoverSpec()
    writes: Literal["destination", "origin", "frozen"] = Field(
        default="destination", description="Who writes while this runs: OSS already, still the origin, or nobody."
    )
    retire: Literal["auto", "hold"] = Field(default="auto", description="hold: a person releases each prefix.")
    copy_: CopySpec = Field(default=CopySpec(), alias="copy")
    verify: VerifySpec = VerifySpec()
    allow_private: bool = Field(
        default=False, description="Allow loopback, private and internal addresses (laboratories)."
    )

    @model_validator(mode="after")
    def _not_into_itself(self) -> Self:
        same = (
            self.origin.kind is OriginKind.OSS
            and self.origin.bucket == self.destination.bucket
            and self.origin.endpoint == self.destination.endpoint
        )
        if same:
            raise ValueError("origin and destination are the same bucket; a bucket cannot be moved into itself")
        return self

    @property
    def authority(self) -> Authority:
        """Who writes, as a stored fact of each prefix."""
        return Authority(self.writes)

    @property
    def policy(self) -> Policy:
        """The pace of proving and retiring."""
        return Policy(
            settle_s=self.verify.settle_s,
            evidence_max_age_s=self.verify.max_age_s,
            delta_interval_s=self.verify.delta_interval_s,
        )


def _key_part(url: str) -> str:
    """Return everything behind the bucket as it stands: keys are not URL-encoded in job files."""
    return url.split("://", 1)[1].partition("/")[2]
