"""How one sandbox OSS is set up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from migrator.sandbox.switches import Switches


@dataclass(frozen=True, slots=True)
class OssConfig:
    """Everything that is decided before the server starts."""

    region: str = "cn-hangzhou"
    access_key_id: str = "sandbox"
    access_key_secret: str = "sandbox-secret"  # noqa: S105 - a local toy key
    state_dir: Path | None = None
    """Where objects live; None keeps them in memory."""
    switches: Switches = field(default_factory=Switches)
    sts_token: str = ""
    """When set, the access key is a temporary one: signed requests must carry exactly this token."""
    cnames: Mapping[str, str] = field(default_factory=dict)
    """Host name (lower case, no port) -> bucket: the custom domains that are bound to buckets."""
    extranet: str = "127.0.0.1"
    """host:port that bucket descriptions give as endpoint."""
