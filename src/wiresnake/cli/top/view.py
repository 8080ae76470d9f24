"""The picture of `top`, drawn by rich: one frame that fits its screen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from rich.console import Console, Group, OverflowMethod, RenderableType
from rich.table import Table
from rich.text import Text

from wiresnake.cli.top.history import LIVE_WITHIN, Flow, History, Reading
from wiresnake.cli.top.words import BLOCKS, BLOCKS_OF_ASCII, ago, amount, duration, sparkline
from wiresnake.config.reply import ReportedPeer
from wiresnake.values.keys import PublicKey

_SPARK: Final = 10
_RATE: Final = 10
_MIN_NAME: Final = 8


@dataclass(frozen=True, slots=True)
class Shown:
    """One interface as it is to be drawn; ``trouble`` is why there is no reading of it."""

    interface: str
    history: History
    reading: Reading | None
    names: dict[PublicKey, str]
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Marks:
    """The characters of a picture, for terminals that know them and for those that do not."""

    live: str
    calling: str
    quiet: str
    received: str
    sent: str
    blocks: str
    gap: str
    cut: OverflowMethod

    def name(self, key: PublicKey, names: Mapping[PublicKey, str]) -> str:
        """Return what a peer is called, by a person or by the ends of its key."""
        text = str(key)
        name = names.get(key) or f"{text[:6]}{self.gap}{text[39:43]}"
        return name if self.cut == "ellipsis" else name.encode("ascii", "replace").decode()


_UNICODE: Final = Marks("●", "◐", "○", "↓", "↑", BLOCKS, "…", "ellipsis")
_ASCII: Final = Marks("*", "?", "-", "in", "out", BLOCKS_OF_ASCII, "..", "crop")


def frame(console: Console, shown: Sequence[Shown], footer: str) -> RenderableType:
    """Return one frame of at most the height of ``console``; what has no room is counted."""
    marks = _UNICODE if console.encoding.lower().startswith("utf") else _ASCII
    width, height = console.size
    lines: list[RenderableType] = []
    rooms = _share(height - 1 if footer else height, [len(_peers(each)) for each in shown])
    for each, room in zip(shown, rooms, strict=False):
        if lines:
            lines.append(Text())
        lines += _interface(each, room, width, marks)
    if not shown:
        lines.append(Text("no interfaces", style="dim"))
    if len(rooms) < len(shown):
        lines.append(Text(f"and {len(shown) - len(rooms)} interfaces more", style="dim"))
    if footer:
        lines.append(Text(footer, style="dim", no_wrap=True, overflow=marks.cut))
    return Group(*lines)


def _peers(shown: Shown) -> list[ReportedPeer]:
    return shown.history.busiest_first() if shown.reading is not None else []


def _share(height: int, wanted: Sequence[int]) -> list[int]:
    """Return for each interface that fits how many lines its peers get.

    An interface takes two lines of head, one of column names, and an empty one before it. Each has
    room for a peer or for their number before any has more.
    """
    rooms: list[int] = []
    left = height
    for count in wanted:
        needs = 3 + (1 if count else 0) + (1 if rooms else 0)
        if left < needs + (1 if len(rooms) + 1 < len(wanted) else 0):
            break
        left -= needs
        rooms.append(1 if count else 0)
    if len(rooms) < len(wanted):
        left -= 1  # for how many there are more
    while left > 0 and (short := [i for i, room in enumerate(rooms) if room < wanted[i]]):
        for index in short[:left]:
            rooms[index] += 1
        left -= len(short[:left])
    return rooms


def _interface(shown: Shown, room: int, width: int, marks: Marks) -> list[RenderableType]:
    reading = shown.reading
    if reading is None:
        trouble = Text.assemble((shown.interface, "bold green"), "  ", (shown.trouble, "red"))
        return [trouble, Text(), Text()]
    head = [
        _first_line(shown.interface, reading),
        _second_line(shown.history.total, reading, marks),
    ]
    for line in head:
        line.truncate(width, overflow=marks.cut)
    peers = _peers(shown)
    if not peers:
        return [*head, Text("no peers", style="dim")]
    table = _table(width, marks)
    fits = room if room >= len(peers) else room - 1
    for peer in peers[:fits]:
        table.add_row(*_row(peer, shown, reading, marks))
    rest = len(peers) - fits
    return [*head, table, *([Text(f"and {rest} peers more", style="dim")] if rest else [])]


def _first_line(interface: str, reading: Reading) -> Text:
    said = reading.statistics
    line = Text.assemble((interface, "bold green"))
    if said:
        line.append(f"  wiresnake {said.get('version')}, {said.get('plane')} plane")
        line.append(f"  since {duration(int(said.get('uptime', 0)))}")
        line.append("" if said.get("up") else "  down", style="red")
    line.append(f"  UDP {reading.report.listen_port or 'closed'}")
    if tun := said.get("tun"):
        line.append(f"  MTU {tun.get('mtu')}")
        offloads = [name.upper() for name in ("tso", "uso") if tun.get(name)]
        line.append(f"  {'+'.join(offloads) or 'no offloads'}", style="dim")
    return line


def _second_line(total: Flow, reading: Reading, marks: Marks) -> Text:
    line = Text("  ")
    line.append(f"{marks.received} {amount(total.received) + '/s':<{_RATE}} ", style="cyan")
    line.append(f"{marks.sent} {amount(total.sent) + '/s':<{_RATE}} ", style="magenta")
    line.append(sparkline(total.lately, 2 * _SPARK, marks.blocks), style="blue")
    counters: dict[str, Any] = reading.statistics.get("counters", {})
    if counters:
        drops = sum(count for name, count in counters.items() if name.startswith("dropped_"))
        line.append(f"  {drops} dropped", style="yellow" if drops else "dim")
        completed = counters.get("handshakes_completed", 0)
        line.append(f"  {completed} handshake{'' if completed == 1 else 's'}", style="dim")
    return line


def _table(width: int, marks: Marks) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), width=width, header_style="dim")
    table.add_column("", width=1)
    table.add_column("peer", ratio=3, min_width=_MIN_NAME, no_wrap=True, overflow=marks.cut)
    table.add_column("endpoint", ratio=4, min_width=12, no_wrap=True, overflow=marks.cut)
    table.add_column("handshake", width=9, no_wrap=True)
    for mark in (marks.received, marks.sent):
        table.add_column(mark, width=_RATE, justify="right", no_wrap=True)
    table.add_column("lately", width=_SPARK, no_wrap=True)
    return table


def _row(peer: ReportedPeer, shown: Shown, reading: Reading, marks: Marks) -> list[Text]:
    flow = shown.history.flow(peer.public_key)
    state, style = _state(peer, reading, marks)
    return [
        Text(state, style=style),
        Text(marks.name(peer.public_key, shown.names)),
        Text(peer.endpoint or "unknown", style="" if peer.endpoint else "dim"),
        Text(ago(peer.last_handshake_ns, reading.wall), style=style),
        Text(f"{amount(flow.received)}/s", style="cyan" if flow.received else "dim"),
        Text(f"{amount(flow.sent)}/s", style="magenta" if flow.sent else "dim"),
        Text(sparkline(flow.lately, _SPARK, marks.blocks), style="blue"),
    ]


def _state(peer: ReportedPeer, reading: Reading, marks: Marks) -> tuple[str, str]:
    """Return the mark and the colour of a peer.

    It calls when something waits for a session that there is not, or is unanswered for too long;
    only the control socket tells.
    """
    said = reading.statistics.get("peers", {}).get(str(peer.public_key), {})
    live = 0 < peer.last_handshake_ns >= (reading.wall - LIVE_WITHIN) * 1e9
    silence = said.get("unanswered_for")
    if silence is not None and silence > 15:
        return marks.calling, "yellow"
    if live:
        return marks.live, "green"
    staged = said.get("staged_ago")
    if staged is not None and staged < LIVE_WITHIN / 2:
        return marks.calling, "yellow"
    return marks.quiet, "dim"
