"""Records in StackStorm's datastore which sensor is active and which one stands by."""
import json
import socket
import time
import uuid
from pathlib import Path
from typing import Any, Callable, Dict, Optional, Tuple

__all__ = ["ACTIVE", "STANDBY", "Roster"]

FILE = "sensor-id"
ACTIVE, STANDBY = "hipchat_active_sensor", "hipchat_standby_sensor"  # the datastore's keys


class Roster:
    """Reads and writes two datastore records, which name the active sensor and a standby.

    All sensors share the two records. The clocks of two machines may differ, so no times in records
    are compared. Instead, a record that changes between two reads proves that a sensor runs.
    Methods raise ServiceUnavailable while the datastore does not answer.
    """

    def __init__(self, read: Callable[[str], Optional[str]], write: Callable[[str, str], None],
                 directory: str):
        """Args:
            read, write: those of stackstorm/datastore.py.
            directory: this sensor's spool directory, where its ID is stored.
        """
        self._read, self._write, self._id_file = read, write, Path(directory, FILE)
        self._id = ""
        # by key: the last content that was read, and when it changed (time.monotonic())
        self._seen: Dict[str, Tuple[str, float]] = {}

    def another_is_active(self) -> bool:
        """Return True if another sensor became active after this sensor did."""
        text = self._read(ACTIVE)
        return text is not None and self._is_another(text)

    def active_host(self) -> str:
        """Return the host name of the sensor that became active last; "" if unknown."""
        return str(_parsed(self._read(ACTIVE) or "").get("host", ""))

    def announce(self, key: str) -> None:
        """Write this sensor into the record `key` (ACTIVE or STANDBY), with a new random stamp."""
        self._write(key, json.dumps({
            "sensor": self._sensor_id(), "host": socket.gethostname(),
            "stamp": uuid.uuid4().hex}))

    def is_alive(self, key: str, kept: float) -> bool:
        """Return whether another sensor has changed a record (ACTIVE or STANDBY) recently.

        Call this method every few seconds, because it compares the record with that of the last
        call. Therefore it returns False at the first call.

        Args:
            kept: the seconds after its last change for which a record counts as recent.
        """
        text, now = self._read(key) or "", time.monotonic()
        seen, changed_at = self._seen.get(key, (text, float("-inf")))
        if text != seen:
            changed_at = now
        self._seen[key] = (text, changed_at)
        return changed_at > now - kept and self._is_another(text)

    def _is_another(self, text: str) -> bool:
        """Return True for a record of another sensor, and for one that cannot be read."""
        return _parsed(text).get("sensor") != self._sensor_id()

    def _sensor_id(self) -> str:
        """Return the ID of the spool, from its directory; create one in a new directory."""
        if not self._id:
            if not self._id_file.exists():
                self._id_file.write_text(uuid.uuid4().hex, "ascii")
            self._id = self._id_file.read_text("ascii")
        return self._id


def _parsed(text: str) -> Dict[str, Any]:
    """Parse a record from JSON; return {} if it is not a JSON object."""
    try:
        record = json.loads(text)
    except ValueError:
        return {}
    return record if isinstance(record, dict) else {}
