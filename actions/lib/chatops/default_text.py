"""Formats a command's result as StackStorm does, if the alias has no format for results."""
from typing import Any, Dict, Iterable, List, Tuple

__all__ = ["default_text"]

# The keys of an action's result to show, by its runner; all keys for a runner that is not listed.
SHELL = ("stdout", "stderr", "return_code", "error")
PYTHON = ("result", "stdout", "stderr", "exit_code")
OF_RUNNERS = {"local-shell-cmd": SHELL, "local-shell-script": SHELL, "python-script": PYTHON,
              "windows-cmd": PYTHON, "windows-script": PYTHON}
ON_EACH_HOST = ("remote-shell-cmd", "remote-shell-script")
UNITS = ((86400, "d"), (3600, "h"), (60, "m"))


def default_text(execution: Dict[str, Any]) -> str:
    """Return a reply's text for an ended execution: status, ID, URL, duration, action's result."""
    lines = [f"Action {execution['action']['ref']} completed.",
             f"status : {execution['status']}", f"execution: {execution['id']}"]
    if execution.get("web_url"):
        lines.append("web_url: " + execution["web_url"])
    if execution.get("elapsed_seconds"):
        lines.append(f"Took {_duration(execution['elapsed_seconds'])} to complete.")
    if execution.get("result"):
        lines += ["result :", "--------", *_result(execution)]
    return "\n".join(lines)


def _result(execution: Dict[str, Any]) -> List[str]:
    result, runner = execution["result"], execution["runner"]["name"]
    if not isinstance(result, dict):
        return [str(result)]
    if runner in ON_EACH_HOST:
        return [line for host, value in result.items() for line in (
            f"{host} :", *_lines(_chosen(value, SHELL), "  "))]
    keys = OF_RUNNERS.get(runner)
    return list(_lines(_chosen(result, keys) if keys else result.items(), ""))


def _chosen(result: Any, keys: Iterable[str]) -> List[Tuple[str, Any]]:
    """Return the (key, value) pairs of a result that have one of these keys and are not empty."""
    items = result.items() if isinstance(result, dict) else ()
    return [(key, value) for key, value in items if key in keys and value]


def _lines(items: Iterable[Tuple[str, Any]], indent: str) -> Iterable[str]:
    for key, value in items:
        text = str(value).strip()
        if isinstance(value, dict):
            yield f"{indent}{key} :"
            yield from _lines(value.items(), indent + "  ")
        elif isinstance(value, str) and "\n" in text:
            yield f"{indent}{key} :"
            yield indent + "  " + text
        else:
            yield f"{indent}{key} : {text}"


def _duration(seconds: float) -> str:
    """Return a duration such as 0.28s, 42s, 3m5s or 1d2h."""
    if seconds < 10:
        return f"{seconds:.2g}s"
    seconds, text = int(seconds), ""
    for size, unit in UNITS:
        if seconds >= size:
            text += f"{seconds // size}{unit}"
            seconds %= size
    return text + (f"{seconds}s" if seconds or not text else "")
