"""Move a live bucket to Alibaba Cloud OSS behind 302 rules that retire on evidence."""

from __future__ import annotations

__version__ = "0.1.0"
