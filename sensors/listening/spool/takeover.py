"""Deliveries that were kept elsewhere, while the spool's directory could not be written."""
import contextlib
import glob
import os
import uuid

from listening.spool.delivery import SpoolError
from listening.history.cursors import FILE as MARKS
from listening.spool.directory import LOCK, is_own, lock_directory
from listening.spool.format import FILE
from listening.spool.mending import CORRUPT, MENDED
from listening.spool.store import Store

__all__ = ["take_over"]

RETIRED = ".retired-"  # after a directory's name: what is in it is being taken over


def take_over(directory: str, store: Store) -> None:
    """Bring the deliveries of another spool's directory into this store, and remove them there.

    Nothing may be dispatched yet: after a kill or a failure, all this is done again, and what was
    brought already is known by that it is still here. What another process uses, or is not this
    user's, is left alone. SpoolError if what was begun cannot be finished now.
    """
    if is_own(directory) and _has_deliveries(directory):
        try:
            _retire(directory)
        except (SpoolError, OSError) as error:
            store.notices.append(f"What waits in {directory} is not taken over: {error}")
    for retired in sorted(glob.glob(glob.escape(directory) + RETIRED + "*")):
        if is_own(retired):
            _empty(retired, directory, store)


def _has_deliveries(directory: str) -> bool:
    return any(os.path.exists(os.path.join(directory, FILE + suffix)) for suffix in ("", MENDED))


def _retire(directory: str) -> None:
    """Give it another name, in one step, lest it be used as a spool again when half is taken."""
    with lock_directory(directory, notice=lambda words: None):
        os.rename(directory, directory + RETIRED + uuid.uuid4().hex[:8])


def _empty(retired: str, directory: str, store: Store) -> None:
    if _has_deliveries(retired):
        earlier = Store(retired, max_deliveries=0)
        try:
            earlier.open()
        except SpoolError as error:
            store.notices.append(f"What waits in {retired} is not taken over: {error}")
            return
        finally:
            store.notices += earlier.notices
            store.repairs += earlier.repairs
        with contextlib.closing(earlier):
            count = store.adopt(earlier.rows(), earlier.seen())
        if count:
            store.notices.append("The {} deliveries that waited in {}, from a time when the "
                                 "spool's directory could not be written, are taken over."
                                 .format(count, directory))
    try:
        _remove(retired)
    except OSError as error:
        raise SpoolError("What waited in {} is taken over, but cannot be removed there: {}. Remove "
                         "that directory.".format(retired, error)) from None


def _remove(retired: str) -> None:
    """Remove all but what was given up as corrupt; the file before its log, without which it
    would hold what has left it. (The history's marks in the other directory are older: what was
    heard since is known.)"""
    for name in sorted(os.listdir(retired)):
        if name in (LOCK, MARKS) or name.startswith(FILE) and CORRUPT not in name:
            with contextlib.suppress(FileNotFoundError):  # another sensor may do the same
                os.remove(os.path.join(retired, name))
    with contextlib.suppress(OSError):
        os.rmdir(retired)
