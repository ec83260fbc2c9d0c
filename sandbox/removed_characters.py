"""Finds filters and methods that remove characters of chat text, which can undo the guard."""

from typing import Any, Iterator, List

import jinja2
from jinja2 import nodes

__all__ = ["removers_in"]

# Filters that return one piece of a text (truncate, regex_substring) join no characters.
FILTERS = ("regex_replace", "replace", "striptags", "from_json_string", "from_yaml_string")
METHODS = ("replace", "translate")
ENVIRONMENT = jinja2.Environment()


def removers_in(value: Any) -> List[str]:
    """Return the filters and methods in a value's templates that remove characters of chat text."""
    if isinstance(value, str):
        return sorted(set(_removers(value)))
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return sorted({name for each in inside for name in removers_in(each)})


def _removers(template: str) -> Iterator[str]:
    try:
        tree = ENVIRONMENT.parse(template)
    except jinja2.TemplateSyntaxError:
        return
    for node in tree.find_all((nodes.Filter, nodes.Getattr, nodes.Slice)):
        if isinstance(node, nodes.Slice):
            if node.step is not None:
                # The sliced text is not below this node, so every such slice counts.
                yield "a slice with a step"
        elif not any(name.name == "trigger" for name in node.find_all(nodes.Name)):
            continue
        elif isinstance(node, nodes.Filter) and node.name in FILTERS:
            yield node.name
        elif isinstance(node, nodes.Getattr) and node.attr in METHODS:
            yield node.attr + "()"
