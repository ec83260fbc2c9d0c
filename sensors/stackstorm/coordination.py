"""The lock that the active sensor holds in StackStorm's coordination service."""
import uuid
from typing import Any, Optional

from oslo_config import cfg

from listening import timing

__all__ = ["CoordinationLock", "coordination_url"]

NAME = b"hipchat_active_sensor"


def coordination_url() -> Optional[str]:
    """Return StackStorm's setting `[coordination] url`; None if it is not set, or not for Redis.

    In a process with eventlet, ZooKeeper's client kazoo loses its connection again and again.
    The other drivers of `tooz` cannot tell who owns a lock, or work on one machine only.
    """
    url = cfg.CONF.coordination.url or ""
    return url if url.startswith("redis:") else None


class CoordinationLock:
    """A lock with a timeout, which at most one sensor owns: the active sensor.

    Every method raises an error of `tooz` while the coordination service cannot be reached.
    The sensor does not use StackStorm's own tooz coordinator, which has longer timeouts, and whose
    heartbeat hides the loss of a lock.
    """

    def __init__(self, url: str):
        self._url = url
        self._coordinator: Any = None
        self._lock: Any = None

    def acquire(self) -> bool:
        """Try once to get the lock, without waiting; return whether this sensor owns it now."""
        if self._lock is not None:  # the lock was lost, which the coordinator does not notice
            self.release()
        if self._coordinator is None:
            self._coordinator = self._connect()
        lock = self._coordinator.get_lock(NAME)
        if not lock.acquire(blocking=False):
            return False
        self._lock = lock
        return True

    def renew(self) -> bool:
        """Start the lock's timeout again; return False if this sensor has lost the lock."""
        if not self.is_owned():
            return False
        self._coordinator.heartbeat()
        return self.is_owned()

    def is_owned(self) -> bool:
        """Return whether this sensor still owns the lock, as the coordination service states."""
        return self._lock is not None and self._lock.is_still_owner()

    def release(self) -> None:
        """Release the lock if this sensor owns it."""
        lock, self._lock, self._coordinator = self._lock, None, None
        if lock is not None and lock.is_still_owner():
            lock.release()

    def _connect(self) -> Any:
        from tooz import coordination  # imported only if needed, to save memory
        coordinator = coordination.get_coordinator(
            self._url, uuid.uuid4().hex.encode("ascii"),
            lock_timeout=timing.LOCK_TIMEOUT, timeout=timing.LOCK_TIMEOUT,
            socket_timeout=timing.COORDINATION_TIMEOUT,
            socket_connect_timeout=timing.COORDINATION_TIMEOUT)
        coordinator.start()
        return coordinator
