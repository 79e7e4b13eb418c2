"""Find access keys where their owners keep them: environment, the usual files, roles. Nothing is stored."""

from __future__ import annotations

import configparser
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

import boto3
import botocore.exceptions

from migrator.errors import CredentialsMissing


@dataclass(frozen=True, slots=True)
class AccessKey:
    """One set of credentials; its repr shows no secret."""

    id: str = field(repr=False)
    secret: str = field(repr=False)
    token: str = field(default="", repr=False)

    @property
    def masked_id(self) -> str:
        """Return enough of the id to recognise it."""
        return f"{self.id[:4]}****{self.id[-4:]}" if len(self.id) >= 12 else "****"


@dataclass(frozen=True, slots=True)
class Described:
    """Where credentials come from and whose they are, fit for printing."""

    source: str
    masked_id: str
    temporary: bool = False


class CredentialsProvider(Protocol):
    """Hands out the credentials that are valid now; asked at the moment of signing."""

    def get(self) -> AccessKey:
        """Return valid credentials, renewed where they expire. Raises CredentialsMissing."""
        ...

    def describe(self) -> Described:
        """Say where they come from. Raises CredentialsMissing."""
        ...


def _named(profile: str) -> str:
    """Treat `default` as no choice: the environment comes first, as it does for the tools people know."""
    return "" if profile == "default" else profile


class S3Credentials:
    """boto3's own chain: environment, shared files (with profile, SSO, assumed roles), container and instance roles."""

    def __init__(self, profile: str = "") -> None:
        self._profile = _named(profile)
        self._found: Any = None

    def get(self) -> AccessKey:
        """Return valid credentials; temporary ones are renewed by botocore shortly before they expire."""
        try:
            frozen = self._credentials().get_frozen_credentials()
        except botocore.exceptions.BotoCoreError as exc:
            raise CredentialsMissing(f"the origin's credentials cannot be used: {exc}") from exc
        return AccessKey(frozen.access_key, frozen.secret_key, frozen.token or "")

    def describe(self) -> Described:
        """Name botocore's source."""
        key = self.get()
        return Described(str(self._credentials().method), key.masked_id, bool(key.token))

    def _credentials(self) -> Any:
        if self._found is None:
            where = (
                f"profile {self._profile!r} of ~/.aws/credentials and ~/.aws/config" if self._profile else _S3_PLACES
            )
            try:
                self._found = boto3.Session(profile_name=self._profile or None).get_credentials()
            except botocore.exceptions.BotoCoreError as exc:
                raise CredentialsMissing(
                    f"the origin's credentials cannot be read: {exc}", hint=f"looked at: {where}"
                ) from exc
            if self._found is None:
                raise CredentialsMissing(
                    f"no credentials for the origin were found; looked at: {where}",
                    hint="set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, run `aws configure`, "
                    "or write `credentials: {anonymous: true}` for a public bucket",
                )
        return self._found


class OssCredentials:
    """OSS_* variables, then ALIBABA_CLOUD_*, then ossutil's file; with a profile only that section of the file.

    Read anew at every call, so that rotated keys are taken up without a restart; the file only when it changed.
    """

    def __init__(self, profile: str = "", *, environ: Mapping[str, str] = os.environ, file: Path | None = None) -> None:
        self._profile = _named(profile)
        self._environ = environ
        self._file = file
        self._parsed: tuple[int, dict[str, AccessKey]] = (-1, {})

    def get(self) -> AccessKey:
        """Return the first complete set."""
        return self._find()[1]

    def describe(self) -> Described:
        """Name the place of the first complete set."""
        source, key = self._find()
        return Described(source, key.masked_id, bool(key.token))

    def _find(self) -> tuple[str, AccessKey]:
        looked: list[str] = []
        if not self._profile:
            for id_name, secret_name, token_name in _OSS_VARIABLES:
                key_id, secret = self._environ.get(id_name, ""), self._environ.get(secret_name, "")
                if key_id and secret:
                    return f"environment ({id_name})", AccessKey(key_id, secret, self._environ.get(token_name, ""))
                looked.append(f"{id_name} and {secret_name}" + (" (only one is set)" if key_id or secret else ""))
        path = self._file or Path(self._environ.get("OSSUTIL_CONFIG_FILE") or "~/.ossutilconfig").expanduser()
        sections = self._sections(path)
        for name in (self._profile, f"profile {self._profile}") if self._profile else ("Credentials", "default"):
            if name in sections:
                return f"{path} [{name}]", sections[name]
        looked.append(f"section [{self._profile or 'Credentials'}] of {path}")
        raise CredentialsMissing(
            f"no credentials for OSS were found; looked at: {', '.join(looked)}",
            hint="set OSS_ACCESS_KEY_ID and OSS_ACCESS_KEY_SECRET (and OSS_SESSION_TOKEN), or run `ossutil config`",
        )

    def _sections(self, path: Path) -> dict[str, AccessKey]:
        try:
            changed = path.stat().st_mtime_ns
            if self._parsed[0] != changed:
                self._parsed = (changed, _parse_ossutil(path.read_text(encoding="utf-8")))
        except (OSError, UnicodeDecodeError, configparser.Error):
            # The file is one place among several; what is wrong with it must not hide that nothing was found.
            return {}
        return self._parsed[1]


_S3_PLACES: Final = (
    "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, ~/.aws/credentials, ~/.aws/config, container and instance roles"
)
_OSS_VARIABLES: Final = (
    ("OSS_ACCESS_KEY_ID", "OSS_ACCESS_KEY_SECRET", "OSS_SESSION_TOKEN"),
    ("ALIBABA_CLOUD_ACCESS_KEY_ID", "ALIBABA_CLOUD_ACCESS_KEY_SECRET", "ALIBABA_CLOUD_SECURITY_TOKEN"),
)
_ID_NAMES: Final = ("accesskeyid",)
_SECRET_NAMES: Final = ("accesskeysecret",)
_TOKEN_NAMES: Final = ("ststoken", "securitytoken", "sessiontoken")


def _parse_ossutil(text: str) -> dict[str, AccessKey]:
    """Read every complete section; ossutil 1 and 2 spell the names differently (accessKeyID, access-key-id)."""
    parser = configparser.ConfigParser(interpolation=None, strict=False, default_section="")
    parser.read_string(text.removeprefix("\ufeff"))
    found = {}
    for name in parser.sections():
        values = {
            option.replace("-", "").replace("_", "").lower(): value.strip() for option, value in parser.items(name)
        }
        parts = [next((values[n] for n in names if n in values), "") for names in (_ID_NAMES, _SECRET_NAMES)]
        if all(parts):
            token = next((values[n] for n in _TOKEN_NAMES if n in values), "")
            found[name] = AccessKey(parts[0], parts[1], token)
    return found
