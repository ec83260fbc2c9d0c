"""Prints rows, stores the figures, and writes report.md and the plot from them."""
import json
import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any, Dict, List

from benchmarks.measure import Row
from benchmarks.plot import drawing

HERE = Path(__file__).resolve().parent
FIGURES = HERE / "report" / "figures.json"
TITLES = {"alone": "Without StackStorm (`make bench`)",
          "stackstorm": "On a StackStorm (`make bench-stackstorm`)",
          "soak": "Soak (`python -m benchmarks soak`)"}


def show(rows: List[Row]) -> None:
    """Print rows as lines of text."""
    for row in rows:
        sign, bound = row.aim
        print(f"{'ok' if row.reached else 'NOT':4} {row.what} | {row.against}: {row.median:.3g} "
              f"({row.spread}), aim {sign} {bound:g}; ours {_value(row.ours, row.unit)}"
              f"{_theirs(row, ', theirs ')}")


def store(kind: str, name: str, rows: List[Row]) -> None:
    """Store rows in figures.json, in place of the earlier ones of the same benchmark."""
    figures = _figures()
    figures.setdefault(kind, {})[name] = {
        "machine": _machine(), "versions": _versions(kind),
        "rows": [row._asdict() for row in rows]}
    FIGURES.write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n", "utf-8")


def write() -> None:
    """Write report.md and plot.svg from figures.json."""
    for file, text in pages().items():
        (HERE / "report" / file).write_text(text, "utf-8")


def pages() -> Dict[str, str]:
    """Return the texts of report.md and plot.svg, by file name."""
    figures = _figures()
    parts = ["# Benchmarks", (HERE / "introduction.md").read_text("utf-8").strip()]
    for kind, title in TITLES.items():
        if kind in figures:
            parts += ["## " + title, _conditions(figures[kind]), _table(_rows(figures[kind]))]
    if "soak" in figures:
        parts.append("![Memory, file handles and greenlets](soak.svg)")
    parts += ["![Ratio to the bound of each aim](plot.svg)",
              (HERE / "findings.md").read_text("utf-8").strip()]
    return {"report.md": "\n\n".join(parts) + "\n",
            "plot.svg": drawing([row for kind in ("alone", "stackstorm") if kind in figures
                                 for row in _rows(figures[kind])])}


def _figures() -> Dict[str, Any]:
    return json.loads(FIGURES.read_text("utf-8")) if FIGURES.exists() else {}


def _rows(benchmarks: Dict[str, Any]) -> List[Row]:
    return [Row(**row) for each in benchmarks.values() for row in each["rows"]]


def _table(rows: List[Row]) -> str:
    lines = ["| what | against | aim | median (lowest to highest) | ours | theirs | reached |",
             "| --- | --- | --- | --- | --- | --- | --- |"]
    for row in rows:
        what, (sign, bound) = row.what + ("; " + row.note if row.note else ""), row.aim
        lines.append(f"| {what} | {row.against} | {sign} {bound:g} | **{row.median:.3g}** "
                     f"({row.spread}) | {_value(row.ours, row.unit)} | {_theirs(row)} | "
                     f"{'yes' if row.reached else 'no'} |")
    return "\n".join(lines)


def _theirs(row: Row, before: str = "") -> str:
    return "" if row.theirs is None else before + _value(row.theirs, row.unit)


def _value(value: float, unit: str) -> str:
    shown = f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
    return f"{shown}{'' if unit.startswith('/') else ' '}{unit}".strip()


def _conditions(benchmarks: Dict[str, Any]) -> str:
    last = list(benchmarks.values())[-1]
    versions = ", ".join(f"{name} {version}" for name, version in sorted(last["versions"].items()))
    return f"{last['machine']}. {versions}."


def _machine() -> str:
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2 ** 30
    return f"{os.cpu_count()} cores, {memory:.0f} GiB of memory, {platform.system()}"


def _versions(kind: str) -> Dict[str, str]:
    versions = {"Python": platform.python_version()}
    for name in ("eventlet", "google-re2", "requests"):
        versions[name] = metadata.version(name)
    if kind in ("stackstorm", "soak"):
        versions.update(json.loads(subprocess.check_output(
            [os.environ["ST2_PYTHON"], "-c",
             "import json, platform, st2common, eventlet; print(json.dumps({"
             "'StackStorm': st2common.__version__, \"StackStorm's Python\": "
             "platform.python_version(), 'eventlet': eventlet.__version__}))"])))
    return versions
