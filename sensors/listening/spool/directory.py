"""The spool's directory: which one, for whom, and on what disk."""
import fcntl
import hashlib
import os
import pwd
import stat
import tempfile
from typing import Any, Callable, List

from listening.spool.delivery import SpoolError
from listening.spool.format import FILE

__all__ = ["LOCK", "earlier_directories", "is_own", "lock_directory", "usable_directory"]

NAME = "stackstorm-hipchat"
LOCK = "lock"
NETWORK = {"9p", "afs", "ceph", "cifs", "fuse.glusterfs", "fuse.s3fs", "fuse.sshfs", "gfs2", "gpfs",
           "lustre", "nfs", "nfs4", "ocfs2", "smb3", "smbfs"}  # file systems, as in /proc/mounts


def usable_directory(wished: str, warn: Callable[[str], None]) -> str:
    """The directory that is wished for, or one of the user's own where it cannot be written.

    Then warn is called with words for the operator.
    """
    for directory in [wished] + _fallbacks(wished):
        try:
            os.makedirs(directory, mode=0o700, exist_ok=True)
            if os.access(directory, os.W_OK | os.X_OK) and (
                    directory == wished or is_own(directory)):
                break
        except OSError:
            continue
    if directory != wished:
        warn("spool.directory {} cannot be written. Deliveries are kept in {}, where they may be "
             "lost when the machine or the service is started anew. Make the directory, and let "
             "StackStorm's user write it.".format(wished, directory))
    return directory


def earlier_directories(wished: str) -> List[str]:
    """Where deliveries may wait that came while the directory wished for could not be written."""
    return _fallbacks(wished) + [
        os.path.join(_state(), NAME),  # as version 0.1.0 named them, for all sensors of a user
        os.path.join(tempfile.gettempdir(), f"{NAME}-{os.getuid()}")]


def is_own(directory: str) -> bool:
    """Whether it is this user's directory, and no link that somebody else may have laid."""
    try:
        found = os.lstat(directory)
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()


def lock_directory(directory: str, notice: Callable[[str], None]) -> Any:
    """Make it, if need be, for this user alone; its lock, which is free again when closed.

    SpoolError if another process has it. notice is called with words for the operator.
    """
    os.makedirs(directory, mode=0o700, exist_ok=True)
    lock = open(os.path.join(directory, LOCK), "a", opener=_private)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise SpoolError(
            "The spool in {} is in use by another process. Each sensor needs a "
            "spool.directory of its own.".format(directory)) from None
    _tighten(directory, notice)
    _warn_of_network(directory, notice)
    return lock


def _fallbacks(wished: str) -> List[str]:
    mark = hashlib.sha256(os.path.abspath(wished).encode("utf-8", "replace")).hexdigest()[:12]
    return [os.path.join(_state(), f"{NAME}-{mark}"),
            os.path.join(tempfile.gettempdir(), f"{NAME}-{os.getuid()}-{mark}")]


def _state() -> str:
    return os.path.join(os.path.expanduser("~"), ".local", "state")


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _tighten(directory: str, notice: Callable[[str], None]) -> None:
    """Chats are nobody else's to read."""
    names = [name for name in os.listdir(directory) if name == LOCK or name.startswith(FILE)]
    for path in [directory] + [os.path.join(directory, name) for name in sorted(names)]:
        found = os.stat(path) if path == directory else os.lstat(path)
        if found.st_mode & 0o077 and not stat.S_ISLNK(found.st_mode):
            notice(_tightened(path, found))


def _tightened(path: str, found: os.stat_result) -> str:
    """Words on what was done about a path that others may read or write."""
    mode = 0o700 if stat.S_ISDIR(found.st_mode) else 0o600
    open_to_others = f"{path} was open to others (mode {stat.S_IMODE(found.st_mode):04o})"
    if found.st_mode & stat.S_ISVTX:
        return ("{} and is left so, as many share it. Give the spool a directory of its own, which "
                "only StackStorm's user can read.".format(open_to_others))
    try:
        os.chmod(path, mode)
    except OSError as error:
        return "{} and cannot be changed: {}. It is {}'s; let StackStorm's user own it.".format(
            open_to_others, error.strerror, _user(found.st_uid))
    return f"{open_to_others}; its mode is {mode:04o} now."


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"user {number}"


def _warn_of_network(directory: str, notice: Callable[[str], None]) -> None:
    kind = _file_system(os.path.realpath(directory))
    if kind in NETWORK:
        notice("The spool directory {} is on a network file system ({}), where deliveries can be "
               "lost. Set spool.directory to a local disk.".format(directory, kind))


def _file_system(path: str) -> str:
    """The type of the file system on which a path is; "" where that cannot be told."""
    try:
        with open("/proc/mounts", errors="replace") as mounts:
            fields = [line.split() for line in mounts]
    except OSError:
        return ""
    places = [(len(place), kind) for _, place, kind, *_ in fields
              if path == place or path.startswith(place.rstrip("/") + "/")]
    return max(places)[1] if places else ""
