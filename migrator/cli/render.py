"""The only place that prints. stdout is data, stderr is talk; what came from keys or servers is made harmless."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from migrator.domain.progress import JobSnapshot, PrefixLine
from migrator.domain.states import PrefixState
from migrator.spelling import duration, safe, share, size


def out(line: str) -> None:
    """Print one line of data."""
    sys.stdout.write(safe(line) + "\n")
    sys.stdout.flush()


def raw(text: str) -> None:
    """Print a document as it is (XML, JSON, YAML that we made)."""
    sys.stdout.write(text if text.endswith("\n") else text + "\n")
    sys.stdout.flush()


def say(line: str) -> None:
    """Tell people something."""
    sys.stderr.write("\n".join(safe(each) for each in line.split("\n")) + "\n")
    sys.stderr.flush()


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print aligned columns; numbers to the right."""
    cells = [[safe(str(cell)) for cell in row] for row in rows]
    widths = [max(len(line[at]) for line in [list(header), *cells]) for at in range(len(header))]
    right = [all(isinstance(row[at], int | float) for row in rows) for at in range(len(header))]
    for line in [list(header), *cells]:
        parts = (cell.rjust(w) if r else cell.ljust(w) for cell, w, r in zip(line, widths, right, strict=True))
        sys.stdout.write("  ".join(parts).rstrip() + "\n")
    sys.stdout.flush()


def prefix_row(line: PrefixLine) -> tuple[object, ...]:
    """Spell one prefix as cells: state, name, progress, bytes, rule, what it waits for."""
    planned = f"{line.planned_objects:,}" if line.planned_to_end else f"{line.planned_objects:,}+"
    waiting = line.wait.reason + (f" - {line.wait.command}" if line.wait.command else "")
    return (
        line.state.value,
        line.title,
        f"{line.counters.settled:,} / {planned}",
        share(line.share),
        size(line.counters.copied_bytes),
        line.rule_number or "-",
        waiting,
    )


def status(snapshot: JobSnapshot) -> None:
    """Print a job for people."""
    out(f"{snapshot.name}: {snapshot.sentence}")
    if snapshot.wait.reason:
        out(f"  waits: {snapshot.wait.reason}" + (f" - {snapshot.wait.command}" if snapshot.wait.command else ""))
    out(f"  {one_line(snapshot)}")
    own = sum(slot.own for slot in snapshot.slots)
    out(f"  rules: {own} own, {len(snapshot.slots) - own} foreign, at most 20; revisions: {snapshot.revisions}")
    shown = [line for line in snapshot.prefixes if line.state is not PrefixState.RETIRED]
    if shown:
        table(
            ("STATE", "PREFIX", "OBJECTS", "DONE", "COPIED", "RULE", "WAITS FOR"), [prefix_row(each) for each in shown]
        )


def one_line(snapshot: JobSnapshot) -> str:
    """Spell progress in one line, for logs and pipes."""
    counters = snapshot.counters
    planned = f"{snapshot.planned_objects:,}" + ("" if snapshot.planned else "+")
    parts = [
        f"objects {counters.settled:,}/{planned}",
        f"{size(counters.copied_bytes)} copied",
        f"failed {counters.failed}",
    ]
    if counters.quarantined:
        parts.append(f"quarantined {counters.quarantined}")
    if snapshot.objects_per_s is not None:
        parts.append(f"{snapshot.objects_per_s:.0f} obj/s {size(snapshot.bytes_per_s or 0)}/s")
    parts.append(f"eta {duration(snapshot.eta_s)}")
    return " | ".join(parts)
