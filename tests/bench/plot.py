"""A picture of costs against numbers of sources: an SVG of two logarithmic axes, without any library."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from html import escape
from pathlib import Path

WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT = 760, 440, 64, 48, 24, 220
COLOURS = ("#0b6e99", "#c8553d", "#4f772d", "#7b2d8b", "#b08900", "#555555", "#1b998b", "#d1495b")


class _Axis:
    """A logarithmic scale from `start` to `end` of the picture, over whole powers of ten around the values."""

    def __init__(self, values: Iterable[float], start: float, end: float) -> None:
        exponents = [math.log10(value) for value in values]
        self._low, self._high = math.floor(min(exponents)), math.ceil(max(exponents))
        self._high += self._high == self._low
        self._start, self._end = start, end

    def place(self, value: float) -> float:
        share = (math.log10(value) - self._low) / (self._high - self._low)
        return self._start + share * (self._end - self._start)

    def ticks(self) -> list[float]:
        return [10.0**exponent for exponent in range(self._low, self._high + 1)]


def draw_plot(path: Path, curves: Mapping[str, Mapping[int, float]]) -> None:
    """Draw each curve, named → CPU seconds by the number of sources."""
    points = {name: {n: cpu for n, cpu in sorted(curve.items()) if cpu > 0} for name, curve in curves.items()}
    points = {name: curve for name, curve in points.items() if curve}
    if points:
        path.write_text("\n".join(_draw(points)), encoding="utf-8")


def _draw(curves: Mapping[str, Mapping[int, float]]) -> Iterator[str]:
    x = _Axis([n for curve in curves.values() for n in curve], LEFT, WIDTH - RIGHT)
    y = _Axis([cpu for curve in curves.values() for cpu in curve.values()], HEIGHT - BOTTOM, TOP)
    svg = f'xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"'
    yield f'<svg {svg} font-family="sans-serif" font-size="12">'
    yield '<rect width="100%" height="100%" fill="#fff"/>'
    for tick in x.ticks():
        place = f"{x.place(tick):.0f}"
        yield f'<path d="M{place} {TOP}V{HEIGHT - BOTTOM}" stroke="#ddd"/>'
        yield f'<text x="{place}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{tick:,.0f}</text>'
    for tick in y.ticks():
        place = f"{y.place(tick):.0f}"
        yield f'<path d="M{LEFT} {place}H{WIDTH - RIGHT}" stroke="#ddd"/>'
        yield f'<text x="{LEFT - 6}" y="{place}" text-anchor="end" dominant-baseline="middle">{tick:g} s</text>'
    yield f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 10}" text-anchor="middle">sources</text>'
    yield f'<text x="{LEFT}" y="{TOP - 8}">CPU time of a round, less that of one source</text>'
    for number, (name, curve) in enumerate(curves.items()):
        colour = COLOURS[number % len(COLOURS)]
        places = [(x.place(n), y.place(cpu)) for n, cpu in curve.items()]
        line = " ".join(f"{left:.1f},{top:.1f}" for left, top in places)
        yield f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>'
        yield from (f'<circle cx="{left:.1f}" cy="{top:.1f}" r="3" fill="{colour}"/>' for left, top in places)
        top = TOP + 8 + 18 * number
        yield f'<path d="M{WIDTH - RIGHT + 16} {top}h20" stroke="{colour}" stroke-width="2"/>'
        yield f'<text x="{WIDTH - RIGHT + 42}" y="{top}" dominant-baseline="middle">{escape(name)}</text>'
    yield "</svg>\n"
