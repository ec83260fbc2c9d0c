"""Jinja as StackStorm sets it up for the results of ChatOps, made as fast as it can be."""
from typing import Any, Dict

import jinja2
import jinja2.nodes
import jinja2.sandbox

__all__ = ["render", "render_leaves"]

_ENVIRONMENT = jinja2.sandbox.SandboxedEnvironment(
    undefined=jinja2.Undefined, trim_blocks=True, lstrip_blocks=True)
_ENVIRONMENT.tests["in"] = lambda item, collection: item in collection


def render(template: str, context: Dict[str, Any]) -> str:
    """Render an alias's template, once; what the context holds is text and stays text.

    Raises jinja2.TemplateError, and whatever an expression in the template raises.
    """
    used = {node.name for node in _ENVIRONMENT.parse(template).find_all(jinja2.nodes.Filter)}
    if "map" in used or not used <= set(_ENVIRONMENT.filters):
        # StackStorm's own take a third of a second to import: most templates have none of them.
        # (map may name one in a text.)
        from st2common.util.jinja import get_filters
        _ENVIRONMENT.filters.update(get_filters())
    return _ENVIRONMENT.from_string(template).render(context)


def render_leaves(value: Any, context: Dict[str, Any]) -> Any:
    """Render every text in the value."""
    if isinstance(value, dict):
        return {key: render_leaves(each, context) for key, each in value.items()}
    if isinstance(value, list):
        return [render_leaves(each, context) for each in value]
    return render(value, context) if isinstance(value, str) and "{" in value else value
