"""Keeps a soak's samples, and draws how memory, file handles and greenlets went."""
from pathlib import Path
from typing import Any, Dict, Iterator, List

__all__ = ["DRAWING", "write"]

REPORT = Path(__file__).resolve().parent / "report"
DRAWING = REPORT / "soak.svg"
WIDTH, HEIGHT, LEFT, GAP = 900, 120, 70, 34  # px
LINES = (("memory", "MiB", "#37a"), ("handles", "file handles", "#3a7"),
         ("greenlets", "greenlets", "#c54"))
HEAD = ('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {0} {1}" width="{0}" height="{1}"'
        ' font-family="DejaVu Sans, Verdana, sans-serif" font-size="11" fill="#333">\n'
        '<rect width="100%" height="100%" fill="#fff"/>')


def write(samples: List[Dict[str, Any]]) -> None:
    """Write report/soak.svg; samples have seconds, life, memory, handles and greenlets."""
    parts = [HEAD.format(LEFT + WIDTH + 20, len(LINES) * (HEIGHT + GAP) + 20)]
    for place, line in enumerate(LINES):
        parts += _line(samples, line, GAP + place * (HEIGHT + GAP))
    DRAWING.write_text("\n".join(parts + ["</svg>\n"]), "utf-8")


def _line(samples: List[Dict[str, Any]], line: Any, top: int) -> Iterator[str]:
    key, unit, color = line
    highest, end = max(each[key] for each in samples) * 1.05, samples[-1]["seconds"]
    yield ('<text x="{}" y="{}">{} (a new line: a new process; {:.0f} minutes from left to right)'
           '</text>').format(LEFT, top - 6, unit, end / 60)
    for value in (0, highest / 2, highest):
        y = top + HEIGHT * (1 - value / highest)
        yield ('<path d="M{} {:.1f}h{}" stroke="#ddd"/><text x="{}" y="{:.1f}" text-anchor="end">'
               "{:.0f}</text>").format(LEFT, y, WIDTH, LEFT - 6, y + 4, value)
    for life in sorted({each["life"] for each in samples}):
        points = " ".join("{:.1f},{:.1f}".format(
            LEFT + WIDTH * each["seconds"] / end, top + HEIGHT * (1 - each[key] / highest))
            for each in samples if each["life"] == life)
        yield f'<polyline points="{points}" fill="none" stroke="{color}"/>'
