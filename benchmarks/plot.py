"""Draws the report's plot: a bar for each row shows how many times better it is than its aim."""
import math
import statistics
import textwrap
from typing import Iterator, List
from xml.sax.saxutils import escape

from benchmarks.measure import Row

__all__ = ["drawing"]

LABELS, BARS = 380, 620  # px, the widths of both columns
STEP, BAR = 34, 26  # px, the heights of a row and of its bar
TOP, BOTTOM = 10, 60  # px
LABEL_WIDTH = 66  # characters in a line of a label
GREEN, RED, INK, PALE = "#3a7", "#c54", "#333", "#ddd"
HEAD = ('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {0} {1}" width="{0}" height="{1}"'
        ' font-family="DejaVu Sans, Verdana, sans-serif" font-size="10.5" fill="{2}">\n'
        '<rect width="100%" height="100%" fill="#fff"/>')
LINE = '<path d="M{:.1f} {:.1f}L{:.1f} {:.1f}" stroke="{}"/>'
RECTANGLE = '<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{}" fill="{}"/>'
TEXT = '<text x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>'


def drawing(rows: List[Row]) -> str:
    """Return the plot as SVG: right of 1 the aim is reached; the thin line spans all rounds."""
    margins = [sorted(_margin(row, ratio) for ratio in row.ratios) for row in rows]
    scale = _Scale(min(each[0] for each in margins), max(each[-1] for each in margins))
    height = TOP + STEP * len(rows)
    parts = [HEAD.format(LABELS + BARS + 20, height + BOTTOM, INK)]
    parts += _axis(scale, height)
    for place, (row, each) in enumerate(zip(rows, margins)):
        parts += _bar(row, each, scale, TOP + STEP * (place + 0.5))
    return "\n".join(parts + [LINE.format(scale(1), TOP, scale(1), height, INK), "</svg>\n"])


class _Scale:
    """Maps a margin to its x position in px, on a logarithmic scale."""

    def __init__(self, lowest: float, highest: float):
        self.powers = range(math.floor(math.log10(lowest)), math.ceil(math.log10(highest)) + 1)
        self._low, self._high = math.log10(lowest) - 0.1, math.log10(highest) + 0.1

    def __call__(self, margin: float) -> float:
        return LABELS + BARS * (math.log10(margin) - self._low) / (self._high - self._low)


def _axis(scale: _Scale, height: float) -> Iterator[str]:
    for digit, value in ((digit, digit * 10.0 ** power)
                         for power in scale.powers for digit in range(1, 10)):
        x = scale(value)
        if LABELS <= x <= LABELS + BARS:
            yield LINE.format(x, TOP if digit == 1 else height - 4, x, height, PALE)
            if digit in (1, 3):
                yield TEXT.format(x, height + 16, "middle", f"{value:g}")
    yield TEXT.format(LABELS + BARS / 2, height + 40, "middle",
                      "times better than the aim (right of 1: reached; thin line: all rounds)")


def _bar(row: Row, margins: List[float], scale: _Scale, y: float) -> Iterator[str]:
    ends = sorted((scale(1), scale(statistics.median(margins))))
    yield RECTANGLE.format(ends[0], y - BAR / 2, ends[1] - ends[0], BAR,
                           GREEN if row.reached else RED)
    yield LINE.format(scale(margins[0]), y, scale(margins[-1]), y, INK)
    label = row.what + (" / " + row.against if row.against else "")
    lines = textwrap.wrap(label.replace("`", ""), LABEL_WIDTH)
    for number, line in enumerate(lines):
        yield TEXT.format(LABELS - 8, y + 4 + 12 * (number - (len(lines) - 1) / 2), "end",
                          escape(line))


def _margin(row: Row, ratio: float) -> float:
    """Return how many times better than the aim a ratio is."""
    sign, bound = row.aim
    return max(ratio, 1e-3) / bound if sign == ">=" else bound / max(ratio, 1e-3)
