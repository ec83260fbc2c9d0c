"""Creates the spool's directory, locks it, makes it private, and checks its file system."""
import contextlib
import fcntl
import os
import pwd
import stat
from typing import Any, Callable

from listening.spool.delivery import SpoolError

__all__ = ["lock_directory"]

LOCK = "lock"
FILES = "deliveries"  # begins the name of each of the spool's files
NETWORK = {"9p", "afs", "ceph", "cifs", "fuse.glusterfs", "fuse.s3fs", "fuse.sshfs", "gfs2", "gpfs",
           "lustre", "nfs", "nfs4", "ocfs2", "smb3", "smbfs"}  # file systems, as in /proc/mounts


def lock_directory(directory: str, report: Callable[[str, str], None]) -> Any:
    """Create the spool's directory if it is missing, make it private, and lock it.

    Args:
        report: called with a summary and a detail for the operator, if the directory was open to
            other users or is on a network file system.

    Returns:
        The open lock file. Closing it ends the lock.

    Raises:
        SpoolError: another process has the lock, or this user cannot write the directory.
    """
    try:
        os.makedirs(directory, mode=0o700, exist_ok=True)
        lock = open(os.path.join(directory, LOCK), "r+b", buffering=0,
                    opener=lambda path, flags: os.open(path, flags | os.O_CREAT, 0o600))
    except OSError as error:
        user = _user_name(os.getuid())
        raise SpoolError(
            f"The spool directory {directory} cannot be used: {error.strerror}. Deliveries are "
            f"refused until {user}, as which the sensor runs, can write it: mkdir -p {directory} "
            f"&& chown {user} {directory} && chmod 700 {directory}. Or set spool.directory."
        ) from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise SpoolError(
            f"The spool in {directory} is in use by another process. Each sensor needs a "
            "spool.directory of its own.") from None
    _tighten(directory, report)
    kind = _file_system(directory)
    if kind in NETWORK:
        report("the directory is on a network file system",
               f"{directory} is on a network file system ({kind}), where deliveries can be lost. "
               "Set spool.directory to a local disk.")
    return lock


def _tighten(directory: str, report: Callable[[str, str], None]) -> None:
    """Make the directory and its files private, because they contain chat messages."""
    names = [name for name in os.listdir(directory) if name == LOCK or name.startswith(FILES)]
    for path in [directory, *(os.path.join(directory, name) for name in sorted(names))]:
        found = os.stat(path) if path == directory else os.lstat(path)
        if found.st_mode & 0o077 and not stat.S_ISLNK(found.st_mode):
            report("files were open to others", _make_private(path, found))


def _make_private(path: str, found: os.stat_result) -> str:
    """Make a path private; return a sentence for the operator, which says whether that worked."""
    mode = 0o700 if stat.S_ISDIR(found.st_mode) else 0o600
    open_to_others = f"{path} was open to others (mode {stat.S_IMODE(found.st_mode):04o})"
    if found.st_mode & stat.S_ISVTX:
        return (f"{open_to_others} and stays so, because it is a shared directory (sticky bit). "
                "Give the spool a directory of its own, which only StackStorm's user can read.")
    try:
        os.chmod(path, mode)
    except OSError as error:
        return (f"{open_to_others} and cannot be changed: {error.strerror}. It is "
                f"{_user_name(found.st_uid)}'s; let StackStorm's user own it.")
    return f"{open_to_others}; its mode is {mode:04o} now."


def _user_name(user_id: int) -> str:
    try:
        return pwd.getpwuid(user_id).pw_name
    except KeyError:
        return f"user {user_id}"


def _file_system(path: str) -> str:
    """Return the type of a path's file system, such as "nfs"; "" if it is unknown."""
    path = os.path.realpath(path)
    with contextlib.suppress(OSError), open("/proc/mounts", errors="replace") as mounts:
        places = [(len(place), kind) for _, place, kind, *_ in map(str.split, mounts)
                  if path == place or path.startswith(place.rstrip("/") + "/")]
        return max(places, default=(0, ""))[1]
    return ""
