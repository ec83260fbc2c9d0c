"""Jinja2 as the platform sets it up: sandboxed, strict, with its filters."""

import functools
import json
import os.path
import re
from typing import Any, Dict, FrozenSet, Optional

import jinja2
import jinja2.meta
import jinja2.sandbox
import yaml

from sandbox.stackstorm.errors import Refused

# Stands for null where only text can, between the filter use_none and the cast.
NONE = "%*****__%NONE%__*****%"


def _flags(ignorecase: bool) -> int:
    return re.IGNORECASE if ignorecase else 0


def _regex_match(value, pattern, ignorecase=False):
    return bool(re.match(pattern, str(value), _flags(ignorecase)))


def _regex_search(value, pattern, ignorecase=False):
    return bool(re.search(pattern, str(value), _flags(ignorecase)))


def _regex_replace(value, pattern, replacement, ignorecase=False):
    return re.sub(pattern, replacement, str(value), flags=_flags(ignorecase))


def _regex_substring(value, pattern, result_index=0, ignorecase=False):
    return re.findall(pattern, str(value), _flags(ignorecase))[result_index]


def _to_json_string(value, indent=None, sort_keys=False, separators=(",", ": ")):
    return json.dumps(value, indent=indent, sort_keys=sort_keys, separators=separators)


def _to_yaml_string(value, indent=None, allow_unicode=True):
    return yaml.safe_dump(value, indent=indent, allow_unicode=allow_unicode,
                          default_flow_style=False)


FILTERS = {
    "basename": os.path.basename,
    "dirname": os.path.dirname,
    "from_json_string": lambda value: json.loads(str(value)),
    "from_yaml_string": lambda value: yaml.safe_load(str(value)),
    "json_escape": lambda value: json.dumps(value).strip('"'),
    "regex_match": _regex_match,
    "regex_replace": _regex_replace,
    "regex_search": _regex_search,
    "regex_substring": _regex_substring,
    "to_complex": json.dumps,
    "to_json_string": _to_json_string,
    "to_yaml_string": _to_yaml_string,
    "use_none": lambda value: NONE if value is None else value,
}

_ENVIRONMENT = jinja2.sandbox.SandboxedEnvironment(
    undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)
_ENVIRONMENT.filters.update(FILTERS)


def check(value: Any) -> None:
    """Raise Refused if any text in the value uses a filter or test that is not here."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            check(item)
    else:
        variables(value)


def variables(value: Any) -> Optional[FrozenSet[str]]:
    """The names that a parameter's template uses, None if it is no template; raises Refused."""
    text = str(value)
    if not isinstance(value, (str, list, dict)) or not ("{{" in text or "{%" in text):
        return None
    return _variables(text)


@functools.lru_cache(maxsize=1024)
def _variables(text: str) -> Optional[FrozenSet[str]]:
    try:
        tree = _ENVIRONMENT.parse(text)
    except jinja2.TemplateSyntaxError:
        # The platform takes such a parameter literally.
        return None
    try:
        return frozenset(jinja2.meta.find_undeclared_variables(tree))
    except jinja2.TemplateAssertionError as error:
        raise Refused(f"{text!r}: {error.message} The sandbox has Jinja's own filters and "
                      f"{', '.join(FILTERS)}.")


@functools.lru_cache(maxsize=1024)
def _template(text: str) -> jinja2.Template:
    return _ENVIRONMENT.from_string(text)


def render(value: Any, context: Dict[str, Any]) -> Any:
    """Render a parameter's template; in lists and mappings, inside of their JSON text."""
    if isinstance(value, str):
        return _template(value).render(context)
    # "{{name}}" alone keeps the type of what it names.
    text = re.sub(r'"{{([A-z0-9_-]+)}}"', r"{{\1 | to_complex}}", json.dumps(value))
    return json.loads(render(text, context))


def render_pattern(pattern: Any, context: Dict[str, Any]) -> Any:
    """Render the pattern of a criterion; an expression alone keeps its type."""
    if not isinstance(pattern, str):
        return pattern
    typed = re.sub(r"({{)\s*(.*)\s*(}})", r"\1\2 | to_complex\3", pattern)
    if typed != pattern:
        try:
            return json.loads(render(typed, context))
        except ValueError:
            pass
    return render(pattern, context)
