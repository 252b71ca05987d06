"""The top of the screen: totals, the node, jobs in trouble, losses, and the own cost."""

from ebpftrace.ledger import Snapshot
from ebpftrace.units import format_bytes, format_duration
from ebpftrace.views import formatting
from ebpftrace.views.cells import cells
from ebpftrace.views.dashboard.model.screen_data import ScreenData
from ebpftrace.views.dashboard.model.state import DashboardState
from ebpftrace.views.dashboard.render.alert import alert
from ebpftrace.views.dashboard.render.spans import Line, ends, fit, text
from ebpftrace.views.dashboard.render.theme import Theme


def header(
    screen: ScreenData, state: DashboardState, width: int, height: int, theme: Theme
) -> list[Line]:
    """One to four lines, fewer on a low screen; the most urgent ones are kept."""
    snapshot = screen.snapshot
    if snapshot is None:
        watching = screen.started and screen.started.watching
        message = formatting.waiting(watching) if watching else "starting…"
        return [fit([text(message, theme.strong)], width)]
    lines = [_totals(screen, snapshot, state, width, theme)]
    trouble = alert(screen, width, theme)
    missed = formatting.missed(snapshot.losses)
    if trouble and height >= 4:
        lines.append(trouble)
    if missed and height >= 6:
        lines.append(fit([text(f"! {missed}", theme.warning)], width))
    if height >= 16:
        lines.insert(1, _cost(snapshot, missed, width, theme))
    return lines


def _totals(
    screen: ScreenData, snapshot: Snapshot, state: DashboardState, width: int, theme: Theme
) -> Line:
    clock = formatting.clock(snapshot.time_ns)
    right = [text(clock, theme.faint)]
    if state.paused:
        unseen = f", {formatting.count(screen.unseen, 'event')} since" if screen.unseen else ""
        paused = f" paused at {clock}{unseen} "
        right = [text(paused if len(paused) + 9 <= width else " paused ", theme.chosen)]
    if not snapshot.running_count:
        waiting = formatting.waiting(snapshot.watching, snapshot.waiting_for)
        return ends([text(waiting, theme.strong)], right, width)
    held = format_bytes(snapshot.usage.resident_bytes)
    jobs = formatting.count(snapshot.running_count, "job")
    processes = formatting.count(snapshot.process_count, "process", "processes")
    room = width - sum(cells(part.text) for part in right) - 2
    totals = [f"{held} in {jobs}, {processes}", f"{held} in {jobs}", held]
    total = next((total for total in totals if len(total) <= room), held)
    left = [text(total, theme.strong)]
    for part in (snapshot.watching, format_duration(snapshot.elapsed_ns)):
        if sum(cells(segment.text) for segment in left) + 3 + cells(part) > room:
            break
        left.append(text(f" · {part}", theme.faint))
    return ends(left, right, width)


def _cost(snapshot: Snapshot, missed: str, width: int, theme: Theme) -> Line:
    """The node's memory, and the cost and the lag of the watch itself."""
    cost = snapshot.cost
    parts = []
    if snapshot.node is not None:
        free, total = snapshot.node.available_bytes, snapshot.node.total_bytes
        killed = formatting.count(snapshot.node_oom_kills, "oom kill")
        kills = f", {killed}" if snapshot.node_oom_kills else ""
        nodes = snapshot.node.nodes
        name = "node" if nodes is None else formatting.count(nodes, "node")
        parts.append(f"{name} {format_bytes(free)} free of {format_bytes(total)}{kills}")
    own = f"itself {cost.cpu_share:.1%} CPU, {format_bytes(cost.rss_bytes)}"
    if cost.bpf_run_ns is not None and snapshot.elapsed_ns:
        own += f", BPF {cost.bpf_run_ns / snapshot.elapsed_ns:.1%}"
    parts.append(own)
    if not missed:
        parts.append("nothing missed")
    parts.append(f"lag {format_duration(cost.lag_ns)}")
    while len(parts) > 1 and len(" · ".join(parts)) > width:
        parts.pop()
    return fit([text(" · ".join(parts), theme.faint)], width)
