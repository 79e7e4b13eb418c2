"""One thing that was looked at before anything moves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from migrator.domain.fates import Level
from migrator.errors import Exit, PreflightFailed

__all__ = ["Finding", "Level", "refuse"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found, and its remedy. Codes are stable words for scripts: what was looked at, a dot, what it is."""

    level: Level
    code: str
    message: str
    remedy: str = ""
    exit_code: Exit = Exit.PREFLIGHT
    """With which the process ends if this is the first error."""
    requests: int | None = None
    """How many requests of the sample log it concerns."""


def refuse(findings: Sequence[Finding]) -> None:
    """Raise PreflightFailed when something stands in the way."""
    errors = [each for each in findings if each.level is Level.ERROR]
    if errors:
        failed = PreflightFailed(
            "\n".join(f"{each.code}: {each.message}" for each in errors),
            hint="; ".join(dict.fromkeys(each.remedy for each in errors if each.remedy)),
        )
        failed.exit_code = errors[0].exit_code  # type: ignore[misc]  # the first cause decides the process exit code
        raise failed
