"""Draws the memory, file handles and greenlets of a soak over time."""
from pathlib import Path
from typing import Any, Dict, Iterator, List

__all__ = ["write"]

REPORT = Path(__file__).resolve().parent / "report"
DRAWING = REPORT / "soak.svg"
WIDTH, HEIGHT, LEFT, GAP = 900, 120, 70, 34  # px
LINES = (("memory", "MiB", "#37a"), ("handles", "file handles", "#3a7"),
         ("greenlets", "greenlets", "#c54"))
HEAD = ('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {0} {1}" width="{0}" height="{1}"'
        ' font-family="DejaVu Sans, Verdana, sans-serif" font-size="11" fill="#333">\n'
        '<rect width="100%" height="100%" fill="#fff"/>')


def write(samples: List[Dict[str, Any]]) -> None:
    """Write report/soak.svg.

    Args:
        samples: dicts with the fields of soak.Sample.
    """
    parts = [HEAD.format(LEFT + WIDTH + 20, len(LINES) * (HEIGHT + GAP) + 20)]
    for place, line in enumerate(LINES):
        parts += _line(samples, line, GAP + place * (HEIGHT + GAP))
    DRAWING.write_text("\n".join(parts + ["</svg>\n"]), "utf-8")


def _line(samples: List[Dict[str, Any]], line: Any, top: int) -> Iterator[str]:
    key, unit, color = line
    highest, end = max(each[key] for each in samples) * 1.05, samples[-1]["seconds"]
    yield (f'<text x="{LEFT}" y="{top - 6}">{unit} (a new line: a new process; '
           f'{end / 60:.0f} minutes from left to right)</text>')
    for value in (0, highest / 2, highest):
        y = top + HEIGHT * (1 - value / highest)
        yield (f'<path d="M{LEFT} {y:.1f}h{WIDTH}" stroke="#ddd"/>'
               f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:.0f}</text>')
    for life in sorted({each["life"] for each in samples}):
        points = " ".join(
            f"{LEFT + WIDTH * each['seconds'] / end:.1f},"
            f"{top + HEIGHT * (1 - each[key] / highest):.1f}"
            for each in samples if each["life"] == life)
        yield f'<polyline points="{points}" fill="none" stroke="{color}"/>'
