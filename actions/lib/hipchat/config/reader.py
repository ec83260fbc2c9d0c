"""Reads and checks values of the pack's config by the table in keys.py; collects the problems."""
from typing import Any, Dict, List

from hipchat.config.keys import KEYS, REMOVED, SECTIONS, Key
from hipchat.config.validators import ListOf, Validator, WrongValue, shown
from hipchat.errors import ConfigError

__all__ = ["ConfigReader"]


class ConfigReader:
    """Reads values by dotted key, such as webhook.port.

    A wrong value raises nothing at first. finish() raises one ConfigError with all problems. The
    `warnings` are sentences for the operator about keys that are probably mistakes.
    """

    def __init__(self, config: Any):
        self._config = config if isinstance(config, dict) else {}
        self._problems: List[str] = []
        self.warnings: List[str] = []
        if config is not None and not isinstance(config, dict):
            self.wrong("The config", "it must be an object, with keys such as api_url", config)

    def value(self, name: str) -> Any:
        """Return the validated value of a key in KEYS, given by its dotted name."""
        return self.read(KEYS[name])

    def read(self, key: Key) -> Any:
        """Return the validated value of a key; the default if it is absent, null, "" or wrong.

        From a list, only the wrong items are left out.
        """
        value = self.given(key.name)
        if value is None or value == "":
            return key.default
        if not isinstance(key.check, ListOf):
            checked = self._checked(key.name, value, key.check)
            return key.default if checked is None else checked
        if not isinstance(value, list):
            self.wrong(key.name, "it must be a list", value)
            return key.default
        items = [self._checked(f"{key.name}[{position}]", item, key.check.item)
                 for position, item in enumerate(value)]
        return [item for item in items if item is not None]

    def _checked(self, name: str, value: Any, check: Validator) -> Any:
        """Return the validator's result for a value; None if the value is wrong."""
        try:
            return check(value)
        except WrongValue as error:
            self.wrong(name + error.place, str(error), error.value)
            return None

    def given(self, name: str) -> Any:
        """Return the unchecked value of a key, given by its dotted name; None if it is absent."""
        section, _, last = name.rpartition(".")
        return (self.section(section) if section else self._config).get(last)

    def section(self, name: str) -> Dict[str, Any]:
        """Return a section of the config, unchecked; {} if it is absent or no object."""
        section = self._config.get(name)
        if section is not None and not isinstance(section, dict):
            self.wrong(name, "it must be an object with keys")
        return section if isinstance(section, dict) else {}

    def wrong(self, name: str, remedy: str, value: Any = None) -> None:
        """Add a problem with a key, which finish() reports.

        Args:
            remedy: what the value must be, such as "it must be a list".
            value: the wrong value; None if the value is secret or missing.
        """
        self._problems.append(f"{name}{'' if value is None else ' is ' + shown(value)}: {remedy}.")

    def warn_of_unknown_keys(self) -> None:
        """Add warnings about unknown keys at the top level, which StackStorm accepts."""
        known = {name.partition(".")[0] for name in KEYS}.union(SECTIONS)
        for name in self._config:
            if name in REMOVED:
                self.warnings.append(f"{name} is no longer a key: {REMOVED[name]}.")
            elif name not in known:
                self.warnings.append(f"{shown(name)}: there is no such key.{_nearest(str(name))}")

    def finish(self) -> None:
        """Raise ConfigError, with all problems, if any value so far was wrong."""
        if self._problems:
            raise ConfigError(list(dict.fromkeys(self._problems)))


def _nearest(name: str) -> str:
    """Return a sentence with the key that an unknown key is similar to; "" if there is none."""
    from difflib import get_close_matches  # here, since most configs are right
    by_last = {known.rpartition(".")[2]: known for known in KEYS}
    close = get_close_matches(name, [*KEYS, *SECTIONS, *by_last], 1)
    return f" Is {by_last.get(close[0], close[0])} meant?" if close else ""
