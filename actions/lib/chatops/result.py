"""Formats the result of an ended command, as the `result` of its alias says.

Without a `result.format`, the text is the one that StackStorm's own ChatOps makes.
"""
from typing import Any, Dict, Iterable, List, Optional, Tuple

import jinja2
import jinja2.nodes
import jinja2.sandbox

from chatops.reply import Reply, is_private, split_message, styled
from chatops.stackstorm import LARGEST_RESULT
from chatops.time_limit import limited_time

__all__ = ["render", "result_of"]

COLORS = {"succeeded": "green", "canceled": "gray"}
LONGEST_RENDERING = 2.0  # seconds of processor time, during which the sensor does nothing else
HIDDEN = ("trigger", "trigger_type", "trigger_instance", "liveaction")  # from alias templates
# The keys of an action's result to show, by its runner; all keys for a runner that is not listed.
SHELL = ("stdout", "stderr", "return_code", "error")
PYTHON = ("result", "stdout", "stderr", "exit_code")
OF_RUNNERS = {"local-shell-cmd": SHELL, "local-shell-script": SHELL, "python-script": PYTHON,
              "windows-cmd": PYTHON, "windows-script": PYTHON}
ON_EACH_HOST = ("remote-shell-cmd", "remote-shell-script")
UNITS = ((86400, "d"), (3600, "h"), (60, "m"))

_ENVIRONMENT = jinja2.sandbox.SandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
_ENVIRONMENT.tests["in"] = lambda item, collection: item in collection


def result_of(execution: Dict[str, Any], alias: Optional[Dict[str, Any]]) -> Optional[Reply]:
    """Return the reply with the result of a command; None if the alias disables results.

    The reply contains the status but not the result if the alias was deleted (None), or if it has a
    format and a template fails, because the alias may hide parts of the result from the room.
    (StackStorm's own ChatOps sends no reply then.)
    """
    plain = Reply("", color=COLORS.get(execution["status"], "red"),
                  web_url=execution.get("web_url") or "")
    if alias is None:
        return plain._replace(text=_status(execution, "Its alias was deleted."))
    options = alias.get("result") or {}
    if options.get("enabled") is False:
        return None
    if (execution.get("result_size") or 0) > LARGEST_RESULT:  # the result was not read
        return plain._replace(private=is_private(options.get("extra")), text=_status(
            execution, f"Its result has {execution['result_size']} bytes, too many for a room."))
    context = {"execution": {key: value for key, value in execution.items() if key not in HIDDEN},
               "alias": alias}
    try:
        with limited_time(LONGEST_RENDERING):
            text = (render(options["format"], context) if "format" in options else
                    _default_text(execution))
            extra = _render_leaves(options.get("extra"), context)
    except Exception as error:  # an expression in a template can raise anything
        reason = f"A template of the alias {alias.get('name')} fails: {type(error).__name__}"
        return plain._replace(
            private=is_private(options.get("extra")),
            text=_status(execution, reason) if "format" in options else
            f"{_default_text(execution)}\n({reason})")
    text, code = split_message(text)
    reply = styled(plain._replace(text=text, code=code), extra)
    # The output of a command is no HTML. With a format, its author may have made HTML.
    return reply if "format" in options else reply._replace(format="text")


def _status(execution: Dict[str, Any], reason: str) -> str:
    where = execution.get("web_url") or "Its execution is " + execution["id"]
    return f"{execution['action']['ref']} ended: {execution['status']}. ({reason}) {where}"


def _default_text(execution: Dict[str, Any]) -> str:
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


def render(template: str, context: Dict[str, Any]) -> str:
    """Render a template once, so templates in the values of the context are not evaluated.

    Raises jinja2.TemplateError, or any exception of an expression in the template.
    """
    if "six" in template:  # StackStorm has this module of Python in the context
        import six
        context = dict(context, six=six)
    used = {node.name for node in _ENVIRONMENT.parse(template).find_all(jinja2.nodes.Filter)}
    if "map" in used or not used <= set(_ENVIRONMENT.filters):
        # Importing StackStorm's own filters takes a third of a second, and most templates do not
        # use them. (The filter map takes another filter's name as a string.)
        from st2common.util.jinja import get_filters
        _ENVIRONMENT.filters.update(get_filters())
    return _ENVIRONMENT.from_string(template).render(context)


def _render_leaves(value: Any, context: Dict[str, Any]) -> Any:
    """Return a value, such as an alias's `extra`, with every string in it rendered."""
    if isinstance(value, dict):
        return {key: _render_leaves(item, context) for key, item in value.items()}
    if isinstance(value, list):
        return [_render_leaves(item, context) for item in value]
    return render(value, context) if isinstance(value, str) and "{" in value else value
