"""Reads and writes values in StackStorm's datastore, which several sensors share.

All functions raise ServiceUnavailable if the database does not answer.
"""
from typing import Any, Dict, Iterable, Optional

from st2common.persistence.keyvalue import KeyValuePair

from stackstorm.database import SYSTEM, answering

__all__ = ["delete", "read", "read_all", "read_prefix", "write"]


def read(key: str) -> Optional[str]:
    """Return the value of a key; None if the key does not exist."""
    return read_all([key]).get(key)


def read_all(keys: Iterable[str]) -> Dict[str, str]:
    """Return the values of the given keys, by key, without missing keys."""
    return _values(name__in=list(keys))


def read_prefix(prefix: str) -> Dict[str, str]:
    """Return the values of all keys that begin with a prefix, by key."""
    return _values(name__startswith=prefix)


def write(key: str, value: str) -> None:
    """Store a value; StackStorm's own methods would also publish a trigger for the change."""
    with answering():
        KeyValuePair.query(scope=SYSTEM, name=key).update_one(
            upsert=True, set__value=value, set__secret=False,
            set__uid=f"key_value_pair:{SYSTEM}:{key}")


def delete(key: str) -> None:
    """Remove a key if it exists."""
    with answering():
        KeyValuePair.query(scope=SYSTEM, name=key).delete()


def _values(**conditions: Any) -> Dict[str, str]:
    with answering():
        return {pair.name: pair.value for pair in KeyValuePair.query(scope=SYSTEM, **conditions)}
