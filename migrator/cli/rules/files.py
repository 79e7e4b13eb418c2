"""Website documents in files, and the words that name documents."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from migrator.domain import rules
from migrator.domain.rules.asjson import from_json
from migrator.errors import Invalid, MigratorError

if TYPE_CHECKING:
    from migrator.app.context import Runtime
    from migrator.app.place import Place

LIVE, PLANNED = "live", "planned"
MAX_FILE_BYTES = 1 << 20


def is_file(name: str) -> bool:
    """Say whether the word names a file rather than something of a bucket."""
    return name not in {LIVE, PLANNED} and not name.isdecimal()


def file_document(name: str) -> bytes | None:
    """Return the website document that a file holds, in XML or JSON. Raises Invalid."""
    path = Path(name)
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise Invalid(f"{name} is larger than {MAX_FILE_BYTES} bytes; no website document is")
        raw = path.read_bytes()
    except OSError as error:
        raise Invalid(
            f"cannot read {name}: {error.strerror}", hint="name a file, live, planned or the number of a revision"
        ) from error
    if raw.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        try:
            raw = from_json(raw.decode("utf-8-sig")) or b""
        except (UnicodeDecodeError, Invalid) as error:
            raise Invalid(f"{name}: {error}") from error
    if not raw.strip():
        return None
    try:
        rules.parse(raw)
    except MigratorError as error:
        raise Invalid(f"{name}: {error}", hint="give a document such as migrator rules export writes") from error
    return raw


def document_of(rt: Runtime, place: Place, name: str) -> bytes | None:
    """Return the document that a word names, in a bucket or in a file."""
    from migrator.app import rulebook  # noqa: PLC0415 - files alone need neither database nor network

    return file_document(name) if is_file(name) else rulebook.document_of(rt, place, name)
