"""Represents values that only a real StackStorm knows, such as those of its datastore."""

from typing import Any

__all__ = ["Unknown"]


class Unknown(str):
    """A value that renders as its own expression, and so do its attributes and items:

        {{ st2kv.system.token }}  ->  "{{ st2kv.system.token }}"
    """

    def __new__(cls, expression: str) -> "Unknown":
        return super().__new__(cls, f"{{{{ {expression} }}}}")

    def __getattribute__(self, name: str) -> Any:
        if name.startswith("__"):
            return super().__getattribute__(name)
        return Unknown(f"{str.__str__(self)[3:-3]}.{name}")  # without its braces

    def __getitem__(self, key: Any) -> Any:
        return getattr(self, key) if isinstance(key, str) else super().__getitem__(key)
