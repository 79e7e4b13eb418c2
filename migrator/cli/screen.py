"""A job on the terminal: the same snapshot as the web page, drawn with rich."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from migrator.cli.render import one_line
from migrator.domain.progress import CAPACITY, JobSnapshot, PrefixLine
from migrator.domain.states import PrefixState
from migrator.spelling import safe, size

_COLOURS = {
    PrefixState.PLANNED: "dim",
    PrefixState.ARMING: "yellow",
    PrefixState.REDIRECTING: "yellow",
    PrefixState.COPYING: "cyan",
    PrefixState.VERIFYING: "blue",
    PrefixState.READY: "magenta",
    PrefixState.RETIRING: "magenta",
    PrefixState.SETTLING: "green",
    PrefixState.RETIRED: "bold green",
    PrefixState.REGRESSED: "bold red",
}
_ROWS = 12


def screen(snapshot: JobSnapshot, footer: Sequence[str] = ()) -> RenderableType:
    """Draw one snapshot: state, progress, the 20 rule slots, and the prefixes that are under way."""
    lines: list[RenderableType] = [
        Text.assemble((safe(snapshot.name), "bold"), f"  {snapshot.sentence}"),
    ]
    if snapshot.wait.reason:
        lines.append(Text(f"waits: {safe(snapshot.wait.reason)}  {safe(snapshot.wait.command)}", style="yellow"))
    lines += [_progress(snapshot), _states(snapshot), _slots(snapshot), _prefixes(snapshot.prefixes)]
    lines += [Text(safe(each)) for each in footer]
    return Group(*lines)


def _progress(snapshot: JobSnapshot) -> RenderableType:
    grid = Table.grid(padding=(0, 1))
    grid.add_column(width=40)
    grid.add_column()
    total = snapshot.planned_objects or None
    grid.add_row(ProgressBar(total=total, completed=snapshot.counters.settled, width=40), one_line(snapshot))
    return grid


def _states(snapshot: JobSnapshot) -> Text:
    text = Text("prefixes  ")
    for state, count in snapshot.states:
        text.append(f"{state.value} {count}  ", style=_COLOURS[state])
    return text


def _slots(snapshot: JobSnapshot) -> Text:
    text = Text("rules     ")
    for slot in snapshot.slots:
        text.append("■" if slot.own else "▣", style="cyan" if slot.own else "dim")
    text.append("□" * (CAPACITY - len(snapshot.slots)), style="dim")
    own = sum(slot.own for slot in snapshot.slots)
    text.append(f"  {own} own, {len(snapshot.slots) - own} foreign, {CAPACITY - len(snapshot.slots)} free")
    return text


def _prefixes(prefixes: Sequence[PrefixLine]) -> RenderableType:
    table = Table(box=None, pad_edge=False)
    for title in ("state", "prefix", "objects", "copied", "rule", "waits for"):
        table.add_column(title, style=None, no_wrap=title != "waits for", header_style="dim")
    active = [line for line in prefixes if line.state not in (PrefixState.RETIRED, PrefixState.PLANNED)]
    for line in active[:_ROWS]:
        table.add_row(
            Text(line.state.value, style=_COLOURS[line.state]),
            Text(safe(line.title)),
            f"{line.counters.settled:,}/{line.planned_objects:,}",
            size(line.counters.copied_bytes),
            str(line.rule_number or "-"),
            Text(safe(line.wait.reason)),
        )
    if len(active) > _ROWS:
        table.add_row("", f"... and {len(active) - _ROWS} more", "", "", "", "")
    return table
