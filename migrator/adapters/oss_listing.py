"""One page of an OSS bucket's listing."""

from __future__ import annotations

from collections.abc import Mapping

from migrator.adapters.listing import read_page
from migrator.adapters.oss_client import OssClient
from migrator.domain.objects import Page


def list_page(client: OssClient, prefix: str, after: str, delimiter: str, limit: int) -> Page:
    """List keys under `prefix` that are greater than `after` (ListObjectsV2, start-after). Raises ListingBroken."""

    def ask(query: Mapping[str, str]) -> bytes:
        return client.call("GET", query=query).body

    return read_page(
        ask, side=f"oss://{client.address.bucket}", prefix=prefix, after=after, delimiter=delimiter, limit=limit
    )
