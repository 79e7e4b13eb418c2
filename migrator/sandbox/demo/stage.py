"""Set the stage: a legacy origin full of real files, and an OSS bucket that somebody already configured."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import oss2

from migrator import jobfile
from migrator.sandbox.processes import Feed, SandboxConfig, SandboxProcesses, Side
from migrator.sandbox.trees import real_files
from migrator.spec import JobSpec

ORIGIN_BUCKET, OSS_BUCKET, JOB = "legacy-files", "new-home", "demo"

FOREIGN = b"""<?xml version="1.0" encoding="UTF-8"?>
<WebsiteConfiguration>
  <IndexDocument><Suffix>index.html</Suffix><SupportSubDir>false</SupportSubDir><Type>0</Type></IndexDocument>
  <RoutingRules>
    <RoutingRule>
      <RuleNumber>1</RuleNumber>
      <Condition>
        <KeyPrefixEquals>old-campaign/</KeyPrefixEquals>
        <HttpErrorCodeReturnedEquals>404</HttpErrorCodeReturnedEquals>
      </Condition>
      <Redirect>
        <RedirectType>External</RedirectType><Protocol>https</Protocol><HostName>www.example.com</HostName>
        <HttpRedirectCode>302</HttpRedirectCode><ReplaceKeyWith>gone.html</ReplaceKeyWith>
      </Redirect>
    </RoutingRule>
    <RoutingRule>
      <RuleNumber>2</RuleNumber>
      <Condition>
        <KeyPrefixEquals>mirrored/</KeyPrefixEquals>
        <HttpErrorCodeReturnedEquals>404</HttpErrorCodeReturnedEquals>
      </Condition>
      <Redirect>
        <RedirectType>Mirror</RedirectType><MirrorURL>https://mirror.example.com/</MirrorURL>
        <MirrorFollowRedirect>true</MirrorFollowRedirect>
      </Redirect>
    </RoutingRule>
  </RoutingRules>
</WebsiteConfiguration>
"""
"""Two rules and an index document that are not ours; they must be there in the end as they were."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything the demo plays with."""

    oss: Side
    origin: Side
    files: dict[str, Path]
    """What the origin serves, by key."""
    spec: JobSpec
    bucket: oss2.Bucket
    """The destination as its owner sees it."""
    foreign: bytes
    """The website document before the job."""

    def website(self) -> bytes:
        """Return the live website document; empty when there is none."""
        try:
            answer = self.bucket._do("GET", self.bucket.bucket_name, "", params={"website": ""})  # noqa: SLF001
        except oss2.exceptions.NoSuchWebsite:
            return b""
        return bytes(answer.read())


@contextmanager
def stage(root: Path | None, objects: int | None, seed: int) -> Iterator[Stage]:
    """Start both servers, fill the origin, configure the bucket, and hand this process the credentials."""
    config = SandboxConfig(oss_buckets=(OSS_BUCKET,), feeds=(Feed(ORIGIN_BUCKET, root, objects, seed),))
    with SandboxProcesses(config) as servers:
        os.environ.update(
            OSS_ACCESS_KEY_ID=servers.oss.access_key_id,
            OSS_ACCESS_KEY_SECRET=servers.oss.access_key_secret,
            AWS_ACCESS_KEY_ID=servers.origin.access_key_id,
            AWS_SECRET_ACCESS_KEY=servers.origin.access_key_secret,
        )
        bucket = oss2.Bucket(
            oss2.AuthV4(servers.oss.access_key_id, servers.oss.access_key_secret),
            servers.oss.endpoint,
            OSS_BUCKET,
            region=servers.oss.region,
        )
        bucket.put_bucket_website(FOREIGN)
        found = Stage(
            servers.oss,
            servers.origin,
            dict(real_files(root, objects, seed)),
            jobfile.parse(job_file(servers.origin, servers.oss).encode(), "the demo's job"),
            bucket,
            b"",
        )
        yield Stage(found.oss, found.origin, found.files, found.spec, bucket, found.website())


def job_file(origin: Side, oss: Side) -> str:
    """Return the demo's job file."""
    return f"""\
name: {JOB}
origin: {{url: "s3://{ORIGIN_BUCKET}/", endpoint: "{origin.endpoint}", region: {origin.region}}}
destination: {{url: "oss://{OSS_BUCKET}/", endpoint: "{oss.endpoint}", region: {oss.region}}}
redirect: {{url: "{origin.endpoint}/{ORIGIN_BUCKET}/", code: 302}}
prefixes: {{delimiter: "/", depth: 1}}
writes: destination
copy: {{shard_objects: 100, concurrency: 4}}
verify: {{settle_s: 1}}
allow_private: true
"""
