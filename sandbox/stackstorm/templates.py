"""Jinja2 as StackStorm sets it up: sandboxed, strict, with StackStorm's filters."""

import datetime
import functools
import json
import os.path
import re
from typing import Any, Dict, FrozenSet, List, Optional, Tuple

import jinja2
import jinja2.meta
import jinja2.sandbox
import yaml

from sandbox.stackstorm.errors import Invalid, Unsupported
from sandbox.stackstorm.unknown import Unknown

# The filter use_none returns this text for null, and the cast turns it into null again.
NONE = "%*****__%NONE%__*****%"


def _flags(ignorecase: bool) -> int:
    return re.IGNORECASE if ignorecase else 0


def _regex_match(value: Any, pattern: str, ignorecase: bool = False) -> bool:
    return bool(re.match(pattern, str(value), _flags(ignorecase)))


def _regex_search(value: Any, pattern: str, ignorecase: bool = False) -> bool:
    return bool(re.search(pattern, str(value), _flags(ignorecase)))


def _regex_replace(value: Any, pattern: str, replacement: str, ignorecase: bool = False) -> str:
    return re.sub(pattern, replacement, str(value), flags=_flags(ignorecase))


def _regex_substring(value: Any, pattern: str, result_index: int = 0,
                     ignorecase: bool = False) -> Any:
    return re.findall(pattern, str(value), _flags(ignorecase))[result_index]


def _to_json_string(value: Any, indent: Optional[int] = None, sort_keys: bool = False,
                    separators: Tuple[str, str] = (",", ": ")) -> str:
    return json.dumps(value, indent=indent, sort_keys=sort_keys, separators=separators)


def _human_time(seconds: Any) -> str:
    """Return a duration as StackStorm writes it, such as 1h3m5s; below a second it is in μs."""
    if not isinstance(seconds, (int, float)):
        raise AssertionError("to_human_time_from_seconds takes a number")
    if not seconds:
        return "0s"
    if seconds < 1:
        return f"{seconds}\u03bcs"
    then = datetime.datetime(1, 1, 1) + datetime.timedelta(seconds=round(seconds))
    parts = [(then.year - 1, "y"), (then.day - 1, "d"), (then.hour, "h"), (then.minute, "m"),
             (then.second, "s")]
    first = next((place for place, (value, _) in enumerate(parts) if value), len(parts) - 1)
    return "".join(f"{value}{unit}" for value, unit in parts[first:])


def _jsonpath_query(value: Any, query: str) -> Optional[List[Any]]:
    return [found.value for found in jsonpath(query).find(value)] or None


def _decrypt_kv(value: Any) -> str:
    if isinstance(value, Unknown):
        return value
    raise Unsupported("the sandbox has no datastore to decrypt a value of")


def _version(text: str) -> Any:
    import semver
    return semver.Version.parse(text)


def _version_strip_patch(value: str) -> str:
    return f"{_version(value).major}.{_version(value).minor}"


def _to_yaml_string(value: Any, indent: Optional[int] = None, allow_unicode: bool = True) -> Any:
    return yaml.safe_dump(value, indent=indent, allow_unicode=allow_unicode,
                          default_flow_style=False)


# StackStorm's own filters, all of them.
FILTERS = {
    "basename": os.path.basename,
    "decrypt_kv": _decrypt_kv,
    "dirname": os.path.dirname,
    "from_json_string": lambda value: json.loads(str(value)),
    "from_yaml_string": lambda value: yaml.safe_load(str(value)),
    "json_escape": lambda value: json.dumps(value).strip('"'),
    "jsonpath_query": _jsonpath_query,
    "regex_match": _regex_match,
    "regex_replace": _regex_replace,
    "regex_search": _regex_search,
    "regex_substring": _regex_substring,
    "to_complex": json.dumps,
    "to_human_time_from_seconds": _human_time,
    "to_json_string": _to_json_string,
    "to_yaml_string": _to_yaml_string,
    "use_none": lambda value: NONE if value is None else value,
    "version_bump_major": lambda value: str(_version(value).bump_major()),
    "version_bump_minor": lambda value: str(_version(value).bump_minor()),
    "version_bump_patch": lambda value: str(_version(value).bump_patch()),
    "version_compare": lambda value, pattern: _version(value).compare(pattern),
    "version_equal": lambda value, pattern: _version(value).compare(pattern) == 0,
    "version_less_than": lambda value, pattern: _version(value).compare(pattern) == -1,
    "version_match": lambda value, pattern: _version(value).match(pattern),
    "version_more_than": lambda value, pattern: _version(value).compare(pattern) == 1,
    "version_strip_patch": _version_strip_patch,
}

_ENVIRONMENT = jinja2.sandbox.SandboxedEnvironment(
    undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)
_ENVIRONMENT.filters.update(FILTERS)
_ENVIRONMENT.tests["in"] = lambda item, collection: item in collection


@functools.lru_cache(maxsize=1024)
def jsonpath(expression: str) -> Any:
    """Parse a JSONPath expression with StackStorm's own library; raise Invalid."""
    # Imported here, because the import takes a fifth of a second and few rules need it.
    import jsonpath_rw
    try:
        return jsonpath_rw.parse(expression)
    except Exception as error:
        raise Invalid(f"{expression!r} is no JSONPath expression: {error}") from None


def check(value: Any) -> None:
    """Raise Invalid if a text in the value uses a filter or test that StackStorm lacks."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            check(item)
    else:
        variables(value)


def variables(value: Any) -> Optional[FrozenSet[str]]:
    """Return the names that a template uses; None if the value is no template; raise Invalid."""
    text = str(value)
    if not isinstance(value, (str, list, dict)) or not ("{{" in text or "{%" in text):
        return None
    return _variables(text)


@functools.lru_cache(maxsize=1024)
def _variables(text: str) -> Optional[FrozenSet[str]]:
    try:
        tree = _ENVIRONMENT.parse(text)
    except jinja2.TemplateSyntaxError:
        # StackStorm uses such a parameter literally.
        return None
    try:
        return frozenset(jinja2.meta.find_undeclared_variables(tree))
    except jinja2.TemplateAssertionError as error:
        raise Invalid(f"{text!r}: {error.message} StackStorm has Jinja's own filters and "
                      f"{', '.join(FILTERS)}.")


@functools.lru_cache(maxsize=1024)
def _template(text: str) -> jinja2.Template:
    return _ENVIRONMENT.from_string(text)


def render(value: Any, context: Dict[str, Any]) -> Any:
    """Render a parameter's template; lists and mappings are rendered as JSON text."""
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


def render_values(mapping: Dict[str, Any], context: Dict[str, Any]) -> Dict[str, Any]:
    """Render each value of a mapping, as StackStorm does for aliases; raise Jinja's errors.

    Other values than text are rendered as text. If that changes nothing, the value is unchanged.
    """
    context = {"__context": context, **context}
    rendered = {}
    for name, value in mapping.items():
        is_nested = isinstance(value, (dict, list))
        source = json.dumps(value) if is_nested else str(value)
        text = _ENVIRONMENT.from_string(source).render(context)
        rendered[name] = value if text == source else json.loads(text) if is_nested else text
    return rendered
