"""Whether the config that StackStorm has registered is what the config's file says."""
from pathlib import Path
from typing import Any, Dict, List

from hipchat.check.finding import Finding, Findings
from hipchat.config.keys import KEYS

__all__ = ["file_findings"]

# StackStorm fills in the defaults of objects in lists, too.
DEFAULTS_IN_LISTS = {"chatops.allow": {"rooms": "*"}}
REGISTER = "run st2ctl reload --register-configs, and see what it says"


def file_findings(config: Dict[str, Any], pack: Path) -> Findings:
    """Compare the config that StackStorm gives an action with its file.

    StackStorm goes on with the old config where it refuses a new one. Where it keeps packs in
    another way, or does not let an action read the file, nothing is said.

    Args:
        pack: where the pack is installed, such as /opt/stackstorm/packs/hipchat.
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
        place = getattr(error, "problem_mark", None)
        where = f" at line {place.line + 1}" if place else ""
        yield Finding(False, f"config: {file} is no YAML{where}, and the config before it is in "
                      f"force. Correct it; then {REGISTER}.")
        return
    other = _other(written, config) if isinstance(written, dict) else ["all of it"]
    if other:
        yield Finding(False, f"config: {file} is not what is registered (see {', '.join(other)}): "
                      f"it was not registered, or StackStorm refused it. Correct it; then "
                      f"{REGISTER}.")


def _other(written: Dict[Any, Any], config: Dict[str, Any], prefix: str = "") -> List[str]:
    """Return the keys whose values differ. No value is shown: it may be secret."""
    found: List[str] = []
    for key in sorted({*map(str, written), *map(str, config)}):
        name, ours, registered = prefix + key, written.get(key), config.get(key)
        if isinstance(ours, dict) and isinstance(registered, dict):
            found += _other(ours, registered, name + ".")
        elif key not in written:
            found += [name] if name in KEYS and not _is_default(name, registered) else []
        elif not _is_template(ours) and _completed(name, ours) != registered:
            found.append(name)
    return found


def _completed(name: str, value: Any) -> Any:
    defaults = DEFAULTS_IN_LISTS.get(name)
    return [dict(defaults, **each) if isinstance(each, dict) else each for each in value] if (
        defaults and isinstance(value, list)) else value


def _is_default(name: str, value: Any) -> bool:
    return value is None or value == KEYS[name].default


def _is_template(value: Any) -> bool:
    """Tell whether StackStorm puts something else in a value's place."""
    return "{{" in str(value)
