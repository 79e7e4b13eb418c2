"""How values are spelled for people, on the terminal and on the page. Pure; a leaf: imports nothing of ours."""

from __future__ import annotations

import unicodedata
from datetime import timedelta

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})


def safe(text: str) -> str:
    """Escape control, direction and other invisible characters: a key must not be able to drive a terminal."""
    return "".join(
        character.encode("unicode_escape").decode()
        if unicodedata.category(character) in _INVISIBLE and character != "\t"
        else character
        for character in text
    )


def size(count: float) -> str:
    """Spell a number of bytes."""
    value, unit = float(count), 0
    while value >= 1024 and unit < len(_UNITS) - 1:
        value, unit = value / 1024, unit + 1
    return f"{value:.0f} B" if unit == 0 else f"{value:.1f} {_UNITS[unit]}"


def share(value: float | None) -> str:
    """Spell a share of the whole."""
    return "n/a" if value is None else f"{value:.1%}"


def duration(seconds: float | None) -> str:
    """Spell a time that is left; None is not known, 0 is due."""
    if seconds is None:
        return "n/a"
    return "due" if seconds == 0 else str(timedelta(seconds=round(seconds)))
