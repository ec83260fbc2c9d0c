"""Checks whether the config that StackStorm has registered equals the pack's config file."""
from pathlib import Path
from typing import Any, Dict, List

from hipchat.check.finding import Finding, Findings
from hipchat.config.keys import KEYS

__all__ = ["file_findings"]

# The defaults that StackStorm fills in in the objects of a list, by the key of the list.
DEFAULTS_IN_LISTS = {"chatops.allow": {"rooms": "*"}}
REGISTER = "run st2ctl reload --register-configs, and read its output"


def file_findings(config: Dict[str, Any], pack: Path) -> Findings:
    """Compare the registered config with the config file, and yield a finding if they differ.

    They differ if the file was not registered after a change, or if StackStorm rejected the file
    and still uses the config before it. Yields nothing if the file cannot be found or read.

    Args:
        config: the registered config, as StackStorm passes it to an action.
        pack: the directory in which the pack is installed, such as /opt/stackstorm/packs/hipchat.
    """
    file = pack.parent.parent / "configs" / f"{pack.name}.yaml"
    if pack.parent.name != "packs":
        return
    try:
        text = file.read_text("utf-8")
        import yaml  # here, since no other action needs it; StackStorm has it
    except (OSError, ValueError, ImportError):
        return
    try:
        written = yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" at line {mark.line + 1}" if mark else ""
        yield Finding(False, f"config: {file} is no YAML{line}, and StackStorm still uses the "
                      f"config before it. Correct the file; then {REGISTER}.")
        return
    keys = _differing_keys(written, config) if isinstance(written, dict) else ["all of it"]
    if keys:
        yield Finding(False, f"config: {file} is not what is registered (see {', '.join(keys)}): "
                      "it was not registered, or StackStorm rejected it. Correct the file; then "
                      f"{REGISTER}.")


def _differing_keys(written: Dict[Any, Any], registered: Dict[str, Any],
                    prefix: str = "") -> List[str]:
    """Return the dotted keys whose values differ, without the values, which may be secret.

    In the registered config, templates are evaluated, and absent and null values are replaced by
    defaults.
    """
    written = {str(key): value for key, value in written.items()}  # JSON has no keys of integers
    differing: List[str] = []
    for key in sorted({*written, *registered}):
        name, ours, theirs = prefix + key, written.get(key), registered.get(key)
        if isinstance(theirs, dict) and (ours is None or isinstance(ours, dict)):
            differing += _differing_keys(ours or {}, theirs, name + ".")
        elif ours is None:
            # StackStorm registers the default of a key that the file does not have.
            if name in KEYS and theirs not in (None, KEYS[name].default):
                differing.append(name)
        elif not _has_template(ours) and _completed(name, ours) != _completed(name, theirs):
            differing.append(name)
    return differing


def _completed(name: str, value: Any) -> Any:
    """Return a key's value, with StackStorm's defaults added to the objects in a list."""
    defaults = DEFAULTS_IN_LISTS.get(name)
    if not defaults or not isinstance(value, list):
        return value
    return [{**item, **{key: default for key, default in defaults.items()
                        if item.get(key) is None}} if isinstance(item, dict) else item
            for item in value]


def _has_template(value: Any) -> bool:
    return any(opening in str(value) for opening in ("{{", "{%"))
