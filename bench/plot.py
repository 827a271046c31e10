"""Pictures of the results, as SVG: bars of rates with the spread of their turns, and lines of latencies."""

import math
import statistics
from collections.abc import Iterator, Sequence
from typing import Any

__all__ = ["latencies", "rates"]

COLOURS = {
    "duologue": "#3f51b5",
    "node": "#5c9e4f",
    "fastapi": "#00838f",
    "relay": "#9e9e9e",
    "relay-joined": "#bdbdbd",
}
WIDTH = 760
LEFT = 130  # names
RIGHT = 150  # figures
BAR = 20
FIRST = 100.0  # messages a second: where the logarithmic axis begins
PERCENTILES = (("p50", "", 2.4), ("p99", "6 3", 1.8), ("p999", "2 3", 1.4))


def rates(found: dict[str, Any]) -> str:
    """Messages a second of each server, in each shape, on a logarithmic axis."""
    turns = found["turns"]
    most = max(turn["rate"] for turn in turns)
    ends = math.log10(most / FIRST)

    def across(rate: float) -> float:
        share = math.log10(max(rate, FIRST) / FIRST) / ends
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    parts: list[str] = []
    y = 44.0
    for shape in dict.fromkeys(turn["shape"] for turn in turns):
        rooms, window = shape.split("x")
        parts.append(text(12, y, f"{rooms} rooms × {window} in flight", weight="600"))
        y += 10
        for server in dict.fromkeys(turn["server"] for turn in turns):
            own = [turn["rate"] for turn in turns if turn["server"] == server and turn["shape"] == shape]
            if not own:
                continue
            middle = statistics.median(own)
            parts.append(text(LEFT - 8, y + 14, server, anchor="end"))
            parts.append(
                f'<rect x="{LEFT}" y="{y}" width="{across(middle) - LEFT:.1f}" height="{BAR - 5}" rx="2" '
                f'fill="{COLOURS.get(server, "#777")}"/>'
            )
            parts.append(line(across(min(own)), y + 7.5, across(max(own)), y + 7.5, "#111", 1.5))
            parts.append(text(across(max(own)) + 8, y + 13, f"{middle:,.0f}"))
            y += BAR
        y += 26
    for power in range(int(ends) + 1):
        x = across(FIRST * 10**power)
        parts.insert(0, line(x, 30, x, y - 20, "#e0e0e0", 1))
        parts.append(text(x, y - 4, f"{FIRST * 10**power:,.0f}", anchor="middle", fill="#666"))
    title = "Durable messages a second, closed loop: the median, and a line from the slowest turn to the fastest"
    return svg(y + 14, title, parts)


def latencies(found: dict[str, Any]) -> str:
    """Percentiles over the offered rate, both axes logarithmic."""
    turns = found["turns"]
    offered = sorted({turn["offered"] for turn in turns})
    values = [turn[key] for turn in turns for key, _, _ in PERCENTILES]
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    top, bottom = 50.0, 330.0

    def at(rate: float, milliseconds: float) -> tuple[float, float]:
        span = math.log(offered[-1] / offered[0]) or 1.0
        x = LEFT - 60 + math.log(rate / offered[0]) / span * (WIDTH - LEFT - RIGHT + 60)
        return x, bottom - (math.log10(milliseconds) - low) / (high - low) * (bottom - top)

    parts: list[str] = []
    for power in range(low, high + 1):
        y = at(offered[0], 10**power)[1]
        parts.append(line(LEFT - 60, y, WIDTH - RIGHT, y, "#e0e0e0", 1))
        parts.append(text(LEFT - 68, y + 4, f"{10**power:g} ms", anchor="end", fill="#666"))
    parts += [text(at(rate, 10**low)[0], bottom + 20, f"{rate:,}/s", anchor="middle", fill="#666") for rate in offered]
    named: list[tuple[float, float]] = []
    for server, key, dashes, width in drawn(turns):
        own = [
            (rate, [turn[key] for turn in turns if turn["server"] == server and turn["offered"] == rate])
            for rate in offered
        ]
        points = [at(rate, statistics.median(found)) for rate, found in own if found]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        parts.append(
            f'<polyline points="{path}" fill="none" stroke="{COLOURS.get(server, "#777")}" stroke-width="{width}" '
            f'stroke-dasharray="{dashes}"/>'
        )
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{COLOURS.get(server, "#777")}"/>' for x, y in points]
        name = f"{server} {key.replace('p999', 'p99.9')}"
        x, y = points[-1]
        while any(abs(x - other) < 80 and abs(y - taken) < 13 for other, taken in named):
            y -= 1
        named.append((x, y))
        parts.append(text(x + 9, y + 4, name, fill=COLOURS.get(server, "#777")))
    return svg(bottom + 40, "Latency at an offered rate, open loop, medians of the turns", parts)


def drawn(turns: Sequence[dict[str, Any]]) -> Iterator[tuple[str, str, str, float]]:
    """Each line: server, percentile, dashes, width."""
    for server in dict.fromkeys(turn["server"] for turn in turns):
        for key, dashes, width in PERCENTILES:
            yield server, key, dashes, width


def text(x: float, y: float, words: str, *, anchor: str = "start", weight: str = "400", fill: str = "#222") -> str:
    """A line of writing."""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-weight="{weight}" fill="{fill}">{words}</text>'


def line(x1: float, y1: float, x2: float, y2: float, colour: str, width: float) -> str:
    """From one point to another."""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" stroke-width="{width}"/>'


def svg(height: float, title: str, parts: Sequence[str]) -> str:
    """The whole picture, on white, so that it can be read in the dark as well."""
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" role="img" '
        f'font-family="system-ui, sans-serif" font-size="12">\n<title>{title}</title>\n'
        f'<rect width="100%" height="100%" fill="#fff"/>\n{text(12, 20, title, weight="600")}\n{body}\n</svg>\n'
    )
