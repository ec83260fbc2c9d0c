"""Renders the Jinja templates in the `result` of an alias as StackStorm does, but faster."""
from typing import Any, Dict

import jinja2
import jinja2.nodes
import jinja2.sandbox

__all__ = ["render", "render_leaves"]

_ENVIRONMENT = jinja2.sandbox.SandboxedEnvironment(
    undefined=jinja2.Undefined, trim_blocks=True, lstrip_blocks=True)
_ENVIRONMENT.tests["in"] = lambda item, collection: item in collection


def render(template: str, context: Dict[str, Any]) -> str:
    """Render a template once, so templates in the values of the context are not evaluated.

    Args:
        context: the values of the template's variables, by name.

    Raises:
        Exception: jinja2.TemplateError, or whatever an expression in the template raises.
    """
    used = {node.name for node in _ENVIRONMENT.parse(template).find_all(jinja2.nodes.Filter)}
    if "map" in used or not used <= set(_ENVIRONMENT.filters):
        # Importing StackStorm's own filters takes a third of a second, and most templates do not
        # use them. (The filter map takes another filter's name as a string.)
        from st2common.util.jinja import get_filters
        _ENVIRONMENT.filters.update(get_filters())
    return _ENVIRONMENT.from_string(template).render(context)


def render_leaves(value: Any, context: Dict[str, Any]) -> Any:
    """Return a value, such as an alias's `extra`, with every string in it rendered.

    `context` and the exceptions are those of render().
    """
    if isinstance(value, dict):
        return {key: render_leaves(item, context) for key, item in value.items()}
    if isinstance(value, list):
        return [render_leaves(item, context) for item in value]
    return render(value, context) if isinstance(value, str) and "{" in value else value
