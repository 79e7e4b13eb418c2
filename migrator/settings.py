"""Where this process finds its database and broker, and how it paces itself. From the environment only."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import platformdirs

from migrator.errors import Invalid


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that differs between the embedded and the production set-up; one code path for the rest."""

    database_url: str
    """MIGRATOR_DATABASE_URL: the tracking database; default: SQLite in the user's data directory."""
    broker_url: str = ""
    """MIGRATOR_BROKER_URL: Redis for Celery workers; empty: verbs run on threads of this process."""
    tick_s: float = 5.0
    """MIGRATOR_TICK_S: seconds between two reconcile passes."""
    threads: int = 4
    """MIGRATOR_THREADS: verbs that run at a time without a broker."""
    lease_s: float = 60.0
    """MIGRATOR_LEASE_S: how long a silent worker keeps its shard; renewed at a third of it."""
    slice_s: float = 60.0
    """MIGRATOR_SLICE_S: a shard is given back after this long, so that no message outlives the broker's patience."""
    resend_s: float = 30.0
    """MIGRATOR_RESEND_S: a message nobody acted on is sent again after this long."""
    drift_s: float = 15.0
    """MIGRATOR_DRIFT_S: how often the live website document is compared with what should stand there."""
    max_attempts: int = 8
    """MIGRATOR_MAX_ATTEMPTS: a shard that fails this often in a row is quarantined."""
    log: str = "console"
    """MIGRATOR_LOG: console or json."""
    log_level: str = "INFO"
    """MIGRATOR_LOG_LEVEL."""

    def __repr__(self) -> str:
        """Show everything but passwords."""
        shown = ", ".join(f"{field.name}={redact(str(getattr(self, field.name)))!r}" for field in fields(self))
        return f"Settings({shown})"


VARIABLES: Mapping[str, str] = {f"MIGRATOR_{field.name.upper()}": field.name for field in fields(Settings)}
"""Every environment variable that is read, and the setting it sets."""


def load(environ: Mapping[str, str] | None = None, **overrides: str | float) -> Settings:
    """Read the settings; `overrides` win over the environment. Raises Invalid naming the variable."""
    environ = os.environ if environ is None else environ
    values: dict[str, object] = {"database_url": f"sqlite:///{default_database()}"}
    for variable, name in VARIABLES.items():
        if text := environ.get(variable, ""):
            values[name] = _converted(variable, name, text)
    values.update(overrides)
    return Settings(**values)  # type: ignore[arg-type]


def default_database() -> Path:
    """Return the SQLite file that is used when nobody says otherwise."""
    return Path(platformdirs.user_data_dir("migrator", appauthor=False)) / "tracking.db"


def redact(url: str) -> str:
    """Return a URL without its password; anything else as it is."""
    parts = urlsplit(url)
    if parts.password is None:
        return url
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{parts.username or ''}:***@{host}"))


def _converted(variable: str, name: str, text: str) -> str | float | int:
    kind = {field.name: field.type for field in fields(Settings)}[name]
    if kind == "str":
        return text
    try:
        number = int(text) if kind == "int" else float(text)
    except ValueError:
        raise Invalid(
            f"{variable} is {text!r}, but must be a number", hint=f"unset {variable} or give a number"
        ) from None
    if number <= 0:
        raise Invalid(f"{variable} is {text}, but must be greater than 0", hint=f"unset {variable} for the default")
    return number
