"""Presigned URLs, made by OSS's own SDK: the kind of link that applications hand to their users."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import oss2

from migrator.adapters.credentials import CredentialsProvider
from migrator.adapters.oss_client import BucketAddress
from migrator.adapters.oss_control import SdkCredentials, silence

VALID_S: Final = 300


class Presigner:
    """Signs URLs of one bucket. A URL is as good as a key while it is valid: it is used at once and never shown."""

    def __init__(self, address: BucketAddress, credentials: CredentialsProvider) -> None:
        silence()
        provider = SdkCredentials(credentials)
        auth = oss2.ProviderAuthV4(provider) if address.region else oss2.ProviderAuth(provider)
        self._bucket = oss2.Bucket(auth, address.endpoint, address.bucket, region=address.region or None)

    def url(self, method: str, key: str, query: Mapping[str, str]) -> str:
        """Return the URL of one request, valid for a few minutes. Nothing is sent."""
        return str(self._bucket.sign_url(method, key, VALID_S, params=dict(query), slash_safe=True))
